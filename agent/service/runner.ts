import type {CheckConfig, ServiceConfig} from '../config/types.js';
import type {Cron} from '../io/cron.js';
import type {Check, ServiceName} from '../types.js';
import {type CheckEffects, CheckLoop} from './check-loop.js';
import type {CheckEnd} from './counting.js';
import {Slots} from './slots.js';

export interface RunnerOptions {
  readonly effects: CheckEffects;
  readonly cron: Cron;
  readonly maxRunning: number;
  readonly createCheck: (type: string, options: unknown) => Check;
  /**
   * Takes results of a service that came together; the answer says whether a change is being counted (next run after
   * `fast_interval`).
   */
  readonly onEnds: (service: ServiceName, ends: readonly CheckEnd[]) => boolean;
}

/** Runs the checks of services. */
export interface CheckRunner {
  /** How many checks run now, and how many wait for others to end. */
  readonly load: {readonly running: number; readonly waiting: number};
  setLimit(maxRunning: number): void;
  /** From now on exactly the checks of these services run. */
  set(services: readonly ServiceConfig[]): void;
  /** Runs every check now. */
  wakeAll(): void;
  stop(): void;
}

/** First runs are this far apart at least, so that a start does not run everything at once. */
const firstGapMs = 2;

/** Keeps one loop a check: starts what is new, stops what is gone, leaves what is unchanged alone. */
export class Runner implements CheckRunner {
  readonly #options: RunnerOptions;
  readonly #slots: Slots;
  readonly #loops = new Map<string, {readonly loop: CheckLoop; readonly config: string}>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#slots = new Slots(options.maxRunning);
  }

  get load(): CheckRunner['load'] {
    return {running: this.#slots.taken, waiting: this.#slots.waiting};
  }

  setLimit(maxRunning: number): void {
    this.#slots.resize(maxRunning);
  }

  set(services: readonly ServiceConfig[]): void {
    const wanted = services.flatMap((service) => service.checks.map((check) => ({service, check})));
    const keys = new Set(wanted.map(({service, check}) => keyOf(service, check)));
    for (const [key, {loop}] of this.#loops) {
      if (keys.has(key)) continue;
      loop.stop();
      this.#loops.delete(key);
    }
    let started = 0;
    wanted.forEach(({service, check}, i) => {
      const key = keyOf(service, check);
      const known = this.#loops.get(key);
      const config = JSON.stringify(check);
      if (known?.config === config) return;
      known?.loop.stop();
      const loop = this.#loop(service, check);
      this.#loops.set(key, {loop, config});
      loop.start(started++ * firstGapMs, (i / wanted.length) * check.intervalMs);
    });
  }

  wakeAll(): void {
    for (const {loop} of this.#loops.values()) loop.wake();
  }

  stop(): void {
    for (const {loop} of this.#loops.values()) loop.stop();
    this.#loops.clear();
  }

  #loop(service: ServiceConfig, config: CheckConfig): CheckLoop {
    const {createCheck, cron, effects, onEnds} = this.#options;
    return new CheckLoop({
      config,
      check: createCheck(config.type, config.options),
      effects,
      cron,
      slots: this.#slots,
      onResult: (result, missed) => onEnds(service.name, [{check: config.name, result, missed}]),
    });
  }
}

function keyOf(service: ServiceConfig, check: CheckConfig): string {
  return `${service.name}\n${check.name}`;
}
