/**
 * The embedded speaker as an announcer: hands every peer what it is to have, and tells what became of it. `installed`:
 * an established peer has taken the announcement; `removed`: no established peer has the prefix any more, as far as
 * the bytes of its withdrawal were taken by the sockets. A prefix that no peer is there for stays pending.
 */

import type {LifeBefore} from '../admin/life.js';
import {describePeerAdmin, phaseOf, takesRoutes} from '../admin/peer-orders.js';
import type {Bfd} from '../bfd/bfd.js';
import {CeaseSubcode} from '../bgp/wire/iana.js';
import {nothingPreserved, type Preserved} from '../bgp/wire/negotiate.js';
import {nlriOf} from '../bgp/wire/nlri.js';
import {cease} from '../bgp/wire/notification.js';
import type {BgpConfig, PeerConfig} from '../config/types.js';
import {type PeerAdminStatus, peerEnabled} from '../events/status.js';
import type {PeerConnector} from '../io/peer-socket.js';
import {atMost} from '../lib/at-most.js';
import {remember} from '../lib/collections.js';
import {familyOf, hostPrefix} from '../lib/prefix.js';
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
import {BgpPeer, lastWordsMs} from './bgp-peer.js';
import {RouteTable} from './route-table.js';

export interface BgpAnnouncerOptions {
  readonly config: BgpConfig;
  readonly routerId: IpAddress;
  /** The last gate: asked for every prefix before it goes to a peer. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether an address lies in a prefix of ours: never a source, never a next hop that was not configured. */
  readonly isOurs: (address: IpAddress) => boolean;
  readonly network: HostNetwork;
  readonly connector: PeerConnector;
  readonly bfd: Bfd;
  /** Absent: peers hold nothing from before this process began. */
  readonly lifeBefore?: LifeBefore;
  /** What people want of a peer now; ask again with `applyAdmin`. Absent: nothing. */
  readonly adminOf?: (peer: string) => PeerAdminStatus;
  readonly clock: Clock;
  readonly emit: Emit;
  /** In [0, 1). */
  readonly random?: () => number;
}

const STOP_TEXT = 'eip-health stops';
/** To a peer that was disabled without a reason. */
const DISABLED_TEXT = 'disabled by the operator of eip-health';

export class BgpAnnouncer implements Announcer {
  readonly name = 'bgp';
  readonly #options: BgpAnnouncerOptions;
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  /** By name, in the order of the configuration. */
  #peers: ReadonlyMap<string, BgpPeer>;
  #desired: Desired<Route> = {items: [], adopt: new Set(), complete: false};
  readonly #routes = new RouteTable();
  /** What the gate holds back. */
  readonly #refused = new Set<Prefix>();
  /** Prefixes with an event to come. */
  readonly #owed = new Set<Prefix>();
  /** Of those the ones that were told to have failed, and why: which does not end the waiting. */
  readonly #failed = new Map<Prefix, string>();
  /** NLRI, shared by all peers. */
  readonly #nlri = new Map<Prefix, Uint8Array>();
  /** Of those the ones to look at when the present turn has done what it does. */
  #due: Iterable<Prefix> | null = null;
  #started = false;
  #cancelNetwork: Cancel = () => undefined;

  constructor(options: BgpAnnouncerOptions) {
    this.#options = options;
    const preserved = preservedBy(options);
    // What the first set leaves out of these goes at once: its service is not there any more, or is not to be.
    this.#desired = {...this.#desired, adopt: new Set(options.lifeBefore?.addresses)};
    this.#peers = new Map(
      options.config.peers.map((config) => [config.name, this.#peerFor(config, preserved)]),
    );
  }

  /** Begins to connect. */
  async start(): Promise<void> {
    this.#started = true;
    this.#cancelNetwork = this.#options.network.on(() => {
      for (const peer of this.#peers.values()) peer.reroute();
      this.#settleSoon(this.#owed);
    });
    for (const peer of this.#peers.values()) peer.start();
  }

  set(desired: Desired<Route>): void {
    const {adopt} = this.#desired;
    this.#desired = desired;
    const touched = this.#routes.set(desired.items);
    for (const prefix of touched) {
      this.#owed.add(prefix);
      this.#failed.delete(prefix);
      this.#handOut(prefix);
    }
    // Its service has settled down: what peers hold of the life before goes now, the rest with End-of-RIB.
    for (const prefix of adopt) {
      if (desired.adopt.has(prefix) || this.#routes.has(prefix)) continue;
      for (const peer of this.#peers.values()) peer.lapse(prefix);
    }
    this.#flush();
    this.#settleSoon(touched);
  }

  /** `keep`: peers that agreed to graceful restart keep what they have; for the others it ends with the session. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    const peers = [...this.#peers.values()];
    this.#cancelNetwork();
    if (mode === 'withdraw') this.set({items: [], adopt: new Set(), complete: true});
    await atMost(this.#options.clock, lastWordsMs, Promise.all(peers.map((peer) => peer.sent())));
    const farewell = cease(CeaseSubcode.administrativeShutdown, STOP_TEXT);
    await Promise.all(peers.map((peer) => (mode === 'keep' ? peer.leave(farewell) : peer.stop(farewell))));
  }

  /** Goes by what people want of the peers now. */
  applyAdmin(): void {
    const changed = [...this.#peers.values()].filter((peer) => this.#administer(peer));
    if (changed.length === 0) return;
    for (const prefix of this.#routes.prefixes()) this.#handOut(prefix);
    this.#flush();
    this.#settleSoon(this.#owed);
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
      const keeper = peer && keepsAcross(peer, next) ? peer : null;
      const newcomer = this.#peerFor(next, keeper?.preserved ?? nothingPreserved);
      for (const prefix of keeper?.prefixes() ?? []) newcomer.lapse(prefix);
      const isSameRouter = peer?.config.address === next.address;
      const {otherConfigurationChange, peerDeconfigured} = CeaseSubcode;
      const farewell = cease(isSameRouter ? otherConfigurationChange : peerDeconfigured);
      if (peer) ending.push(keeper ? keeper.leave(farewell) : peer.stop(farewell));
      newcomers.push(newcomer);
      after.set(next.name, newcomer);
    }
    for (const [name, peer] of before) {
      if (!after.has(name)) ending.push(peer.stop(cease(CeaseSubcode.peerDeconfigured)));
    }
    this.#peers = after;
    // `allow` may have changed, too.
    for (const prefix of this.#routes.prefixes()) this.#handOut(prefix);
    this.#flush();
    this.#settleSoon(this.#owed);
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
    const prefixes = new Set([...this.#routes.prefixes(), ...peers.flatMap((peer) => [...peer.prefixes()])]);
    for (const prefix of prefixes) {
      const refused = this.#refused.has(prefix);
      const entries = peers.map((peer): [string, Json] => [
        peer.name,
        refused && !peer.holds(prefix) ? {state: 'failed'} : peer.describe(prefix),
      ]);
      items.set(prefix, Object.fromEntries(entries));
      const shortfalls = refused ? [refusal] : peers.flatMap((peer) => peer.shortfall(prefix) ?? []);
      if (!refused && this.#isHeldOut(prefix)) shortfalls.push(heldOut);
      if (shortfalls.length > 0) reasons.set(prefix, shortfalls.join('; '));
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #peerFor(config: PeerConfig, preserved: Preserved): BgpPeer {
    const {bfd, clock, connector, emit, isOurs, network, random = Math.random, routerId} = this.#options;
    const peer = new BgpPeer({
      config,
      preserved,
      routerId,
      connector,
      bfd,
      network,
      clock,
      random,
      emit,
      isOurs,
      encode: (prefix) => remember(this.#nlri, prefix, () => nlriOf(prefix)),
      onTaken: (prefix) => this.#settle(prefix),
      onChange: () => this.#settleSoon(this.#owed),
    });
    this.#administer(peer);
    return peer;
  }

  /** Whether anything has changed for the peer. */
  #administer(peer: BgpPeer): boolean {
    const admin = this.#options.adminOf?.(peer.name) ?? peerEnabled;
    const [from, to] = [peer.phase, phaseOf(admin)];
    if (from === to) return false;
    const reason = describePeerAdmin(admin);
    this.#options.emit({
      kind: 'note',
      level: 'info',
      message: `peer ${peer.name} ${to}: ${reason}`,
      fields: {peer: peer.name, from, to, reason},
    });
    peer.administer(to, cease(CeaseSubcode.administrativeShutdown, admin.reason ?? DISABLED_TEXT));
    return true;
  }

  /** Whether nobody gets a prefix because people do not want the peers that would to have any. */
  #isHeldOut(prefix: Prefix): boolean {
    const routes = this.#routes.of(prefix);
    const meant = [...this.#peers.values()].filter((peer) => routeFor(peer.name, routes) !== null);
    return meant.length > 0 && meant.every((peer) => !takesRoutes(peer.phase));
  }

  /** Tells every peer what it is to have of a prefix, unless the gate is closed to it. */
  #handOut(prefix: Prefix): void {
    const routes = this.#routes.of(prefix);
    const isAllowed = routes.length === 0 || this.#options.allowed(prefix);
    if (isAllowed === this.#refused.has(prefix)) this.#owed.add(prefix);
    if (isAllowed) this.#refused.delete(prefix);
    else this.#refused.add(prefix);
    if (routes.length === 0) this.#nlri.delete(prefix);
    for (const peer of this.#peers.values()) {
      peer.put(prefix, isAllowed && takesRoutes(peer.phase) ? routeFor(peer.name, routes) : null);
    }
  }

  #flush(): void {
    for (const peer of this.#peers.values()) peer.flush(this.#desired.complete);
  }

  /** Looks at prefixes that may have an event to come, once the present turn has done what it does. */
  #settleSoon(prefixes: Iterable<Prefix>): void {
    const isWaiting = this.#due !== null;
    this.#due = isWaiting ? this.#owed : prefixes;
    if (isWaiting) return;
    queueMicrotask(() => {
      const due = this.#due ?? [];
      this.#due = null;
      for (const prefix of due) this.#settle(prefix);
    });
  }

  /** Tells what became of a prefix, as it is now: so no event is ever late. */
  #settle(prefix: Prefix): void {
    if (!this.#owed.has(prefix)) return;
    const isRefused = this.#refused.has(prefix);
    const isWanted = this.#routes.has(prefix);
    if (isWanted && !isRefused && this.#someTook(prefix)) this.#tell({kind: 'installed', prefix});
    else if ((!isWanted || isRefused) && this.#someHold(prefix)) return;
    else if (!isWanted) this.#tell({kind: 'removed', prefix});
    else {
      this.#tellFailure(prefix, isRefused ? refusal : unreachable(prefix, [...this.#peers.values()]));
      return;
    }
    this.#owed.delete(prefix);
    this.#failed.delete(prefix);
  }

  #someTook(prefix: Prefix): boolean {
    for (const peer of this.#peers.values()) if (peer.hasTaken(prefix)) return true;
    return false;
  }

  #someHold(prefix: Prefix): boolean {
    for (const peer of this.#peers.values()) if (peer.holds(prefix)) return true;
    return false;
  }

  #tellFailure(prefix: Prefix, reason: string | null): void {
    if (reason === null || reason === this.#failed.get(prefix)) return;
    this.#failed.set(prefix, reason);
    this.#options.emit({kind: 'route-failed', prefix, to: this.name, reason});
    this.#tell({kind: 'failed', prefix, reason});
  }

  #tell(event: AnnouncerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

const refusal = 'not covered by `allow`';
const heldOut = 'every peer that it is for is drained or disabled';

/** Of several routes of one prefix the one that names the peer goes before the one for all. */
function routeFor(peer: string, routes: readonly Route[]): Route | null {
  const particular = routes.find(({peers}) => peers?.includes(peer));
  return particular ?? routes.find(({peers}) => peers === null) ?? null;
}

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

/** The forwarding state of a family is preserved while every address is there that the life before left. */
function preservedBy({lifeBefore, network}: BgpAnnouncerOptions): Preserved {
  if (!lifeBefore) return nothingPreserved;
  const here = new Set(network.addresses().map(({address}) => hostPrefix(address)));
  const lost = new Set(lifeBefore.addresses.filter((prefix) => !here.has(prefix)).map(familyOf));
  const forwarding = (['ipv4', 'ipv6'] as const).filter((family) => lifeBefore.adopted && !lost.has(family));
  return {restarted: true, forwarding};
}

/** Whether the peer keeps what it has over a change of the session: it is the same neighbor to it, and agrees to. */
function keepsAcross(peer: BgpPeer, next: PeerConfig): boolean {
  const {address, localAddress, localAs, remoteAs} = peer.config;
  return (
    peer.isEstablished &&
    peer.keepsRoutes &&
    next.gracefulRestart !== undefined &&
    address === next.address &&
    localAddress === next.localAddress &&
    localAs === next.localAs &&
    remoteAs === next.remoteAs
  );
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
    a.multihop === b.multihop &&
    a.gracefulRestart?.restartTimeMs === b.gracefulRestart?.restartTimeMs &&
    a.gracefulRestart?.longLivedMs === b.gracefulRestart?.longLivedMs
  );
}
