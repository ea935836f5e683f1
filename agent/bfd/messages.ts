/** What the main thread and the BFD thread tell each other; types only. */

import type {BfdRoute} from '../io/bfd-network.js';
import type {BfdWord} from '../types.js';
import type {Authentication} from './authentication.js';
import type {BfdTimers} from './fsm-types.js';

/** One session, as configured. */
export interface BfdTarget extends BfdRoute {
  readonly timers: BfdTimers;
  readonly passive: boolean;
  /** Packets that arrive with less are not the peer's. */
  readonly minimumTtl: number;
  /** null: none is used, and packets that have it are refused. */
  readonly authentication: Authentication | null;
}

/** A target that crosses to the thread: a `Secret` does not survive being copied. */
export interface PostedTarget extends Omit<BfdTarget, 'authentication'> {
  readonly authentication: (Omit<Authentication, 'secret'> & {readonly password: string}) | null;
}

/** How a session changed. */
export interface BfdChange {
  readonly from: BfdWord;
  readonly to: BfdWord;
  /** For people; null where there is nothing to say. */
  readonly reason: string | null;
  /** Says nothing about the path: the peer took it down by hand (RFC 5882 §3.2), or a thread of ours begins anew. */
  readonly byHand: boolean;
}

export type ToBfd =
  /** `again`: the thread before this one died with a session that was up. */
  | {readonly kind: 'open'; readonly id: number; readonly target: PostedTarget; readonly again: boolean}
  | {readonly kind: 'configure'; readonly id: number; readonly timers: BfdTimers}
  | {readonly kind: 'close'; readonly id: number}
  /** Gives up every session and socket, and ends the thread. */
  | {readonly kind: 'stop'};

export type FromBfd =
  | {readonly kind: 'change'; readonly id: number; readonly change: BfdChange}
  /** Packets that come from the peer's address are dropped, and why: it is not told again until it is another reason. */
  | {readonly kind: 'refusal'; readonly id: number; readonly reason: string}
  /** The peer knows, or had the time to. */
  | {readonly kind: 'closed'; readonly id: number}
  /** Worth a line for people. */
  | {readonly kind: 'trouble'; readonly message: string};
