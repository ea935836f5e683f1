/** What goes into and comes out of the BGP finite state machine; types only. */

import type {PeerWord} from '../types.js';
import type {WireFault} from './wire/fault.js';
import type {
  Keepalive,
  Message,
  Negotiated,
  Notification,
  Open,
  RouteRefresh,
  Update,
} from './wire/message.js';
import type {LocalSide, Preserved} from './wire/negotiate.js';

/** RFC 4271 §10, §8.1.3 and RFC 9687 §4. */
export type TimerName = 'connect-retry' | 'hold' | 'keepalive' | 'send-hold' | 'idle-hold';

/** What stays the same while a peer's configuration does. */
export interface PeerSettings {
  readonly local: Omit<LocalSide, 'expectedAs'>;
  /** Whom we accept; `any`: whoever it says it is. */
  readonly remoteAs: LocalSide['expectedAs'] | 'any';
  readonly connectRetryMs: number;
  /** Waits for the peer's connection instead of making one. */
  readonly passive: boolean;
}

/** One peer's machine, as a value. */
export interface PeerState {
  readonly settings: PeerSettings;
  readonly state: PeerWord;
  /** Attempts and sessions that failed in a row: what the waits grow by. */
  readonly failures: number;
  /** From the two OPENs; null before the peer's came. */
  readonly negotiated: Negotiated | null;
  /** What the peer may still hold from before, for the next OPEN. */
  readonly preserved: Preserved;
  /** Monotonic milliseconds; null unless established. */
  readonly establishedAt: number | null;
  /** Why the last attempt or session ended; null once a session is established. */
  readonly lastError: string | null;
}

export type PeerEvent =
  | {readonly kind: 'start'}
  /**
   * `notification`: the Cease that tells the peer why, where there is a session to tell it in. null: the connection is
   * closed without a word, which leaves a peer what it has where graceful restart was agreed on (RFC 4724 §4.2).
   */
  | {readonly kind: 'stop'; readonly notification: Notification | null}
  | {readonly kind: 'timer'; readonly timer: TimerName}
  /** The TCP connection is there, made or accepted. */
  | {readonly kind: 'connected'}
  /** The TCP connection failed or ended, and why. */
  | {readonly kind: 'closed'; readonly reason: string}
  /** The socket took bytes that were written to it. */
  | {readonly kind: 'taken'}
  | {readonly kind: 'message'; readonly message: Message}
  | {readonly kind: 'fault'; readonly fault: WireFault};

export type PeerAction =
  | {readonly kind: 'connect'}
  /** `drain`: half-close first, so that what was sent before it arrives. */
  | {readonly kind: 'disconnect'; readonly drain: boolean}
  | {readonly kind: 'send'; readonly message: Open | Notification | Keepalive}
  | {readonly kind: 'set-timer'; readonly timer: TimerName; readonly ms: number}
  | {readonly kind: 'clear-timer'; readonly timer: TimerName}
  | {readonly kind: 'state'; readonly from: PeerWord; readonly to: PeerWord; readonly reason: string | null}
  | {readonly kind: 'deliver'; readonly message: Update | RouteRefresh};

/** When an event is handled and with what luck: `now` in monotonic milliseconds, `random` in [0, 1). */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

export interface Step {
  readonly peer: PeerState;
  readonly actions: readonly PeerAction[];
}
