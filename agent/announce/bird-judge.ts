/** From what BIRD was found to do with a prefix to its word in status, its events and its log lines. */

import type {Export} from '../control/bird-show-protocol.js';
import type {AnnouncerEvent, Clock, Emit, ItemWord, Prefix} from '../types.js';
import type {BirdEntry} from './bird-entry.js';
import type {BirdTruth} from './bird-truth.js';

/** So long BIRD may work on what it was told before that counts as not done. */
const graceMs = 1_000;

export interface BirdJudgeOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly tell: (event: AnnouncerEvent) => void;
  /** A route that BIRD does not have at all could come back by telling BIRD again. */
  readonly givesRoutes: boolean;
}

export interface BirdEvidence {
  /** null: BIRD could not be asked. */
  readonly truth: BirdTruth | null;
  readonly found: Export | undefined;
  /** Why BIRD may not go by what is wanted; null: it does. */
  readonly failure: string | null;
  /** Why BIRD is not told of this prefix; null: it is, if it is wanted. */
  readonly obstacle: string | null;
}

/** `gone`: nothing is left to care for; `tell again`: BIRD goes by something else than it was told. */
export type BirdVerdict = 'stays' | 'gone' | 'tell again';

export class BirdJudge {
  readonly #options: BirdJudgeOptions;

  constructor(options: BirdJudgeOptions) {
    this.#options = options;
  }

  judge(prefix: Prefix, entry: BirdEntry, evidence: BirdEvidence): BirdVerdict {
    const {failure, found, obstacle, truth} = evidence;
    const isExported = found === 'exported';
    if (isExported) entry.wasAnnounced = true;
    if (entry.role === 'kept') {
      entry.word = isExported ? 'announced' : 'pending';
      return 'stays';
    }
    if (entry.role === 'wanted') {
      if (obstacle === null) return this.#judgeWanted(prefix, entry, evidence);
      if (entry.wasAnnounced && truth && !isExported) this.#sayWithdrawn(prefix, entry);
      this.#fail(prefix, entry, isExported ? 'withdraw-pending' : 'failed', obstacle);
      return 'stays';
    }
    if (!truth || failure !== null) {
      this.#fail(prefix, entry, 'withdraw-pending', failure ?? '');
    } else if (isExported) {
      if (this.#isInGrace(entry)) return 'stays';
      if (!entry.wasRetold) return 'tell again';
      this.#fail(prefix, entry, 'withdraw-pending', stillExported(truth));
    } else {
      if (entry.wasAnnounced) this.#sayWithdrawn(prefix, entry);
      this.#tell(entry, {kind: 'removed', prefix});
      return 'gone';
    }
    return 'stays';
  }

  #judgeWanted(prefix: Prefix, entry: BirdEntry, {failure, found, truth}: BirdEvidence): BirdVerdict {
    const {givesRoutes} = this.#options;
    if (found === 'exported' && (failure === null || entry.told !== null)) this.#announced(prefix, entry);
    else if (!truth || failure !== null) {
      this.#fail(prefix, entry, found === 'exported' ? 'announced' : 'failed', failure ?? '');
    } else if (truth.sessions.length === 0) this.#peerDown(prefix, entry, truth.noSession);
    else if (!entry.isSettled && this.#isInGrace(entry)) {
      entry.word = 'pending';
      entry.reason = null;
    } else if (!entry.wasRetold && (found === 'not exported' || givesRoutes)) return 'tell again';
    else this.#fail(prefix, entry, 'failed', notExported(found, truth, givesRoutes));
    return 'stays';
  }

  #announced(prefix: Prefix, entry: BirdEntry): void {
    const {owners, word} = entry;
    entry.word = 'announced';
    entry.reason = null;
    entry.complained = null;
    entry.wasRetold = false;
    if (word !== 'announced') {
      this.#options.emit({kind: 'route-announced', prefix, to: 'bird', nextHop: null, owners});
    }
    this.#tell(entry, {kind: 'installed', prefix});
  }

  #sayWithdrawn(prefix: Prefix, entry: BirdEntry): void {
    entry.wasAnnounced = false;
    this.#options.emit({kind: 'route-withdrawn', prefix, to: 'bird', owners: entry.owners});
  }

  /** Nothing is wrong with the route: it goes out with the next session, and nobody is told of a failure. */
  #peerDown(prefix: Prefix, entry: BirdEntry, reason: string): void {
    if (entry.word === 'announced') {
      this.#options.emit({kind: 'route-failed', prefix, to: 'bird', reason});
      entry.told = null;
    }
    entry.graceUntil = null;
    entry.word = 'peer-down';
    entry.reason = reason;
  }

  #fail(prefix: Prefix, entry: BirdEntry, word: ItemWord, reason: string): void {
    entry.word = word;
    entry.reason = reason;
    if (entry.complained !== reason) {
      entry.complained = reason;
      this.#options.emit({kind: 'route-failed', prefix, to: 'bird', reason});
    }
    this.#tell(entry, {kind: 'failed', prefix, reason});
  }

  /** The same outcome is told once, until `set` asks again. */
  #tell(entry: BirdEntry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? `failed ${event.reason}` : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    this.#options.tell(event);
  }

  #isInGrace(entry: BirdEntry): boolean {
    return entry.isInGrace(this.#options.clock.now(), graceMs);
  }
}

function notExported(found: Export | undefined, {sessions}: BirdTruth, givesRoutes: boolean): string {
  if (found !== 'no route') return `the filters of BIRD do not let it out to ${sessions.join(', ')}`;
  return givesRoutes
    ? 'BIRD has no such route: its configuration must include what gives it'
    : 'BIRD has no such route: a "protocol direct", or a "protocol kernel" that learns, must give it';
}

function stillExported({sessions}: BirdTruth): string {
  return `BIRD still exports it to one of ${sessions.join(', ')}: something else in its configuration lets it out`;
}
