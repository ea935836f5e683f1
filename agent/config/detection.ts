import {formatDuration} from '../lib/duration.js';
import type {CheckConfig} from './types.js';

/**
 * How long a failure can last at most before the check settles to down, in milliseconds: interval +
 * (fall − 1) × max(fast_interval, run time) + timeout. The run time is not known beforehand; the timeout bounds it.
 * null with a schedule: the time until its next run is not bounded by anything here.
 */
export function worstDetectionMs(check: CheckConfig): number | null {
  return check.schedule === null ? check.intervalMs + afterFirstRunMs(check) : null;
}

/** The same as a sentence with its sum, for people. */
export function explainDetection(check: CheckConfig): string {
  const {fall, intervalMs, schedule, timeoutMs} = check;
  const repeats = `(fall ${fall} - 1) * ${formatDuration(repeatMs(check))} + timeout ${formatDuration(timeoutMs)}`;
  const assumption = 'a run is taken to last its whole timeout';
  return schedule === null
    ? `${formatDuration(intervalMs + afterFirstRunMs(check))} = interval ${formatDuration(intervalMs)} + ${repeats}; ${assumption}`
    : `the wait for its schedule + ${formatDuration(afterFirstRunMs(check))} = ${repeats}; ${assumption}`;
}

function afterFirstRunMs(check: CheckConfig): number {
  return (check.fall - 1) * repeatMs(check) + check.timeoutMs;
}

/** From one run to the next while a change is being counted. */
function repeatMs({fastIntervalMs, timeoutMs}: CheckConfig): number {
  return Math.max(fastIntervalMs, timeoutMs);
}
