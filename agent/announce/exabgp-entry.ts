import type {Cancel, ItemWord, Prefix, Route, ServiceName} from '../types.js';

/** What ExaBGP was told by an earlier life, which only knows that it was told something. */
export const unknownLine = '?';

/** One prefix: what ExaBGP is to have of it, and what it has. */
export class ExabgpEntry {
  route: Route | null = null;
  owners: readonly ServiceName[] = [];
  /** The line that announces it; null: it is not to be announced. */
  target: string | null = null;
  /** Why it is not to be announced although it is wanted. */
  obstacle: string | null = null;
  /** The line that ExaBGP has acknowledged last; null: it has nothing. */
  have: string | null = null;
  isUnderWay = false;
  word: ItemWord = 'pending';
  reason: string | null = null;
  /** The last outcome that was told since it changed. */
  told: string | null = null;
  failures = 0;
  cancelRetry: Cancel | null = null;

  constructor(readonly prefix: Prefix) {}

  turn(route: Route | null, target: string | null, obstacle: string | null): void {
    this.route = route;
    if (route) this.owners = route.owners;
    this.target = target;
    this.obstacle = obstacle;
    this.word = route ? 'pending' : 'withdraw-pending';
    this.reason = null;
    this.told = null;
    this.failures = 0;
    this.stopWaiting();
  }

  stopWaiting(): void {
    this.cancelRetry?.();
    this.cancelRetry = null;
  }
}
