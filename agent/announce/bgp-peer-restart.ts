/** A peer's graceful restart: as its session takes it, and as `status` tells it. */

import type {Session} from '../bgp/session.js';
import type {GracefulRestartConfig} from '../config/types.js';
import type {IpFamily, PeerRestart} from '../types.js';

/** As the capabilities carry it. */
export function inSeconds({longLivedMs, restartTimeMs}: GracefulRestartConfig): {
  readonly restartTimeS: number;
  readonly longLivedS: number;
} {
  return {restartTimeS: restartTimeMs / 1000, longLivedS: longLivedMs / 1000};
}

/** `unended`: families whose End-of-RIB is still to come. */
export function describeRestart(
  {longLivedMs, restartTimeMs}: GracefulRestartConfig,
  {negotiated, state}: Pick<Session, 'negotiated' | 'state'>,
  unended: readonly IpFamily[],
): PeerRestart {
  const agreed = state === 'established' ? negotiated : null;
  return {
    restartTimeMs,
    longLivedMs,
    negotiated: agreed && agreed.gracefulRestart !== null,
    notification: agreed?.gracefulRestart?.notification ?? false,
    longLived: agreed?.gracefulRestart?.longLived ?? false,
    endOfRib: agreed?.families.filter((family) => !unended.includes(family)) ?? [],
  };
}
