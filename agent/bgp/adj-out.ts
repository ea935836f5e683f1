/**
 * Adj-RIB-Out (RFC 4271 §3.2) of one peer: what it is to have, what it has been sent, and the UPDATEs that make the
 * second into the first. Nothing here writes: `next` gives the bytes, `taken` is told when the socket took them.
 */

import {familyOf} from '../lib/prefix.js';
import type {IpAddress, IpFamily, Prefix, Route, ServiceName} from '../types.js';
import {type Entry, type Group, isHeld, newEntry, take} from './adj-out-entry.js';
import {Groups} from './adj-out-groups.js';
import type {NoPath, Path, PeerFacts} from './adj-out-path.js';
import {Queue} from './adj-out-queue.js';
import {nlriOf} from './wire/nlri.js';
import {endOfRib, packAnnounce, packWithdraw} from './wire/pack.js';

/** Some UPDATEs in a row; hand it back to `taken` when its bytes are out. */
export interface Batch {
  readonly messages: readonly Uint8Array[];
  readonly withdrawn: readonly Entry[];
  readonly announced: readonly {readonly path: Path; readonly entries: readonly Entry[]}[];
}

/** Told of what is new on the wire; not of what was sent a second time. */
export interface WireNews {
  announced(prefix: Prefix, nextHop: IpAddress, owners: readonly ServiceName[]): void;
  withdrawn(prefix: Prefix, owners: readonly ServiceName[]): void;
}

/** One prefix's standing with one peer. */
export interface Standing {
  readonly word: 'not-wanted' | 'peer-down' | 'pending' | 'announced' | 'withdraw-pending' | NoPath;
  readonly nextHop: IpAddress | null;
}

const families = ['ipv4', 'ipv6'] as const satisfies readonly IpFamily[];

export class AdjRibOut {
  readonly #encode: (prefix: Prefix) => Uint8Array;
  readonly #entries = new Map<Prefix, Entry>();
  readonly #groups = new Groups();
  readonly #withdraws: Record<IpFamily, Queue<Entry>> = {ipv4: new Queue(), ipv6: new Queue()};
  /** Groups with something in their queue. */
  readonly #busy: Record<IpFamily, Set<Group>> = {ipv4: new Set(), ipv6: new Set()};
  readonly #endOfRibDue = new Set<IpFamily>();
  #facts: PeerFacts | null = null;
  #shutsDown = false;
  #complete = false;
  #wanted = 0;
  #announced = 0;

  /** `encode` gives a prefix's NLRI; several peers may share one that remembers. */
  constructor(encode: (prefix: Prefix) => Uint8Array = nlriOf) {
    this.#encode = encode;
  }

  /** Prefixes that the socket took announcements of and no withdrawal. */
  get announced(): number {
    return this.#announced;
  }

  /** The whole of what the peer is to have. */
  want(desired: ReadonlyMap<Prefix, Route>): void {
    for (const [prefix, route] of desired) this.put(prefix, route);
    if (this.#wanted === desired.size) return;
    for (const {prefix, route} of this.#entries.values()) {
      if (route && !desired.has(prefix)) this.put(prefix, null);
    }
  }

  /** What the peer is to have of one prefix; null: nothing. */
  put(prefix: Prefix, route: Route | null): void {
    const entry = this.#entries.get(prefix);
    if (route) {
      if (entry?.route !== route) this.#put(entry ?? this.#add(prefix), route);
    } else if (entry?.route) {
      this.#drop(entry);
    }
  }

  /** Whether the desired set is all there will be for now: then End-of-RIB goes out behind it (RFC 4724 §2), once a session. */
  complete(isComplete: boolean): void {
    this.#complete = isComplete;
  }

  /**
   * An earlier life may have announced it, and this one does not: a peer that still has it is told so. What it is told
   * nothing of goes at its end with End-of-RIB, which waits for every service there is.
   */
  lapse(prefix: Prefix): void {
    const known = this.#entries.get(prefix);
    if (known?.route || (this.#facts && !this.#mayBeStale(familyOf(prefix), this.#facts))) return;
    const entry = known ?? this.#add(prefix);
    entry.stale = true;
    this.#place(entry);
  }

  /** A session begins: the peer has nothing, or, after graceful restart, what is stale. */
  up(facts: PeerFacts): void {
    this.#facts = {...facts, shutsDown: this.#shutsDown};
    this.#endOfRibDue.clear();
    for (const family of facts.negotiated.families) this.#endOfRibDue.add(family);
    this.#groups.meet(this.#facts);
    for (const entry of this.#entries.values()) {
      entry.stale &&= this.#mayBeStale(entry.family, facts);
      this.#place(entry);
      this.#forgetIfGone(entry);
    }
  }

  /** The session is over, and with it all that the peer had, unless it agreed to keep it. */
  down(): void {
    const isKept = this.#facts?.negotiated.gracefulRestart != null;
    this.#facts = null;
    this.#groups.meet(null);
    this.#announced = 0;
    for (const entry of this.#entries.values()) {
      entry.stale = isKept && isHeld(entry);
      this.#unqueue(entry);
      entry.handed = null;
      entry.taken = null;
      entry.underWay = 0;
      entry.again = false;
      this.#forgetIfGone(entry);
    }
  }

  /** The addresses that `self` stands for may have changed: what they change goes out again, nothing else. */
  reroute(selfNextHop: PeerFacts['selfNextHop']): void {
    if (this.#facts) this.#learn({...this.#facts, selfNextHop});
  }

  /** Whether all that the peer has is about to be withdrawn, and is announced so (RFC 8326), in sessions to come too. */
  shutDown(shutsDown: boolean): void {
    this.#shutsDown = shutsDown;
    if (this.#facts) this.#learn({...this.#facts, shutsDown});
  }

  /** What a changed fact changes goes out again. */
  #learn(facts: PeerFacts): void {
    this.#facts = facts;
    const changed = this.#groups.meet(facts);
    if (changed.size === 0) return;
    for (const entry of this.#entries.values()) if (changed.has(entry.group)) this.#place(entry);
  }

  /** RFC 2918: everything of a family once more. */
  refresh(family: IpFamily): void {
    for (const entry of this.#entries.values()) {
      if (entry.family !== family || !entry.handed || !entry.route) continue;
      entry.again = true;
      this.#place(entry);
    }
  }

  /** The next UPDATEs, withdrawals first, with about `limit` octets of prefixes; null when there is nothing to say. */
  next(limit: number): Batch | null {
    if (!this.#facts) return null;
    const messages: Uint8Array[] = [];
    const emit = (message: Uint8Array) => void messages.push(message);
    const withdrawn: Entry[] = [];
    const announced: {path: Path; entries: Entry[]}[] = [];
    let left = limit;
    for (const family of families) {
      const {entries, nlri, octets} = take(this.#withdraws[family], left);
      if (entries.length === 0) continue;
      handOut(entries, null);
      packWithdraw(family, nlri, emit);
      left -= octets;
      withdrawn.push(...entries);
    }
    for (const family of families) {
      for (const group of this.#busy[family]) {
        if (left <= 0) break;
        const {path} = group;
        const {entries, nlri, octets} = take(group.queue, left);
        if (group.queue.size === 0) this.#busy[family].delete(group);
        if (typeof path === 'string' || entries.length === 0) continue;
        handOut(entries, path);
        packAnnounce(family, path.attributes, path.nextHopBytes, nlri, emit);
        left -= octets;
        announced.push({path, entries});
      }
      if (this.#complete && this.#busy[family].size === 0 && this.#endOfRibDue.delete(family)) {
        emit(endOfRib(family));
      }
    }
    return messages.length === 0 ? null : {messages, withdrawn, announced};
  }

  /** The socket took a batch of the present session. */
  taken(batch: Batch, news: WireNews): void {
    for (const entry of batch.withdrawn) {
      entry.underWay--;
      if (entry.taken) {
        entry.taken = null;
        this.#announced--;
        news.withdrawn(entry.prefix, entry.owners);
      }
      this.#forgetIfGone(entry);
    }
    for (const {path, entries} of batch.announced) {
      for (const entry of entries) {
        entry.underWay--;
        if (entry.taken === path) continue;
        if (!entry.taken) this.#announced++;
        entry.taken = path;
        news.announced(entry.prefix, path.nextHop, entry.owners);
      }
    }
  }

  /** Whether something is wanted that cannot be announced over the present session. */
  get lacksPath(): boolean {
    return this.#groups.some(({path}) => typeof path === 'string');
  }

  /** Whether some prefix of a family cannot be announced for want of a next hop. */
  lacksNextHop(family: IpFamily): boolean {
    return this.#groups.some((group) => group.family === family && group.path === 'no-next-hop');
  }

  /** What is wanted of a prefix. */
  wanted(prefix: Prefix): Route | null {
    return this.#entries.get(prefix)?.route ?? null;
  }

  /** Whether the peer has the prefix, or may have it once what is under way has arrived. */
  holds(prefix: Prefix): boolean {
    const entry = this.#entries.get(prefix);
    return entry !== undefined && isHeld(entry);
  }

  /** Whether the socket took the announcement that is wanted now. */
  isAnnounced(prefix: Prefix): boolean {
    const entry = this.#entries.get(prefix);
    return entry?.taken != null && entry.taken === entry.group?.path;
  }

  standing(prefix: Prefix): Standing {
    const entry = this.#entries.get(prefix);
    if (!entry) return {word: 'not-wanted', nextHop: null};
    const nextHop = entry.taken?.nextHop ?? entry.handed?.nextHop ?? null;
    const held = isHeld(entry);
    if (!entry.route || !entry.group) return {word: held ? 'withdraw-pending' : 'not-wanted', nextHop};
    if (!this.#facts) return {word: 'peer-down', nextHop: null};
    const {path} = entry.group;
    if (typeof path === 'string') return {word: held ? 'withdraw-pending' : path, nextHop};
    return {word: entry.taken === path ? 'announced' : 'pending', nextHop: path.nextHop};
  }

  /** Prefixes that are wanted, withdrawn or announced, in no particular order. */
  *prefixes(): IterableIterator<Prefix> {
    for (const entry of this.#entries.values()) if (entry.route || isHeld(entry)) yield entry.prefix;
  }

  /** Families whose End-of-RIB is still to come in the present session. */
  get unended(): readonly IpFamily[] {
    return this.#facts ? [...this.#endOfRibDue] : [];
  }

  /** Whether the peer of a session may hold what was not announced in it: until its End-of-RIB (RFC 4724 §4.2). */
  #mayBeStale(family: IpFamily, {negotiated}: PeerFacts): boolean {
    return negotiated.gracefulRestart !== null && this.#endOfRibDue.has(family);
  }

  #add(prefix: Prefix): Entry {
    const entry = newEntry(prefix, this.#encode(prefix));
    this.#entries.set(prefix, entry);
    return entry;
  }

  #put(entry: Entry, route: Route): void {
    if (!entry.route) this.#wanted++;
    entry.route = route;
    entry.owners = route.owners;
    const group = this.#groups.join(route, entry.family);
    this.#leave(entry);
    entry.group = group;
    this.#place(entry);
  }

  #drop(entry: Entry): void {
    this.#wanted--;
    entry.route = null;
    this.#leave(entry);
    this.#place(entry);
    this.#forgetIfGone(entry);
  }

  #leave(entry: Entry): void {
    const {group} = entry;
    this.#unqueue(entry);
    entry.group = null;
    if (group) this.#groups.leave(group);
  }

  /** Puts an entry into the queue it now belongs in: its group's, the withdrawals', or none. */
  #place(entry: Entry): void {
    this.#unqueue(entry);
    if (!this.#facts) return;
    const {group} = entry;
    const path = group && typeof group.path !== 'string' ? group.path : null;
    if (!path || !group) {
      if (entry.handed || entry.stale) this.#withdraws[entry.family].push(entry);
    } else if (entry.handed !== path || entry.again) {
      group.queue.push(entry);
      this.#busy[group.family].add(group);
    }
  }

  #unqueue(entry: Entry): void {
    entry.queue?.remove(entry);
    const {group} = entry;
    if (group?.queue.size === 0) this.#busy[group.family].delete(group);
  }

  #forgetIfGone(entry: Entry): void {
    if (!entry.route && !isHeld(entry) && !entry.stale) this.#entries.delete(entry.prefix);
  }
}

/** What the peer will have of these once the present batch has arrived. */
function handOut(entries: readonly Entry[], path: Path | null): void {
  for (const entry of entries) {
    entry.handed = path;
    entry.underWay++;
    entry.again = false;
    entry.stale = false;
  }
}
