/** From what gobgpd was found to hold of a prefix to its word in status, its events and its log lines. */

import type {GobgpPath} from '../control/gobgp-protocol.js';
import type {Prefix} from '../types.js';
import type {DrivenEntry} from './driven-entry.js';
import type {DrivenOutcomes} from './driven-outcomes.js';

export interface GobgpEvidence {
  /** What its global RIB has; undefined: it could not be asked. */
  readonly paths: readonly GobgpPath[] | undefined;
  /** The attributes that are wanted; null: the prefix is not. */
  readonly attributes: string | null;
  /** The next hop as it was told; null: each session's own. */
  readonly nextHop: string | null;
  /** Neighbors of the prefix's family with a session. */
  readonly established: number;
  /** Why GoBGP may not have what is wanted; null: it was told. */
  readonly failure: string | null;
  /** Why GoBGP is not told of this prefix; null: it is, if it is wanted. */
  readonly obstacle: string | null;
  /** There is no gobgpd: nothing of ours is in it. */
  readonly isAbsent: boolean;
}

/**
 * `gone`: nothing is left to care for; `lost`: it was there, and is to be told again; `tell again`: it never was;
 * `tell later`: telling it once more did not help either.
 */
export type GobgpVerdict = 'stays' | 'gone' | 'lost' | 'tell again' | 'tell later';

export class GobgpJudge {
  readonly #outcomes: DrivenOutcomes;

  constructor(outcomes: DrivenOutcomes) {
    this.#outcomes = outcomes;
  }

  judge(prefix: Prefix, entry: DrivenEntry, evidence: GobgpEvidence): GobgpVerdict {
    const {failure, isAbsent, obstacle, paths} = evidence;
    if (entry.role === 'kept') {
      entry.word = paths?.some(isOwnBest) ? 'announced' : 'pending';
      if (entry.word === 'announced') entry.wasAnnounced = true;
      return 'stays';
    }
    if (entry.role === 'wanted') {
      if (obstacle === null) return this.#judgeWanted(prefix, entry, evidence);
      const isThere = paths?.some(isOwn) ?? false;
      if (paths && !isThere) this.#outcomes.withdrawn(prefix, entry);
      this.#outcomes.fail(prefix, entry, isThere ? 'withdraw-pending' : 'failed', obstacle);
      return 'stays';
    }
    if (!isAbsent && (paths === undefined || failure !== null)) {
      this.#outcomes.fail(prefix, entry, 'withdraw-pending', failure ?? '');
      return 'stays';
    }
    if (!isAbsent && (obstacle !== null || paths?.some(isOwn))) {
      this.#outcomes.fail(prefix, entry, 'withdraw-pending', obstacle ?? stillThere);
      return 'tell later';
    }
    this.#outcomes.removed(prefix, entry);
    return 'gone';
  }

  #judgeWanted(prefix: Prefix, entry: DrivenEntry, evidence: GobgpEvidence): GobgpVerdict {
    const {attributes, established, failure, nextHop, paths} = evidence;
    const outcomes = this.#outcomes;
    if (paths === undefined || failure !== null) {
      outcomes.fail(prefix, entry, 'failed', failure ?? '');
      return 'stays';
    }
    const ours = paths.filter((path) => isOwn(path) && path.attributes === attributes);
    if (ours.some(({isBest}) => isBest)) {
      if (established > 0) outcomes.announced(prefix, entry, nextHop);
      else outcomes.peerDown(prefix, entry, noNeighbor);
    } else if (ours.length > 0) outcomes.fail(prefix, entry, 'failed', preferred(paths));
    else if (entry.isSettled) return 'lost';
    else if (!entry.wasRetold) return 'tell again';
    else {
      outcomes.fail(prefix, entry, 'failed', notHeld(paths, attributes));
      return 'tell later';
    }
    return 'stays';
  }
}

function isOwn({neighbor}: GobgpPath): boolean {
  return neighbor === null;
}

function isOwnBest(path: GobgpPath): boolean {
  return isOwn(path) && path.isBest;
}

const noNeighbor = 'no neighbor of GoBGP for this family has a session';
const stillThere = 'GoBGP still originates it: something else has added a path of its own to it';

function preferred(paths: readonly GobgpPath[]): string {
  const best = paths.find(({isBest}) => isBest);
  if (!best) return 'GoBGP uses no path to it: the next hop cannot be reached';
  return best.neighbor === null
    ? 'GoBGP prefers another path of its own to it, which something else has added'
    : `GoBGP prefers the path that neighbor ${best.neighbor} sends`;
}

function notHeld(paths: readonly GobgpPath[], attributes: string | null): string {
  const other = paths.find(isOwn);
  return other
    ? `GoBGP holds it with other attributes than it was told (${other.attributes}; told: ${attributes}): does an import policy change them?`
    : 'GoBGP does not hold it, although it was told to: does an import policy reject it?';
}
