/** Waits that grow with every failure, and the jitter that keeps many hosts from trying in step. */

export interface Backoff {
  /** The wait after the first failure, in milliseconds. */
  readonly firstMs: number;
  /** No wait is longer. */
  readonly limitMs: number;
}

/** `firstMs` after one failure, doubled with each further one, never more than `limitMs`. */
export function backoffMs(failures: number, {firstMs, limitMs}: Backoff): number {
  const doublings = Math.max(0, failures - 1);
  return Math.min(limitMs, firstMs * 2 ** Math.min(doublings, 52));
}

/** RFC 4271 §10: a timer's value times a factor between 0.75 and 1.0. `random` is in [0, 1). */
export function jittered(ms: number, random: number): number {
  return ms * (0.75 + 0.25 * random);
}
