/**
 * The services as they are and as people want them: those of the configuration, and for as long as it drains what a
 * reload has taken out of it.
 */

import {removedAdmin} from '../admin/removed.js';
import type {ServiceConfig} from '../config/types.js';
import type {AdminState, AgentEvent, Clock, Prefix, ServiceName, ServiceState} from '../types.js';
import {carryOver} from './carry-over.js';
import {isAnnounced, isAnnouncedWhileDraining, levelOf, prefixesOf} from './contribution.js';
import {type CheckEnd, countEnds} from './counting.js';
import {Departures} from './departures.js';
import type {PlannedService} from './plan.js';
import {initialServiceState, underAdmin} from './state.js';

export interface RosterOptions {
  readonly clock: Clock;
  /** What people want of a service now; asked again with `administer`. Absent: what its configuration says. */
  readonly adminOf?: (config: ServiceConfig) => {readonly state: AdminState; readonly reason: string};
  /** The state that an earlier process left a service in; null: it begins anew. Absent: all begin anew. */
  readonly resume?: (config: ServiceConfig) => ServiceState | null;
  /** Something has drained: the plan is another one now. */
  readonly onDrained: () => void;
  /** What happened to the services, for the log. */
  readonly tell: (event: AgentEvent) => void;
}

export type Planned = PlannedService & {
  /** How long what is being withdrawn by plan still takes, in milliseconds; null: it is not. */
  readonly leftMs: number | null;
};

export class Roster {
  readonly #options: RosterOptions;
  readonly #services = new Map<ServiceName, PlannedService>();
  #configured: ReadonlySet<ServiceName>;
  /** Services that are being withdrawn by plan, and prefixes that a reload took from services. */
  readonly #leaving: Departures<ServiceName>;
  readonly #lost: Departures<PlannedService>;
  /** Services whose old prefixes stay until the new ones of a reload are in. */
  #retiring: readonly PlannedService[] = [];

  constructor(options: RosterOptions, configs: readonly ServiceConfig[]) {
    const {clock, resume} = options;
    this.#options = options;
    this.#configured = namesOf(configs);
    this.#leaving = new Departures(clock);
    this.#lost = new Departures(clock);
    for (const config of configs) {
      const state = resume?.(config) ?? initialServiceState(config, clock.wallMs());
      this.#put(this.#administered({config, state}));
    }
  }

  get services(): readonly PlannedService[] {
    return [...this.#services.values()];
  }

  /** The services whose checks run: all but the disabled ones. */
  get checked(): readonly ServiceConfig[] {
    return this.services.filter(({state}) => state.admin !== 'disabled').map(({config}) => config);
  }

  /** Everything that is to be there. */
  get planned(): readonly Planned[] {
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
    return [...services, ...lost, ...this.#retiring.map((service) => ({...service, leftMs: null}))];
  }

  /** Whether no service is being withdrawn by plan. */
  get isSettled(): boolean {
    return this.#leaving.isEmpty;
  }

  /** Whether the prefix is of something that the configuration has no more, and that still drains. */
  isLeaving(prefix: Prefix): boolean {
    const removed = [...this.#leaving.keys()].filter((name) => !this.#configured.has(name));
    const gone = removed.flatMap((name) => this.#services.get(name) ?? []);
    return [...gone, ...this.#lost.keys()].some(({config}) => prefixesOf(config).includes(prefix));
  }

  /** How long a service is still announced as its `drain` says, in milliseconds; null: it is not being withdrawn. */
  drainLeftMs(name: ServiceName): number | null {
    return this.#leaving.leftMs(name);
  }

  /** Takes the ends of checks of one service; null: there is no such service any more. */
  count(
    name: ServiceName,
    ends: readonly CheckEnd[],
  ): {readonly changed: boolean; readonly isCounting: boolean} | null {
    const service = this.#services.get(name);
    if (!service) return null;
    const {clock, tell} = this.#options;
    const {events, isCounting, state} = countEnds(service, ends, clock.now(), clock.wallMs());
    this.#put({config: service.config, state});
    for (const event of events) tell(event);
    return {changed: state.settled !== service.state.settled, isCounting};
  }

  /** Goes by what people want of the services now. */
  administer(): void {
    for (const service of this.services) this.#put(this.#administered(service));
  }

  /** Takes a new configuration. Answers whether old prefixes stay until the new ones are in: then `retire` them. */
  reload(configs: readonly ServiceConfig[]): boolean {
    const before = this.services;
    const {services, retiring} = carryOver(before, configs, this.#options.clock.wallMs());
    this.#configured = namesOf(configs);
    const removed = before.filter((service) => !this.#configured.has(service.config.name));
    this.#services.clear();
    for (const service of [...services, ...removed]) this.#put(this.#administered(service));
    for (const {config} of removed) if (!this.#leaving.has(config.name)) this.#services.delete(config.name);
    this.#retiring = retiring;
    return retiring.length > 0;
  }

  /** The new prefixes are in: the old ones go, as their service would itself. */
  retire(): void {
    const {onDrained} = this.#options;
    for (const service of this.#retiring) {
      const {config} = service;
      if (isAnnouncedWhileDraining(config)) this.#lost.begin(service, config.drain.forMs, onDrained);
    }
    this.#retiring = [];
  }

  /** What is under way stays so: nothing goes by itself any more. */
  freeze(): void {
    this.#leaving.freeze();
    this.#lost.freeze();
    this.#retiring = [];
  }

  #put(service: PlannedService): void {
    this.#services.set(service.config.name, service);
  }

  /** The service as people want it now. A planned withdrawal is announced worse first, where that is configured. */
  #administered(service: PlannedService): PlannedService {
    const {clock, tell} = this.#options;
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
    tell({kind: 'admin-state', service: name, from: state.admin, to, reason});
    return {config, state: underAdmin(state, config, to, reason, clock.wallMs())};
  }

  #adminOf(config: ServiceConfig): {readonly state: AdminState; readonly reason: string} {
    if (!this.#configured.has(config.name)) return removedAdmin;
    if (this.#options.adminOf) return this.#options.adminOf(config);
    return {state: config.enabled ? 'enabled' : 'disabled', reason: 'as its configuration says'};
  }

  /** A service has drained. */
  #left(name: ServiceName): void {
    if (!this.#configured.has(name)) this.#services.delete(name);
    this.administer();
    this.#options.onDrained();
  }
}

function namesOf(configs: readonly ServiceConfig[]): ReadonlySet<ServiceName> {
  return new Set(configs.map(({name}) => name));
}
