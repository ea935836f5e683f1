import {pushTo} from '../lib/collections.js';
import type {OrderedPlan} from '../service/plan.js';
import type {Address, Prefix, Route} from '../types.js';

/** A plan by prefix. */
export interface Planned {
  readonly announced: ReadonlyMap<Prefix, readonly Route[]>;
  readonly hostRoutes: ReadonlyMap<Prefix, readonly Route[]>;
  readonly addresses: ReadonlyMap<Prefix, Address>;
  /** address → announced prefixes, other than its own, that need it. */
  readonly neededFor: ReadonlyMap<Prefix, readonly Prefix[]>;
}

export function sortOut(plan: OrderedPlan): Planned {
  const announced = new Map<Prefix, Route[]>();
  const hostRoutes = new Map<Prefix, Route[]>();
  const neededFor = new Map<Prefix, Prefix[]>();
  for (const route of plan.routes) {
    pushTo(route.via?.includes('kernel') ? hostRoutes : announced, route.prefix, route);
  }
  for (const [route, groups] of plan.needs) {
    for (const host of groups.flat()) if (host !== route.prefix) pushTo(neededFor, host, route.prefix);
  }
  const addresses = new Map(plan.addresses.map((address) => [address.prefix, address]));
  return {announced, hostRoutes, addresses, neededFor};
}

/** Calls `visit` for every prefix whose list of routes is not made of the same ones. */
export function forEachDifferent(
  before: Planned['announced'],
  after: Planned['announced'],
  isSame: (route: Route, before: Route | undefined) => boolean,
  visit: (prefix: Prefix) => void,
): void {
  for (const prefix of before.keys()) if (!after.has(prefix)) visit(prefix);
  for (const [prefix, routes] of after) {
    const old = before.get(prefix);
    if (old?.length !== routes.length || routes.some((route, i) => !isSame(route, old[i]))) visit(prefix);
  }
}

type Groups = readonly (readonly Prefix[])[];

/** Whether the same prefixes stand in the same groups, in the same order. */
export function sameGroups(a: Groups = [], b: Groups = []): boolean {
  return a.length === b.length && a.every((group, i) => group.join() === b[i]?.join());
}

export function sameMembers<Member>(a: ReadonlySet<Member>, b: ReadonlySet<Member>): boolean {
  return a === b || (a.size === b.size && [...a].every((member) => b.has(member)));
}
