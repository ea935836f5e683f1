/**
 * Protocols of BIRD's own configuration, one a service, that are enabled and disabled. Which ones are ours is told by
 * their names: those of services that nobody speaks of (any more) are disabled.
 */

import type {BirdConfig} from '../config/bird.js';
import type {BirdClient} from '../control/bird-client.js';
import {BirdError, failureOf, replyCode} from '../control/bird-protocol.js';
import {type BirdProtocol, parseRoutes, quoteName} from '../control/bird-show-protocol.js';
import type {Clock, Prefix, Route, ServiceName} from '../types.js';
import {wakeUp} from './bird-configure.js';
import type {Applied, BirdMeans} from './bird-means.js';
import {listProtocols} from './bird-truth.js';

/** States of a protocol that is disabled, or on the way there. */
const offStates = new Set(['down', 'stop', 'flush']);

export class BirdSwitches implements BirdMeans {
  /** A protocol that somebody disabled takes its routes along. */
  readonly givesRoutes = true;
  readonly #client: BirdClient;
  readonly #clock: Clock;
  readonly #pattern: string;
  readonly #form: RegExp;
  /** Protocols as we left them. */
  readonly #switched = new Map<string, 'on' | 'off'>();
  #isTold = false;
  #hasSwitched = false;

  constructor({protocol}: Pick<BirdConfig, 'protocol'>, client: BirdClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#pattern = protocol;
    const [before = '', ...after] = protocol.split('{service}').map(escaped);
    this.#form = new RegExp(`^${before}(.+)${after.join('\\1')}$`);
  }

  async load(): Promise<void> {}

  forget(): void {
    this.#isTold = false;
    this.#switched.clear();
  }

  async inspect(): Promise<string | null> {
    if (!this.#isTold || this.#client.downReason !== null) return null;
    const protocols = await listProtocols(this.#client).catch(() => []);
    const moved = protocols.filter(({name, state}) => {
      const before = this.#switched.get(name);
      return before !== undefined && before !== (offStates.has(state) ? 'off' : 'on');
    });
    if (moved.length === 0) return null;
    this.forget();
    return `${moved.map(({name}) => `protocol ${name}`).join(', ')} of BIRD switched by something else`;
  }

  async apply(
    routes: ReadonlyMap<Prefix, Route>,
    mayStay: (prefix: Prefix) => boolean,
    hasNews: () => boolean,
  ): Promise<Applied> {
    const kept: Prefix[] = [];
    const dropped: Prefix[] = [];
    const obstacles = new Map<Prefix, string>();
    const result = {kept, dropped, obstacles};
    try {
      const ours = (await listProtocols(this.#client)).filter(({name}) => this.#form.test(name));
      const names = new Set(ours.map(({name}) => name));
      const wanted = new Set<string>();
      for (const {prefix, owners} of routes.values()) {
        const own = owners.map((owner) => this.#nameFor(owner));
        for (const name of own) wanted.add(name);
        if (!own.some((name) => names.has(name))) {
          obstacles.set(prefix, `BIRD has no protocol ${own.join(' or ')}`);
        }
      }
      for (const protocol of ours) {
        const left = await this.#turn(protocol, wanted.has(protocol.name), mayStay);
        kept.push(...left.kept);
        dropped.push(...left.dropped);
      }
      if (this.#hasSwitched) await wakeUp(this.#client, this.#clock);
      this.#hasSwitched = false;
      this.#isTold = true;
      return {...result, failure: null, inEffect: !hasNews(), isPrepared: true};
    } catch (error) {
      if (error instanceof BirdError) {
        // Which protocols a BIRD enables when it starts is said in its own configuration.
        return {...result, failure: error.message, inEffect: false, isPrepared: true};
      }
      throw error;
    }
  }

  /** Answers which of the routes of a protocol that is not wanted stay, and which go. */
  async #turn(
    {name, state}: BirdProtocol,
    isWanted: boolean,
    mayStay: (prefix: Prefix) => boolean,
  ): Promise<Pick<Applied, 'kept' | 'dropped'>> {
    const nothing = {kept: [], dropped: []};
    const isOn = !offStates.has(state);
    if (isWanted) {
      if (!isOn) await this.#switch(name, 'enable');
      this.#switched.set(name, 'on');
      return nothing;
    }
    if (!isOn) {
      this.#switched.set(name, 'off');
      return nothing;
    }
    const reply = await this.#client.ask(`show route protocol ${quoteName(name)}`);
    const prefixes = parseRoutes(reply);
    // Ours of this life are never left: what the service no longer wants goes at once.
    if (!this.#switched.has(name) && prefixes.some(mayStay)) return {kept: prefixes, dropped: []};
    await this.#switch(name, 'disable');
    this.#switched.set(name, 'off');
    return {kept: [], dropped: prefixes};
  }

  async #switch(name: string, command: 'enable' | 'disable'): Promise<void> {
    const reply = await this.#client.ask(`${command} ${quoteName(name)}`);
    const failure = failureOf(reply);
    this.#hasSwitched = true;
    if (failure === null) return;
    throw new BirdError(
      reply.code === replyCode.ACCESS_DENIED
        ? 'BIRD denies it: the control socket is restricted to commands that change nothing'
        : `BIRD does not ${command} protocol ${name}: ${failure}`,
    );
  }

  #nameFor(service: ServiceName): string {
    return this.#pattern.replaceAll('{service}', service);
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
