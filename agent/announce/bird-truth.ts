/** What BIRD truly announces: a prefix is announced when BIRD exports it to a BGP session that is established. */

import type {BirdClient} from '../control/bird-client.js';
import {BirdError, failureOf} from '../control/bird-protocol.js';
import {
  type BirdProtocol,
  type Export,
  parseExport,
  parseProtocols,
  quoteName,
} from '../control/bird-show-protocol.js';
import {printable} from '../lib/printable.js';
import type {Prefix} from '../types.js';

export interface BirdTruth {
  /** Names of the established BGP sessions. */
  readonly sessions: readonly string[];
  /** Why there is none, where there is none. */
  readonly noSession: string;
  readonly exports: ReadonlyMap<Prefix, Export>;
}

export async function listProtocols(client: BirdClient): Promise<readonly BirdProtocol[]> {
  const reply = await client.ask('show protocols');
  const failure = failureOf(reply);
  if (failure !== null) throw new BirdError(`BIRD does not show its protocols: ${failure}`);
  return parseProtocols(reply);
}

/**
 * Asks for every prefix by its name, which costs BIRD as much on a router with a full table as on any other.
 * Ends early, with what it has, when there is news: a long look holds up no change. Rejects with `BirdError`.
 */
export async function readTruth(
  client: BirdClient,
  prefixes: Iterable<Prefix>,
  hasNews: () => boolean,
): Promise<BirdTruth> {
  const peers = (await listProtocols(client)).filter(({type}) => type === 'BGP');
  const sessions = peers.filter(({state}) => state === 'up').map(({name}) => name);
  const exports = new Map<Prefix, Export>();
  for (const prefix of prefixes) {
    if (hasNews()) break;
    exports.set(prefix, await exportOf(client, prefix, sessions));
  }
  return {sessions, noSession: describe(peers), exports};
}

async function exportOf(client: BirdClient, prefix: Prefix, sessions: readonly string[]): Promise<Export> {
  let best: Export = 'no route';
  for (const session of sessions) {
    const answer = await ask(client, prefix, session);
    if (answer === 'exported') return answer;
    if (answer === 'not exported') best = answer;
  }
  return best;
}

async function ask(client: BirdClient, prefix: Prefix, session: string): Promise<Export> {
  // `exported` is what was really sent; BIRD 1.6 and early 2.0 only run the filter again.
  for (const how of client.version?.major === 1 ? ['export'] : ['exported', 'export']) {
    const reply = await client.ask(`show route ${prefix} ${how} ${quoteName(session)}`);
    const answer = parseExport(reply, prefix);
    if (answer !== null) return answer;
    if (how !== 'export') continue;
    // The session's protocol has gone since it was listed, or it has other words than we know.
    throw new BirdError(`BIRD does not tell what it exports: ${failureOf(reply) ?? printable(reply.text)}`);
  }
  return 'not exported';
}

function describe(peers: readonly BirdProtocol[]): string {
  if (peers.length === 0) return 'BIRD has no BGP protocol';
  const each = peers.map(({name, state, info}) => `${name} ${info === '' ? state : info}`);
  return `no BGP session of BIRD is established: ${each.slice(0, 8).join(', ')}`;
}
