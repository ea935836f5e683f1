/** How long this process does not get to run: on a busy machine that much of what it measures is its own. */
export class Stall {
  #worst = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let due = performance.now() + beatMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#worst = Math.max(this.#worst, now - due);
      due = now + beatMs;
    }, beatMs);
  }

  /** Ends it, and answers the longest time in milliseconds. */
  end(): number {
    clearInterval(this.#timer);
    return this.#worst;
  }
}

const beatMs = 10;
