import type {CheckConfig} from '../config/types.js';
import type {Cron} from '../io/cron.js';
import type {Cancel, Check, CheckContext, CheckResult, Clock} from '../types.js';
import {broken, graceMs, overdueAfter} from './misbehaviour.js';
import type {Slots} from './slots.js';

export type CheckEffects = Omit<CheckContext, 'timeoutMs' | 'signal'>;

export interface CheckLoopOptions {
  readonly config: CheckConfig;
  readonly check: Check;
  readonly effects: CheckEffects;
  readonly cron: Cron;
  readonly slots: Slots;
  /** Takes a result; the answer says whether a change is being counted (next run after `fast_interval`). */
  readonly onResult: (result: CheckResult, missed: number) => boolean;
}

/** Runs one check again and again: on a grid that does not drift, or when cron, a wake-up or a counted change says so. */
export class CheckLoop {
  readonly config: CheckConfig;
  readonly #options: CheckLoopOptions;
  readonly #clock: Clock;
  #origin = 0;
  #due = 0;
  #busy = false;
  #stopped = false;
  /** Of the run under way. */
  #abort: AbortController | null = null;
  #wanted = false;
  #missed = 0;
  #timer: Cancel = () => {};
  #guard: Cancel = () => {};
  #giveUpSlot: Cancel = () => {};
  #stopCron: Cancel = () => {};
  #stopWatch: Cancel = () => {};

  constructor(options: CheckLoopOptions) {
    this.#options = options;
    this.config = options.config;
    this.#clock = options.effects.clock;
  }

  /** The first run comes after `firstMs`; from then on runs lie on a grid shifted by `phaseMs`. */
  start(firstMs: number, phaseMs: number): void {
    const {check, config, cron, effects} = this.#options;
    this.#origin = this.#clock.now() + phaseMs;
    this.#at(this.#clock.now() + firstMs);
    if (config.schedule !== null) this.#stopCron = cron(config.schedule, () => this.#tick());
    this.#stopWatch = check.watch?.(effects, () => this.wake()) ?? (() => {});
  }

  /** Runs now; if a run is under way, once more right after it. */
  wake(): void {
    if (this.#busy) this.#wanted = true;
    else this.#beginNow();
  }

  stop(): void {
    this.#stopped = true;
    this.#abort?.abort();
    for (const cancel of [this.#timer, this.#guard, this.#giveUpSlot, this.#stopCron, this.#stopWatch])
      cancel();
  }

  #tick(): void {
    if (this.#stopped) return;
    if (this.#busy) this.#missed++;
    else this.#beginNow();
  }

  #at(time: number): void {
    this.#timer();
    this.#due = time;
    this.#timer = this.#clock.after(time - this.#clock.now(), () => this.#begin(time));
  }

  #beginNow(): void {
    this.#begin(Math.min(this.#due || this.#clock.now(), this.#clock.now()));
  }

  #begin(due: number): void {
    this.#timer();
    this.#busy = true;
    this.#due = due;
    this.#giveUpSlot = this.#options.slots.take(() => void this.#run());
  }

  async #run(): Promise<void> {
    const {check, config, effects, slots} = this.#options;
    const startedAt = this.#clock.wallMs();
    const started = this.#clock.now();
    const abort = new AbortController();
    this.#abort = abort;
    const overdue = (): void => {
      abort.abort();
      this.#report(overdueAfter(startedAt, this.#clock.now() - started));
      this.#guard = this.#clock.after(Math.max(config.intervalMs, config.timeoutMs), overdue);
    };
    this.#guard = this.#clock.after(config.timeoutMs + graceMs, overdue);
    const result = await check
      .run({...effects, timeoutMs: config.timeoutMs, signal: abort.signal})
      .catch((error: unknown) => broken(error, startedAt, this.#clock.now() - started));
    this.#guard();
    this.#abort = null;
    slots.free();
    this.#busy = false;
    if (!this.#stopped) this.#next(this.#report(result), started);
  }

  #report(result: CheckResult): boolean {
    return this.#stopped ? false : this.#options.onResult(result, this.#missed);
  }

  #next(counting: boolean, started: number): void {
    const {fastIntervalMs, intervalMs, schedule} = this.config;
    // Node's timers may fire a fraction of a millisecond early: a run that ends before it was due was still that run.
    const now = Math.max(this.#clock.now(), this.#due);
    if (schedule === null) this.#missed += Math.floor((now - this.#due) / intervalMs);
    if (this.#wanted) {
      this.#wanted = false;
      this.#at(now);
    } else if (counting) {
      this.#at(Math.max(now, started + fastIntervalMs));
    } else if (schedule === null) {
      const periods = Math.floor((now - this.#origin) / intervalMs) + 1;
      this.#at(this.#origin + Math.max(0, periods) * intervalMs);
    }
  }
}
