import {setImmediate as turn} from 'node:timers/promises';
import type {Check, CheckResult, Verdict} from '../../../agent/types.js';

/** Checks whose runs end when, and as, the benchmark says. */
export class DecidedChecks {
  #running: ((result: CheckResult) => void)[] = [];

  readonly create = (): Check => ({
    type: 'decided',
    title: 'decided by the benchmark',
    run: () => new Promise((resolve) => this.#running.push(resolve)),
  });

  get running(): number {
    return this.#running.length;
  }

  /** Resolves once `count` runs wait for their result. */
  async started(count: number): Promise<void> {
    while (this.#running.length < count) await turn();
  }

  /** Ends all that run, one after the other. */
  end(verdict: Verdict): void {
    const result: CheckResult = {
      verdict,
      reason: verdict === 'pass' ? '200 OK in 3 ms' : 'connect ECONNREFUSED 127.0.0.1:8080',
      startedAt: Date.now(),
      durationMs: 3,
      details: {},
      transcript: [],
    };
    const ending = this.#running;
    this.#running = [];
    for (const resolve of ending) resolve(result);
  }
}
