/** What an adj-RIB-out holds: one entry a prefix, in groups of equal attributes. */

import {familyOf} from '../lib/prefix.js';
import type {IpFamily, Prefix, Route, ServiceName} from '../types.js';
import type {NoPath, Path} from './adj-out-path.js';
import {Queue} from './adj-out-queue.js';

/** One prefix. */
export interface Entry {
  readonly prefix: Prefix;
  readonly family: IpFamily;
  readonly nlri: Uint8Array;
  /** null: it is to be withdrawn, and forgotten once it is. */
  route: Route | null;
  group: Group | null;
  queue: Queue<Entry> | null;
  owners: readonly ServiceName[];
  /** What the peer will have once everything handed out has arrived, and what the socket took so far. */
  handed: Path | null;
  taken: Path | null;
  /** Batches with this prefix that the socket did not take yet. */
  underWay: number;
  /** To be sent although the peer has it: it asked for a refresh. */
  again: boolean;
  /** The peer may have it from a session before, or from an earlier life (RFC 4724 §4.2). */
  stale: boolean;
}

/** All prefixes of one family with equal attributes. */
export interface Group {
  readonly key: string;
  readonly family: IpFamily;
  /** One of its routes. */
  readonly like: Route;
  readonly queue: Queue<Entry>;
  members: number;
  /** What is said of them to the peer of the present session. */
  path: Path | NoPath;
}

export function newEntry(prefix: Prefix, nlri: Uint8Array): Entry {
  return {
    prefix,
    family: familyOf(prefix),
    nlri,
    route: null,
    group: null,
    queue: null,
    owners: [],
    handed: null,
    taken: null,
    underWay: 0,
    again: false,
    stale: false,
  };
}

export function newGroup(key: string, like: Route, family: IpFamily, path: Path | NoPath): Group {
  return {key, family, like, queue: new Queue(), members: 0, path};
}

/** Whether the peer has it, or may have it once what is under way has arrived. */
export function isHeld({handed, queue, stale, taken, underWay}: Entry): boolean {
  return taken !== null || handed !== null || underWay > 0 || (stale && queue !== null);
}

/** Takes entries off a queue until they make up `limit` octets of NLRI. */
export function take(
  queue: Queue<Entry>,
  limit: number,
): {readonly entries: Entry[]; readonly nlri: Uint8Array[]; readonly octets: number} {
  const entries: Entry[] = [];
  const nlri: Uint8Array[] = [];
  let octets = 0;
  while (octets < limit) {
    const entry = queue.shift();
    if (!entry) break;
    octets += entry.nlri.length;
    entries.push(entry);
    nlri.push(entry.nlri);
  }
  return {entries, nlri, octets};
}
