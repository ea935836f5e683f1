/** From what bgpd was found to do with a prefix to its word in status, its events and its log lines. */

import type {FrrPath} from '../control/frr-show-protocol.js';
import type {AnnouncerEvent, Clock, Emit, ItemWord, Prefix} from '../types.js';
import type {FrrEntry} from './frr-entry.js';

/** So long bgpd may work on what it was told (zebra is asked for the route first) before that counts as not done. */
const graceMs = 1_000;

export interface FrrJudgeOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly tell: (event: AnnouncerEvent) => void;
}

export interface FrrEvidence {
  /** What bgpd originates; null: nothing; undefined: it could not be asked. */
  readonly path: FrrPath | null | undefined;
  /** Neighbors of the prefix's family with a session. */
  readonly established: number;
  /** Why the configuration may not be as wanted; null: it is. */
  readonly failure: string | null;
  /** Why FRR is not told of this prefix; null: it is, if it is wanted. */
  readonly obstacle: string | null;
  /** The prefix is of no service any more, and what stands there for it is the operator's. */
  readonly isGivenBack: boolean;
}

/** `gone`: nothing is left to care for; `lost`: bgpd had it, and is to be told again. */
export type FrrVerdict = 'stays' | 'gone' | 'lost';

export class FrrJudge {
  readonly #options: FrrJudgeOptions;

  constructor(options: FrrJudgeOptions) {
    this.#options = options;
  }

  judge(prefix: Prefix, entry: FrrEntry, evidence: FrrEvidence): FrrVerdict {
    const {failure, isGivenBack, obstacle, path} = evidence;
    const isThere = !!path?.isBest && path.isValid;
    if (isThere) entry.wasAnnounced = true;
    if (entry.role === 'kept') {
      entry.word = isThere ? 'announced' : 'pending';
      return 'stays';
    }
    if (entry.role === 'wanted') {
      if (obstacle === null) return this.#judgeWanted(prefix, entry, evidence);
      if (entry.wasAnnounced && path !== undefined && !isThere) this.#sayWithdrawn(prefix, entry);
      this.#fail(prefix, entry, isThere ? 'withdraw-pending' : 'failed', obstacle);
      return 'stays';
    }
    if (path === undefined || failure !== null) {
      this.#fail(prefix, entry, 'withdraw-pending', failure ?? '');
    } else if (obstacle !== null || (path && !isGivenBack)) {
      if (!this.#isInGrace(entry)) this.#fail(prefix, entry, 'withdraw-pending', obstacle ?? stillThere);
    } else {
      if (entry.wasAnnounced) this.#sayWithdrawn(prefix, entry);
      this.#tell(entry, {kind: 'removed', prefix});
      return 'gone';
    }
    return 'stays';
  }

  #judgeWanted(prefix: Prefix, entry: FrrEntry, {established, failure, path}: FrrEvidence): FrrVerdict {
    if (path === undefined || failure !== null) {
      this.#fail(prefix, entry, 'failed', failure ?? '');
    } else if (path?.isValid && path.isBest) {
      if (path.isAdvertised) this.#announced(prefix, entry);
      else if (established === 0) this.#peerDown(prefix, entry);
      else if (!this.#isInGrace(entry)) this.#fail(prefix, entry, 'failed', notLetOut);
      else this.#pending(entry);
    } else if (entry.isSettled && !path) return 'lost';
    else if (this.#isInGrace(entry)) this.#pending(entry);
    else this.#fail(prefix, entry, 'failed', path ? notUsed(path) : notOriginated);
    return 'stays';
  }

  #announced(prefix: Prefix, entry: FrrEntry): void {
    const {owners, word} = entry;
    this.#good(entry, 'announced', null);
    if (word !== 'announced') {
      this.#options.emit({kind: 'route-announced', prefix, to: 'frr', nextHop: null, owners});
    }
    this.#tell(entry, {kind: 'installed', prefix});
  }

  /** Nothing is wrong with the route: it is in FRR's table, and goes out with the next session. */
  #peerDown(prefix: Prefix, entry: FrrEntry): void {
    if (entry.word === 'announced') {
      this.#options.emit({kind: 'route-failed', prefix, to: 'frr', reason: noNeighbor});
    }
    this.#good(entry, 'peer-down', noNeighbor);
    this.#tell(entry, {kind: 'installed', prefix});
  }

  #good(entry: FrrEntry, word: ItemWord, reason: string | null): void {
    entry.word = word;
    entry.reason = reason;
    entry.complained = null;
    entry.graceUntil = null;
  }

  #pending(entry: FrrEntry): void {
    entry.word = 'pending';
    entry.reason = null;
  }

  #sayWithdrawn(prefix: Prefix, entry: FrrEntry): void {
    entry.wasAnnounced = false;
    this.#options.emit({kind: 'route-withdrawn', prefix, to: 'frr', owners: entry.owners});
  }

  #fail(prefix: Prefix, entry: FrrEntry, word: ItemWord, reason: string): void {
    entry.word = word;
    entry.reason = reason;
    if (entry.complained !== reason) {
      entry.complained = reason;
      this.#options.emit({kind: 'route-failed', prefix, to: 'frr', reason});
    }
    this.#tell(entry, {kind: 'failed', prefix, reason});
  }

  /** The same outcome is told once, until `set` asks again. */
  #tell(entry: FrrEntry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? `failed ${event.reason}` : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    this.#options.tell(event);
  }

  #isInGrace(entry: FrrEntry): boolean {
    return entry.isInGrace(this.#options.clock.now(), graceMs);
  }
}

const noNeighbor = 'no neighbor of FRR for this family has a session';
const notLetOut =
  'FRR announces it to no neighbor: an outbound route-map or prefix-list, or "bgp ebgp-requires-policy", keeps it in';
const notOriginated = 'bgpd does not originate it, although it was told to';
const stillThere =
  'bgpd still originates it: something else in its configuration does, like "redistribute" or "aggregate-address"';

function notUsed({isValid}: FrrPath): string {
  return isValid
    ? 'bgpd prefers a path from elsewhere: a neighbor sends this prefix with a higher weight'
    : 'bgpd holds it invalid: "bgp network import-check" is on, and FRR has no route to exactly this prefix';
}
