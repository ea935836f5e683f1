import type {Cancel, Clock, ItemWord, Prefix, ServiceName} from '../types.js';
import {Losses} from './kernel-losses.js';

/** What is waited for: until then nothing is tried. */
export type WaitReason = 'failure' | 'losses' | 'confirmation';

/** What is known of one prefix that is wanted in the kernel, or is still there. */
export class KernelEntry {
  word: ItemWord = 'pending';
  /** Why it is not as wanted. */
  reason: string | null = null;
  owners: readonly ServiceName[] = [];
  /** The event last told, as text; null: one is owed, because `set` asked for one. */
  told: string | null = null;
  /** The failure last written to the side channel. */
  complained: string | null = null;
  /** It was wanted in this life: when it is not any more, it is not adopted either. */
  wasWanted = false;
  /** It was there when last looked at. */
  wasThere = false;
  /** The kernel acknowledged that we added it, but it was not seen there yet. */
  justAdded = false;
  failures = 0;
  readonly losses: Losses;
  readonly #clock: Clock;
  #wait: {readonly reason: WaitReason; readonly cancel: Cancel} | null = null;

  constructor(
    readonly prefix: Prefix,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.losses = new Losses(clock);
  }

  get waitsFor(): WaitReason | null {
    return this.#wait?.reason ?? null;
  }

  /** Replaces what was waited for. Lasts until `stopWaiting`; `then` is called after `ms`. */
  wait(reason: WaitReason, ms: number, then: () => void): void {
    this.stopWaiting();
    this.#wait = {reason, cancel: this.#clock.after(ms, then)};
  }

  stopWaiting(): void {
    this.#wait?.cancel();
    this.#wait = null;
  }

  /** It is wanted now, or is not any more: what was tried before says nothing about it. */
  turn(isWanted: boolean): void {
    this.stopWaiting();
    this.failures = 0;
    this.word = isWanted ? 'pending' : 'withdraw-pending';
    this.reason = null;
  }
}
