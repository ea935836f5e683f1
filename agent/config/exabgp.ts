/** The `exabgp:` block as a value, and what cannot be said to ExaBGP: pure, for `validate` and for the announcer. */

import type {RouteAttributes} from './types.js';

export interface ExabgpConfig {
  /** ExaBGP's own AS number, which a prepended path has to begin with; null: nothing can be prepended. */
  readonly localAs: number | null;
}

/** The keys of `announce:` that cannot be said to ExaBGP, with the reason; empty when all is well. */
export function unsupportedByExabgp(
  {localAs}: ExabgpConfig,
  {asPathPrepend, peers}: RouteAttributes & {readonly peers?: readonly string[] | null},
): readonly string[] {
  const reasons: string[] = [];
  if (peers)
    reasons.push(
      '`peers` are those of the embedded speaker, ExaBGP has its own: leave exabgp out with `via`',
    );
  if (asPathPrepend > 0 && localAs === null) {
    reasons.push('`as_path_prepend` needs exabgp.local_as: a path begins with the AS of ExaBGP');
  }
  return reasons;
}
