/**
 * What is wanted of each service by people: by command, by a file, by a maintenance window, by holds of its prefixes and
 * by its configuration. The most withdrawn wins (CONTRACT "Admin").
 */

import type {ServiceConfig} from '../config/types.js';
import type {AdminSource} from '../events/status.js';
import {formatDuration} from '../lib/duration.js';
import type {AdminState, Cancel, Clock, Prefix, ServiceName} from '../types.js';
import type {Presence} from './disable-files.js';
import {nextChange, openWindow} from './maintenance.js';
import type {AdminOrder, AdminStore, Hold} from './store.js';

/** The state in force with where it comes from, and every source. */
export type Admin = Omit<AdminSource, 'source' | 'prefixes'> & {readonly sources: readonly AdminSource[]};

/** What of a service's configuration says how people steer it. */
export type Steered = Pick<ServiceConfig, 'name' | 'enabled' | 'prefixes' | 'disableFile' | 'maintenance'>;

export interface OrdersOptions {
  readonly store: AdminStore;
  readonly clock: Clock;
  /** Whether a `disable_file` is there. */
  readonly presence: (path: string) => Presence;
  /** Something has ended or begun by itself. */
  readonly onChange: () => void;
}

/** The wall clock may be set: no longer than this is trusted to a timer. */
const lookEveryMs = 60_000;

const withdrawnFirst: readonly AdminState[] = ['disabled', 'drained', 'forced-up', 'enabled'];
const nobody = {by: null, at: null, until: null, reason: null};

export class Orders {
  readonly #options: OrdersOptions;
  #followed: readonly Steered[] = [];
  #cancel: Cancel = () => {};

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  /** The services whose maintenance windows are told of from now on. */
  follow(services: readonly Steered[]): void {
    this.#followed = services;
  }

  /** From now on tells when something begins or ends by itself. */
  start(): void {
    const {clock, onChange, store} = this.#options;
    const now = clock.wallMs();
    this.#cancel();
    const ends = [...store.orders().values(), ...store.holds.orders().values()]
      .flatMap(({until}) => (until === null ? [] : [Date.parse(until)]))
      .filter((end) => end > now);
    const windows = this.#followed.flatMap(({maintenance = []}) => maintenance);
    if (ends.length + windows.length === 0) return;
    const change = Math.min(...ends, nextChange(windows, now, lookEveryMs) ?? Number.POSITIVE_INFINITY);
    this.#cancel = clock.after(Math.min(change - now, lookEveryMs), () => {
      const isDue = clock.wallMs() >= change;
      this.start();
      if (isDue) onChange();
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

  /** Holds prefixes out, or lifts that (null). Lasts once it returns; throws like `put`. */
  hold(prefixes: readonly Prefix[], hold: Hold | null): void {
    this.#options.store.holds.put(prefixes, hold);
    this.start();
  }

  /** The prefixes that are held out now. */
  held(): ReadonlyMap<Prefix, Hold> {
    return heldAt(this.#options.store, this.#options.clock.wallMs());
  }

  of(service: Steered): Admin {
    const {clock, presence, store} = this.#options;
    const now = clock.wallMs();
    const {disableFile, maintenance = []} = service;
    const order = store.orders().get(service.name);
    const sources = [
      ...(order && isInForce(order, now) ? [{source: 'command', ...order} as const] : []),
      ...(disableFile === undefined ? [] : fileSource(disableFile, presence(disableFile))),
      ...maintenanceSource(maintenance, now),
      ...holdSources(service.prefixes, (prefix) => holdOf(store, prefix, now)),
      ...(service.enabled ? [] : [configurationSource]),
    ];
    return mostWithdrawn(sources, service.prefixes);
  }
}

/** What `store` holds out at `now` (wall clock). */
export function heldAt({holds}: Pick<AdminStore, 'holds'>, now: number): ReadonlyMap<Prefix, Hold> {
  // Only prefixes are ever written as names.
  return new Map(
    [...holds.orders()].flatMap(([name, hold]) => (isInForce(hold, now) ? [[name as Prefix, hold]] : [])),
  );
}

function holdOf({holds}: Pick<AdminStore, 'holds'>, prefix: Prefix, now: number): Hold | null {
  const hold = holds.orders().get(prefix);
  return hold && isInForce(hold, now) ? hold : null;
}

/** Pure. A hold counts for the service as a whole only when it leaves none of its `prefixes`. */
export function mostWithdrawn(sources: readonly AdminSource[], prefixes: readonly Prefix[]): Admin {
  const held = new Set(sources.flatMap(({prefixes: some = []}) => some));
  const isWhole = prefixes.every((prefix) => held.has(prefix));
  const counting = sources.filter(({source}) => source !== 'hold' || isWhole);
  for (const wanted of withdrawnFirst) {
    const found = counting.find(({state}) => state === wanted);
    if (!found) continue;
    const {source: _source, prefixes: _prefixes, ...inForce} = found;
    return {...inForce, sources};
  }
  return {state: 'enabled', ...nobody, sources};
}

function isInForce({until}: {readonly until: string | null}, now: number): boolean {
  return until === null || Date.parse(until) > now;
}

const configurationSource: AdminSource = {
  source: 'configuration',
  ...nobody,
  state: 'disabled',
  reason: 'disabled by its configuration',
};

function fileSource(path: string, presence: Presence): readonly AdminSource[] {
  if (presence === null) return [];
  const isSeen = presence !== 'unknown';
  return [
    {
      source: 'file',
      state: 'drained',
      by: 'file',
      at: isSeen ? new Date(presence).toISOString() : null,
      until: null,
      reason: isSeen ? `${path} exists` : `${path} cannot be looked at`,
    },
  ];
}

function maintenanceSource(
  windows: NonNullable<Steered['maintenance']>,
  now: number,
): readonly AdminSource[] {
  const open = openWindow(windows, now);
  if (!open) return [];
  return [
    {
      source: 'maintenance',
      state: 'drained',
      by: 'maintenance',
      at: new Date(open.since).toISOString(),
      until: new Date(open.until).toISOString(),
      reason: `"${open.window.schedule}" for ${formatDuration(open.window.forMs)}`,
    },
  ];
}

/** Prefixes that were held out together are one source. */
function holdSources(
  prefixes: readonly Prefix[],
  holdOf: (prefix: Prefix) => Hold | null,
): readonly AdminSource[] {
  const groups = new Map<string, AdminSource & {readonly prefixes: Prefix[]}>();
  for (const prefix of prefixes) {
    const hold = holdOf(prefix);
    if (!hold) continue;
    const key = JSON.stringify(hold);
    const group = groups.get(key) ?? {source: 'hold', state: 'drained', ...hold, prefixes: []};
    group.prefixes.push(prefix);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** `by root until 2026-11-21T14:00:00.000Z: kernel update`; for a log line and a service's reason. */
export function describeAdmin({
  state,
  by,
  until,
  reason,
}: Pick<Admin, 'state' | 'by' | 'until' | 'reason'>): string {
  if (by === null) return reason ?? (state === 'enabled' ? 'nothing holds it out any more' : state);
  return describeOrder({by, until, reason});
}

/** Who, until when, why. */
export function describeOrder({by, until, reason}: Pick<Hold, 'by' | 'until' | 'reason'>): string {
  const end = until === null ? '' : ` until ${until}`;
  return `by ${by}${end}${reason === null ? '' : `: ${reason}`}`;
}
