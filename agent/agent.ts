/**
 * The hinge of eip-health, and where to start reading. A check's result comes in (`#onEnds`), becomes a state
 * (`service/state`, kept in `service/roster`), the states become a plan (`service/plan`), and the plan goes to the
 * fanout, which hands every announcer its whole desired set in a safe order. What happened goes out as events, after
 * the wire.
 */

import {isDeepStrictEqual} from 'node:util';
import {Fanout} from './announce/fanout.js';
import {drainBudgetMs} from './config/drain-meaning.js';
import type {Config} from './config/types.js';
import type {Cron} from './io/cron.js';
import {atMost} from './lib/at-most.js';
import type {CheckEffects} from './service/check-loop.js';
import {
  Contributions,
  isAnnounced,
  isAnnouncedWhileDraining,
  levelOf,
  prefixesOf,
} from './service/contribution.js';
import type {CheckEnd} from './service/counting.js';
import {type OrderedPlan, type PlannedService, plan} from './service/plan.js';
import {Roster, type RosterOptions} from './service/roster.js';
import {type CheckRunner, Runner, type RunnerOptions} from './service/runner.js';
import type {
  Address,
  AgentEvent,
  Announcer,
  Cancel,
  Check,
  Emit,
  Installer,
  Prefix,
  ServiceName,
} from './types.js';

export interface AgentOptions extends Pick<RosterOptions, 'adminOf' | 'resume'> {
  readonly config: Config;
  readonly effects: CheckEffects;
  readonly cron: Cron;
  readonly createCheck: (type: string, options: unknown) => Check;
  /** What puts addresses on the interface; null: nothing touches it. */
  readonly addresses: Installer<Address> | null;
  readonly announcers: readonly Announcer[];
  /** What is installed from an earlier life may stay until its service has settled. */
  readonly adopt: boolean;
  /** The prefixes that people hold out now; asked again with `applyAdmin`. Absent: none. */
  readonly held?: () => ReadonlySet<Prefix>;
  /** What runs the checks; default: again and again. */
  readonly createRunner?: (options: RunnerOptions) => CheckRunner;
  readonly emit: Emit;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #fanout: Fanout;
  readonly #runner: CheckRunner;
  readonly #contributions: Contributions;
  readonly #roster: Roster;
  #config: Config;
  #plan: OrderedPlan;
  #settleOver = false;
  /** When the first checks began; null: they have not, or what has not settled is not waited for any more. */
  #settlingSince: number | null = null;
  #draining = false;
  #stale = false;
  #replanning = false;
  /** From now on only `stop` itself hands out plans. */
  #stopping = false;
  #unsaid: AgentEvent[] = [];
  #cancelSettle: Cancel = () => {};

  constructor(options: AgentOptions) {
    const {addresses, announcers, config, createCheck, cron, effects} = options;
    this.#options = options;
    this.#config = config;
    this.#contributions = new Contributions(announcers.map(({name}) => name));
    this.#fanout = new Fanout({
      addresses,
      announcers,
      clock: effects.clock,
      stepTimeoutMs: config.stepTimeoutMs,
    });
    const createRunner = options.createRunner ?? ((runner: RunnerOptions) => new Runner(runner));
    this.#runner = createRunner({
      effects,
      cron,
      createCheck,
      maxRunning: config.maxRunningChecks,
      onEnds: (service, ends) => this.#onEnds(service, ends),
    });
    this.#roster = new Roster(
      {
        ...options,
        clock: effects.clock,
        onDrained: () => this.#onDrained(),
        tell: (event) => this.#unsaid.push(event),
      },
      config.services,
    );
    this.#plan = this.#makePlan();
  }

  /** What is to be there now. */
  get plan(): OrderedPlan {
    return this.#plan;
  }

  get services(): readonly PlannedService[] {
    return this.#roster.services;
  }

  get load(): CheckRunner['load'] {
    return this.#runner.load;
  }

  /** Addresses that are always on go on first; then the checks begin. */
  async start(): Promise<void> {
    const {adopt, effects, resume} = this.#options;
    const {clock} = effects;
    if (adopt && resume) {
      // What is up already stays there also as long as its address has not been seen.
      const all = this.services.flatMap(({config}) => prefixesOf(config));
      this.#fanout.set({...this.#plan, adopt: new Set(all)});
    }
    this.#fanout.set(this.#plan);
    await this.#fanout.quiet(this.#config.stepTimeoutMs);
    this.#settlingSince = clock.now();
    this.#armSettle();
    this.#runner.set(this.#roster.checked);
  }

  /** Whether nothing is on its way in or out, as far as it waits for anything but announcements. */
  get isAtRest(): boolean {
    return !this.#replanning && this.#roster.isSettled && this.#fanout.isAtRest;
  }

  /** Whether the prefix is of something that the configuration has no more, and that still drains. */
  isLeaving(prefix: Prefix): boolean {
    return this.#roster.isLeaving(prefix);
  }

  /** Resolves once what was ordered last is done: nothing is on its way out any more; or after `atMostMs`. */
  async quiet(atMostMs: number): Promise<void> {
    // The plan is handed out once for all that comes in one turn.
    await Promise.resolve();
    await this.#fanout.quiet(atMostMs);
  }

  /** How long a service is still announced as its `drain` says, in milliseconds; null: it is not being withdrawn. */
  drainLeftMs(name: ServiceName): number | null {
    return this.#roster.drainLeftMs(name);
  }

  /** Runs every check now. */
  checkNow(): void {
    this.#runner.wakeAll();
  }

  /** Goes by what people want of the services now. */
  applyAdmin(): void {
    if (this.#stopping) return;
    this.#roster.administer();
    this.#runner.set(this.#roster.checked);
    this.#replan();
  }

  /**
   * Takes a new configuration: states are kept, new prefixes go in before old ones go out (CONTRACT "Reload").
   * Does nothing any more once it stops.
   */
  async reload(config: Config): Promise<void> {
    if (this.#stopping) return;
    if (!isDeepStrictEqual(config.allow, this.#config.allow)) this.#fanout.touch();
    this.#config = config;
    if (this.#settlingSince !== null) this.#armSettle();
    const mustRetire = this.#roster.reload(config.services);
    this.#runner.setLimit(config.maxRunningChecks);
    this.#runner.set(this.#roster.checked);
    this.#replan(false);
    this.#handOut();
    if (!mustRetire) return;
    await this.#fanout.quiet(config.stepTimeoutMs);
    if (this.#stopping) return;
    this.#roster.retire();
    this.#handOut();
  }

  /**
   * `withdraw`: routes out, drain, sessions closed, host routes and addresses off. `keep`: all of that stays.
   * Ends within `stop_timeout`: a drain or an announcer that takes longer is cut short, the steps after it are not left out.
   */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    const {addresses, announcers} = this.#options;
    const {clock} = this.#options.effects;
    const {stopTimeoutMs} = this.#config;
    const deadline = clock.now() + stopTimeoutMs;
    const left = (): number => deadline - clock.now();
    const isKernel = ({name}: Announcer): boolean => name === 'kernel';

    this.#stopping = true;
    this.#roster.freeze();
    this.#cancelSettle();
    this.#runner.stop();
    if (mode === 'withdraw') await this.#withdraw(drainBudgetMs(stopTimeoutMs));
    const daemons = announcers.filter((announcer) => !isKernel(announcer));
    await this.#atMost(left() / 2, stopAll(daemons, mode));
    if (mode === 'withdraw') await this.#atMost(left() / 2, this.#fanout.release());
    await this.#atMost(left() / 2, stopAll(announcers.filter(isKernel), mode));
    if (addresses) await this.#atMost(left(), addresses.stop(mode));
    this.#fanout.stop();
  }

  async #withdraw(budgetMs: number): Promise<void> {
    const slow = this.#roster.planned.filter(
      ({config, leaving, state}) =>
        isAnnouncedWhileDraining(config) && isAnnounced(levelOf(config, state, true, leaving)),
    );
    const drainMs = Math.min(
      budgetMs,
      Math.max(0, ...slow.map(({config, leftMs}) => leftMs ?? config.drain.forMs)),
    );
    this.#draining = true;
    this.#plan = this.#makePlan();
    this.#fanout.set(this.#plan);
    if (drainMs > 0) await new Promise<void>((done) => this.#options.effects.clock.after(drainMs, done));
    await this.#atMost(budgetMs - drainMs, this.#fanout.withdraw());
  }

  #armSettle(): void {
    const {clock} = this.#options.effects;
    const goneMs = clock.now() - (this.#settlingSince ?? clock.now());
    this.#cancelSettle();
    this.#cancelSettle = clock.after(this.#config.settleTimeoutMs - goneMs, () => {
      this.#settleOver = true;
      this.#settlingSince = null;
      this.#replan();
    });
  }

  #onEnds(name: ServiceName, ends: readonly CheckEnd[]): boolean {
    const counted = this.#roster.count(name, ends);
    if (!counted) return false;
    this.#replan(counted.changed);
    return counted.isCounting;
  }

  #onDrained(): void {
    if (this.#stopping) return;
    this.#runner.set(this.#roster.checked);
    this.#replan();
  }

  /** Once for all results of one burst: hands out a new plan if anything changed, then says what happened. */
  #replan(changed = true): void {
    this.#stale ||= changed;
    if (this.#replanning) return;
    this.#replanning = true;
    queueMicrotask(() => {
      this.#replanning = false;
      if (this.#stale) this.#handOut();
      const said = this.#unsaid;
      this.#unsaid = [];
      for (const event of said) this.#options.emit(event);
    });
  }

  #handOut(): void {
    this.#stale = false;
    if (this.#stopping) return;
    this.#plan = this.#makePlan();
    this.#fanout.set(this.#plan);
  }

  #makePlan(): OrderedPlan {
    return plan(this.#roster.planned, {
      contributions: this.#contributions,
      adopting: this.#options.adopt && !this.#settleOver,
      settleOver: this.#settleOver,
      draining: this.#draining,
      ...(this.#options.held && {held: this.#options.held()}),
    });
  }

  #atMost(ms: number, work: Promise<void>): Promise<void> {
    return atMost(this.#options.effects.clock, ms, work);
  }
}

async function stopAll(announcers: readonly Announcer[], mode: 'withdraw' | 'keep'): Promise<void> {
  await Promise.allSettled(announcers.map((announcer) => announcer.stop(mode)));
}
