/** What becomes of a check that breaks its promises: an error of its own, never of the daemon. */

import type {CheckResult} from '../types.js';

/** How long after its timeout a check that has not ended is reported as an error. It is never run twice at once. */
export const graceMs = 2000;

/** It promised to end by its timeout. `startedAt` is wall clock. */
export function overdueAfter(startedAt: number, durationMs: number): CheckResult {
  return errorOf(
    `the check has not ended ${Math.round(durationMs)} ms after its start`,
    startedAt,
    durationMs,
  );
}

/** It promised not to throw. */
export function broken(error: unknown, startedAt: number, durationMs: number): CheckResult {
  const why = error instanceof Error ? error.message : String(error);
  return errorOf(`the check broke: ${why}`, startedAt, durationMs);
}

function errorOf(reason: string, startedAt: number, durationMs: number): CheckResult {
  return {verdict: 'error', reason, startedAt, durationMs, details: {}, transcript: []};
}
