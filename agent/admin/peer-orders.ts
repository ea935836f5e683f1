/** What is wanted of each peer of the embedded speaker by people: from commands. */

import {type PeerAdminStatus, peerEnabled} from '../events/status.js';
import type {Cancel, Clock} from '../types.js';
import type {PeerOrder, PeerStore} from './store.js';

export interface PeerOrdersOptions {
  readonly store: PeerStore;
  readonly clock: Clock;
  /** A peer has drained, or an order has ended by itself. */
  readonly onChange: () => void;
}

/** The wall clock may be set: no longer than this is trusted to a timer. */
const lookEveryMs = 60_000;

export class PeerOrders {
  readonly #options: PeerOrdersOptions;
  #cancel: Cancel = () => {};

  constructor(options: PeerOrdersOptions) {
    this.#options = options;
  }

  /** From now on tells when something changes by itself. */
  start(): void {
    const {clock, onChange, store} = this.#options;
    const now = clock.wallMs();
    this.#cancel();
    const changes = [...store.orders().values()]
      .filter((order) => isInForce(order, now))
      .flatMap(({drain_until, until}) => [drain_until, ...(until === null ? [] : [until])])
      .map((time) => Date.parse(time))
      .filter((time) => time > now);
    if (changes.length === 0) return;
    const next = Math.min(...changes);
    this.#cancel = clock.after(Math.min(next - now, lookEveryMs), () => {
      const isDue = clock.wallMs() >= next;
      this.start();
      if (isDue) onChange();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Lasts once it returns. Throws when it cannot be written; nothing has changed then. */
  put(names: readonly string[], order: ((name: string) => PeerOrder) | null): void {
    this.#options.store.put(names, order);
    this.start();
  }

  /** The order that is in force; null: none. */
  orderFor(peer: string): PeerOrder | null {
    const {clock, store} = this.#options;
    const order = store.orders().get(peer);
    return order && isInForce(order, clock.wallMs()) ? order : null;
  }

  of(peer: string): PeerAdminStatus {
    const order = this.orderFor(peer);
    if (!order) return peerEnabled;
    const drains = Date.parse(order.drain_until) > this.#options.clock.wallMs();
    return {...order, drain_until: drains ? order.drain_until : null};
  }
}

function isInForce({until}: PeerOrder, now: number): boolean {
  return until === null || Date.parse(until) > now;
}

/** What becomes of a peer's routes: all as usual, marked as going away, withdrawn, or withdrawn and the session closed. */
export type PeerPhase = 'enabled' | 'draining' | 'drained' | 'disabled';

export function phaseOf({drain_until, state}: PeerAdminStatus): PeerPhase {
  return drain_until === null ? state : 'draining';
}

/** Whether a peer is to have routes at all. */
export function takesRoutes(phase: PeerPhase): boolean {
  return phase === 'enabled' || phase === 'draining';
}

/** `by root until 2026-11-21T14:00:00.000Z: kernel update`; for a log line. */
export function describePeerAdmin({by, reason, until}: PeerAdminStatus): string {
  if (by === null) return 'nothing holds it out any more';
  return `by ${by}${until === null ? '' : ` until ${until}`}${reason === null ? '' : `: ${reason}`}`;
}
