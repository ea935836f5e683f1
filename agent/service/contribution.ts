/** What one service puts into the plan at one level of health: pure, and remembered per configuration. */

import type {AnnounceBlock, AnnounceOverride, ServiceConfig} from '../config/types.js';
import {remember} from '../lib/collections.js';
import {contains, familyOf, isHost, networkAt} from '../lib/prefix.js';
import type {AnnouncerName, Prefix, Route, ServiceState} from '../types.js';

/** How a service takes part, best first. `drained` keeps its addresses, without routes;
 * `out` is not announced, `disabled` has nothing at all. */
export type Level = 'up' | 'degraded' | 'draining' | 'last-resort' | 'drained' | 'out' | 'disabled';

/** A route and the addresses that must be on the interface before it is announced. */
export interface Offer {
  readonly route: Route;
  /** The prefix of the service that it is for: differs from the route's for an aggregate. */
  readonly member: Prefix;
  readonly needs: readonly Prefix[];
}

export interface Contribution {
  readonly offers: readonly Offer[];
  readonly addresses: readonly Prefix[];
}

/**
 * The level at which a service takes part. `draining`: the whole agent is about to stop. `leaving`: the service itself
 * is being drained, and still announced as its `drain` says.
 */
export function levelOf(
  config: ServiceConfig,
  state: ServiceState,
  draining = false,
  leaving = false,
): Level {
  if (state.admin === 'disabled') return 'disabled';
  if (leaving && isAnnounced(healthLevel(config, state))) return 'draining';
  if (state.admin === 'drained') return state.wasUp ? 'drained' : 'out';
  const level = healthLevel(config, state);
  if (draining && isAnnounced(level)) return isAnnouncedWhileDraining(config) ? 'draining' : 'drained';
  return level;
}

/** Whether a planned withdrawal is announced worse first: `drain` with keys of `announce`. */
export function isAnnouncedWhileDraining({drain}: ServiceConfig): boolean {
  return drain.forMs > 0 && Object.keys(drain.override).length > 0;
}

function healthLevel(config: ServiceConfig, state: ServiceState): Level {
  if (state.admin === 'forced-up') return 'up';
  if (state.settled === 'up' || state.settled === 'degraded') return state.settled;
  if (state.settled === 'unknown' || config.whenDown === 'withdraw') return 'out';
  return state.wasUp || config.whenDown.fromStart ? 'last-resort' : 'out';
}

/** Remembers contributions, so that an unchanged service offers the same objects again. */
export class Contributions {
  readonly #made = new WeakMap<ServiceConfig, Map<string, Contribution>>();

  constructor(readonly announcers: readonly AnnouncerName[]) {}

  /** `held`: prefixes that are out whatever the service's state. */
  of(config: ServiceConfig, level: Level, held: ReadonlySet<Prefix> = noPrefixes): Contribution {
    const made = remember(this.#made, config, () => new Map<string, Contribution>());
    const whole = remember(made, level, () => contribute(config, level, this.announcers));
    const own =
      held.size === 0 ? [] : [...config.prefixes, ...config.addresses].filter((one) => held.has(one));
    if (own.length === 0) return whole;
    return remember(made, `${level} ${own.join(' ')}`, () => withoutHeld(whole, config, held));
  }
}

const noPrefixes: ReadonlySet<Prefix> = new Set();

/** The same, but for the prefixes that are held out, and what is on the interface for them alone. */
function withoutHeld(
  {addresses, offers}: Contribution,
  config: ServiceConfig,
  held: ReadonlySet<Prefix>,
): Contribution {
  const isHeld = isHeldOf(config, held);
  return {
    offers: offers
      .filter(({member}) => !isHeld(member))
      .map((offer) => {
        const needs = offer.needs.filter((address) => !isHeld(address));
        // A route of other needs is another one to the fanout.
        return needs.length === offer.needs.length ? offer : {...offer, route: {...offer.route}, needs};
      }),
    addresses: addresses.filter((address) => !isHeld(address)),
  };
}

/** Whether a prefix or address of the service is held out; an address without a route of its own is with its prefixes. */
function isHeldOf({prefixes}: ServiceConfig, held: ReadonlySet<Prefix>): (prefix: Prefix) => boolean {
  const own = new Set(prefixes);
  return (prefix) => {
    if (held.has(prefix)) return true;
    return !own.has(prefix) && prefixes.every((around) => held.has(around) || !contains(around, prefix));
  };
}

/** The offers and addresses of a service at a level. */
export function contribute(
  config: ServiceConfig,
  level: Level,
  announcers: readonly AnnouncerName[],
): Contribution {
  return {
    offers: isAnnounced(level) ? offersOf(config, overrideOf(config, level), announcers) : [],
    addresses: addressesOf(config, level),
  };
}

/** Every prefix that a service could ever announce or put on the interface. */
export function prefixesOf(config: ServiceConfig): readonly Prefix[] {
  return [...new Set([...announcedBy(config), ...config.prefixes.filter(isHost), ...config.addresses])];
}

/** The service as if it had only what is not held out. */
export function freeOf(config: ServiceConfig, held: ReadonlySet<Prefix>): ServiceConfig {
  const isHeld = isHeldOf(config, held);
  const prefixes = config.prefixes.filter((prefix) => !isHeld(prefix));
  return {...config, prefixes, addresses: config.addresses.filter((address) => !isHeld(address))};
}

/** What a service could announce, aggregates instead of their members. */
export function announcedBy(config: ServiceConfig): readonly Prefix[] {
  return config.announce.flatMap((block) =>
    coveredBy(block, config).map((prefix) => announcedAs(prefix, block)),
  );
}

/** Whether a service at this level has routes. */
export function isAnnounced(level: Level): boolean {
  return level !== 'drained' && level !== 'out' && level !== 'disabled';
}

function addressesOf({addressMode, addresses}: ServiceConfig, level: Level): readonly Prefix[] {
  if (addressMode === 'never' || level === 'disabled') return [];
  return addressMode === 'always' || level !== 'out' ? addresses : [];
}

function overrideOf(config: ServiceConfig, level: Level): AnnounceOverride {
  if (level === 'degraded') return config.whenDegraded ?? {};
  if (level === 'draining') return config.drain.override;
  return level === 'last-resort' && config.whenDown !== 'withdraw' ? config.whenDown.override : {};
}

function offersOf(
  config: ServiceConfig,
  override: AnnounceOverride,
  announcers: readonly AnnouncerName[],
): readonly Offer[] {
  const offers: Offer[] = [];
  const hostRoutes = new Set<Prefix>();
  const neededBy = needsOf(config);
  for (const block of config.announce) {
    const effective = {...block, ...override};
    const via = announcers.filter((name) => effective.via?.includes(name) ?? true);
    for (const prefix of coveredBy(block, config)) {
      const needs = neededBy(prefix);
      const daemons = via.filter((name) => name !== 'kernel');
      if (daemons.length > 0) {
        offers.push({route: routeOf(config, prefix, effective, daemons), member: prefix, needs});
      }
      const goesToKernel =
        via.includes('kernel') && (config.kernelRoute || (effective.via?.includes('kernel') ?? false));
      const announced = announcedAs(prefix, block);
      if (!isHost(announced) && announcers.includes('kernel') && (goesToKernel || daemons.includes('frr'))) {
        const route = {...kernelRoute(config, announced), aggregate: announced !== prefix};
        offers.push({route, member: prefix, needs});
      }
      if (!goesToKernel) continue;
      for (const host of isHost(prefix) ? [prefix] : needs) hostRoutes.add(host);
    }
  }
  for (const host of hostRoutes) {
    offers.push({route: kernelRoute(config, host), member: host, needs: neededBy(host)});
  }
  return offers;
}

/** What a prefix needs on the interface: a host its own address, a shorter one all of the service's that lie in it. */
function needsOf({addressMode, addresses}: ServiceConfig): (prefix: Prefix) => readonly Prefix[] {
  if (addressMode === 'never') return () => [];
  const own = new Set(addresses);
  return (prefix) => {
    if (isHost(prefix)) return own.has(prefix) ? [prefix] : [];
    return addresses.filter((address) => contains(prefix, address));
  };
}

function routeOf(
  config: ServiceConfig,
  prefix: Prefix,
  block: AnnounceBlock,
  via: readonly AnnouncerName[],
): Route {
  const announced = announcedAs(prefix, block);
  return {
    prefix: announced,
    owners: [config.name],
    via,
    peers: block.peers,
    nextHop: block.nextHop,
    med: block.med,
    localPreference: block.localPreference,
    communities: block.communities,
    asPathPrepend: block.asPathPrepend,
    aggregate: announced !== prefix,
  };
}

/** What goes into the kernel: for a prefix shorter than a host a route that covers it, which FRR and BIRD need. */
function kernelRoute(config: ServiceConfig, prefix: Prefix): Route {
  return {
    prefix,
    owners: [config.name],
    via: ['kernel'],
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: false,
  };
}

/** The prefixes that a block speaks of: all of the service's, unless it names some. */
export function coveredBy({prefixes}: AnnounceBlock, config: ServiceConfig): readonly Prefix[] {
  if (!prefixes) return config.prefixes;
  const named = new Set(prefixes);
  return config.prefixes.filter((prefix) => named.has(prefix));
}

/** What a block announces for a prefix: itself, or the aggregate. */
export function announcedAs(prefix: Prefix, {aggregate}: AnnounceBlock): Prefix {
  const length = aggregate?.[familyOf(prefix)];
  return length === undefined ? prefix : networkAt(prefix, length);
}
