/** The configuration as a frozen value: what `config/parse` gives and everything else reads. */

import type {Authentication} from '../bfd/authentication.js';
import type {Secret} from '../lib/secret.js';
import type {AnnouncerName, Community, IpAddress, IpFamily, NextHop, Prefix, ServiceName} from '../types.js';
import type {BirdConfig} from './bird.js';
import type {ExabgpConfig} from './exabgp.js';
import type {FrrConfig} from './frr.js';
import type {GobgpConfig} from './gobgp.js';
import type {SyslogConfig} from './syslog.js';

export interface Config {
  /** The main file; null when the configuration came from a text. */
  readonly file: string | null;
  /** Absolute, like every path below; null: no folder, the services stand in the main file. */
  readonly confD: string | null;
  /** As configured; null: to be chosen (CONTRACT: local_address, else the lowest global IPv4, kept in state_dir). */
  readonly routerId: IpAddress | null;
  readonly stateDir: string;
  readonly controlSocket: string;
  /** null: host routes only. */
  readonly allow: readonly AllowEntry[] | null;
  readonly onStop: 'withdraw' | 'keep';
  readonly onCrash: 'withdraw' | 'adopt';
  readonly settleTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly stepTimeoutMs: number;
  readonly maxRunningChecks: number;
  readonly log: LogConfig;
  readonly kernel: KernelConfig | null;
  readonly bgp: BgpConfig | null;
  readonly bird: BirdConfig | null;
  /** null: this is no process of ExaBGP. */
  readonly exabgp: ExabgpConfig | null;
  readonly frr: FrrConfig | null;
  readonly gobgp: GobgpConfig | null;
  /** In file order; broken services are left out and reported as problems. */
  readonly services: readonly ServiceConfig[];
}

/** A route passes if it lies in `prefix` and its length is between `ge` and `le`. */
export interface AllowEntry {
  readonly prefix: Prefix;
  readonly ge: number;
  readonly le: number;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly format: 'json' | 'pretty' | 'auto';
  /** null: no system log. */
  readonly syslog: SyslogConfig | null;
}

export type AddressMode = 'when_up' | 'always' | 'never';

export interface KernelConfig {
  readonly interface: string;
  readonly addresses: AddressMode;
  readonly routes: boolean;
  /** Routing table number (`main` = 254). */
  readonly table: number;
  readonly protocol: number;
  readonly arp: 'check' | 'set' | 'off';
}

export interface BgpConfig {
  readonly localAs: number;
  readonly localAddress: IpAddress | null;
  readonly localAddress6: IpAddress | null;
  /** Alias → community, already resolved. */
  readonly communities: Readonly<Record<string, Community>>;
  readonly peers: readonly PeerConfig[];
}

/** One peer with everything inherited from `bgp:` filled in. */
export interface PeerConfig {
  readonly name: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly localAs: number;
  readonly remoteAs: number | 'internal' | 'external';
  /** Source address of the session; null: the kernel chooses. */
  readonly localAddress: IpAddress | null;
  /** Next hops for the family that is not the session's; null: found on the interface. */
  readonly localAddress4: IpAddress | null;
  readonly localAddress6: IpAddress | null;
  /** null: directly connected (TTL 1 on eBGP); else the TTL of packets sent. */
  readonly multihop: number | null;
  readonly password: Secret | null;
  /** The file that the password came from. */
  readonly passwordFile?: string;
  readonly families: readonly IpFamily[];
  readonly holdTimeMs: number;
  readonly connectRetryMs: number;
  /** Absent: none. */
  readonly bfd?: BfdConfig;
  /** Absent: none; what was announced goes with the session. */
  readonly gracefulRestart?: GracefulRestartConfig;
  /** Where it stands in the main file, from 1. */
  readonly position?: {readonly line: number; readonly column: number};
}

/** Graceful restart with one peer (RFC 4724, RFC 9494), in whole seconds. */
export interface GracefulRestartConfig {
  /** So long the peer keeps what was announced when the session ends; 0: not at all, but see below. */
  readonly restartTimeMs: number;
  /** So long it keeps it after that, as a last resort; 0: not at all. */
  readonly longLivedMs: number;
}

/** BFD with one peer (RFC 5880), everything resolved. */
export interface BfdConfig {
  readonly receiveIntervalMs: number;
  readonly transmitIntervalMs: number;
  readonly detectMultiplier: number;
  /** Single hop (RFC 5881) or multihop (RFC 5883). */
  readonly mode: 'single' | 'multihop';
  readonly passive: boolean;
  /** Of packets received. */
  readonly minimumTtl: number;
  /** BGP waits for it, each time anew. */
  readonly strict: boolean;
  /** null: none. */
  readonly authentication: BfdAuthentication | null;
  /** A session that goes down ends BGP so that the peer keeps what it has, where graceful restart was agreed on. */
  readonly graceful: boolean;
}

export interface BfdAuthentication extends Authentication {
  /** The file that the password came from; null: it stands in the main file. */
  readonly file: string | null;
}

/** The attributes of an announcement, all resolved. */
export interface RouteAttributes {
  readonly nextHop: NextHop;
  readonly med: number | null;
  readonly localPreference: number | null;
  readonly communities: readonly Community[];
  readonly asPathPrepend: number;
}

export interface AnnounceBlock extends RouteAttributes {
  readonly via: readonly AnnouncerName[] | null;
  readonly peers: readonly string[] | null;
  /** Length announced instead of the prefix itself, by family. */
  readonly aggregate: {readonly ipv4?: number; readonly ipv6?: number} | null;
  /**
   * Absent: the block gives routes for every prefix of the service. Else only for these: with an `aggregate`, without
   * those that it does not change (of the other family, or as short already) and that other blocks give to its peers.
   */
  readonly prefixes?: readonly Prefix[];
}

/** Replaces an announce block key by key. */
export type AnnounceOverride = Partial<RouteAttributes & Pick<AnnounceBlock, 'via' | 'peers'>>;

export interface CheckConfig {
  readonly name: string;
  readonly type: string;
  /** The check type's own keys, as its schema gave them; `checks/index.ts` makes a check of them. */
  readonly options: unknown;
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  /** A cron expression instead of the interval, which then means nothing. */
  readonly schedule: string | null;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  readonly onError: 'fail' | 'hold';
  readonly errorLimitMs: number;
}

/** The service is drained from each time of a cron expression on, in the daemon's local time, for so long. */
export interface MaintenanceWindow {
  readonly schedule: string;
  readonly forMs: number;
}

export interface ServiceConfig {
  readonly name: ServiceName;
  readonly file: string;
  readonly line: number;
  readonly prefixes: readonly Prefix[];
  /** Host prefixes that go on the interface. */
  readonly addresses: readonly Prefix[];
  /** Resolved from the service's own `kernel:` and the main file; `never` without a `kernel:` block. */
  readonly addressMode: AddressMode;
  readonly kernelRoute: boolean;
  readonly checks: readonly CheckConfig[];
  readonly require: 'all' | 'any' | number;
  readonly enabled: boolean;
  readonly shared: 'any' | 'all' | null;
  /** While this file exists the service is drained. */
  readonly disableFile?: string;
  /** Absent: none. */
  readonly maintenance?: readonly MaintenanceWindow[];
  readonly drain: {readonly forMs: number; readonly override: AnnounceOverride};
  readonly announce: readonly AnnounceBlock[];
  readonly whenDegraded: AnnounceOverride | null;
  readonly whenDown: {readonly fromStart: boolean; readonly override: AnnounceOverride} | 'withdraw';
}

/** Something wrong in a configuration, or worth a warning. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1; 0 where a whole file is meant. */
  readonly line: number;
  readonly column: number;
  /** What is wrong and what would be right, one line. */
  readonly message: string;
  /** Which part is unusable: the main file, or one service document. */
  readonly scope: 'main' | 'service';
}
