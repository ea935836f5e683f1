/** What is wanted of each service by people: from commands and the configuration, the most withdrawn wins. */

import type {ServiceConfig} from '../config/types.js';
import type {AdminSource} from '../events/status.js';
import {maxDurationMs} from '../lib/duration.js';
import type {AdminState, Cancel, Clock, ServiceName} from '../types.js';
import type {AdminOrder, AdminStore} from './store.js';

/** The state in force with where it comes from, and every source. */
export type Admin = Omit<AdminSource, 'source'> & {readonly sources: readonly AdminSource[]};

export interface OrdersOptions {
  readonly store: AdminStore;
  readonly clock: Clock;
  /** An order has ended by itself. */
  readonly onExpiry: () => void;
}

const withdrawnFirst: readonly AdminState[] = ['disabled', 'drained', 'forced-up', 'enabled'];

export class Orders {
  readonly #options: OrdersOptions;
  #cancel: Cancel = () => {};

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /** From now on tells when an order ends by itself. */
  start(): void {
    const {clock, onExpiry, store} = this.#options;
    const ends = [...store.orders().values()]
      .flatMap(({until}) => (until === null ? [] : [Date.parse(until)]))
      .filter((end) => end > clock.wallMs());
    this.#cancel();
    if (ends.length === 0) return;
    this.#cancel = clock.after(Math.min(Math.min(...ends) - clock.wallMs(), maxDurationMs), () => {
      this.start();
      onExpiry();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Lasts once it returns. Throws when it cannot be written; nothing has changed then. */
  put(names: readonly ServiceName[], order: AdminOrder | null): void {
    this.#options.store.put(names, order);
    this.start();
  }

  of({name, enabled}: Pick<ServiceConfig, 'name' | 'enabled'>): Admin {
    const {clock, store} = this.#options;
    return adminOf(enabled, store.orders().get(name) ?? null, clock.wallMs());
  }
}

/** Pure; `now` is wall clock. */
export function adminOf(enabled: boolean, order: AdminOrder | null, now: number): Admin {
  const nobody = {by: null, at: null, until: null, reason: null};
  const sources: AdminSource[] = [];
  if (order !== null && (order.until === null || Date.parse(order.until) > now)) {
    sources.push({source: 'command', ...order});
  }
  if (!enabled) {
    sources.push({
      source: 'configuration',
      ...nobody,
      state: 'disabled',
      reason: 'disabled by its configuration',
    });
  }
  for (const wanted of withdrawnFirst) {
    const found = sources.find(({state}) => state === wanted);
    if (!found) continue;
    const {source: _source, ...inForce} = found;
    return {...inForce, sources};
  }
  return {state: 'enabled', ...nobody, sources};
}

/** `by root until 2026-11-21T14:00:00.000Z: kernel update`; for a log line and a service's reason. */
export function describeAdmin({state, by, until, reason}: Admin): string {
  if (by === null) return reason ?? (state === 'enabled' ? 'nothing holds it out any more' : state);
  const end = until === null ? '' : ` until ${until}`;
  return `by ${by}${end}${reason === null ? '' : `: ${reason}`}`;
}
