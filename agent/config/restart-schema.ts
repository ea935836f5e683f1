/** `graceful_restart:` of a peer, or of all peers, and what it asks of the rest of the configuration. */

import {z} from 'zod';
import {maxLongLivedS, maxRestartTimeS} from '../bgp/wire/capabilities.js';
import {formatDuration} from '../lib/duration.js';
import {type Keys, key, Section} from './section.js';
import type {BgpConfig, CheckConfig, GracefulRestartConfig} from './types.js';
import type {Value} from './value.js';
import {duration, flag} from './values.js';

/** The capabilities carry whole seconds. */
const seconds = (limitS: number): z.ZodType<number> =>
  duration(0, limitS * 1000).superRefine((ms, context) => {
    if (ms % 1000 !== 0) context.addIssue('must be whole seconds');
  });

const restartKeys = {
  enabled: key(flag),
  restart_time: key(seconds(maxRestartTimeS)),
  long_lived: key(seconds(maxLongLivedS)),
} satisfies Keys;

/** What `graceful_restart:` says. */
export interface RestartKeys extends GracefulRestartConfig {
  readonly enabled: boolean;
}

export const defaultRestart: RestartKeys = {enabled: false, restartTimeMs: 30_000, longLivedMs: 0};

/** Reads `true`, `false` or a mapping, in which what is absent stands as above it. */
export function readRestart(value: Value | undefined, above: RestartKeys): RestartKeys {
  if (!value) return above;
  if (!value.isMapping) {
    const given = value.read(z.boolean('must be true, false, or a mapping (`restart_time: 30s`)'));
    return {...above, enabled: given ?? above.enabled};
  }
  const section = new Section(value, restartKeys);
  const restart = {
    enabled: section.get('enabled') ?? above.enabled,
    restartTimeMs: section.get('restart_time') ?? above.restartTimeMs,
    longLivedMs: section.get('long_lived') ?? above.longLivedMs,
  };
  if (restart.restartTimeMs === 0 && restart.longLivedMs === 0) {
    section.at('restart_time').error('must be at least 1s without `long_lived`');
  }
  return restart;
}

/** Values that have no effect, because nothing switches it on. */
export function remarkOnIdle(value: Value | undefined, isUsed: boolean): void {
  if (!value?.isMapping || isUsed) return;
  if (value.fields().some((field) => field.key === 'enabled')) return;
  value.warning('has no effect: write `enabled: true` to switch it on');
}

/** The shortest time after which a peer has nothing left of what was announced; null: there is no such limit. */
export function shortestRestartMs(bgp: BgpConfig | null | undefined): number | null {
  const restarts = (bgp?.peers ?? []).flatMap(({gracefulRestart}) => gracefulRestart ?? []);
  const times = restarts.filter(({longLivedMs}) => longLivedMs === 0).map(({restartTimeMs}) => restartTimeMs);
  return times.length > 0 ? Math.min(...times) : null;
}

/** Why a check may take longer to prove a service than peers wait for it; null: it does not. */
export function slowProof(check: CheckConfig, restartMs: number): string | null {
  const {intervalMs, rise, schedule} = check;
  if (schedule !== null || rise * intervalMs <= restartMs) return null;
  const proof = `${formatDuration(rise * intervalMs)} (rise ${rise} × ${formatDuration(intervalMs)})`;
  return `${proof} is longer than the \`restart_time\` of ${formatDuration(restartMs)}: after a restart its routes may be gone before it is proven`;
}
