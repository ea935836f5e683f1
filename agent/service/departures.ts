import type {Cancel, Clock} from '../types.js';

/**
 * Planned withdrawals under way, by what is being withdrawn: for a while it is announced as `drain` says, so that routers
 * move the traffic before the route goes.
 */
export class Departures<Key> {
  readonly #clock: Clock;
  readonly #under = new Map<Key, {readonly endsAt: number; readonly cancel: Cancel}>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#under.size === 0;
  }

  has(key: Key): boolean {
    return this.#under.has(key);
  }

  keys(): Iterable<Key> {
    return this.#under.keys();
  }

  /** `onEnd` is called once the time is over; by then the key is gone. */
  begin(key: Key, ms: number, onEnd: () => void): void {
    this.cancel(key);
    const cancel = this.#clock.after(ms, () => {
      this.#under.delete(key);
      onEnd();
    });
    this.#under.set(key, {endsAt: this.#clock.now() + ms, cancel});
  }

  cancel(key: Key): void {
    this.#under.get(key)?.cancel();
    this.#under.delete(key);
  }

  /** How long it still takes, in milliseconds; null: it is none of them. */
  leftMs(key: Key): number | null {
    const departure = this.#under.get(key);
    return departure ? departure.endsAt - this.#clock.now() : null;
  }

  /** Stops the clocks: what is under way stays so. */
  freeze(): void {
    for (const {cancel} of this.#under.values()) cancel();
  }
}
