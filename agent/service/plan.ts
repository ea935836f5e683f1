/** From the services' states to everything that is to be there: pure (CONTRACT "Shared prefixes", "Aggregate"). */

import type {ServiceConfig} from '../config/types.js';
import {pushTo, remember} from '../lib/collections.js';
import type {Address, Plan, Prefix, Route, ServiceName, ServiceState} from '../types.js';
import {type Contributions, freeOf, type Level, levelOf, type Offer, prefixesOf} from './contribution.js';

/** A plan with what the fanout needs to keep the order of things. */
export interface OrderedPlan extends Plan {
  /** Addresses that must be installed before a route goes out: all of any one group. No group: none are needed. */
  readonly needs: ReadonlyMap<Route, readonly (readonly Prefix[])[]>;
  /** How long an address stays after its last route was withdrawn, in milliseconds; 0 where absent. */
  readonly drainMs: ReadonlyMap<Prefix, number>;
}

export interface PlannedService {
  readonly config: ServiceConfig;
  readonly state: ServiceState;
  /** It is being withdrawn, and still announced as its `drain` says. */
  readonly leaving?: boolean;
}

export interface PlanContext {
  readonly contributions: Contributions;
  /** What is installed of services that have not settled may stay. */
  readonly adopting: boolean;
  /** settle_timeout is over: what is still unknown is not waited for. */
  readonly settleOver: boolean;
  /** The agent is about to stop: planned withdrawal. */
  readonly draining: boolean;
  /** Prefixes that people hold out, of whatever service; absent: none. */
  readonly held?: ReadonlySet<Prefix>;
}

export const emptyPlan: OrderedPlan = {
  addresses: [],
  routes: [],
  adopt: new Set(),
  complete: true,
  needs: new Map(),
  drainMs: new Map(),
};

interface Owned extends Offer {
  readonly service: ServiceConfig;
  readonly level: Level;
}

/** The whole of what is to be there. Unchanged services and prefixes give the very same objects as before. */
export function plan(services: readonly PlannedService[], context: PlanContext): OrderedPlan {
  const offers = new Map<Prefix, Owned[]>();
  const holders = new Map<Prefix, ServiceConfig[]>();
  const drainMs = new Map<Prefix, number>();
  const adopt = new Set<Prefix>();
  let complete = true;
  for (const {config, leaving, state} of services) {
    const waiting = state.settled === 'unknown' && (state.admin === 'enabled' || state.admin === 'drained');
    if (waiting && !context.settleOver) complete = false;
    if (waiting && state.admin === 'enabled' && context.adopting) {
      for (const prefix of prefixesOf(context.held ? freeOf(config, context.held) : config))
        adopt.add(prefix);
    }
    const level = levelOf(config, state, context.draining, leaving);
    const contribution = context.contributions.of(config, level, context.held);
    for (const offer of contribution.offers) {
      pushTo(offers, offer.route.prefix, {...offer, service: config, level});
    }
    for (const prefix of contribution.addresses) pushTo(holders, prefix, config);
    // What is announced worse for that time has had it by the time it is withdrawn.
    if (config.drain.forMs > 0 && level !== 'draining') {
      for (const prefix of config.addresses) {
        drainMs.set(prefix, Math.max(drainMs.get(prefix) ?? 0, config.drain.forMs));
      }
    }
  }
  const routes: Route[] = [];
  const needs = new Map<Route, readonly (readonly Prefix[])[]>();
  const owners = ownersOfShared(services);
  for (const [prefix, offered] of offers) {
    for (const {route, groups} of merge(offered, owners.get(prefix) ?? 0)) {
      routes.push(route);
      if (groups.length > 0) needs.set(route, groups);
    }
  }
  return {addresses: mergeAddresses(holders), routes, adopt, complete, needs, drainMs};
}

/** How many enabled-or-not services own each prefix with `shared: all`: all of them must be up. */
function ownersOfShared(services: readonly PlannedService[]): ReadonlyMap<Prefix, number> {
  // By name: during a reload a service may be there twice.
  const names = new Map<Prefix, Set<ServiceName>>();
  for (const {config} of services) {
    if (config.shared !== 'all') continue;
    for (const prefix of config.prefixes)
      remember(names, prefix, () => new Set<ServiceName>()).add(config.name);
  }
  return new Map([...names].map(([prefix, owners]) => [prefix, owners.size]));
}

const quality: Record<Level, number> = {
  up: 5,
  degraded: 4,
  draining: 3,
  'last-resort': 2,
  drained: 1,
  out: 0,
  disabled: 0,
};

/** One prefix's offers as routes: the best owner's attributes win, with `shared: all` (`mustBe` owners) the worst's. */
function merge(
  offered: readonly Owned[],
  mustBe: number,
): readonly {route: Route; groups: readonly (readonly Prefix[])[]}[] {
  const [only] = offered;
  if (only && offered.length === 1) {
    return mustBe > 1 ? [] : [{route: only.route, groups: only.needs.length > 0 ? [only.needs] : []}];
  }
  const all = mustBe > 1;
  if (all && new Set(offered.map(({service}) => service.name)).size < mustBe) return [];
  const sign = all ? 1 : -1;
  const ranked = [...offered].sort(
    (a, b) => sign * (quality[a.level] - quality[b.level]) || compareNames(a.service.name, b.service.name),
  );
  const byTarget = new Map<string, Owned[]>();
  for (const offer of ranked) {
    pushTo(byTarget, JSON.stringify([offer.route.via, offer.route.peers]), offer);
  }
  return [...byTarget.values()].flatMap((same) => {
    const [first] = same;
    if (!first) return [];
    const names = [...new Set(same.map(({service}) => service.name))];
    const groups = same.some(({needs}) => needs.length === 0) && !all ? [] : same.map(({needs}) => needs);
    const together = all ? [[...new Set(groups.flat())]] : groups;
    return [{route: withOwners(first.route, names), groups: together.filter((group) => group.length > 0)}];
  });
}

function compareNames(a: ServiceName, b: ServiceName): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

const merged = new WeakMap<Route, Map<string, Route>>();

/** The route under several owners; remembered, so that the same question gives the same object. */
function withOwners(route: Route, owners: readonly ServiceName[]): Route {
  if (owners.length === 1) return route;
  const key = owners.join('\n');
  const known = remember(merged, route, () => new Map<string, Route>());
  return remember(known, key, () => ({...route, owners}));
}

function mergeAddresses(holders: ReadonlyMap<Prefix, readonly ServiceConfig[]>): readonly Address[] {
  return [...holders].map(([prefix, services]) => ({
    prefix,
    owners: [...new Set(services.map(({name}) => name))],
  }));
}
