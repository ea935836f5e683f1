/** One peer of the embedded speaker: its session, what it is to have, and what is said about it. */

import type {PeerPhase} from '../admin/peer-orders.js';
import type {Bfd} from '../bfd/bfd.js';
import {AdjRibOut, type Standing} from '../bgp/adj-out.js';
import {Session} from '../bgp/session.js';
import type {Notification, Update} from '../bgp/wire/message.js';
import type {Preserved} from '../bgp/wire/negotiate.js';
import type {PeerConfig} from '../config/types.js';
import type {Ends, PeerConnector} from '../io/peer-socket.js';
import {atMost} from '../lib/at-most.js';
import {familyOf} from '../lib/prefix.js';
import type {
  Clock,
  Emit,
  HostNetwork,
  IpAddress,
  Json,
  PeerSnapshot,
  PeerWord,
  Prefix,
  Route,
  ServiceName,
} from '../types.js';
import {PeerBfd} from './bgp-peer-bfd.js';
import {familyNames, PeerNextHops} from './bgp-peer-next-hops.js';
import {describeRestart, inSeconds} from './bgp-peer-restart.js';
import {shortfallOf} from './bgp-peer-shortfall.js';
import {ttlTo} from './bgp-peer-ttl.js';

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

/** So long what is due may take before a session ends. */
export const lastWordsMs = 2_000;

export class BgpPeer {
  readonly #options: BgpPeerOptions;
  readonly #out: AdjRibOut;
  readonly #session: Session;
  readonly #nextHops: PeerNextHops;
  readonly #bfd: PeerBfd;
  #config: PeerConfig;
  /** What people want of it. */
  #phase: PeerPhase = 'enabled';
  /** The end of a session that was closed by hand. */
  #closing: Promise<void> = Promise.resolve();
  #started = false;
  #stopped = false;
  #complainedOfUpdates = false;

  constructor(options: BgpPeerOptions) {
    const {clock, config, connector, encode, random, routerId} = options;
    const {address, families, holdTimeMs, localAddress, localAs, password, port, remoteAs} = config;
    const gracefulRestart = config.gracefulRestart && inSeconds(config.gracefulRestart);
    this.#options = options;
    this.#config = config;
    this.#out = new AdjRibOut(encode);
    this.#nextHops = new PeerNextHops({...options, warn: (message) => this.#note(message)});
    this.#bfd = new PeerBfd(options, {
      pathDown: (reason) => this.#onPathDown(reason),
      connect: () => this.#connectNow(),
    });
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
        selfNextHop: (local) => this.#nextHops.at(local, this.#config),
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

  get phase(): PeerPhase {
    return this.#phase;
  }

  start(): void {
    this.#started = true;
    this.#run();
  }

  /**
   * Goes by what people want of it. While `draining` everything is announced as about to go; who is `disabled` is told
   * `farewell` behind what is due, and not called any more. What it is to have is for the caller to put.
   */
  administer(phase: PeerPhase, farewell: Notification): void {
    const before = this.#phase;
    this.#phase = phase;
    this.#out.shutDown(phase === 'draining');
    if (phase === 'disabled') this.#closing = this.#close(farewell);
    else if (before === 'disabled') void this.#closing.then(() => this.#run());
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
    this.#nextHops.complain(this.name, this.#out, this.#session.localAddress);
  }

  /** Takes what of a new configuration does not need a new session. */
  reconfigure(config: PeerConfig): void {
    const before = this.#config;
    this.#config = config;
    this.#session.setConnectRetry(config.connectRetryMs);
    this.#bfd.reconfigure(before, config, this.#mayRun);
    this.reroute();
  }

  /** This host's addresses, or the configured next hops, may have changed. */
  reroute(): void {
    const local = this.#session.localAddress;
    if (!local || !this.isEstablished) return;
    this.#out.reroute(this.#nextHops.at(local, this.#config));
    this.#session.wake();
    this.#nextHops.complain(this.name, this.#out, this.#session.localAddress);
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

  get #mayRun(): boolean {
    return this.#started && !this.#stopped && this.#phase !== 'disabled';
  }

  #run(): void {
    if (!this.#mayRun) return;
    this.#bfd.open(this.#config);
    this.#session.start();
  }

  async #close(farewell: Notification): Promise<void> {
    await atMost(this.#options.clock, lastWordsMs, this.#session.sent());
    if (this.#stopped || this.#phase !== 'disabled') return;
    await this.#session.stop(farewell);
    await this.#bfd.close();
  }

  async #end(notification: Notification | null): Promise<void> {
    this.#stopped = true;
    await this.#session.stop(notification);
    await this.#bfd.close();
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
    const family = familyOf(prefix);
    const {localAddress, state} = this.#session;
    return shortfallOf({
      word: this.#out.standing(prefix).word,
      peer: this.name,
      family: familyNames[family],
      state,
      lastError: this.#lastError,
      noNextHop: () => this.#nextHops.missing(family, localAddress),
    });
  }

  prefixes(): Iterable<Prefix> {
    return this.#out.prefixes();
  }

  snapshot(): PeerSnapshot {
    const {address, localAs, name, remoteAs} = this.#config;
    const {negotiated, received, since, state} = this.#session;
    const configured = typeof remoteAs === 'number' ? remoteAs : remoteAs === 'internal' ? localAs : null;
    return {
      name,
      address,
      remoteAs: negotiated?.remoteAs ?? configured,
      state,
      since,
      announced: this.#out.announced,
      received,
      lastError: this.#lastError,
      ...this.#bfd.snapshot,
      ...(this.#config.gracefulRestart && {
        gracefulRestart: describeRestart(this.#config.gracefulRestart, this.#session, this.#out.unended),
      }),
    };
  }

  get #lastError(): string | null {
    return this.isEstablished ? null : (this.#bfd.heldBack ?? this.#session.lastError);
  }

  /** Where BGP waited for BFD it does not sit out a timer on top. */
  #connectNow(): void {
    const {state} = this.#session;
    if (!this.#mayRun || state === 'open-sent' || state === 'open-confirm' || state === 'established') return;
    void this.#session.stop(null);
    this.#session.start();
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
      this.#nextHops.forget();
      this.#complainedOfUpdates = false;
      this.#nextHops.complain(this.name, this.#out, this.#session.localAddress);
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

  #objection(ends: Ends | null): string | null {
    const held = this.#bfd.heldBack;
    if (held !== null) return held;
    if (!ends || !this.#options.isOurs(ends.local)) return null;
    return `the kernel chose the source address ${ends.local}, which lies in one of our own prefixes: set local_address`;
  }

  #note(message: string): void {
    this.#options.emit({kind: 'note', level: 'warn', message, fields: {peer: this.name}});
  }
}
