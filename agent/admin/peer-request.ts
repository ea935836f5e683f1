/** `peer drain`, `peer enable` and `peer disable` as the control socket takes them. */

import {z} from 'zod';
import {ApiError} from '../api/protocol.js';
import type {Config} from '../config/types.js';
import type {PeerAdminStatus} from '../events/status.js';
import {maxDurationMs} from '../lib/duration.js';
import {didYouMeanOneOf} from '../lib/suggest.js';
import type {Clock, JsonObject} from '../types.js';
import {type PeerOrders, phaseOf} from './peer-orders.js';
import type {PeerOrder} from './store.js';

/** Command → what becomes of the peer. */
export const peerCommands = {
  'peer-drain': 'drained',
  'peer-enable': 'enabled',
  'peer-disable': 'disabled',
} as const;

export type PeerCommand = keyof typeof peerCommands;

/** How long a peer keeps its routes, marked as going away, unless the command says otherwise. */
export const drainDefaultMs = 60_000;

/** One for each peer that was meant. */
export type PeerAnswer = {
  readonly peers: readonly {readonly name: string; readonly admin: PeerAdminStatus}[];
  /** What somebody may not have meant, a sentence each. */
  readonly warnings: readonly string[];
};

const requestSchema = z.strictObject({
  /** null: all. */
  peers: z.array(z.string()).min(1).nullable(),
  by: z.string().min(1).max(64),
  reason: z.string().min(1).max(200).nullable(),
  for_ms: z.int().min(1000).max(maxDurationMs).nullable(),
  /** null: `drainDefaultMs`. */
  drain_ms: z.int().min(0).max(maxDurationMs).nullable(),
});

export interface PeerScene {
  readonly config: Pick<Config, 'bgp' | 'bird' | 'frr' | 'exabgp' | 'gobgp'>;
  readonly orders: PeerOrders;
  readonly clock: Clock;
  /** Whether a peer has a session; absent: there is no daemon. */
  readonly isEstablished?: (peer: string) => boolean;
}

/** Notes the order for good. Throws `ApiError` for a request that is wrong: nothing has changed then. */
export function orderPeers(command: PeerCommand, args: JsonObject, scene: PeerScene): PeerAnswer {
  const {data, error} = requestSchema.safeParse(args);
  if (!data) {
    const [issue] = error.issues;
    throw new ApiError(2, `${command.replace('-', ' ')}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const {clock, config, orders} = scene;
  const known = peersOf(config);
  const unknown = data.peers?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ApiError(2, `there is no peer "${unknown}"${didYouMeanOneOf(unknown, known)}`);
  }
  const meant = known.filter((name) => data.peers === null || data.peers.includes(name));
  const to = peerCommands[command];
  const now = clock.wallMs();
  const order =
    (state: PeerOrder['state']) =>
    (name: string): PeerOrder => {
      const drainUntil = iso(now + (data.drain_ms ?? drainDefaultMs));
      // What has begun is not begun again: a peer that has lost its routes does not get them back for a while.
      const before = orders.orderFor(name)?.drain_until;
      return {
        state,
        by: data.by,
        at: iso(now),
        until: data.for_ms === null ? null : iso(now + data.for_ms),
        reason: data.reason,
        drain_until: before !== undefined && before < drainUntil ? before : drainUntil,
      };
    };
  orders.put(meant, to === 'enabled' ? null : order(to));
  return {
    peers: meant.map((name) => ({name, admin: orders.of(name)})),
    warnings: to === 'enabled' ? [] : warningsOf(known, scene),
  };
}

function peersOf({bgp, bird, exabgp, frr, gobgp}: PeerScene['config']): readonly string[] {
  if (bgp) return bgp.peers.map(({name}) => name);
  const others = [
    ...(bird ? ['BIRD (`birdc disable PROTOCOL`)'] : []),
    ...(frr ? ['FRR (`neighbor ADDRESS shutdown` in vtysh)'] : []),
    ...(exabgp ? ['ExaBGP, in its configuration'] : []),
    ...(gobgp ? ['GoBGP (`gobgp neighbor ADDRESS disable`)'] : []),
  ];
  const where = others.length === 0 ? '' : `; the peers here are those of ${others.join(' and ')}`;
  throw new ApiError(
    1,
    `there are no peers of ours without a \`bgp\` block${where}. ` +
      'Services can be drained whatever speaks BGP: `eip-health drain`',
  );
}

function warningsOf(known: readonly string[], {isEstablished, orders}: PeerScene): readonly string[] {
  const left = known.filter((name) => phaseOf(orders.of(name)) === 'enabled');
  if (left.length === 0) {
    return ['no peer is left: nothing is announced to anybody any more once the last one has drained'];
  }
  if (!isEstablished || left.some(isEstablished)) return [];
  const names = left.slice(0, 10).join(', ');
  return [`of the peers that are left (${names}) none is established: nothing is announced to them now`];
}

function iso(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
