/** From what bgpd was found to do with a prefix to its word in status, its events and its log lines. */

import type {FrrPath} from '../control/frr-show-protocol.js';
import type {Prefix} from '../types.js';
import type {DrivenEntry} from './driven-entry.js';
import type {DrivenOutcomes} from './driven-outcomes.js';

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
  readonly #outcomes: DrivenOutcomes;

  constructor(outcomes: DrivenOutcomes) {
    this.#outcomes = outcomes;
  }

  judge(prefix: Prefix, entry: DrivenEntry, evidence: FrrEvidence): FrrVerdict {
    const outcomes = this.#outcomes;
    const {failure, isGivenBack, obstacle, path} = evidence;
    const isThere = !!path?.isBest && path.isValid;
    if (isThere && path.isAdvertised) entry.wasAnnounced = true;
    if (entry.role === 'kept') {
      entry.word = isThere ? 'announced' : 'pending';
      return 'stays';
    }
    if (entry.role === 'wanted') {
      if (obstacle === null) return this.#judgeWanted(prefix, entry, evidence);
      if (path !== undefined && !isThere) outcomes.withdrawn(prefix, entry);
      outcomes.fail(prefix, entry, isThere ? 'withdraw-pending' : 'failed', obstacle);
      return 'stays';
    }
    if (path === undefined || failure !== null) {
      outcomes.fail(prefix, entry, 'withdraw-pending', failure ?? '');
    } else if (obstacle !== null || (path && !isGivenBack)) {
      if (!outcomes.isInGrace(entry)) {
        outcomes.fail(prefix, entry, 'withdraw-pending', obstacle ?? stillThere);
      }
    } else {
      outcomes.removed(prefix, entry);
      return 'gone';
    }
    return 'stays';
  }

  #judgeWanted(prefix: Prefix, entry: DrivenEntry, {established, failure, path}: FrrEvidence): FrrVerdict {
    const outcomes = this.#outcomes;
    if (path === undefined || failure !== null) {
      outcomes.fail(prefix, entry, 'failed', failure ?? '');
    } else if (path?.isValid && path.isBest) {
      if (path.isAdvertised) outcomes.announced(prefix, entry);
      else if (established === 0) outcomes.peerDown(prefix, entry, noNeighbor);
      else if (!outcomes.isInGrace(entry)) outcomes.fail(prefix, entry, 'failed', notLetOut);
      else outcomes.pending(entry);
    } else if (entry.isSettled && !path) return 'lost';
    else if (outcomes.isInGrace(entry)) outcomes.pending(entry);
    else outcomes.fail(prefix, entry, 'failed', path ? notUsed(path) : notOriginated);
    return 'stays';
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
