/** From what BIRD was found to do with a prefix to its word in status, its events and its log lines. */

import type {Export} from '../control/bird-show-protocol.js';
import type {Prefix} from '../types.js';
import type {BirdTruth} from './bird-truth.js';
import type {DrivenEntry} from './driven-entry.js';
import type {DrivenOutcomes} from './driven-outcomes.js';

export interface BirdEvidence {
  /** null: BIRD could not be asked. */
  readonly truth: BirdTruth | null;
  readonly found: Export | undefined;
  /** Why BIRD may not go by what is wanted; null: it does. */
  readonly failure: string | null;
  /** Why BIRD is not told of this prefix; null: it is, if it is wanted. */
  readonly obstacle: string | null;
  /** There is no BIRD, and one that starts goes by what is wanted. */
  readonly isGone: boolean;
}

/** `gone`: nothing is left to care for; `tell again`: BIRD goes by something else than it was told. */
export type BirdVerdict = 'stays' | 'gone' | 'tell again';

export class BirdJudge {
  readonly #outcomes: DrivenOutcomes;
  /** A route that BIRD does not have at all could come back by telling BIRD again. */
  readonly #givesRoutes: boolean;

  constructor(outcomes: DrivenOutcomes, givesRoutes: boolean) {
    this.#outcomes = outcomes;
    this.#givesRoutes = givesRoutes;
  }

  judge(prefix: Prefix, entry: DrivenEntry, evidence: BirdEvidence): BirdVerdict {
    const outcomes = this.#outcomes;
    const {failure, found, isGone, obstacle, truth} = evidence;
    const isExported = found === 'exported';
    if (isExported) entry.wasAnnounced = true;
    if (entry.role === 'kept') {
      entry.word = isExported ? 'announced' : 'pending';
      return 'stays';
    }
    if (entry.role === 'wanted') {
      if (obstacle === null) return this.#judgeWanted(prefix, entry, evidence);
      if (truth && !isExported) outcomes.withdrawn(prefix, entry);
      outcomes.fail(prefix, entry, isExported ? 'withdraw-pending' : 'failed', obstacle);
      return 'stays';
    }
    if (!isGone && (!truth || failure !== null)) {
      outcomes.fail(prefix, entry, 'withdraw-pending', failure ?? '');
    } else if (truth && isExported) {
      if (outcomes.isInGrace(entry)) return 'stays';
      if (!entry.wasRetold) return 'tell again';
      outcomes.fail(prefix, entry, 'withdraw-pending', stillExported(truth));
    } else {
      outcomes.removed(prefix, entry);
      return 'gone';
    }
    return 'stays';
  }

  #judgeWanted(prefix: Prefix, entry: DrivenEntry, {failure, found, truth}: BirdEvidence): BirdVerdict {
    const outcomes = this.#outcomes;
    if (found === 'exported' && (failure === null || entry.told !== null)) outcomes.announced(prefix, entry);
    else if (!truth || failure !== null) {
      outcomes.fail(prefix, entry, found === 'exported' ? 'announced' : 'failed', failure ?? '');
    } else if (truth.sessions.length === 0) outcomes.peerDown(prefix, entry, truth.noSession);
    else if (!entry.isSettled && outcomes.isInGrace(entry)) outcomes.pending(entry);
    else if (!entry.wasRetold && (found === 'not exported' || this.#givesRoutes)) return 'tell again';
    else outcomes.fail(prefix, entry, 'failed', notExported(found, truth, this.#givesRoutes));
    return 'stays';
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
