/** One pass at a time: what comes while one is under way is taken up by the next. */

import type {Cancel, Clock} from '../types.js';

export class Passes {
  readonly #clock: Clock;
  readonly #pass: () => Promise<void>;
  #isStarted = false;
  #isStopped = false;
  #isRunning = false;
  #hasNews = false;
  #cancelTimer: Cancel = () => undefined;
  #waiting: (() => void)[] = [];

  /** `pass` never rejects for a reason that may pass. */
  constructor(clock: Clock, pass: () => Promise<void>) {
    this.#clock = clock;
    this.#pass = pass;
  }

  start(): void {
    this.#isStarted = true;
    this.kick();
  }

  /** The pass that is under way is the last one. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#passed();
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Another pass is due at once. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Something happened: there may be something to do. */
  kick(): void {
    this.#hasNews = true;
    if (this.#isRunning || !this.#isStarted || this.#isStopped) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** The next pass comes after this time, if nothing happens before. */
  kickAfter(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(ms, () => this.kick());
  }

  /** Resolves after the next pass, or when it is stopped. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #run(): Promise<void> {
    // Several sets of one turn are one.
    await Promise.resolve();
    while (this.#hasNews && !this.#isStopped) {
      this.#hasNews = false;
      this.#cancelTimer();
      await this.#pass();
      this.#passed();
    }
    this.#isRunning = false;
  }

  #passed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}
