import type {Cancel} from '../types.js';

/** Lets at most `limit` holders in at once; the others wait in order. */
export class Slots {
  #taken = 0;
  readonly #queue = new Set<() => void>();

  constructor(private limit: number) {}

  /** Changes how many may be in; whoever fits in now gets in. */
  resize(limit: number): void {
    this.limit = limit;
    while (this.#taken < limit && this.#queue.size > 0) {
      this.#taken++;
      this.#admit();
    }
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Calls `enter` as soon as there is room, at once if there is; the answer gives up waiting. */
  take(enter: () => void): Cancel {
    if (this.#taken < this.limit) {
      this.#taken++;
      enter();
      return () => {};
    }
    const waiting = (): void => enter();
    this.#queue.add(waiting);
    return () => this.#queue.delete(waiting);
  }

  /** Gives a place back; whoever waits longest gets it. */
  free(): void {
    if (this.#queue.size > 0 && this.#taken <= this.limit) this.#admit();
    else this.#taken--;
  }

  #admit(): void {
    const [next] = this.#queue;
    if (!next) return;
    this.#queue.delete(next);
    next();
  }
}
