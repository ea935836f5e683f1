/** How often a check runs and what counts as a change: from the check, its service, `defaults:`, or built in. */

import {z} from 'zod';
import {formatDuration} from '../lib/duration.js';
import {key, Section} from './section.js';
import type {CheckConfig} from './types.js';
import type {Value} from './value.js';
import {cronExpression, duration, whole} from './values.js';

/** Shorter ones would be lost in the noise of timers. */
const shortestMs = 10;
const maxCount = 65_535;

/** Keys that `defaults:`, services and checks share. */
export const pacingKeys = {
  interval: key(duration(shortestMs), 'check_interval', 'inter'),
  fast_interval: key(duration(shortestMs), 'fastinter'),
  timeout: key(duration(shortestMs), 'check_timeout'),
  rise: key(whole(1, maxCount), 'check_rise', 'healthy_threshold'),
  fall: key(whole(1, maxCount), 'check_fail', 'unhealthy_threshold'),
};

/** Keys that services and checks share. */
export const timingKeys = {
  ...pacingKeys,
  schedule: key(cronExpression),
  on_error: key(z.enum(['fail', 'hold'])),
  error_limit: key(duration(0)),
};

export interface Pacing {
  /** A cron expression for checks without an interval of their own; absent: `intervalMs`. */
  readonly schedule?: string;
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
}

export type Timing = Pick<
  CheckConfig,
  'intervalMs' | 'fastIntervalMs' | 'schedule' | 'timeoutMs' | 'rise' | 'fall' | 'onError' | 'errorLimitMs'
>;

export const builtInPacing: Pacing = {
  intervalMs: 2000,
  fastIntervalMs: 500,
  timeoutMs: 1000,
  rise: 3,
  fall: 2,
};

const builtInErrorLimitMs = 5 * 60_000;

export type TimingSection = Section<typeof timingKeys>;

/** The `defaults:` block. What stands in it is cut down where a service's own interval is shorter. */
export function readDefaults(value: Value): Pacing {
  const inService = 'in each service';
  const elsewhere = {schedule: inService, on_error: inService, error_limit: inService};
  const section = new Section(value, pacingKeys, {elsewhere});
  const intervalMs = section.get('interval') ?? builtInPacing.intervalMs;
  const pacing = {
    intervalMs,
    fastIntervalMs: section.get('fast_interval') ?? builtInPacing.fastIntervalMs,
    timeoutMs: section.get('timeout') ?? builtInPacing.timeoutMs,
    rise: section.get('rise') ?? builtInPacing.rise,
    fall: section.get('fall') ?? builtInPacing.fall,
  };
  for (const name of ['timeout', 'fast_interval'] as const) {
    const ms = section.get(name);
    if (ms === undefined || !section.isSound('interval') || ms <= intervalMs) continue;
    if (section.has('interval')) section.at(name).error(tooLong(ms, intervalMs, ''));
    else
      section.at(name).warning(`${tooLong(ms, intervalMs, ' (built in)')}; it is cut down to each service's`);
  }
  return pacing;
}

/**
 * The timing of one check. `levels`: the sections it may be written in, the check's own first. A default is cut
 * down to the interval; a timeout or fast interval that is written and longer is an error.
 */
export function resolveTiming(levels: readonly TimingSection[], defaults: Pacing): Timing {
  const holderOf = (name: keyof typeof timingKeys): TimingSection | undefined =>
    levels.find((level) => level.has(name));
  const paced = levels.find((level) => level.has('schedule') || level.has('interval'));
  if (paced?.has('schedule') && paced.has('interval')) {
    paced.at('schedule').error('write `schedule` or `interval`, not both');
  }
  const schedule = (paced ? paced.get('schedule') : defaults.schedule) ?? null;
  const isScheduled = paced ? paced.has('schedule') : schedule !== null;
  const intervalMs = (isScheduled ? null : paced?.get('interval')) ?? defaults.intervalMs;
  // With a schedule there is no interval to compare with, and with a wrong one it is not known.
  const isLimited = !isScheduled && (paced?.isSound('interval') ?? true);
  const withinInterval = (name: 'timeout' | 'fast_interval', byDefaultMs: number): number => {
    const holder = holderOf(name);
    if (!holder) return isScheduled ? byDefaultMs : Math.min(byDefaultMs, intervalMs);
    const ms = holder.get(name);
    if (ms !== undefined && isLimited && ms > intervalMs) {
      holder.at(name).error(tooLong(ms, intervalMs, paced ? '' : ' (the default)'));
    }
    return ms ?? byDefaultMs;
  };
  return {
    intervalMs: isScheduled ? builtInPacing.intervalMs : intervalMs,
    fastIntervalMs: withinInterval('fast_interval', defaults.fastIntervalMs),
    schedule,
    timeoutMs: withinInterval('timeout', defaults.timeoutMs),
    rise: holderOf('rise')?.get('rise') ?? defaults.rise,
    fall: holderOf('fall')?.get('fall') ?? defaults.fall,
    onError: holderOf('on_error')?.get('on_error') ?? 'fail',
    errorLimitMs: holderOf('error_limit')?.get('error_limit') ?? builtInErrorLimitMs,
  };
}

function tooLong(ms: number, intervalMs: number, whose: string): string {
  return `${formatDuration(ms)} is longer than the interval of ${formatDuration(intervalMs)}${whose}`;
}
