/** The answer to `status --json` (CONTRACT "Commands"): the names of its fields are promises. Pure. */

import type {Problem, ServiceConfig} from '../config/types.js';
import {remember} from '../lib/collections.js';
import {bytesOf, lengthOf} from '../lib/prefix.js';
import type {
  AdminState,
  AnnouncerSnapshot,
  BfdWord,
  CheckState,
  IpFamily,
  Json,
  JsonObject,
  PeerRestart,
  PeerSnapshot,
  PeerWord,
  Plan,
  Prefix,
  ServiceState,
  Settled,
  Verdict,
} from '../types.js';

export interface StatusInput {
  readonly version: string;
  readonly mode: Status['mode'];
  readonly routerId: string | null;
  /** Wall clock of the start, like every time here milliseconds since the epoch. */
  readonly since: number;
  readonly now: number;
  readonly config: {readonly loadedAt: number; readonly errors: readonly Problem[]};
  readonly services: readonly {readonly config: ServiceConfig; readonly state: ServiceState}[];
  /** Who wants what of a service, and why; absent: nobody but its configuration. */
  readonly adminOf?: (config: ServiceConfig) => ServiceStatus['admin'];
  /** Prefixes that people hold out; absent: none. */
  readonly held?: ReadonlyMap<Prefix, HoldStatus>;
  readonly plan: Pick<Plan, 'addresses' | 'routes'>;
  /** What puts addresses on the interface; null: nothing does. */
  readonly kernelAddresses: AnnouncerSnapshot | null;
  readonly announcers: readonly {readonly name: string; readonly snapshot: AnnouncerSnapshot}[];
  readonly peers: readonly PeerSnapshot[];
  /** Absent: nobody wants anything of them. */
  readonly peerAdminOf?: (peer: string) => PeerAdminStatus;
  /** How many checks run now, and how many wait for others to end (`max_running_checks`). */
  readonly load: {readonly running: number; readonly waiting: number};
}

// Type aliases, not interfaces: only those are assignable to Json.
export type Status = {
  readonly schema: 1;
  readonly version: string;
  /** Which command it is. */
  readonly mode: 'run' | 'watchdog';
  readonly router_id: string | null;
  readonly since: string;
  /** When this was true. */
  readonly at: string;
  readonly config: {readonly loaded_at: string; readonly errors: readonly ConfigError[]};
  readonly services: readonly ServiceStatus[];
  readonly routes: readonly RouteStatus[];
  readonly peers: readonly PeerStatus[];
  /** Checks. */
  readonly load: {readonly running: number; readonly waiting: number};
};

export type ConfigError = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

export type AdminSource = {
  readonly source: 'command' | 'file' | 'maintenance' | 'hold' | 'configuration';
  readonly state: AdminState;
  readonly by: string | null;
  /** ISO 8601, like `until`. */
  readonly at: string | null;
  readonly until: string | null;
  readonly reason: string | null;
  /** With `hold`: which prefixes. */
  readonly prefixes?: readonly Prefix[];
};

/** Who holds a prefix out, since when, until when (null: until it is let in again), and why. */
export type HoldStatus = {
  readonly by: string;
  /** ISO 8601, like `until`. */
  readonly at: string;
  readonly until: string | null;
  readonly reason: string | null;
};

export type ServiceStatus = {
  readonly name: string;
  readonly state: Settled;
  readonly admin: {
    readonly state: AdminState;
    readonly by: string | null;
    readonly at: string | null;
    readonly until: string | null;
    readonly reason: string | null;
    /** ISO 8601; until then it is still announced, as its `drain` says; null: not any more, or nobody wants it gone. */
    readonly drain_until?: string | null;
    /** All who want something of it; the most withdrawn is in force. */
    readonly sources?: readonly AdminSource[];
  };
  readonly since: string;
  readonly reason: string;
  readonly prefixes: readonly Prefix[];
  readonly checks: readonly CheckStatus[];
};

export type CheckStatus = {
  readonly name: string;
  readonly type: string;
  readonly state: Settled;
  readonly verdict: Verdict | null;
  readonly reason: string | null;
  readonly at: string | null;
  readonly duration_ms: number | null;
  /** Successes in a row, or failures in a row as a negative number. */
  readonly run: number | null;
  readonly rise: number;
  readonly fall: number;
  readonly missed: number;
};

export type RouteStatus = {
  readonly prefix: Prefix;
  readonly wanted: boolean;
  readonly owners: readonly string[];
  /** Absent: nobody holds it out. */
  readonly held?: HoldStatus;
  /** Announcer → what it has: for `kernel` the words for address and route, for `bgp` an object per peer. */
  readonly announcers: JsonObject;
  /** Announcer → why it does not have what it should. */
  readonly reasons: Readonly<Record<string, string>>;
};

export type PeerStatus = {
  readonly name: string;
  readonly address: string;
  readonly remote_as: number | null;
  readonly state: PeerWord;
  readonly admin: PeerAdminStatus;
  readonly since: string;
  readonly bfd: BfdWord | null;
  /** Why it is not up; null where it is, or nothing is known. */
  readonly bfd_reason: string | null;
  /** null when not configured. */
  readonly graceful_restart: RestartStatus | null;
  readonly announced: number;
  readonly received: number;
  readonly last_error: string | null;
};

export type RestartStatus = {
  readonly restart_time_s: number;
  readonly long_lived_s: number;
  /** Of the present session; null without one. */
  readonly negotiated: boolean | null;
  /** RFC 8538. */
  readonly notification: boolean;
  /** RFC 9494. */
  readonly long_lived: boolean;
  readonly end_of_rib: readonly IpFamily[];
};

/** What people want of a peer. */
export type PeerAdminStatus = {
  readonly state: 'enabled' | 'drained' | 'disabled';
  readonly by: string | null;
  /** ISO 8601, like `until` and `drain_until`. */
  readonly at: string | null;
  readonly until: string | null;
  readonly reason: string | null;
  /** Until then it still has its routes, marked as going away; null: not any more, or nobody wants them gone. */
  readonly drain_until: string | null;
};

export const peerEnabled: PeerAdminStatus = {
  state: 'enabled',
  by: null,
  at: null,
  until: null,
  reason: null,
  drain_until: null,
};

export function buildStatus(input: StatusInput): Status {
  const {config, services} = input;
  return {
    schema: 1,
    version: input.version,
    mode: input.mode,
    router_id: input.routerId,
    since: iso(input.since),
    at: iso(input.now),
    config: {
      loaded_at: iso(config.loadedAt),
      errors: config.errors
        .filter(({severity}) => severity === 'error')
        .map(({file, line, column, message}) => ({file, line, column, message})),
    },
    services: services.map((service) => serviceStatus(service.config, service.state, input.adminOf)),
    routes: routeRows(input),
    peers: input.peers.map((peer) => ({
      name: peer.name,
      address: peer.address,
      remote_as: peer.remoteAs,
      state: peer.state,
      admin: input.peerAdminOf?.(peer.name) ?? peerEnabled,
      since: iso(peer.since),
      bfd: peer.bfd ?? null,
      bfd_reason: peer.bfdReason ?? null,
      graceful_restart: peer.gracefulRestart ? restartStatus(peer.gracefulRestart) : null,
      announced: peer.announced,
      received: peer.received,
      last_error: peer.lastError,
    })),
    load: {running: input.load.running, waiting: input.load.waiting},
  };
}

function restartStatus(restart: PeerRestart): RestartStatus {
  const {endOfRib, longLived, longLivedMs, negotiated, notification, restartTimeMs} = restart;
  return {
    restart_time_s: restartTimeMs / 1000,
    long_lived_s: longLivedMs / 1000,
    negotiated,
    notification,
    long_lived: longLived,
    end_of_rib: endOfRib,
  };
}

function serviceStatus(
  config: ServiceConfig,
  state: ServiceState,
  adminOf: StatusInput['adminOf'],
): ServiceStatus {
  const checks = new Map(state.checks.map((check) => [check.name, check]));
  return {
    name: config.name,
    state: state.settled,
    admin: adminOf?.(config) ?? {state: state.admin, by: null, at: null, until: null, reason: null},
    since: iso(state.since),
    reason: state.reason,
    prefixes: config.prefixes,
    checks: config.checks.map(({name, type, rise, fall}) => {
      const check = checks.get(name);
      const last = check?.last ?? null;
      return {
        name,
        type,
        state: check?.settled ?? 'unknown',
        verdict: last?.verdict ?? null,
        reason: last?.reason ?? null,
        at: last === null ? null : iso(last.startedAt),
        duration_ms: last === null ? null : Math.round(last.durationMs * 1000) / 1000,
        run: runLength(check?.run ?? null),
        rise,
        fall,
        missed: check?.missed ?? 0,
      };
    }),
  };
}

function runLength(run: CheckState['run']): number | null {
  if (run === null) return null;
  return run.of === 'fail' ? -run.length : run.length;
}

/** A row for every prefix that is planned, and for every other one that something still has, or that is held out. */
function routeRows({plan, services, held, kernelAddresses, announcers}: StatusInput): RouteStatus[] {
  const wanted = new Set(plan.routes.map(({prefix}) => prefix));
  const owners = new Map<Prefix, Set<string>>();
  for (const {prefix, owners: names} of [...plan.routes, ...plan.addresses]) {
    for (const name of names) remember(owners, prefix, () => new Set<string>()).add(name);
  }
  const left = new Set([...(held?.keys() ?? [])].filter((prefix) => !owners.has(prefix)));
  for (const {items} of [kernelAddresses, ...announcers.map(({snapshot}) => snapshot)].flatMap(
    (each) => each ?? [],
  )) {
    for (const [prefix, item] of items) if (!owners.has(prefix) && isHeld(item)) left.add(prefix);
  }
  for (const prefix of left) owners.set(prefix, new Set());
  for (const {config} of services) {
    for (const prefix of [...config.prefixes, ...config.addresses]) {
      if (left.has(prefix)) owners.get(prefix)?.add(config.name);
    }
  }
  return sortedByPrefix([...owners]).map(([prefix, names]) => {
    const hold = held?.get(prefix);
    return {
      prefix,
      wanted: wanted.has(prefix),
      owners: [...names].sort(),
      ...(hold && {held: hold}),
      ...atAnnouncers(prefix, kernelAddresses, announcers),
    };
  });
}

/** As `comparePrefixes` sorts, but every address is parsed once: there may be 100,000. */
function sortedByPrefix<Value>(rows: readonly (readonly [Prefix, Value])[]): (readonly [Prefix, Value])[] {
  return rows
    .map((row) => ({row, bytes: bytesOf(row[0]), length: lengthOf(row[0])}))
    .sort(
      (a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes) || a.length - b.length,
    )
    .map(({row}) => row);
}

function atAnnouncers(
  prefix: Prefix,
  addresses: AnnouncerSnapshot | null,
  announcers: StatusInput['announcers'],
): Pick<RouteStatus, 'announcers' | 'reasons'> {
  const items: Record<string, Json> = {};
  const reasons: Record<string, string> = {};
  const addReason = (name: string, reason: string | undefined): void => {
    if (reason === undefined) return;
    const before = reasons[name];
    reasons[name] = before === undefined || before === reason ? reason : `${before}; ${reason}`;
  };
  const hostRoutes = announcers.find(({name}) => name === 'kernel')?.snapshot ?? null;
  if (addresses || hostRoutes) {
    items.kernel = {
      address: addresses?.items.get(prefix) ?? 'not-wanted',
      route: hostRoutes?.items.get(prefix) ?? 'not-wanted',
    };
    addReason('kernel', addresses?.reasons.get(prefix));
  }
  for (const {name, snapshot} of announcers) {
    const item = snapshot.items.get(prefix);
    if (name !== 'kernel' && item !== undefined) items[name] = item;
    addReason(name, snapshot.reasons.get(prefix));
  }
  return {announcers: items, reasons};
}

/** Whether any word in it says more than `not-wanted`. */
function isHeld(item: Json): boolean {
  if (typeof item === 'string') return item !== 'not-wanted';
  if (item === null || typeof item !== 'object') return false;
  if (Array.isArray(item)) return item.some(isHeld);
  return 'state' in item ? isHeld(item.state as Json) : Object.values(item).some(isHeld);
}

function iso(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
