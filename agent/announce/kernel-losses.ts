/**
 * Counts how often something of ours was taken away by somebody else. More than 10 times a minute is a storm: what
 * is put back at once would be taken away at once, so that it is put back every 10 s until a minute was quiet.
 */

import type {Clock} from '../types.js';

const windowMs = 60_000;
const lossesPerWindow = 10;
const calmMs = 10_000;

export class Losses {
  readonly #clock: Clock;
  #times: number[] = [];
  #isStorm = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isStorm(): boolean {
    return this.#isStorm;
  }

  /** One more; answers how many milliseconds to wait before it is put back. */
  count(): number {
    const now = this.#clock.now();
    this.#times = this.#times.filter((time) => time > now - windowMs);
    if (this.#times.length === 0) this.#isStorm = false;
    this.#times.push(now);
    this.#isStorm ||= this.#times.length > lossesPerWindow;
    return this.#isStorm ? calmMs : 0;
  }
}
