/** What goes into and comes out of the BFD state machine; types only. Times are milliseconds. */

import type {BfdWord} from '../types.js';
import type {ControlPacket} from './packet.js';

export interface BfdTimers {
  /** How often we want to send, and want to receive, once the session is up. */
  readonly transmitMs: number;
  readonly receiveMs: number;
  /** So many of our packets the peer may miss in a row. */
  readonly detectMultiplier: number;
}

export interface BfdSettings extends BfdTimers {
  /** Not 0, and of no other session of this host. */
  readonly discriminator: number;
  /** Says nothing until the peer has spoken (RFC 5880 §6.1). */
  readonly passive: boolean;
}

/** What the peer's last packet said. */
export interface RemoteSide {
  readonly state: BfdWord;
  readonly diagnostic: number;
  readonly discriminator: number;
  readonly desiredMinTxMs: number;
  readonly requiredMinRxMs: number;
  readonly detectMultiplier: number;
  readonly demand: boolean;
}

/** The two intervals of ours that the peer is told. */
export interface Intervals {
  readonly desiredMinTxMs: number;
  readonly requiredMinRxMs: number;
}

/** One session's machine, as a value. */
export interface BfdState {
  readonly settings: BfdSettings;
  readonly state: BfdWord;
  readonly diagnostic: number;
  /** null: not heard, or silent for a detection time. */
  readonly remote: RemoteSide | null;
  /** What packets say, and what is gone by: the two differ only while the peer has not confirmed a change (§6.8.3). */
  readonly told: Intervals;
  readonly inForce: Intervals;
  /** `again`: what is told was changed once more while a Poll was not answered. */
  readonly polling: 'no' | 'yes' | 'again';
  /** When the last packet that was no Final left; null: none has. */
  readonly sentAt: number | null;
}

/** What the clock says, and a number in [0, 1). */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

export type TimerName = 'transmit' | 'detection';

export type BfdEvent =
  | {readonly kind: 'start'}
  | {readonly kind: 'stop'}
  | {readonly kind: 'fail'}
  | {readonly kind: 'configure'; readonly timers: BfdTimers}
  | {readonly kind: 'timer'; readonly timer: TimerName}
  | {readonly kind: 'packet'; readonly packet: ControlPacket};

export type BfdAction =
  | {readonly kind: 'send'; readonly packet: ControlPacket}
  | {readonly kind: 'set-timer'; readonly timer: TimerName; readonly ms: number}
  | {readonly kind: 'clear-timer'; readonly timer: TimerName}
  | {
      readonly kind: 'state';
      readonly from: BfdWord;
      readonly to: BfdWord;
      readonly diagnostic: number;
      /** What the peer said last, where it was heard. */
      readonly remote: RemoteSide | null;
    };

export interface BfdStep {
  readonly session: BfdState;
  readonly actions: readonly BfdAction[];
}
