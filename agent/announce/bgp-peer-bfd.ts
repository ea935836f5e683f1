/** A peer's BFD configuration as its session takes it. */

import type {BfdTimers} from '../bfd/fsm-types.js';
import type {BfdTarget} from '../bfd/messages.js';
import type {BfdConfig, PeerConfig} from '../config/types.js';

/** RFC 5881 §4, RFC 5883 §5. */
const bfdPorts = {single: 3784, multihop: 4784} as const;

export function targetOf({address, localAddress}: PeerConfig, bfd: BfdConfig): BfdTarget {
  const {minimumTtl, mode, passive} = bfd;
  return {address, localAddress, port: bfdPorts[mode], timers: timersOf(bfd), passive, minimumTtl};
}

export function timersOf({detectMultiplier, receiveIntervalMs, transmitIntervalMs}: BfdConfig): BfdTimers {
  return {transmitMs: transmitIntervalMs, receiveMs: receiveIntervalMs, detectMultiplier};
}

/** Whether only the timers differ. */
export function isSameBfd(a: BfdConfig, b: BfdConfig): boolean {
  return a.mode === b.mode && a.passive === b.passive && a.minimumTtl === b.minimumTtl;
}
