import type {ItemWord, ServiceName} from '../types.js';

/** `kept`: an earlier life, or the operator, left it; it stays until its service has settled. */
export type FrrRole = 'wanted' | 'kept' | 'unwanted';

/** What is known of one prefix that FRR is to announce, or is to announce no more. */
export class FrrEntry {
  word: ItemWord;
  /** Why it is not as wanted. */
  reason: string | null = null;
  owners: readonly ServiceName[] = [];
  /** The event last told, as text; null: one is owed, because `set` asked for one. */
  told: string | null = null;
  /** The failure last written to the side channel. */
  complained: string | null = null;
  /** FRR was seen to announce it. */
  wasAnnounced = false;
  /** `set` changed it while a pass was under way: what that pass finds says nothing about it. */
  isNews = true;
  /** Until then FRR may still be at work on it; null: it has not been told yet. */
  graceUntil: number | null = null;

  constructor(public role: FrrRole) {
    this.word = role === 'unwanted' ? 'withdraw-pending' : 'pending';
  }

  /** Nothing is left to happen, as far as is known. */
  get isSettled(): boolean {
    return this.role === 'wanted' && this.word === 'announced' && this.told !== null && this.reason === null;
  }

  /** It is wanted now, or is not any more, or is to look different. */
  turn(role: FrrRole): void {
    if (role !== this.role) this.reason = null;
    this.role = role;
    this.told = null;
    this.isNews = true;
    this.graceUntil = null;
    if (role === 'unwanted') this.word = 'withdraw-pending';
    else if (this.word !== 'announced') this.word = 'pending';
  }

  /** Whether FRR may still be at work on it. */
  isInGrace(now: number, graceMs: number): boolean {
    this.graceUntil ??= now + graceMs;
    return now < this.graceUntil;
  }
}
