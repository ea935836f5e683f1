/** Our routes: host routes and covering ones, their form, and whose they are (CONTRACT "Addresses", "Ownership", "Aggregate"). */

import type {NetlinkClient} from '../control/netlink-client.js';
import {type RouteForm, type RouteInfo, routeType, scope} from '../control/rtnetlink-protocol.js';
import {pushTo} from '../lib/collections.js';
import {familyOf, isHost} from '../lib/prefix.js';
import type {Emit, Prefix, Route} from '../types.js';
import type {Holding, Presence} from './kernel-holding.js';
import {type KernelLink, linkObstacle} from './kernel-link.js';

/** What the kernel itself gives IPv6 routes that name no metric. */
const ipv6Metric = 1024;
/** The last choice of all; in FRR's eyes too, whose first octet is a distance. */
const coveringMetric = 4_278_198_272;

export interface KernelRoutesOptions {
  readonly client: Pick<NetlinkClient, 'addRoute' | 'deleteRoute'>;
  readonly link: () => KernelLink;
  readonly table: number;
  /** Our mark. */
  readonly protocol: number;
  readonly emit: Emit;
}

export class KernelRoutes implements Holding<Route> {
  readonly nouns = ['kernel route', 'kernel routes'] as const;
  readonly place: string;
  readonly emit: Holding<Route>['emit'];
  readonly #options: KernelRoutesOptions;
  /** Routes that are equal to what we would add, whosever they are. */
  readonly #found = new Map<Prefix, RouteInfo[]>();

  constructor(options: KernelRoutesOptions) {
    this.#options = options;
    this.place = `table ${options.table === 254 ? 'main' : options.table}`;
    const {emit} = options;
    const to = 'kernel';
    this.emit = {
      added: (prefix, owners) => emit({kind: 'route-announced', prefix, to, nextHop: null, owners}),
      removed: (prefix, owners) => emit({kind: 'route-withdrawn', prefix, to, owners}),
      failed: (prefix, reason) => emit({kind: 'route-failed', prefix, to, reason}),
    };
  }

  presence(prefix: Prefix): Presence {
    const routes = this.#found.get(prefix);
    if (!routes) return 'absent';
    return routes.some((route) => this.#isMarked(route)) ? 'ours' : 'foreign';
  }

  *ours(): Iterable<Prefix> {
    for (const [prefix, routes] of this.#found) {
      if (routes.some((route) => this.#isMarked(route))) yield prefix;
    }
  }

  /** Shorter prefixes and aggregates only where somebody needs a route that covers them: `via` then says so. */
  concerns({prefix, aggregate, via}: Route): boolean {
    return via?.includes('kernel') ?? (!aggregate && isHost(prefix));
  }

  obstacle(): string | null {
    return linkObstacle(this.#options.link());
  }

  add(prefix: Prefix): Promise<void> {
    return this.#options.client.addRoute(this.#form(prefix));
  }

  remove(prefix: Prefix): Promise<void> {
    return this.#options.client.deleteRoute(this.#form(prefix));
  }

  get isEmpty(): boolean {
    return this.#found.size === 0;
  }

  /** Replaces what is known with what was found. */
  replace(routes: readonly RouteInfo[]): void {
    this.#found.clear();
    for (const route of routes) this.take(route, false);
  }

  /** Takes one event; answers which prefix it may have changed. */
  take(route: RouteInfo, gone: boolean): Prefix | null {
    const {prefix, table} = route;
    if (table !== this.#options.table) return null;
    if (!this.isOfOurForm(route)) return prefix;
    const others = (this.#found.get(prefix) ?? []).filter(({protocol}) => protocol !== route.protocol);
    this.#found.delete(prefix);
    for (const known of gone ? others : [...others, route]) pushTo(this.#found, prefix, known);
    return prefix;
  }

  /** Whether it is what we would add, but for the mark. */
  isOfOurForm({prefix, type, tos, viaGateway, ...route}: RouteInfo): boolean {
    const form = this.#form(prefix);
    return (
      route.table === form.table &&
      route.scope === form.scope &&
      route.metric === form.metric &&
      // IPv6 shows what is unreachable on the loopback interface.
      (form.oif === null || route.oif === form.oif) &&
      type === form.type &&
      tos === 0 &&
      !viaGateway
    );
  }

  #isMarked(route: RouteInfo): boolean {
    return route.protocol === this.#options.protocol;
  }

  #form(prefix: Prefix): RouteForm {
    const {table, protocol, link} = this.#options;
    const ours = {prefix, table, protocol};
    if (!isHost(prefix)) {
      return {...ours, type: routeType.UNREACHABLE, oif: null, scope: scope.GLOBAL, metric: coveringMetric};
    }
    const type = routeType.UNICAST;
    const oif = link().info?.index ?? 0;
    return familyOf(prefix) === 'ipv4'
      ? {...ours, type, oif, scope: scope.LINK, metric: 0}
      : {...ours, type, oif, scope: scope.GLOBAL, metric: ipv6Metric};
  }
}
