import type {CheckEffects} from '../../agent/service/check-loop.js';
import type {Check, CheckContext, CheckResult, Clock, Verdict} from '../../agent/types.js';
import {result} from './config.js';

const nowhere = async (): Promise<never> => {
  throw new Error('a fake check reached for the outside');
};

/** Effects that refuse everything but the clock. */
export function fakeEffects(clock: Clock): CheckEffects {
  return {
    clock,
    exec: {run: nowhere},
    files: {readText: nowhere, watch: () => () => {}},
    http: {request: nowhere},
    net: {open: nowhere},
  };
}

/** A check that says what the test wants, and counts. */
export class FakeCheck implements Check {
  readonly type = 'fake';
  readonly title = 'a fake check';
  verdict: Verdict = 'pass';
  reason: string | null = null;
  /** How long a run takes; `Infinity`: until `finish`. */
  takesMs = 0;
  /** When runs began, on the clock. */
  readonly starts: number[] = [];
  running = 0;
  aborted = 0;
  wake: () => void = () => {};
  #finish: (() => void)[] = [];

  constructor(readonly clock: Clock) {}

  async run(ctx: CheckContext): Promise<CheckResult> {
    this.starts.push(this.clock.now());
    this.running++;
    ctx.signal.addEventListener('abort', () => this.aborted++);
    if (this.takesMs === Number.POSITIVE_INFINITY) await new Promise<void>((done) => this.#finish.push(done));
    else if (this.takesMs > 0) await new Promise<void>((done) => this.clock.after(this.takesMs, done));
    this.running--;
    return result(this.verdict, this.reason ?? this.verdict);
  }

  finish(): void {
    for (const done of this.#finish.splice(0)) done();
  }

  watch(_ctx: unknown, wake: () => void): () => void {
    this.wake = wake;
    return () => {
      this.wake = () => {};
    };
  }
}
