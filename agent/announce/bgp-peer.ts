/** One peer of the embedded speaker: its session, what it is to have, and what is said about it. */

import type {Bfd, BfdHandle} from '../bfd/bfd.js';
import type {BfdChange} from '../bfd/messages.js';
import {AdjRibOut, type Standing} from '../bgp/adj-out.js';
import {Session} from '../bgp/session.js';
import type {Notification, Update} from '../bgp/wire/message.js';
import type {Preserved} from '../bgp/wire/negotiate.js';
import type {BfdConfig, PeerConfig} from '../config/types.js';
import type {Ends, PeerConnector} from '../io/peer-socket.js';
import {familyOf} from '../lib/prefix.js';
import type {
  Clock,
  Emit,
  HostNetwork,
  IpAddress,
  IpFamily,
  Json,
  PeerSnapshot,
  PeerWord,
  Prefix,
  Route,
  ServiceName,
} from '../types.js';
import {isSameBfd, targetOf, timersOf} from './bgp-peer-bfd.js';
import {describeRestart, inSeconds} from './bgp-peer-restart.js';
import {interfaceOf, type NextHops, selfNextHops} from './next-hop.js';

export interface BgpPeerOptions {
  readonly config: PeerConfig;
  /** What the peer may hold from before this object began. */
  readonly preserved: Preserved;
  readonly routerId: IpAddress;
  readonly connector: PeerConnector;
  readonly bfd: Bfd;
  readonly network: HostNetwork;
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: Emit;
  readonly isOurs: (address: IpAddress) => boolean;
  readonly encode: (prefix: Prefix) => Uint8Array;
  /** The peer took an announcement or a withdrawal of a prefix. */
  readonly onTaken: (prefix: Prefix) => void;
  /** A session was lost, or came up and something cannot be announced over it. */
  readonly onChange: () => void;
}

const multihopTtl = 64;
const familyNames = {ipv4: 'IPv4', ipv6: 'IPv6'} as const;

export class BgpPeer {
  readonly #options: BgpPeerOptions;
  readonly #out: AdjRibOut;
  readonly #session: Session;
  #config: PeerConfig;
  #bfd: BfdHandle | null = null;
  #stopped = false;
  /** What `self` stands for in the present session, or stood for in the last. */
  #self: NextHops = {ipv4: null, ipv6: null};
  /** Families whose missing next hop was complained about. */
  readonly #complained = new Set<IpFamily>();
  #complainedOfUpdates = false;

  constructor(options: BgpPeerOptions) {
    const {clock, config, connector, encode, random, routerId} = options;
    const {address, families, holdTimeMs, localAddress, localAs, password, port, remoteAs} = config;
    const gracefulRestart = config.gracefulRestart && inSeconds(config.gracefulRestart);
    this.#options = options;
    this.#config = config;
    this.#out = new AdjRibOut(encode);
    this.#session = new Session({
      settings: {
        local: {
          as: localAs,
          id: routerId,
          holdTimeS: Math.round(holdTimeMs / 1000),
          families,
          ...(gracefulRestart && {gracefulRestart}),
        },
        remoteAs,
        connectRetryMs: config.connectRetryMs,
        passive: false,
      },
      preserved: options.preserved,
      clock,
      random,
      out: this.#out,
      dial: {connector, target: {address, port, localAddress, ttl: ttlTo(config), password}},
      handlers: {
        state: (from, to, reason) => this.#onState(from, to, reason),
        selfNextHop: (local) => this.#nextHops(local),
        objection: (ends) => this.#objection(ends),
        news: {
          announced: (prefix, nextHop, owners) => this.#onAnnounced(prefix, nextHop, owners),
          withdrawn: (prefix, owners) => this.#onWithdrawn(prefix, owners),
        },
        update: (update) => this.#onUpdate(update),
      },
    });
  }

  get name(): string {
    return this.#config.name;
  }

  get config(): PeerConfig {
    return this.#config;
  }

  get isEstablished(): boolean {
    return this.#session.state === 'established';
  }

  start(): void {
    if (this.#stopped) return;
    this.#openBfd();
    this.#session.start();
  }

  /** What the peer is to have of one prefix; null: nothing. Goes out with the next `flush`. */
  put(prefix: Prefix, route: Route | null): void {
    this.#out.put(prefix, route);
  }

  /** An earlier life, or another session, may have announced it; it is not wanted now. Goes out with the next `flush`. */
  lapse(prefix: Prefix): void {
    if (this.#config.gracefulRestart) this.#out.lapse(prefix);
  }

  /** Sends what is due; behind a complete set also End-of-RIB. */
  flush(isComplete: boolean): void {
    this.#out.complete(isComplete);
    this.#session.wake();
    this.#complainOfNextHops();
  }

  /** Takes what of a new configuration does not need a new session. */
  reconfigure(config: PeerConfig): void {
    const before = this.#config;
    this.#config = config;
    this.#session.setConnectRetry(config.connectRetryMs);
    this.#reconfigureBfd(before.bfd);
    this.reroute();
  }

  /** This host's addresses, or the configured next hops, may have changed. */
  reroute(): void {
    const local = this.#session.localAddress;
    if (!local || !this.isEstablished) return;
    this.#out.reroute(this.#nextHops(local));
    this.#session.wake();
    this.#complainOfNextHops();
  }

  /** Resolves once the socket took everything that was due, or there is no session. */
  sent(): Promise<void> {
    return this.#session.sent();
  }

  /** For good. Resolves when the peer has closed its side too, or was given up on. */
  async stop(notification: Notification): Promise<void> {
    await this.#end(notification);
  }

  /** For good, too, but without a word where the peer keeps what it has: a NOTIFICATION would end that (RFC 4724 §4.2). */
  async leave(notification: Notification): Promise<void> {
    if (this.isEstablished && !this.keepsRoutes) {
      this.#note(
        `peer ${this.name} does not keep what is announced to it: graceful restart was not agreed on`,
      );
    }
    await this.#end(this.keepsRoutes ? null : notification);
  }

  /** Whether the peer keeps what it has when the session ends, as far as it has told. */
  get keepsRoutes(): boolean {
    if (!this.#config.gracefulRestart) return false;
    return !this.isEstablished || this.#session.negotiated?.gracefulRestart != null;
  }

  /** What it may have of the present session when the next one begins. */
  get preserved(): Preserved {
    return {restarted: false, forwarding: this.#config.families};
  }

  async #end(notification: Notification | null): Promise<void> {
    this.#stopped = true;
    await this.#session.stop(notification);
    await this.#bfd?.close();
  }

  /** Whether the peer has the prefix, or may have it once what is under way has arrived. */
  holds(prefix: Prefix): boolean {
    return this.#out.holds(prefix);
  }

  /** Whether the peer took the announcement that is wanted now. */
  hasTaken(prefix: Prefix): boolean {
    return this.#out.isAnnounced(prefix);
  }

  standing(prefix: Prefix): Standing {
    return this.#out.standing(prefix);
  }

  /** What `status` says of a prefix at this peer. */
  describe(prefix: Prefix): Json {
    const {word, nextHop} = this.#out.standing(prefix);
    if (word !== 'announced' && word !== 'pending') return {state: word};
    return {state: word, next_hop: nextHop, med: this.#out.wanted(prefix)?.med ?? null};
  }

  /** Why a prefix is not as wanted here; null: it is. */
  shortfall(prefix: Prefix): string | null {
    const {word} = this.#out.standing(prefix);
    const family = familyOf(prefix);
    switch (word) {
      case 'peer-down':
        return `peer ${this.name} is ${this.#session.state}: ${this.#session.lastError ?? 'no session yet'}`;
      case 'no-next-hop':
        return `peer ${this.name}: ${this.#missingNextHop(family)}`;
      case 'not-negotiated':
        return `peer ${this.name} does not take ${familyNames[family]} routes`;
      case 'failed':
        return `peer ${this.name}: the attributes are too long for an UPDATE`;
      case 'withdraw-pending':
        return `peer ${this.name} has not taken the withdrawal yet`;
      default:
        return null;
    }
  }

  prefixes(): Iterable<Prefix> {
    return this.#out.prefixes();
  }

  snapshot(): PeerSnapshot {
    const {address, localAs, name, remoteAs} = this.#config;
    const {lastError, negotiated, received, since, state} = this.#session;
    const configured = typeof remoteAs === 'number' ? remoteAs : remoteAs === 'internal' ? localAs : null;
    return {
      name,
      address,
      remoteAs: negotiated?.remoteAs ?? configured,
      state,
      since,
      announced: this.#out.announced,
      received,
      lastError,
      ...(this.#bfd && {bfd: this.#bfd.state}),
      ...(this.#config.gracefulRestart && {
        gracefulRestart: describeRestart(this.#config.gracefulRestart, this.#session, this.#out.unended),
      }),
    };
  }

  #openBfd(): void {
    const {bfd} = this.#config;
    if (bfd) this.#bfd = this.#options.bfd.open(targetOf(this.#config, bfd), (change) => this.#onBfd(change));
  }

  /** BGP does not wait for BFD, so that other intervals, or a new session, leave it alone. */
  #reconfigureBfd(before: BfdConfig | undefined): void {
    const {bfd: next} = this.#config;
    if (this.#bfd && before && next && isSameBfd(before, next)) {
      this.#bfd.configure(timersOf(next));
      return;
    }
    void this.#bfd?.close();
    this.#bfd = null;
    if (!this.#stopped) this.#openBfd();
  }

  #onBfd({byHand, from, reason, to}: BfdChange): void {
    if (from !== 'up' && to !== 'up') return;
    const isUp = to === 'up';
    this.#options.emit({
      kind: 'note',
      level: isUp ? 'info' : 'warn',
      message: `bfd session ${this.name} ${isUp ? 'up' : `down: ${reason ?? to}`}`,
      fields: {peer: this.name, from, to, ...(reason !== null && {reason})},
    });
    // RFC 5882 §3.2: a session that is down by hand says nothing about the path.
    if (!isUp && !byHand) this.#onPathDown(reason ?? to);
  }

  #onPathDown(reason: string): void {
    const {bfd, gracefulRestart} = this.#config;
    if (!bfd?.graceful || !gracefulRestart || !this.isEstablished) {
      this.#session.fail({cause: 'bfd-down', reason});
    } else if (this.keepsRoutes) {
      this.#session.leave(`BFD down: ${reason}`);
    } else {
      this.#note(
        `peer ${this.name} does not keep its routes while bfd is down: graceful restart was not agreed on`,
      );
      this.#session.fail({cause: 'bfd-down', reason});
    }
  }

  #onState(from: PeerWord, to: PeerWord, reason: string | null): void {
    const {emit, onChange} = this.#options;
    emit({kind: 'peer-state', peer: this.name, from, to, reason});
    if (to === 'established') {
      this.#complained.clear();
      this.#complainedOfUpdates = false;
      this.#complainOfNextHops();
      if (!this.keepsRoutes && this.#config.gracefulRestart) {
        this.#note(
          `peer ${this.name} does no graceful restart: what is announced to it goes with the session`,
        );
      }
    }
    if (from === 'established' || (to === 'established' && this.#out.lacksPath)) onChange();
  }

  #onAnnounced(prefix: Prefix, nextHop: IpAddress, owners: readonly ServiceName[]): void {
    this.#options.emit({kind: 'route-announced', prefix, to: this.name, nextHop, owners});
    this.#options.onTaken(prefix);
  }

  #onWithdrawn(prefix: Prefix, owners: readonly ServiceName[]): void {
    this.#options.emit({kind: 'route-withdrawn', prefix, to: this.name, owners});
    this.#options.onTaken(prefix);
  }

  /** RFC 7606 §8: errors that do not end the session are worth a line; one a session is enough. */
  #onUpdate({faults}: Update): void {
    const [fault] = faults;
    if (!fault || this.#complainedOfUpdates) return;
    this.#complainedOfUpdates = true;
    this.#note(`peer ${this.name} sends UPDATEs with errors that do not end the session: ${fault.reason}`);
  }

  #nextHops(local: IpAddress): NextHops {
    const {isOurs, network} = this.#options;
    this.#self = selfNextHops(local, {config: this.#config, addresses: network.addresses(), isOurs});
    return this.#self;
  }

  #objection(ends: Ends | null): string | null {
    if (!ends || !this.#options.isOurs(ends.local)) return null;
    return `the kernel chose the source address ${ends.local}, which lies in one of our own prefixes: set local_address`;
  }

  /** One warning for each family that cannot be announced for want of a next hop, until it can. */
  #complainOfNextHops(): void {
    for (const family of ['ipv4', 'ipv6'] as const) {
      if (!this.#out.lacksNextHop(family)) {
        if (this.#self[family] !== null) this.#complained.delete(family);
      } else if (!this.#complained.has(family)) {
        this.#complained.add(family);
        const what = `${familyNames[family]} routes are not announced to ${this.name}`;
        this.#note(`${what}: ${this.#missingNextHop(family)}`);
      }
    }
  }

  #missingNextHop(family: IpFamily): string {
    const local = this.#session.localAddress;
    const name = local && interfaceOf(local, this.#options.network.addresses());
    const where = name ? `interface ${name} has` : 'the interface of the session has';
    const key = family === 'ipv4' ? 'local_address4' : 'local_address6';
    return `${where} no global ${familyNames[family]} address for a next hop: set ${key}`;
  }

  #note(message: string): void {
    this.#options.emit({kind: 'note', level: 'warn', message, fields: {peer: this.name}});
  }
}

/** A direct external peer is one hop away, and what comes from further is none of its business. */
function ttlTo({localAs, multihop, remoteAs}: PeerConfig): number {
  const isInternal = remoteAs === 'internal' || remoteAs === localAs;
  return multihop ?? (isInternal ? multihopTtl : 1);
}
