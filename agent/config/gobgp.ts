/** The `gobgp:` block as a value, and what GoBGP cannot be told: pure, for `validate` and for the announcer. */

import {familyOf} from '../lib/prefix.js';
import type {IpAddress, NextHop, Prefix} from '../types.js';
import type {RouteAttributes} from './types.js';

export interface GobgpConfig {
  /** The program that is run for every change. */
  readonly command: string;
  /** Where gobgpd's API listens. */
  readonly host: string;
  readonly port: number;
  /** What `next_hop: self` stands for with IPv6 prefixes; null: the address of each session. */
  readonly localAddress6: IpAddress | null;
}

/** What stands where the configuration says nothing. */
export const gobgpDefaults = {
  command: '/usr/bin/gobgp',
  host: '127.0.0.1',
  port: 50051,
  localAddress6: null,
} as const;

/** The keys of `announce:` that cannot be said to GoBGP; empty when all is well. */
export function unsupportedByGobgp({
  peers,
}: RouteAttributes & {readonly peers?: readonly string[] | null}): readonly string[] {
  // GoBGP's neighbors have no names of ours.
  return peers ? ['peers'] : [];
}

/** The next hop as GoBGP is told it; null: each session's own address. */
export function gobgpNextHop(
  {localAddress6}: Pick<GobgpConfig, 'localAddress6'>,
  {nextHop, prefix}: {readonly nextHop: NextHop; readonly prefix: Prefix},
): IpAddress | null {
  const family = familyOf(prefix);
  const given = nextHop === 'self' ? undefined : nextHop[family];
  return given ?? (family === 'ipv6' ? localAddress6 : null);
}

/** In an IPv4 session GoBGP (3.10) makes an IPv4-mapped next hop of its own address, which no router can use. */
export const noGobgpNextHop =
  "has no IPv6 next hop in GoBGP's IPv4 sessions: set gobgp.local_address6, or next_hop: {ipv6: …}";
