/**
 * The embedded speaker as an announcer: hands every peer what it is to have, and tells what became of it. `installed`:
 * an established peer has taken the announcement; `removed`: no established peer has the prefix any more, as far as
 * the bytes of its withdrawal were taken by the sockets. A prefix that no peer is there for stays pending.
 */

import {CeaseSubcode} from '../bgp/wire/iana.js';
import {nlriOf} from '../bgp/wire/nlri.js';
import {cease} from '../bgp/wire/notification.js';
import type {BgpConfig, PeerConfig} from '../config/types.js';
import type {PeerConnector} from '../io/peer-socket.js';
import {pushTo, remember} from '../lib/collections.js';
import type {
  Announcer,
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  HostNetwork,
  IpAddress,
  Json,
  PeerSnapshot,
  Prefix,
  Route,
} from '../types.js';
import {BgpPeer} from './bgp-peer.js';

export interface BgpAnnouncerOptions {
  readonly config: BgpConfig;
  readonly routerId: IpAddress;
  /** The last gate: asked for every prefix before it goes to a peer. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether an address lies in a prefix of ours: never a source, never a next hop that was not configured. */
  readonly isOurs: (address: IpAddress) => boolean;
  readonly network: HostNetwork;
  readonly connector: PeerConnector;
  readonly clock: Clock;
  readonly emit: Emit;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** So long the last withdrawals may take when stopping. */
const WITHDRAW_MS = 2_000;
const STOP_TEXT = 'eip-health stops';

export class BgpAnnouncer implements Announcer {
  readonly name = 'bgp';
  readonly #options: BgpAnnouncerOptions;
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  /** By name, in the order of the configuration. */
  #peers: ReadonlyMap<string, BgpPeer>;
  #desired: Desired<Route> = {items: [], adopt: new Set(), complete: false};
  #routes: ReadonlyMap<Prefix, readonly Route[]> = new Map();
  #refused: ReadonlySet<Prefix> = new Set();
  /** Prefixes with an event to come; `failed` is told once, and does not end the waiting. */
  readonly #owed = new Map<Prefix, {toldFailure: string | null}>();
  /** NLRI, shared by all peers. */
  readonly #nlri = new Map<Prefix, Uint8Array>();
  #settling = false;
  #started = false;
  #cancelNetwork: Cancel = () => undefined;

  constructor(options: BgpAnnouncerOptions) {
    this.#options = options;
    this.#peers = new Map(options.config.peers.map((config) => [config.name, this.#peerFor(config)]));
  }

  /** Begins to connect. */
  async start(): Promise<void> {
    this.#started = true;
    this.#cancelNetwork = this.#options.network.on(() => {
      for (const peer of this.#peers.values()) peer.reroute();
      this.#settleSoon();
    });
    for (const peer of this.#peers.values()) peer.start();
  }

  set(desired: Desired<Route>): void {
    const before = this.#routes;
    this.#desired = desired;
    this.#sortOut();
    for (const prefix of before.keys()) if (!this.#routes.has(prefix)) this.#owe(prefix);
    for (const [prefix, routes] of this.#routes) {
      const old = before.get(prefix);
      if (old?.length !== routes.length || routes.some((route, i) => route !== old[i])) this.#owe(prefix);
    }
    this.#handOut();
  }

  /** `keep` cannot keep what the peers have (that takes graceful restart): the sessions end all the same. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    const peers = [...this.#peers.values()];
    this.#cancelNetwork();
    if (mode === 'withdraw') {
      this.set({items: [], adopt: new Set(), complete: true});
      await this.#atMost(WITHDRAW_MS, Promise.all(peers.map((peer) => peer.sent())));
    }
    await Promise.all(peers.map((peer) => peer.stop(cease(CeaseSubcode.administrativeShutdown, STOP_TEXT))));
  }

  /** Takes a new configuration. Only what the peer must learn from an OPEN, or the socket, bounces a session. */
  reconfigure(config: BgpConfig): void {
    const before = this.#peers;
    const after = new Map<string, BgpPeer>();
    const newcomers: BgpPeer[] = [];
    const ending: Promise<void>[] = [];
    for (const next of config.peers) {
      const peer = before.get(next.name);
      if (peer && isSameSession(peer.config, next)) {
        peer.reconfigure(next);
        after.set(next.name, peer);
        continue;
      }
      if (peer) ending.push(peer.stop(cease(CeaseSubcode.otherConfigurationChange)));
      const newcomer = this.#peerFor(next);
      newcomers.push(newcomer);
      after.set(next.name, newcomer);
    }
    for (const [name, peer] of before) {
      if (!after.has(name)) ending.push(peer.stop(cease(CeaseSubcode.peerDeconfigured)));
    }
    this.#peers = after;
    this.#sortOut();
    this.#handOut();
    // One connection at a time: a router takes a second one for a collision (RFC 4271 §6.8).
    void Promise.all(ending).then(() => {
      if (this.#started) for (const newcomer of newcomers) newcomer.start();
    });
  }

  peers(): readonly PeerSnapshot[] {
    return [...this.#peers.values()].map((peer) => peer.snapshot());
  }

  snapshot(): AnnouncerSnapshot {
    const peers = [...this.#peers.values()];
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    const prefixes = new Set([...this.#routes.keys(), ...peers.flatMap((peer) => [...peer.prefixes()])]);
    for (const prefix of prefixes) {
      const refused = this.#refused.has(prefix);
      const entries = peers.map((peer): [string, Json] => [
        peer.name,
        refused && !peer.holds(prefix) ? {state: 'failed'} : peer.describe(prefix),
      ]);
      items.set(prefix, Object.fromEntries(entries));
      const shortfalls = refused ? [refusal] : peers.flatMap((peer) => peer.shortfall(prefix) ?? []);
      if (shortfalls.length > 0) reasons.set(prefix, shortfalls.join('; '));
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #peerFor(config: PeerConfig): BgpPeer {
    const {clock, connector, emit, isOurs, network, random = Math.random, routerId} = this.#options;
    return new BgpPeer({
      config,
      routerId,
      connector,
      network,
      clock,
      random,
      emit,
      isOurs,
      encode: (prefix) => remember(this.#nlri, prefix, () => nlriOf(prefix)),
      onTaken: (prefix) => this.#settle(prefix),
      onChange: () => this.#settleSoon(),
    });
  }

  /** The desired set by prefix, less what is not allowed. */
  #sortOut(): void {
    const routes = new Map<Prefix, Route[]>();
    const refused = new Set<Prefix>();
    for (const route of this.#desired.items) {
      pushTo(routes, route.prefix, route);
      if (!this.#options.allowed(route.prefix)) refused.add(route.prefix);
    }
    for (const prefix of this.#nlri.keys()) if (!routes.has(prefix)) this.#nlri.delete(prefix);
    this.#routes = routes;
    this.#refused = refused;
  }

  #handOut(): void {
    const {complete} = this.#desired;
    const common = new Map<Prefix, Route>();
    const particular: Prefix[] = [];
    for (const [prefix, routes] of this.#routes) {
      if (this.#refused.has(prefix)) continue;
      const [route] = routes;
      if (route && routes.length === 1 && route.peers === null) common.set(prefix, route);
      else particular.push(prefix);
    }
    for (const peer of this.#peers.values()) {
      peer.set(particular.length === 0 ? common : this.#with(common, particular, peer.name), complete);
    }
    this.#settleSoon();
  }

  /** Of several routes of one prefix the one that names the peer goes before the one for all. */
  #with(common: ReadonlyMap<Prefix, Route>, particular: readonly Prefix[], peer: string): Map<Prefix, Route> {
    const all = new Map(common);
    for (const prefix of particular) {
      const routes = this.#routes.get(prefix) ?? [];
      const route =
        routes.find(({peers}) => peers?.includes(peer)) ?? routes.find(({peers}) => peers === null);
      if (route) all.set(prefix, route);
    }
    return all;
  }

  #owe(prefix: Prefix): void {
    this.#owed.set(prefix, {toldFailure: null});
  }

  /** Looks at everything that has an event to come, once the present turn has done what it does. */
  #settleSoon(): void {
    if (this.#settling) return;
    this.#settling = true;
    queueMicrotask(() => {
      this.#settling = false;
      for (const prefix of this.#owed.keys()) this.#settle(prefix);
    });
  }

  /** Tells what became of a prefix, as it is now: so no event is ever late. */
  #settle(prefix: Prefix): void {
    const owed = this.#owed.get(prefix);
    if (!owed) return;
    const peers = [...this.#peers.values()];
    const isWanted = this.#routes.has(prefix) && !this.#refused.has(prefix);
    if (!isWanted && peers.some((peer) => peer.holds(prefix))) return;
    if (!this.#routes.has(prefix)) this.#tell({kind: 'removed', prefix});
    else if (isWanted && peers.some((peer) => peer.standing(prefix).word === 'announced')) {
      this.#tell({kind: 'installed', prefix});
    } else {
      this.#tellFailure(prefix, owed, peers);
      return;
    }
    this.#owed.delete(prefix);
  }

  /** A failure is what every peer that the prefix is for has told us, or the gate. */
  #tellFailure(prefix: Prefix, owed: {toldFailure: string | null}, peers: readonly BgpPeer[]): void {
    const reason = this.#refused.has(prefix) ? refusal : unreachable(prefix, peers);
    if (reason === null || reason === owed.toldFailure) return;
    owed.toldFailure = reason;
    this.#options.emit({kind: 'route-failed', prefix, to: this.name, reason});
    this.#tell({kind: 'failed', prefix, reason});
  }

  #tell(event: AnnouncerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      void work.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

const refusal = 'not covered by `allow`';

/** Why no peer can take a prefix; null while one still may. */
function unreachable(prefix: Prefix, peers: readonly BgpPeer[]): string | null {
  const meant = peers.filter((peer) => peer.standing(prefix).word !== 'not-wanted');
  const stuck = meant.filter((peer) => {
    const {word} = peer.standing(prefix);
    return word === 'no-next-hop' || word === 'not-negotiated' || word === 'failed';
  });
  if (stuck.length === 0 || stuck.length < meant.length) return null;
  return stuck.map((peer) => peer.shortfall(prefix)).join('; ');
}

/** What bounces a session when it changes (CONTRACT "Reload"). */
function isSameSession(a: PeerConfig, b: PeerConfig): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.localAddress === b.localAddress &&
    a.localAs === b.localAs &&
    a.remoteAs === b.remoteAs &&
    (a.password === null ? b.password === null : a.password.equals(b.password)) &&
    a.families.join() === b.families.join() &&
    a.holdTimeMs === b.holdTimeMs &&
    a.multihop === b.multihop
  );
}
