/** The `exabgp:` block as a value, and what cannot be said to ExaBGP: pure, for `validate` and for the announcer. */

import type {RouteAttributes} from './types.js';

export interface ExabgpConfig {
  /** ExaBGP's own AS number, which a prepended path has to begin with; null: nothing can be prepended. */
  readonly localAs: number | null;
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
