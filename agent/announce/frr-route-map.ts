/** The attributes of a route as one of our route-maps: equal attributes, equal name. */

import {createHash} from 'node:crypto';
import {normalLines, ourRouteMaps} from '../control/frr-config-protocol.js';
import {checkCommand, FrrError} from '../control/vty-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {Route} from '../types.js';

export interface FrrRouteMap {
  readonly name: string;
  /** The `set` lines. */
  readonly sets: readonly string[];
  /** As `show running-config` has it, for comparison. */
  readonly lines: readonly string[];
}

const rule = 'permit 10';

/** `as`: the own one, which is prepended. */
export function routeMapFor(route: Route, as: string): FrrRouteMap {
  const sets = setsOf(route, as);
  const lines = normalLines([rule, ...sets]);
  const hash = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 12);
  return {name: `${ourRouteMaps}${hash}`, sets, lines};
}

/** The commands that make it, from anywhere in the configuration. */
export function defineRouteMap({name, sets}: FrrRouteMap): readonly string[] {
  return [`route-map ${name} ${rule}`, ...sets];
}

/** Why it cannot be told to FRR at all, which must not keep other routes back; null: it can. */
export function unsendable({sets}: FrrRouteMap): string | null {
  try {
    for (const line of sets) checkCommand(line);
    return null;
  } catch (error) {
    if (error instanceof FrrError) return error.message;
    throw error;
  }
}

function setsOf(route: Route, as: string): readonly string[] {
  const {asPathPrepend, communities, localPreference, med, nextHop, prefix} = route;
  const family = familyOf(prefix);
  const large = communities.filter((community) => community.startsWith('large:'));
  const standard = communities.filter((community) => !community.startsWith('large:'));
  const hop = nextHop === 'self' ? undefined : nextHop[family];
  const sets: string[] = [];
  if (asPathPrepend > 0) sets.push(`set as-path prepend ${Array(asPathPrepend).fill(as).join(' ')}`);
  if (standard.length > 0) sets.push(`set community ${standard.join(' ')}`);
  if (large.length > 0) {
    sets.push(`set large-community ${large.map((community) => community.slice('large:'.length)).join(' ')}`);
  }
  if (hop !== undefined) {
    sets.push(family === 'ipv4' ? `set ip next-hop ${hop}` : `set ipv6 next-hop global ${hop}`);
  }
  if (localPreference !== null) sets.push(`set local-preference ${localPreference}`);
  if (med !== null) sets.push(`set metric ${med}`);
  return sets;
}
