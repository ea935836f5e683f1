/** `drain:` and what it can bring about: planned withdrawal as far as it can be judged from the configuration. */

import {gracefulShutdown} from '../bgp/wire/communities.js';
import {formatDuration} from '../lib/duration.js';
import {targetsOf} from './announce-targets.js';
import type {MainParts} from './main-schema.js';
import type {ReadService} from './service-schema.js';
import type {PeerConfig} from './types.js';

/** What a stop keeps of `stop_timeout` (at most half of it) for sessions, host routes and addresses. */
const lastStepsMs = 2000;

/** How long a stop may take to drain. */
export function drainBudgetMs(stopTimeoutMs: number): number {
  return stopTimeoutMs - Math.min(lastStepsMs, stopTimeoutMs / 2);
}

/** Remarks on what of a service's drain has no effect, or not the one that was meant. */
export function remarkOnDrain({config, section}: ReadService, {bgp, stopTimeoutMs}: MainParts): void {
  const {forMs, override} = config.drain;
  const value = section.at('drain');
  if (stopTimeoutMs !== undefined && forMs > drainBudgetMs(stopTimeoutMs)) {
    const [budget, limit] = [drainBudgetMs(stopTimeoutMs), stopTimeoutMs].map(formatDuration);
    value.warning(
      `is longer than the ${budget} that a stop has for it (\`stop_timeout\` is ${limit}): a stop cuts it short`,
    );
  }
  const keys = Object.keys(override);
  if (keys.length > 0 && forMs === 0) {
    value.warning('has keys of `announce`, and no time in which they hold: add `for: 60s`');
  }
  if (!override.communities?.includes(gracefulShutdown) || !bgp) return;
  const names = bgp.peers.map(({name}) => name);
  const targets = new Set(config.announce.flatMap((block) => targetsOf({...block, ...override}, names)));
  const internal = bgp.peers.filter((peer) => targets.has(peer.name) && isInternal(peer));
  if (internal.length > 0 && override.localPreference === undefined) {
    const whom = internal.map(({name}) => name).join(', ');
    value.warning(
      `routers heed graceful-shutdown from other ASes only: for ${whom}, of our own, add \`local_preference: 0\``,
    );
  }
}

function isInternal({localAs, remoteAs}: PeerConfig): boolean {
  return remoteAs === 'internal' || remoteAs === localAs;
}
