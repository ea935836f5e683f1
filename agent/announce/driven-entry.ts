import type {ItemWord, ServiceName} from '../types.js';

/** `kept`: an earlier life, another program or the operator left it; it stays until its service has settled. */
export type DrivenRole = 'wanted' | 'kept' | 'unwanted';

/** What is known of one prefix that a daemon is to announce, or is to announce no more. */
export class DrivenEntry {
  word: ItemWord;
  /** Why it is not as wanted. */
  reason: string | null = null;
  owners: readonly ServiceName[] = [];
  /** The event last told, as text; null: one is owed, because `set` asked for one. */
  told: string | null = null;
  /** The failure last written to the side channel. */
  complained: string | null = null;
  /** The daemon was seen to announce it to somebody. */
  wasAnnounced = false;
  /** `set` changed it while a pass was under way: what that pass finds says nothing about it. */
  isNews = true;
  /** The daemon was told of it twice already. */
  wasRetold = false;
  /** Until then the daemon may still be at work on it; null: it has not been told yet. */
  graceUntil: number | null = null;

  constructor(public role: DrivenRole) {
    this.word = role === 'unwanted' ? 'withdraw-pending' : 'pending';
  }

  /** Nothing is left to happen, as far as is known. */
  get isSettled(): boolean {
    return this.role === 'wanted' && this.word === 'announced' && this.told !== null && this.reason === null;
  }

  /** It is wanted now, or is not any more, or is to look different. */
  turn(role: DrivenRole): void {
    if (role !== this.role) this.reason = null;
    this.role = role;
    this.told = null;
    this.isNews = true;
    this.graceUntil = null;
    this.wasRetold = false;
    if (role === 'unwanted') this.word = 'withdraw-pending';
    else if (this.word !== 'announced') this.word = 'pending';
  }

  /** The daemon is told of it once more. */
  retell(): void {
    this.wasRetold = true;
    this.graceUntil = null;
    this.told = null;
    this.word = this.role === 'wanted' ? 'pending' : 'withdraw-pending';
  }

  /** Whether the daemon may still be at work on it. */
  isInGrace(now: number, graceMs: number): boolean {
    this.graceUntil ??= now + graceMs;
    return now < this.graceUntil;
  }
}
