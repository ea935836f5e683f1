/**
 * The hinge of eip-health, and where to start reading. A check's result comes in (`#onResult`), becomes a state
 * (`service/state`), the states become a plan (`service/plan`), and the plan goes to the fanout, which hands every
 * announcer its whole desired set in a safe order. What happened goes out as events, after the wire.
 */

import {isDeepStrictEqual} from 'node:util';
import {removedAdmin} from './admin/removed.js';
import {Fanout} from './announce/fanout.js';
import {drainBudgetMs} from './config/drain-meaning.js';
import type {Config, ServiceConfig} from './config/types.js';
import type {Cron} from './io/cron.js';
import {carryOver} from './service/carry-over.js';
import type {CheckEffects} from './service/check-loop.js';
import {
  Contributions,
  isAnnounced,
  isAnnouncedWhileDraining,
  levelOf,
  prefixesOf,
} from './service/contribution.js';
import {type CheckEnd, countEnds} from './service/counting.js';
import {Departures} from './service/departures.js';
import {type OrderedPlan, type PlannedService, plan} from './service/plan.js';
import {type CheckRunner, Runner, type RunnerOptions} from './service/runner.js';
import {initialServiceState, underAdmin} from './service/state.js';
import type {
  Address,
  AdminState,
  AgentEvent,
  Announcer,
  Cancel,
  Check,
  Emit,
  Installer,
  Prefix,
  ServiceName,
  ServiceState,
} from './types.js';

export interface AgentOptions {
  readonly config: Config;
  readonly effects: CheckEffects;
  readonly cron: Cron;
  readonly createCheck: (type: string, options: unknown) => Check;
  /** What puts addresses on the interface; null: nothing touches it. */
  readonly addresses: Installer<Address> | null;
  readonly announcers: readonly Announcer[];
  /** What is installed from an earlier life may stay until its service has settled. */
  readonly adopt: boolean;
  /** What people want of a service now; ask again with `applyAdmin`. Absent: what its configuration says. */
  readonly adminOf?: (config: ServiceConfig) => {readonly state: AdminState; readonly reason: string};
  /** The prefixes that people hold out now; asked again with `applyAdmin`. Absent: none. */
  readonly held?: () => ReadonlySet<Prefix>;
  /** The state that an earlier process left a service in; null: it begins anew. Absent: all begin anew. */
  readonly resume?: (config: ServiceConfig) => ServiceState | null;
  /** What runs the checks; default: again and again. */
  readonly createRunner?: (options: RunnerOptions) => CheckRunner;
  readonly emit: Emit;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #fanout: Fanout;
  readonly #runner: CheckRunner;
  readonly #contributions: Contributions;
  /** Those of the configuration, and those that it has no more while they drain. */
  readonly #services = new Map<ServiceName, PlannedService>();
  /** Services whose old prefixes stay until the new ones of a reload are in. */
  #retiring: readonly PlannedService[] = [];
  #config: Config;
  /** The services that it has. */
  #configured: ReadonlySet<ServiceName>;
  #plan: OrderedPlan;
  #settleOver = false;
  /** When the first checks began; null: they have not, or what has not settled is not waited for any more. */
  #settlingSince: number | null = null;
  #draining = false;
  /** Services that are being withdrawn by plan, and prefixes that a reload took from services. */
  readonly #leaving: Departures<ServiceName>;
  readonly #lost: Departures<PlannedService>;
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
    this.#configured = new Set(config.services.map(({name}) => name));
    this.#leaving = new Departures(effects.clock);
    this.#lost = new Departures(effects.clock);
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
    for (const service of config.services) this.#add(service);
    this.#plan = this.#makePlan();
  }

  /** What is to be there now. */
  get plan(): OrderedPlan {
    return this.#plan;
  }

  get services(): readonly PlannedService[] {
    return [...this.#services.values()];
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
    this.#runner.set(this.#checked());
  }

  /** Whether nothing is on its way in or out, as far as it waits for anything but announcements. */
  get isAtRest(): boolean {
    return !this.#replanning && this.#leaving.isEmpty && this.#fanout.isAtRest;
  }

  /** Whether the prefix is of something that the configuration has no more, and that still drains. */
  isLeaving(prefix: Prefix): boolean {
    const removed = [...this.#leaving.keys()].filter((name) => !this.#configured.has(name));
    const gone = removed.flatMap((name) => this.#services.get(name) ?? []);
    return [...gone, ...this.#lost.keys()].some(({config}) => prefixesOf(config).includes(prefix));
  }

  /** Resolves once what was ordered last is done: nothing is on its way out any more; or after `atMostMs`. */
  async quiet(atMostMs: number): Promise<void> {
    // The plan is handed out once for all that comes in one turn.
    await Promise.resolve();
    await this.#fanout.quiet(atMostMs);
  }

  /** How long a service is still announced as its `drain` says, in milliseconds; null: it is not being withdrawn. */
  drainLeftMs(name: ServiceName): number | null {
    return this.#leaving.leftMs(name);
  }

  /** Runs every check now. */
  checkNow(): void {
    this.#runner.wakeAll();
  }

  /** Goes by what people want of the services now. */
  applyAdmin(): void {
    if (this.#stopping) return;
    for (const service of this.services) this.#services.set(service.config.name, this.#administered(service));
    this.#runner.set(this.#checked());
    this.#replan();
  }

  /**
   * Takes a new configuration: states are kept, new prefixes go in before old ones go out (CONTRACT "Reload").
   * Does nothing any more once it stops.
   */
  async reload(config: Config): Promise<void> {
    if (this.#stopping) return;
    const before = this.services;
    const {services, retiring} = carryOver(before, config.services, this.#options.effects.clock.wallMs());
    if (!isDeepStrictEqual(config.allow, this.#config.allow)) this.#fanout.touch();
    this.#config = config;
    this.#configured = new Set(config.services.map(({name}) => name));
    if (this.#settlingSince !== null) this.#armSettle();
    this.#services.clear();
    const removed = before.filter(({config: {name}}) => !this.#configured.has(name));
    for (const service of [...services, ...removed]) {
      this.#services.set(service.config.name, this.#administered(service));
    }
    for (const {
      config: {name},
    } of removed)
      if (!this.#leaving.has(name)) this.#services.delete(name);
    this.#retiring = retiring;
    this.#runner.setLimit(config.maxRunningChecks);
    this.#runner.set(this.#checked());
    this.#replan(false);
    this.#handOut();
    if (retiring.length === 0) return;
    await this.#fanout.quiet(config.stepTimeoutMs);
    if (this.#stopping) return;
    for (const service of retiring) this.#lose(service);
    this.#retiring = [];
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
    for (const departures of [this.#leaving, this.#lost]) departures.freeze();
    this.#retiring = [];
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
    const slow = this.#planned().filter(
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
    const service = this.#services.get(name);
    if (!service) return false;
    const {clock} = this.#options.effects;
    const {events, isCounting, state} = countEnds(service, ends, clock.now(), clock.wallMs());
    this.#services.set(name, {config: service.config, state});
    this.#unsaid.push(...events);
    this.#replan(state.settled !== service.state.settled);
    return isCounting;
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
    return plan([...this.#planned(), ...this.#retiring], {
      contributions: this.#contributions,
      adopting: this.#options.adopt && !this.#settleOver,
      settleOver: this.#settleOver,
      draining: this.#draining,
      ...(this.#options.held && {held: this.#options.held()}),
    });
  }

  /** Everything that is to be there, and how long what is being withdrawn by plan still takes. */
  #planned(): readonly (PlannedService & {readonly leftMs: number | null})[] {
    const services = this.services.map(({config, state}) => {
      const leftMs = this.#leaving.leftMs(config.name);
      return {config, state, leaving: leftMs !== null, leftMs};
    });
    // They fare as the service that they are of.
    const lost = [...this.#lost.keys()].map((service) => ({
      config: service.config,
      state: this.#services.get(service.config.name)?.state ?? service.state,
      leaving: true,
      leftMs: this.#lost.leftMs(service),
    }));
    return [...services, ...lost];
  }

  #add(config: ServiceConfig): void {
    const {effects, resume} = this.#options;
    const state = resume?.(config) ?? initialServiceState(config, effects.clock.wallMs());
    this.#services.set(config.name, this.#administered({config, state}));
  }

  /** The service as people want it now. A planned withdrawal is announced worse first, where that is configured. */
  #administered(service: PlannedService): PlannedService {
    const {config, state} = service;
    const {name, drain} = config;
    const {state: wanted, reason} = this.#adminOf(config);
    const goes = wanted === 'drained' || wanted === 'disabled';
    if (!goes || !isAnnouncedWhileDraining(config)) this.#leaving.cancel(name);
    else if (isAnnounced(levelOf(config, state))) {
      this.#leaving.begin(name, drain.forMs, () => this.#left(name));
    }
    // The checks go on as long as it is announced.
    const to = wanted === 'disabled' && this.#leaving.has(name) ? 'drained' : wanted;
    if (to === state.admin) return service;
    this.#unsaid.push({kind: 'admin-state', service: name, from: state.admin, to, reason});
    const wallMs = this.#options.effects.clock.wallMs();
    return {config, state: underAdmin(state, config, to, reason, wallMs)};
  }

  #adminOf(config: ServiceConfig): {readonly state: AdminState; readonly reason: string} {
    if (!this.#configured.has(config.name)) return removedAdmin;
    if (this.#options.adminOf) return this.#options.adminOf(config);
    return {state: config.enabled ? 'enabled' : 'disabled', reason: 'as its configuration says'};
  }

  /** A service has drained. */
  #left(name: ServiceName): void {
    if (!this.#configured.has(name)) this.#services.delete(name);
    this.applyAdmin();
  }

  /** A service has lost prefixes, which go as it would itself. */
  #lose(service: PlannedService): void {
    const {config} = service;
    if (!isAnnouncedWhileDraining(config)) return;
    this.#lost.begin(service, config.drain.forMs, () => this.#replan());
  }

  /** The services whose checks run: all but the disabled ones. */
  #checked(): readonly ServiceConfig[] {
    return this.services.filter(({state}) => state.admin !== 'disabled').map(({config}) => config);
  }

  /** Waits for `work`, but no longer than `ms`. */
  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    let cancel: Cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#options.effects.clock.after(ms, resolve);
    });
    await Promise.race([work, timeout]);
    cancel();
  }
}

async function stopAll(announcers: readonly Announcer[], mode: 'withdraw' | 'keep'): Promise<void> {
  await Promise.allSettled(announcers.map((announcer) => announcer.stop(mode)));
}
