/** A peer's BFD configuration as its session takes it. */

import type {BfdHandle} from '../bfd/bfd.js';
import type {BfdTimers} from '../bfd/fsm-types.js';
import type {BfdTarget} from '../bfd/messages.js';
import type {BfdConfig, PeerConfig} from '../config/types.js';

/** RFC 5881 §4, RFC 5883 §5. */
const bfdPorts = {single: 3784, multihop: 4784} as const;

export function targetOf({address, localAddress}: PeerConfig, bfd: BfdConfig): BfdTarget {
  const {authentication, minimumTtl, mode, passive} = bfd;
  const timers = timersOf(bfd);
  return {address, localAddress, port: bfdPorts[mode], timers, passive, minimumTtl, authentication};
}

export function timersOf({detectMultiplier, receiveIntervalMs, transmitIntervalMs}: BfdConfig): BfdTimers {
  return {transmitMs: transmitIntervalMs, receiveMs: receiveIntervalMs, detectMultiplier};
}

/** Why BGP that waits for BFD (`strict`) does not connect; null: it may. */
export function heldBack({reason, state}: Pick<BfdHandle, 'reason' | 'state'>): string | null {
  if (state === 'up') return null;
  return `waits for bfd, which is ${state}${reason === null ? '' : `: ${reason}`}`;
}

/** Whether a session may go on: it takes other timers, and what BGP does with it is no concern of it. */
export function isSameBfd(a: BfdConfig, b: BfdConfig): boolean {
  return (
    a.mode === b.mode &&
    a.passive === b.passive &&
    a.minimumTtl === b.minimumTtl &&
    isSameAuthentication(a.authentication, b.authentication)
  );
}

function isSameAuthentication(a: BfdConfig['authentication'], b: BfdConfig['authentication']): boolean {
  if (!a || !b) return a === b;
  return a.type === b.type && a.keyId === b.keyId && a.secret.equals(b.secret);
}
