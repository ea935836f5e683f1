import type {Cancel, Clock} from '../types.js';

/**
 * A timer that may be set again and again at no cost, as hold timers are with every message: moving the time on only
 * notes it, and the timer armed before looks at the note when it fires.
 */
export class Deadline {
  readonly #clock: Clock;
  readonly #onExpiry: () => void;
  #dueAt: number | null = null;
  #armed: {readonly at: number; readonly cancel: Cancel} | null = null;

  constructor(clock: Clock, onExpiry: () => void) {
    this.#clock = clock;
    this.#onExpiry = onExpiry;
  }

  /** Whether it is due some time. */
  get isSet(): boolean {
    return this.#dueAt !== null;
  }

  /** Due `ms` from now, whatever was set before. */
  set(ms: number): void {
    this.#dueAt = this.#clock.now() + ms;
    if (this.#armed && this.#armed.at <= this.#dueAt) return;
    this.#arm(ms);
  }

  clear(): void {
    this.#dueAt = null;
    this.#armed?.cancel();
    this.#armed = null;
  }

  #arm(ms: number): void {
    this.#armed?.cancel();
    this.#armed = {at: this.#clock.now() + ms, cancel: this.#clock.after(ms, () => this.#fire())};
  }

  #fire(): void {
    this.#armed = null;
    if (this.#dueAt === null) return;
    const left = this.#dueAt - this.#clock.now();
    // Node's timers may fire a fraction of a millisecond early: that is on time.
    if (left >= 1) {
      this.#arm(left);
      return;
    }
    this.#dueAt = null;
    this.#onExpiry();
  }
}
