import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Community, Route, ServiceName} from '../../agent/types.js';

/** A route with everything as by default. */
export function route(prefix: string, keys: Partial<Route> = {}): Route {
  return {
    prefix: parsePrefix(prefix),
    owners: ['web' as ServiceName],
    via: null,
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: false,
    ...keys,
  };
}

export function communities(...texts: string[]): Community[] {
  return texts as Community[];
}
