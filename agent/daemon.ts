/** A running daemon: the agent with what it announces through, its configuration, and the commands it answers. */

import {createCheck} from '../checks/index.js';
import {doneOf, type HoldCommand, type HoldDone} from './admin/holds.js';
import type {LifeBefore} from './admin/life.js';
import {type PeerAnswer, type PeerCommand, peerCommands} from './admin/peer-request.js';
import {removedAdmin} from './admin/removed.js';
import {type AdminAnswer, type AdminCommand, adminCommands} from './admin/request.js';
import {Steering} from './admin/steering.js';
import {Agent} from './agent.js';
import {type Announcers, createAnnouncers, type DryRunScope} from './announcers.js';
import {ApiError} from './api/protocol.js';
import type {Handler} from './api/server.js';
import {diffConfig, keepUntilRestart, lines} from './config/diff.js';
import type {LoadResult} from './config/load.js';
import {formatProblem} from './config/report.js';
import type {Config, Problem} from './config/types.js';
import type {NetlinkClient} from './control/netlink-client.js';
import type {Log} from './events/log.js';
import {buildStatus, type Status} from './events/status.js';
import {isAnnouncedVip, vipsOf} from './events/vips.js';
import type {Cron} from './io/cron.js';
import {systemEffects} from './io/effects.js';
import {version} from './io/version.js';
import {addressGate, allowGate} from './lib/allow.js';
import {hostPrefix} from './lib/prefix.js';
import {prefixesOf} from './service/contribution.js';
import type {Clock, Emit, HostNetwork, IpAddress, JsonObject, Prefix, ServiceName} from './types.js';

export interface DaemonOptions {
  readonly loaded: LoadResult & {readonly config: Config};
  /** Reads the configuration again, beside the one that is in force. */
  readonly load: (previous: Config) => LoadResult;
  readonly mode: Status['mode'];
  readonly cron: Cron;
  readonly dryRun: DryRunScope;
  readonly adopt: boolean;
  /** null: there was none that left anything. */
  readonly lifeBefore: LifeBefore | null;
  readonly routerId: IpAddress | null;
  readonly bootId: string;
  readonly network: HostNetwork;
  readonly client: NetlinkClient;
  readonly log: Log;
  readonly clock: Clock;
  readonly emit: Emit;
  /** ExaBGP, whose process this is, has ended. */
  readonly onExabgpEnd: () => void;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #announcers: Announcers;
  readonly #agent: Agent;
  readonly #steering: Steering;
  readonly #since: number;
  #loadedAt: number;
  #loaded: DaemonOptions['loaded'];
  /** Of the last attempt to read the configuration, also of one that changed nothing. */
  #problems: readonly Problem[];
  #gates: Gates;
  #ours: ReadonlySet<Prefix>;
  /** The start, then one reload after the other. */
  #reloading: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(options: DaemonOptions) {
    const {adopt, bootId, client, clock, dryRun, emit, lifeBefore, loaded, network, onExabgpEnd, routerId} =
      options;
    const {config} = loaded;
    this.#options = options;
    this.#loaded = loaded;
    this.#problems = loaded.problems;
    this.#since = clock.wallMs();
    this.#loadedAt = this.#since;
    this.#gates = gatesOf(config);
    this.#ours = oursOf(config);
    const steering = new Steering({
      stateDir: config.stateDir,
      clock,
      emit,
      onChange: () => this.#agent.applyAdmin(),
      onPeerChange: () => this.#announcers.applyPeerAdmin(),
    });
    steering.follow(config.services);
    this.#steering = steering;
    this.#announcers = createAnnouncers({
      config,
      dryRun,
      routerId,
      bootId,
      lifeBefore,
      network,
      client,
      clock,
      emit,
      onExabgpEnd,
      allowed: (prefix) => this.#gates.route(prefix),
      allowedAddress: (prefix) => this.#gates.address(prefix),
      isManaged: (prefix) => this.#isOurs(prefix),
      isOurs: (address) => this.#isOurs(hostPrefix(address)),
      peerAdminOf: (peer) => steering.peerOrders.of(peer),
    });
    const {addresses, announcers} = this.#announcers;
    this.#agent = new Agent({
      config,
      effects: systemEffects(),
      cron: options.cron,
      createCheck,
      addresses,
      announcers,
      adopt,
      adminOf: steering.adminOf,
      held: steering.held,
      emit,
    });
  }

  /** What the control socket answers. */
  readonly handlers: Readonly<Record<string, Handler>> = {
    status: () => this.status(),
    reload: async () => ({lines: await this.reload()}),
    'vip-add': (args) => this.#hold('vip-add', args),
    'vip-del': (args) => this.#hold('vip-del', args),
    ...Object.fromEntries(
      (Object.keys(adminCommands) as AdminCommand[]).map((command) => [
        command,
        (args: JsonObject) => this.#order(command, args),
      ]),
    ),
    ...Object.fromEntries(
      (Object.keys(peerCommands) as PeerCommand[]).map((command) => [
        command,
        (args: JsonObject) => this.#orderPeers(command, args),
      ]),
    ),
  };

  /** A reload that comes meanwhile waits for its end. */
  start(): Promise<void> {
    const started = this.#start();
    this.#reloading = started.catch(() => {});
    return started;
  }

  async #start(): Promise<void> {
    await this.#announcers.start();
    await this.#agent.start();
    this.#steering.start();
    // What has begun or ended while it started.
    this.#agent.applyAdmin();
    this.#announcers.applyPeerAdmin();
  }

  /** After a start that failed, too: takes off what it had put on. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    this.#stopping = true;
    this.#steering.stop();
    await this.#agent.stop(mode);
    this.#announcers.stop();
  }

  /** Our addresses that are on the interface now. */
  get addresses(): readonly Prefix[] {
    const items = this.#announcers.addresses?.snapshot().items ?? [];
    return [...items].filter(([, word]) => word === 'installed').map(([prefix]) => prefix);
  }

  /** What a stop leaves, as the configuration says now. */
  get onStop(): Config['onStop'] {
    return this.#loaded.config.onStop;
  }

  checkNow(): void {
    this.#agent.checkNow();
  }

  status(): Status {
    const {clock, routerId} = this.#options;
    const {addresses, announcers} = this.#announcers;
    const configured = new Set(this.#loaded.config.services.map(({name}) => name));
    return buildStatus({
      version,
      mode: this.#options.mode,
      routerId,
      since: this.#since,
      now: clock.wallMs(),
      config: {loadedAt: this.#loadedAt, errors: this.#problems},
      services: this.#agent.services,
      adminOf: ({name, ...service}) => ({
        ...(configured.has(name) ? this.#steering.orders.of({name, ...service}) : removedAdmin),
        drain_until: this.#drainUntil(name),
      }),
      held: this.#steering.orders.held(),
      plan: this.#agent.plan,
      kernelAddresses: addresses?.snapshot() ?? null,
      announcers: announcers.map((announcer) => ({name: announcer.name, snapshot: announcer.snapshot()})),
      peers: this.#announcers.peers(),
      peerAdminOf: (peer) => this.#steering.peerOrders.of(peer),
      load: this.#agent.load,
    });
  }

  #order(command: AdminCommand, args: JsonObject): AdminAnswer {
    if (this.#stopping) throw new ApiError(1, 'eip-health is stopping: nothing is changed any more');
    const {services} = this.#steering.order(command, args, this.#loaded.config.services);
    this.#agent.applyAdmin();
    return {
      services: services.map(({admin, name}) => ({
        name,
        admin: {...admin, drain_until: this.#drainUntil(name)},
      })),
    };
  }

  /** Until when a service is still announced as its `drain` says. */
  #drainUntil(name: ServiceName): string | null {
    const leftMs = this.#agent.drainLeftMs(name);
    return leftMs === null ? null : new Date(this.#options.clock.wallMs() + leftMs).toISOString();
  }

  #orderPeers(command: PeerCommand, args: JsonObject): PeerAnswer {
    if (this.#stopping) throw new ApiError(1, 'eip-health is stopping: nothing is changed any more');
    const states = new Map(this.#announcers.peers().map(({name, state}) => [name, state]));
    const answer = this.#steering.orderPeers(
      command,
      args,
      this.#loaded.config,
      (peer) => states.get(peer) === 'established',
    );
    this.#announcers.applyPeerAdmin();
    return answer;
  }

  /** Of a service, or of one that a reload took out and that still drains. */
  #isOurs(prefix: Prefix): boolean {
    return this.#ours.has(prefix) || this.#agent.isLeaving(prefix);
  }

  /** The answer says what became of them, once what was to go is gone, or `step_timeout` is over. */
  async #hold(command: HoldCommand, args: JsonObject): Promise<HoldDone> {
    if (this.#stopping) throw new ApiError(1, 'eip-health is stopping: nothing is changed any more');
    const {config} = this.#loaded;
    const services = this.#agent.services.map((service) => service.config);
    const before = vipsOf(this.status()).filter(isAnnouncedVip);
    const answer = this.#steering.hold(command, args, config, services);
    this.#agent.applyAdmin();
    await this.#agent.quiet(config.stepTimeoutMs);
    return doneOf(answer, vipsOf(this.status()), new Set(before.map(({prefix}) => prefix)));
  }

  /** Reads the configuration again; the answer says what changes. Throws `ApiError`: 3 when the main file is broken. */
  reload(): Promise<readonly string[]> {
    const reloaded = this.#reloading.then(() => this.#reload());
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(): Promise<readonly string[]> {
    const {emit, load, log} = this.#options;
    if (this.#stopping) throw new ApiError(1, 'eip-health is stopping: nothing is reloaded any more');
    const before = this.#loaded.config;
    const loaded = load(before);
    this.#problems = loaded.problems;
    for (const problem of loaded.problems) {
      emit({
        kind: 'note',
        level: problem.severity === 'error' ? 'error' : 'warn',
        message: `configuration: ${formatProblem(problem)}`,
        fields: {},
      });
    }
    if (loaded.config === null) {
      const what = 'the configuration is broken, everything is kept as it was';
      emit({kind: 'note', level: 'error', message: `reload: ${what}`, fields: {}});
      throw new ApiError(3, `${what}:\n${loaded.problems.map(formatProblem).join('\n')}`);
    }
    const said = lines(diffConfig(before, loaded.config));
    const config = keepUntilRestart(before, loaded.config);
    for (const line of said) emit({kind: 'note', level: 'info', message: `reload: ${line}`, fields: {}});
    this.#loaded = {...loaded, config};
    this.#loadedAt = this.#options.clock.wallMs();
    // Until the new prefixes are in, the old ones are ours as well.
    this.#gates = gatesOf(config);
    this.#ours = new Set([...oursOf(before), ...oursOf(config)]);
    log.configure(config.log);
    this.#announcers.reconfigure(config);
    this.#steering.follow(config.services);
    await this.#agent.reload(config);
    this.#ours = oursOf(config);
    return [...said, ...loaded.problems.map(formatProblem)];
  }
}

function oursOf(config: Config): ReadonlySet<Prefix> {
  return new Set(config.services.flatMap(prefixesOf));
}

interface Gates {
  readonly route: (prefix: Prefix) => boolean;
  readonly address: (prefix: Prefix) => boolean;
}

function gatesOf({allow}: Config): Gates {
  return {route: allowGate(allow), address: addressGate(allow)};
}
