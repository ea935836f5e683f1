import {remember} from '../lib/collections.js';
import type {Cancel, Clock, Prefix} from '../types.js';

interface Drain {
  readonly over: boolean;
  readonly cancel: Cancel;
}

/** How long hosts stay on after what leaned on them was withdrawn (`drain`). */
export class Drains {
  readonly #clock: Clock;
  readonly #onOver: (host: Prefix) => void;
  readonly #ms = new Map<Prefix, number>();
  /** Hosts that nothing leans on any more → since when. */
  readonly #leftAt = new Map<Prefix, number>();
  readonly #under = new Map<Prefix, Drain>();

  constructor(clock: Clock, onOver: (host: Prefix) => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** How long a host is to stay. */
  plan(host: Prefix, ms: number): void {
    this.#ms.set(host, ms);
  }

  /** Nothing leans on it any more: from now on its time counts. */
  left(host: Prefix): void {
    this.#leftAt.set(host, this.#clock.now());
  }

  leanedOn(host: Prefix): void {
    this.#leftAt.delete(host);
  }

  /** Whether the time of a host that is to go is over; the first call has it end by itself. */
  isOver(host: Prefix): boolean {
    const drain = remember(this.#under, host, (): Drain => {
      const now = this.#clock.now();
      const ms = (this.#ms.get(host) ?? 0) - (now - (this.#leftAt.get(host) ?? now));
      if (ms <= 0) return {over: true, cancel: () => {}};
      const cancel = this.#clock.after(ms, () => {
        this.#under.set(host, {over: true, cancel: () => {}});
        this.#onOver(host);
      });
      return {over: false, cancel};
    });
    return drain.over;
  }

  /** Whether a host was to go, and waits for nothing but leave. */
  hasEnded(host: Prefix): boolean {
    return this.#under.get(host)?.over ?? false;
  }

  get allEnded(): boolean {
    return [...this.#under.values()].every(({over}) => over);
  }

  /** A host is not on its way out (any more); `isGone`: it is not there either. */
  rest(host: Prefix, isGone: boolean): void {
    this.#under.get(host)?.cancel();
    this.#under.delete(host);
    if (!isGone) return;
    this.#ms.delete(host);
    this.#leftAt.delete(host);
  }

  stop(): void {
    for (const {cancel} of this.#under.values()) cancel();
  }
}
