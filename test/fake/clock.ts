import type {Clock} from '../../agent/types.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that stands still until `advance` moves it; timers fire in order, at their exact time. */
export class FakeClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(readonly epochMs = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.epochMs + this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = {at: this.#now + Math.max(0, ms), order: this.#order++, fn};
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or null. */
  get nextIn(): number | null {
    const next = this.#next();
    return next ? next.at - this.#now : null;
  }

  /** Moves time on by `ms`, firing what falls due. Promises are not waited for: use `settle` or `await` yourself. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.fn();
    }
    this.#now = end;
  }

  /** Like `advance`, but lets promise callbacks run before and after every timer. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** Lets everything that waits on already settled promises run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
