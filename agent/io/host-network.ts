/** The host's own addresses, as the kernel tells them; kept current by its events. Needs no privilege. */

import {
  type AddressInfo,
  addressFlag,
  type LinkInfo,
  type NetlinkEvent,
  scope,
} from '../control/rtnetlink-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {Cancel, HostNetwork, InterfaceAddress} from '../types.js';

/** What is needed of a netlink client. */
export interface NetlinkView {
  dumpLinks(): Promise<readonly LinkInfo[]>;
  dumpAddresses(): Promise<readonly AddressInfo[]>;
  on(listener: (news: {readonly events: readonly NetlinkEvent[]; readonly overrun: boolean}) => void): Cancel;
}

/** Resolves once everything is known. Rejects with `SystemError`. `stop` before the client is stopped. */
export async function createHostNetwork(client: NetlinkView): Promise<HostNetwork & {stop(): void}> {
  const links = new Map<number, LinkInfo>();
  const addresses = new Map<string, AddressInfo>();
  const listeners = new Set<() => void>();
  let seen: readonly InterfaceAddress[] | null = null;
  // Events that come in during a dump may be newer than the dump: they are taken again after it.
  let during: NetlinkEvent[] | null = null;
  let lookAgain = false;

  function take(event: NetlinkEvent): boolean {
    if (event.kind === 'route') return false;
    if (event.kind === 'address') {
      const {index, address, length} = event.address;
      const key = `${index} ${address}/${length}`;
      if (event.gone) return addresses.delete(key);
      addresses.set(key, event.address);
      return true;
    }
    const {link, gone} = event;
    if (!gone) {
      const known = links.get(link.index);
      links.set(link.index, link);
      return known?.up !== link.up || known.name !== link.name;
    }
    // Not every address of an interface that goes is told of.
    for (const [key, {index}] of addresses) if (index === link.index) addresses.delete(key);
    return links.delete(link.index);
  }

  /** Told once a turn: a thousand addresses that come in a row are one change. */
  let telling: NodeJS.Immediate | null = null;

  function changed(): void {
    seen = null;
    telling ??= setImmediate(() => {
      telling = null;
      for (const listener of [...listeners]) listener();
    });
  }

  async function look(): Promise<void> {
    if (during) {
      lookAgain = true;
      return;
    }
    do {
      lookAgain = false;
      const later: NetlinkEvent[] = [];
      during = later;
      try {
        const [foundLinks, foundAddresses] = [await client.dumpLinks(), await client.dumpAddresses()];
        links.clear();
        addresses.clear();
        for (const link of foundLinks) take({kind: 'link', gone: false, link});
        for (const address of foundAddresses) take({kind: 'address', gone: false, address});
        for (const event of later) take(event);
      } finally {
        during = null;
      }
    } while (lookAgain);
  }

  const cancel = client.on(({events, overrun}) => {
    during?.push(...events);
    const news = events.filter(take).length > 0;
    if (news) changed();
    // A look that fails leaves what was known; the next overrun, or a restart, looks again.
    if (overrun) look().then(changed, () => {});
  });
  try {
    await look();
  } catch (error) {
    cancel();
    throw error;
  }

  return {
    addresses() {
      seen ??= [...addresses.values()].flatMap((info) => interfaceAddress(info, links.get(info.index)));
      return seen;
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      cancel();
      if (telling) clearImmediate(telling);
    },
  };
}

function interfaceAddress(info: AddressInfo, link: LinkInfo | undefined): InterfaceAddress[] {
  if (!link) return [];
  const has = (flag: number): boolean => (info.flags & flag) !== 0;
  return [
    {
      interface: link.name,
      address: info.address,
      length: info.length,
      scope: scopes[info.scope] ?? 'other',
      tentative: has(addressFlag.TENTATIVE),
      deprecated: has(addressFlag.DEPRECATED) || info.preferredSeconds === 0,
      temporary: familyOf(info.address) === 'ipv6' && has(addressFlag.TEMPORARY),
      loopback: link.loopback,
      up: link.up,
    },
  ];
}

const scopes: Readonly<Record<number, InterfaceAddress['scope']>> = {
  [scope.GLOBAL]: 'global',
  [scope.LINK]: 'link',
  [scope.HOST]: 'host',
};
