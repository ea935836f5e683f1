/** When a daemon that is driven is looked at again: soon while it works, seldom when all is well. */

import {type Backoff, backoffMs} from '../lib/backoff.js';
import type {Clock} from '../types.js';
import type {DrivenEntry} from './driven-entry.js';

/** After the daemon, or the disk, refused; and after no answer. */
const retries = {firstMs: 100, limitMs: 30_000};
/** Where something is not as wanted that only the daemon or its operator can change. */
const looks = {firstMs: 1_000, limitMs: 10_000};
/** At everything, also at what is as wanted; sooner after a change, which may have changed more than it should. */
export const lookEveryMs = 10_000;
export const lookAfterChangeMs = 1_000;

export class DrivenPace {
  readonly #clock: Clock;
  readonly #polls: Backoff;
  #fullLookAt = 0;
  #polled = 0;
  #failures = 0;
  #looked = 0;

  /** `polls`: while the daemon works on what it was told. */
  constructor(clock: Clock, polls: Backoff) {
    this.#clock = clock;
    this.#polls = polls;
  }

  /** Whether everything is to be looked at now; the next time is then set. */
  takeFullLook(nextMs = lookEveryMs): boolean {
    const now = this.#clock.now();
    if (now < this.#fullLookAt) return false;
    this.#fullLookAt = now + nextMs;
    return true;
  }

  /** Something else is wanted. */
  changed(): void {
    this.#polled = 0;
    this.#looked = 0;
    this.#fullLookAt = Math.min(this.#fullLookAt, this.#clock.now() + lookAfterChangeMs);
  }

  /** The daemon is told something once more. */
  retold(): void {
    this.#polled = 0;
  }

  /** Another daemon may answer from now on. */
  restarted(): void {
    this.#failures = 0;
    this.#looked = 0;
    this.#fullLookAt = 0;
  }

  /** The look at everything came to nothing, or was cut short: once more, after this time. */
  lookAgainIn(ms: number): void {
    this.#fullLookAt = ms === 0 ? 0 : this.#clock.now() + ms;
  }

  /** Whether failures have been told of since the last success. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** How long to wait for the next pass; `heldUntil`: there is nothing to be seen before. */
  waitMs(open: readonly DrivenEntry[], hasFailed: boolean, heldUntil = 0): number {
    const now = this.#clock.now();
    const untilFull = Math.max(0, this.#fullLookAt - now);
    if (hasFailed) return Math.min(untilFull, backoffMs(++this.#failures, retries));
    if (now < heldUntil) return Math.min(untilFull, heldUntil - now);
    if (open.some(({graceUntil}) => graceUntil !== null && now < graceUntil)) {
      return Math.min(untilFull, backoffMs(++this.#polled, this.#polls));
    }
    return open.length > 0 ? Math.min(untilFull, backoffMs(++this.#looked, looks)) : untilFull;
  }
}
