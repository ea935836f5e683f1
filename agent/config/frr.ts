/** The `frr:` block as a value, and what FRR cannot be told: pure, for `validate` and for the announcer. */

import type {RouteAttributes} from './types.js';

export interface FrrConfig {
  /** The program that is run where bgpd's own socket cannot be reached. */
  readonly vtysh: string;
  /** The AS of the `router bgp` that is ours to add to; null: the one that FRR has. */
  readonly localAs: number | null;
  /** Announce only what the operator's own configuration has, with the operator's own lines. */
  readonly onlyConfigured: boolean;
  /** The folder of the daemons' sockets (`bgpd.vty`); absent: where packages put it. */
  readonly vtySockets?: string;
}

/** What stands where the configuration says nothing. */
export const frrDefaults = {vtysh: '/usr/bin/vtysh', localAs: null, onlyConfigured: false} as const;

/** Where the packages of FRR and of Quagga have the sockets of their daemons. */
const packagedFolders = ['/run/frr', '/run/quagga'] as const;

/**
 * Where bgpd's own socket may be. None for a program of another name than the packages': it may lead into a container
 * or to another instance, and the socket of this host would be that of somebody else.
 */
export function bgpdSockets({vtysh, vtySockets}: FrrConfig): readonly string[] {
  if (vtySockets !== undefined) return [`${vtySockets}/bgpd.vty`];
  return vtysh === frrDefaults.vtysh ? packagedFolders.map((folder) => `${folder}/bgpd.vty`) : [];
}

/** The keys of `announce:` that FRR cannot be told; empty when all is well. */
export function unsupportedByFrr(
  {onlyConfigured}: Pick<FrrConfig, 'onlyConfigured'>,
  route: RouteAttributes & {readonly peers?: readonly string[] | null},
): readonly string[] {
  // With `only_configured` the operator's own route-map says everything.
  const given: readonly (readonly [string, boolean])[] = [
    ['peers', (route.peers ?? null) !== null],
    ['next_hop', onlyConfigured && route.nextHop !== 'self'],
    ['med', onlyConfigured && route.med !== null],
    ['local_preference', onlyConfigured && route.localPreference !== null],
    ['communities', onlyConfigured && route.communities.length > 0],
    ['as_path_prepend', onlyConfigured && route.asPathPrepend > 0],
  ];
  return given.flatMap(([key, isGiven]) => (isGiven ? [key] : []));
}
