/**
 * The vocabulary of eip-health: types only, no code. Every other file imports from here;
 * this file imports nothing. Read it beside `agent.ts`.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = string & {readonly [brand]: Name};

/** A canonical network, `192.0.2.1/32` or `2001:db8::/64` (RFC 5952). Made only by `lib/prefix`. */
export type Prefix = Branded<'Prefix'>;
/** A canonical address without a length, `192.0.2.1` or `2001:db8::1`. Made only by `lib/prefix`. */
export type IpAddress = Branded<'IpAddress'>;
/** A service's name, unique in the configuration. Made only by `config/parse`. */
export type ServiceName = Branded<'ServiceName'>;
/** A canonical community: `64512:7`, or `large:64512:1:2`. Names are resolved by `config/parse`. */
export type Community = Branded<'Community'>;

export type IpFamily = 'ipv4' | 'ipv6';
export type Cancel = () => void;
export type Json = null | boolean | number | string | readonly Json[] | {readonly [key: string]: Json};
export type JsonObject = {readonly [key: string]: Json};

// ---------------------------------------------------------------------------------------------
// Effects: handed in as parameters, so that every timing and failure is testable without waiting.

export interface Clock {
  /** Monotonic milliseconds with a fraction; only differences mean anything. */
  now(): number;
  /** Wall-clock milliseconds since the epoch: for people, logs and status only. */
  wallMs(): number;
  /** Calls `fn` once after `ms`; the answer cancels it. */
  after(ms: number, fn: () => void): Cancel;
}

export interface ExecOptions {
  readonly timeoutMs: number;
  /** Output kept of standard output and of standard error, each; the rest is read and dropped. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface ExecResult {
  /** `not-started`: missing, not executable, no such user or folder; `reason` says which. */
  readonly outcome: 'exited' | 'signalled' | 'timeout' | 'aborted' | 'not-started';
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
  readonly reason: string;
  readonly durationMs: number;
}

/** Runs other people's programs: own process group, SIGTERM then SIGKILL to all of it. Never throws. */
export interface Exec {
  run(argv: readonly string[], options: ExecOptions): Promise<ExecResult>;
}

export interface Files {
  /** The text of a file, or null where it does not exist. Throws on every other failure. */
  readText(path: string): Promise<string | null>;
  /** Calls `onChange` when something happens to `path` (also its coming and going). */
  watch(path: string, onChange: () => void): Cancel;
}

// ---------------------------------------------------------------------------------------------
// Checks

/**
 * `degraded`: works, but not as it should; `hold`: no evidence either way, the state stays as it is;
 * `error`: the check itself could not be carried out (command missing, bad answer format …).
 */
export type Verdict = 'pass' | 'degraded' | 'fail' | 'hold' | 'error';

export interface CheckResult {
  readonly verdict: Verdict;
  /** One line for people: `200 OK in 3 ms`, `connect ECONNREFUSED 127.0.0.1:8080`. */
  readonly reason: string;
  /** Wall clock, milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What was measured, for `--json` and hooks. */
  readonly details: JsonObject;
  /** What was sent and received, for people who debug; bounded, without secrets. */
  readonly transcript: readonly string[];
}

/** What a check may use of the world. */
export interface CheckContext {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly files: Files;
  readonly http: HttpClient;
  readonly net: StreamClient;
  /** The run must have ended when this time is over. */
  readonly timeoutMs: number;
  /** Aborted when the daemon stops or the check goes away: end at once. */
  readonly signal: AbortSignal;
}

export interface Check {
  readonly type: string;
  /** What is checked, in a few words: `GET http://127.0.0.1:8080/healthz`. */
  readonly title: string;
  /** Runs once. Never throws: what goes wrong is a verdict. */
  run(ctx: CheckContext): Promise<CheckResult>;
  /** Optional: calls `wake` when a run is wanted now because something happened outside. */
  watch?(ctx: Omit<CheckContext, 'timeoutMs' | 'signal'>, wake: () => void): Cancel;
  /** Optional: what it has learned and its later runs go by, also those of another process that is given it. */
  memory?(): JsonObject;
  /** Before the first run: takes what `memory` gave, also of another version; what it cannot use it ignores. */
  recall?(memory: JsonObject): void;
}

export interface TlsOptions {
  /** SNI and the name verified in the certificate. */
  readonly serverName?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly followRedirects: boolean;
  /** Bytes of the body that are read; more is an error answer `body-too-large`. */
  readonly bodyLimit: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly tls?: TlsOptions;
  /** Connect here instead of to what the URL's host resolves to. */
  readonly connectIp?: string;
  readonly sourceAddress?: string;
  readonly ipFamily?: IpFamily;
  /** Send a PROXY protocol header of this version first. */
  readonly proxyProtocol?: 1 | 2;
  readonly keepAlive: boolean;
}

export type HttpAnswer =
  | {
      readonly ok: true;
      readonly status: number;
      readonly statusText: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly durationMs: number;
      readonly remoteAddress: string | null;
      /** Days until the server's certificate ends; null without TLS. */
      readonly certificateDaysLeft: number | null;
    }
  | {readonly ok: false; readonly reason: string; readonly code: string; readonly durationMs: number};

/** Never throws: a failure is an answer. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpAnswer>;
}

export interface StreamTarget {
  readonly host: string;
  readonly port: number;
  readonly connectIp?: string;
  readonly sourceAddress?: string;
  readonly ipFamily?: IpFamily;
  readonly tls?: TlsOptions;
  /** For the whole life of the stream, counted from `open`: what is awaited then, rejects. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A connected byte stream. */
export interface Stream {
  readonly remoteAddress: string;
  readonly certificateDaysLeft: number | null;
  write(text: string): void;
  /** The next bytes as latin1 text, null at the end of the stream. Rejects on a socket error. */
  read(): Promise<string | null>;
  close(): void;
}

/** Opens TCP and TLS connections. Rejects with an Error whose message reads `connect ECONNREFUSED 127.0.0.1:80`. */
export interface StreamClient {
  open(target: StreamTarget): Promise<Stream>;
}

// ---------------------------------------------------------------------------------------------
// State

export type Settled = 'unknown' | 'up' | 'degraded' | 'down';
export type AdminState = 'enabled' | 'drained' | 'disabled' | 'forced-up';

/** Results in a row. Null before the first result that says anything. */
export interface Run {
  /** The newest verdict that counted; an error may count as a fail. */
  readonly of: 'pass' | 'degraded' | 'fail';
  /** Fails in a row, or successes (pass and degraded) in a row. */
  readonly length: number;
  /** Passes in a row. */
  readonly passes: number;
  /** Degraded results since the last pass. */
  readonly degraded: number;
}

export interface CheckState {
  readonly name: string;
  readonly settled: Settled;
  readonly run: Run | null;
  /** Monotonic time at which the present row of errors began; null when the last run was none. */
  readonly errorSince: number | null;
  readonly last: CheckResult | null;
  readonly missed: number;
}

export interface ServiceState {
  readonly name: ServiceName;
  readonly settled: Settled;
  readonly admin: AdminState;
  readonly checks: readonly CheckState[];
  /** Wall clock of the last change of `settled`. */
  readonly since: number;
  /** Why the state is what it is: `2 failures in a row: connect ECONNREFUSED …`. */
  readonly reason: string;
  /** Whether the service has been up or degraded since this process started. */
  readonly wasUp: boolean;
}

// ---------------------------------------------------------------------------------------------
// What is to be there

/** Goes on the interface: a /32 or /128. */
export interface Address {
  readonly prefix: Prefix;
  readonly owners: readonly ServiceName[];
}

export type NextHop = 'self' | {readonly ipv4?: IpAddress; readonly ipv6?: IpAddress};
export type AnnouncerName = 'bgp' | 'bird' | 'frr' | 'exabgp' | 'gobgp' | 'kernel';

/** Is announced. Two routes of one prefix differ in `via` or `peers`. */
export interface Route {
  readonly prefix: Prefix;
  readonly owners: readonly ServiceName[];
  /** Which announcers take it; null: all. */
  readonly via: readonly AnnouncerName[] | null;
  /** Which BGP peers get it; null: all. */
  readonly peers: readonly string[] | null;
  readonly nextHop: NextHop;
  readonly med: number | null;
  readonly localPreference: number | null;
  /** Sorted, without repetition. */
  readonly communities: readonly Community[];
  readonly asPathPrepend: number;
  /** Whether it summarizes its members (an `aggregate`): the kernel gets a route that covers it, where one is needed. */
  readonly aggregate: boolean;
}

/** The whole of what is to be there. What `adopt` names may stay if it is installed, but is not added. */
export interface Plan {
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly adopt: ReadonlySet<Prefix>;
  /** Every enabled service has settled (or settle_timeout is over): End-of-RIB may be sent. */
  readonly complete: boolean;
}

// ---------------------------------------------------------------------------------------------
// Announcers

/** What one announcer is to have: total, idempotent; no items = withdraw all. */
export interface Desired<Item extends {readonly prefix: Prefix}> {
  readonly items: readonly Item[];
  readonly adopt: ReadonlySet<Prefix>;
  readonly complete: boolean;
}

export type AnnouncerEvent =
  | {readonly kind: 'installed'; readonly prefix: Prefix}
  | {readonly kind: 'removed'; readonly prefix: Prefix}
  | {readonly kind: 'failed'; readonly prefix: Prefix; readonly reason: string};

export type ItemWord =
  | 'not-wanted'
  | 'pending'
  | 'installed'
  | 'announced'
  | 'withdraw-pending'
  | 'failed'
  | 'foreign'
  | 'no-next-hop'
  | 'not-negotiated'
  | 'peer-down';

export interface AnnouncerSnapshot {
  /** prefix → what `status --json` shows for it below this announcer's name. */
  readonly items: ReadonlyMap<Prefix, Json>;
  /** prefix → why it is not as wanted. */
  readonly reasons: ReadonlyMap<Prefix, string>;
}

/**
 * Brings something of the desired set about. `set` returns at once; what happened is told as events:
 * `installed` once a wanted item is there (also for an item that was there already), `removed` once an
 * item that is no longer wanted is gone (also when it never was there), `failed` with a reason; it then retries
 * by itself. After every `set`, each prefix that was added, changed or taken out of the set gets an event.
 */
export interface Installer<Item extends {readonly prefix: Prefix}> {
  readonly name: string;
  start(): Promise<void>;
  set(desired: Desired<Item>): void;
  stop(mode: 'withdraw' | 'keep'): Promise<void>;
  snapshot(): AnnouncerSnapshot;
  on(listener: (event: AnnouncerEvent) => void): Cancel;
  /**
   * Optional: resolves once it has looked, after the last `set`, at everything there is outside (also what is left over),
   * and all of that is as wanted, or not to be had from an outside that is not there.
   */
  idle?(): Promise<void>;
}

export interface Announcer extends Installer<Route> {
  readonly name: AnnouncerName;
}

// ---------------------------------------------------------------------------------------------
// BGP, as the outside sees it

export type PeerWord = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established';
export type BfdWord = 'admin-down' | 'down' | 'init' | 'up';

export interface PeerSnapshot {
  readonly name: string;
  readonly address: IpAddress;
  readonly remoteAs: number | null;
  readonly state: PeerWord;
  /** Wall clock of the last change of `state`. */
  readonly since: number;
  /** Prefixes announced to it now, prefixes received from it in this session. */
  readonly announced: number;
  readonly received: number;
  readonly lastError: string | null;
  /** Its BFD session; absent where none is configured. */
  readonly bfd?: BfdWord;
  /** Why that session is not up, as far as is known. */
  readonly bfdReason?: string | null;
  /** Absent where it is not configured. */
  readonly gracefulRestart?: PeerRestart;
}

/** Graceful restart with a peer (RFC 4724). */
export interface PeerRestart {
  /** As we advertise them; 0: not at all. */
  readonly restartTimeMs: number;
  readonly longLivedMs: number;
  /** Whether the peer does it too; null without a session. */
  readonly negotiated: boolean | null;
  /** Whether it does so after a NOTIFICATION (RFC 8538), and for the long-lived time (RFC 9494). */
  readonly notification: boolean;
  readonly longLived: boolean;
  /** Families whose End-of-RIB went out in the present session: what was stale is gone. */
  readonly endOfRib: readonly IpFamily[];
}

// ---------------------------------------------------------------------------------------------
// The side channel: what happened, for log, status, metrics and hooks. Sinks cannot throw back.

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export type AgentEvent =
  | {
      readonly kind: 'check-result';
      readonly service: ServiceName;
      readonly check: string;
      readonly result: CheckResult;
    }
  | {
      readonly kind: 'check-state';
      readonly service: ServiceName;
      readonly check: string;
      readonly from: Settled;
      readonly to: Settled;
      readonly reason: string;
    }
  | {
      readonly kind: 'service-state';
      readonly service: ServiceName;
      readonly from: Settled;
      readonly to: Settled;
      readonly reason: string;
    }
  | {
      readonly kind: 'admin-state';
      readonly service: ServiceName;
      readonly from: AdminState;
      readonly to: AdminState;
      readonly reason: string;
    }
  /** `to`: an announcer or peer name; a withdraw or announcement that is on the wire. */
  | {
      readonly kind: 'route-announced';
      readonly prefix: Prefix;
      readonly to: string;
      readonly nextHop: string | null;
      readonly owners: readonly ServiceName[];
    }
  | {
      readonly kind: 'route-withdrawn';
      readonly prefix: Prefix;
      readonly to: string;
      readonly owners: readonly ServiceName[];
    }
  | {readonly kind: 'route-failed'; readonly prefix: Prefix; readonly to: string; readonly reason: string}
  | {readonly kind: 'address-added'; readonly prefix: Prefix; readonly interface: string}
  | {readonly kind: 'address-removed'; readonly prefix: Prefix; readonly interface: string}
  | {
      readonly kind: 'address-failed';
      readonly prefix: Prefix;
      readonly interface: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'peer-state';
      readonly peer: string;
      readonly from: PeerWord;
      readonly to: PeerWord;
      readonly reason: string | null;
    }
  /** Anything else worth a line; `message` is lower case and reads on its own. */
  | {readonly kind: 'note'; readonly level: LogLevel; readonly message: string; readonly fields: JsonObject};

/** Hands an event to every sink. Never throws. */
export type Emit = (event: AgentEvent) => void;

// ---------------------------------------------------------------------------------------------
// The host's own network, as the kernel tells it

export interface InterfaceAddress {
  readonly interface: string;
  readonly address: IpAddress;
  /** Length of the connected network: 24 in 10.0.0.5/24. */
  readonly length: number;
  readonly scope: 'global' | 'link' | 'host' | 'other';
  readonly tentative: boolean;
  readonly deprecated: boolean;
  readonly temporary: boolean;
  readonly loopback: boolean;
  readonly up: boolean;
}

/** What addresses this host has, now; listeners hear of every change. */
export interface HostNetwork {
  addresses(): readonly InterfaceAddress[];
  on(listener: () => void): Cancel;
}
