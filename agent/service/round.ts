/** Runs every check once, all at the same time: for a process that looks, acts and ends. */

import type {CheckConfig, ServiceConfig} from '../config/types.js';
import type {Check, CheckResult, JsonObject, ServiceName} from '../types.js';
import type {CheckEnd} from './counting.js';
import {broken, graceMs, overdueAfter} from './misbehaviour.js';
import type {CheckRunner, RunnerOptions} from './runner.js';
import {Slots} from './slots.js';

export interface RoundOptions extends Omit<RunnerOptions, 'cron'> {
  /** What an earlier process gave for this check to remember; null: nothing. */
  readonly recall: (service: ServiceName, check: string) => JsonObject | null;
}

export class Round implements CheckRunner {
  readonly #options: RoundOptions;
  readonly #slots: Slots;
  readonly #abort = new AbortController();
  readonly #begun = new Map<ServiceName, Promise<void>>();
  readonly #memories = new Map<string, JsonObject>();

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#slots = new Slots(options.maxRunning);
  }

  get load(): CheckRunner['load'] {
    return {running: this.#slots.taken, waiting: this.#slots.waiting};
  }

  setLimit(maxRunning: number): void {
    this.#slots.resize(maxRunning);
  }

  /** Begins with the services that had no round yet. */
  set(services: readonly ServiceConfig[]): void {
    for (const service of services) {
      if (!this.#begun.has(service.name)) this.#begun.set(service.name, this.#run(service));
    }
  }

  /** Once is once. */
  wakeAll(): void {}

  /** Ends what runs; nothing is told any more. */
  stop(): void {
    this.#abort.abort();
  }

  /** Resolves once every check that was begun has ended and its service was told. */
  async ended(): Promise<void> {
    await Promise.all(this.#begun.values());
  }

  /** What a check wants to be remembered; null: nothing. */
  memoryOf(service: ServiceName, check: string): JsonObject | null {
    return this.#memories.get(keyOf(service, check)) ?? null;
  }

  async #run(service: ServiceConfig): Promise<void> {
    const ends = await Promise.all(service.checks.map((config) => this.#check(service.name, config)));
    if (!this.#abort.signal.aborted) this.#options.onEnds(service.name, ends);
  }

  async #check(service: ServiceName, config: CheckConfig): Promise<CheckEnd> {
    const {createCheck, recall} = this.#options;
    const check = createCheck(config.type, config.options);
    const memory = recall(service, config.name);
    if (memory) check.recall?.(memory);
    await new Promise<void>((resolve) => void this.#slots.take(resolve));
    const result = await this.#runChecked(check, config);
    this.#slots.free();
    const learned = check.memory?.();
    if (learned) this.#memories.set(keyOf(service, config.name), learned);
    return {check: config.name, result, missed: 0};
  }

  /** Ends at the latest some time after the check's timeout. */
  #runChecked(check: Check, {timeoutMs}: CheckConfig): Promise<CheckResult> {
    const {effects} = this.#options;
    const {clock} = effects;
    const startedAt = clock.wallMs();
    const started = clock.now();
    const took = (): number => clock.now() - started;
    const own = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, own.signal]);
    return new Promise((resolve) => {
      const cancel = clock.after(timeoutMs + graceMs, () => {
        own.abort();
        resolve(overdueAfter(startedAt, took()));
      });
      void check
        .run({...effects, timeoutMs, signal})
        .catch((error: unknown) => broken(error, startedAt, took()))
        .then((result) => {
          cancel();
          resolve(result);
        });
    });
  }
}

function keyOf(service: ServiceName, check: string): string {
  return `${service}\n${check}`;
}
