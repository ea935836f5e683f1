/** The `exabgp:` block as a value, and what cannot be said to ExaBGP: pure, for `validate` and for the announcer. */

import {familyOf} from '../lib/prefix.js';
import type {IpAddress, NextHop, Prefix} from '../types.js';
import type {RouteAttributes} from './types.js';

export interface ExabgpConfig {
  /** ExaBGP's own AS number, which a prepended path has to begin with; null: nothing can be prepended. */
  readonly localAs: number | null;
  /** What `next_hop: self` stands for with IPv6 prefixes; null: they need a next hop of their own. */
  readonly localAddress6: IpAddress | null;
}

/** The keys of `announce:` that cannot be said to ExaBGP; empty when all is well. */
export function unsupportedByExabgp(
  {localAs}: ExabgpConfig,
  {asPathPrepend, peers}: RouteAttributes & {readonly peers?: readonly string[] | null},
): readonly string[] {
  return [
    // ExaBGP's neighbors have no names of ours.
    ...(peers ? ['peers'] : []),
    // A path that is given to ExaBGP has to begin with its own AS.
    ...(asPathPrepend > 0 && localAs === null ? ['as_path_prepend'] : []),
  ];
}

/**
 * The next hop as ExaBGP is told it; null: there is none. Its own `self` is of the session's family: in an IPv4 session
 * an IPv6 prefix with it goes out without a next hop, and so do IPv4 prefixes with the same attributes (4.2.21).
 */
export function exabgpNextHop(
  {localAddress6}: ExabgpConfig,
  {nextHop, prefix}: {readonly nextHop: NextHop; readonly prefix: Prefix},
): IpAddress | 'self' | null {
  const family = familyOf(prefix);
  const given = nextHop === 'self' ? undefined : nextHop[family];
  return given ?? (family === 'ipv4' ? 'self' : localAddress6);
}

export const noExabgpNextHop =
  'ExaBGP has no next hop for IPv6: set exabgp.local_address6, or next_hop: {ipv6: …}';
