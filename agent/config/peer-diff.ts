import {formatDuration} from '../lib/duration.js';
import {familyOf} from '../lib/prefix.js';
import type {Secret} from '../lib/secret.js';
import {type Change, changeOf} from './change.js';
import type {BfdConfig, GracefulRestartConfig, PeerConfig} from './types.js';

export interface PeerChange {
  readonly name: string;
  /** Whether the session ends and begins anew. */
  readonly bounces: boolean;
  readonly changes: readonly Change[];
}

/** RFC 4271 and what goes into an OPEN: only these end a session. */
const bouncingKeys: Readonly<Record<string, (peer: PeerConfig) => unknown>> = {
  address: ({address}) => address,
  port: ({port}) => port,
  local_address: ({localAddress}) => localAddress,
  local_as: ({localAs}) => localAs,
  remote_as: ({remoteAs}) => remoteAs,
  families: ({families}) => families.join(', '),
  hold_time: ({holdTimeMs}) => formatDuration(holdTimeMs),
  multihop: ({multihop}) => multihop ?? false,
  graceful_restart: ({gracefulRestart}) => (gracefulRestart ? describeRestart(gracefulRestart) : 'off'),
};

const quietKeys: typeof bouncingKeys = {
  connect_retry: ({connectRetryMs}) => formatDuration(connectRetryMs),
  bfd: ({bfd}) => (bfd ? describeBfd(bfd) : 'off'),
  // The other family's address is only a next hop.
  'next hop for ipv4': (peer) => (familyOf(peer.address) === 'ipv6' ? peer.localAddress4 : 'self'),
  'next hop for ipv6': (peer) => (familyOf(peer.address) === 'ipv4' ? peer.localAddress6 : 'self'),
};

/** `30s`, `30s and 1h long-lived`. */
function describeRestart({longLivedMs, restartTimeMs}: GracefulRestartConfig): string {
  const longLived = longLivedMs > 0 ? ` and ${formatDuration(longLivedMs)} long-lived` : '';
  return `${formatDuration(restartTimeMs)}${longLived}`;
}

/** `multihop, 300ms × 3`; where the two directions differ `300ms to 50ms × 3`. */
function describeBfd(bfd: BfdConfig): string {
  const {authentication, detectMultiplier, graceful, minimumTtl, mode, passive, strict} = bfd;
  const {receiveIntervalMs, transmitIntervalMs} = bfd;
  const intervals = [...new Set([transmitIntervalMs, receiveIntervalMs])].map(formatDuration).join(' and ');
  const ttl = mode === 'multihop' && minimumTtl > 1 ? `, minimum TTL ${minimumTtl}` : '';
  const secured = authentication ? `, ${authentication.type} with password ${authentication.keyId}` : '';
  const flags = `${strict ? ', strict' : ''}${graceful ? ', graceful' : ''}`;
  return `${mode}${passive ? ', passive' : ''}, ${intervals} × ${detectMultiplier}${ttl}${secured}${flags}`;
}

/** What is different between two forms of one peer; null: nothing. */
export function peerChanges(old: PeerConfig, next: PeerConfig): PeerChange | null {
  const of = (keys: typeof bouncingKeys): readonly Change[] =>
    Object.entries(keys).flatMap(([key, read]) => changeOf(key, read(old), read(next)));
  const bouncing = [...of(bouncingKeys), ...secretChange('password', old.password, next.password)];
  const [oldSecret, nextSecret] = [old, next].map(({bfd}) => bfd?.authentication?.secret ?? null);
  // One that comes or goes is told with `bfd`.
  const bfdSecret = oldSecret && nextSecret ? secretChange('bfd password', oldSecret, nextSecret) : [];
  const changes = [...bouncing, ...of(quietKeys), ...bfdSecret];
  return changes.length === 0 ? null : {name: next.name, bounces: bouncing.length > 0, changes};
}

function secretChange(key: string, old: Secret | null, next: Secret | null): readonly Change[] {
  const isSame = old === null ? next === null : old.equals(next);
  return isSame ? [] : [{key, what: 'changed'}];
}
