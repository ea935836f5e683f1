/** What of ours an earlier life left in other places than the configured ones: nobody else would ever remove it. */

import type {NetlinkClient} from '../control/netlink-client.js';
import type {LinkInfo, RouteInfo} from '../control/rtnetlink-protocol.js';
import type {Journal} from '../io/journal.js';
import type {Emit, Prefix} from '../types.js';
import {KernelAddresses} from './kernel-addresses.js';
import type {Holding} from './kernel-holding.js';
import {KernelRoutes} from './kernel-routes.js';

export interface LeftoversOptions {
  readonly client: NetlinkClient;
  /** The configured interface and table: what is there is left to the installers. */
  readonly interface: string;
  readonly table: number;
  readonly protocol: number;
  readonly journal: Journal;
  readonly emit: Emit;
}

/** Removes our routes, then our addresses, from other tables and interfaces. Rejects when a dump fails. */
export async function removeLeftovers(options: LeftoversOptions): Promise<void> {
  const {client, protocol} = options;
  const links = await client.dumpLinks();
  for (const route of await client.dumpHostRoutes({protocol})) {
    const link = links.find(({index}) => index === route.oif);
    if (link) await removeRoute(route, link, options);
  }
  const [anyLink] = links;
  for (const route of await client.dumpUnreachableRoutes({protocol})) {
    // What covers is on no interface: only another table makes it a leftover.
    if (anyLink && route.table !== options.table) await removeRoute(route, anyLink, options);
  }
  const infos = await client.dumpAddresses();
  for (const link of links) {
    if (link.name === options.interface) continue;
    const addresses = new KernelAddresses({
      ...options,
      interface: link.name,
      link: () => ({name: link.name, info: link}),
    });
    addresses.replace(infos);
    addresses.forgetAbsent();
    for (const prefix of [...addresses.ours()]) await remove(prefix, addresses, options.emit);
  }
}

async function removeRoute(route: RouteInfo, link: LinkInfo, options: LeftoversOptions): Promise<void> {
  const {table} = route;
  if (table === options.table && link.name === options.interface) return;
  const routes = new KernelRoutes({...options, table, link: () => ({name: link.name, info: link})});
  routes.replace([route]);
  for (const prefix of [...routes.ours()]) await remove(prefix, routes, options.emit);
}

async function remove<Item extends {readonly prefix: Prefix}>(
  prefix: Prefix,
  holding: Holding<Item>,
  emit: Emit,
): Promise<void> {
  try {
    await holding.remove(prefix);
    holding.emit.removed(prefix, []);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `${holding.nouns[0]} ${prefix} of an earlier run could not be removed from ${holding.place}: ${why}`;
    emit({kind: 'note', level: 'warn', message, fields: {prefix}});
  }
}
