import type {Cancel, Clock} from '../types.js';

/** Waits for what a round of the demo needs next. */
export class Signals<Name extends string> {
  readonly #waiting = new Map<Name, Set<(at: number) => void>>();

  constructor(private readonly clock: Clock) {}

  /** It happened, at this time of the clock. */
  happened(name: Name, at = this.clock.now()): void {
    for (const resolve of this.#waiting.get(name) ?? []) resolve(at);
    this.#waiting.delete(name);
  }

  /** The time at which it happens; null when it has not within `timeoutMs`. */
  next(name: Name, timeoutMs: number): Promise<number | null> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const done = (at: number): void => {
        cancel();
        resolve(at);
      };
      cancel = this.clock.after(timeoutMs, () => {
        this.#waiting.get(name)?.delete(done);
        resolve(null);
      });
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting.add(done));
    });
  }
}
