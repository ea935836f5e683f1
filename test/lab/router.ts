/** What every router of the lab can be told and asked, whatever daemon it runs. */

import type {IpFamily} from '../../agent/types.js';
import type {Lab} from './lab.js';
import type {Namespace} from './namespace.js';
import type {Program} from './program.js';
import {waitFor} from './wait.js';

export interface Neighbor {
  readonly address: string;
  /** BIRD and FRR: `external` takes any AS but the own. */
  readonly remoteAs: number | 'external';
  /** The router's own end; needed for a session between loopbacks. */
  readonly localAddress?: string;
  readonly password?: string;
  /** TTL of an eBGP multihop session; absent: directly connected. */
  readonly multihop?: number;
  /** Seconds; absent: the daemon's default. */
  readonly holdTime?: number;
  /** Waits to be called (default) instead of calling. */
  readonly passive?: boolean;
  readonly families?: readonly IpFamily[];
  /** BIRD and FRR: with BFD, packets every so many milliseconds, three of which may be lost; `multihop` counts. */
  readonly bfdMs?: number;
  /** BIRD and FRR: says nothing over BFD before the neighbor does. */
  readonly bfdPassive?: boolean;
  /** BIRD: what BFD does on the neighbor's link; null: in all its multihop sessions. */
  readonly bfdOn?: {readonly link: string | null; readonly options: string};
  /** BIRD and FRR: it goes by graceful restart when BFD goes down. */
  readonly bfdGraceful?: boolean;
  /** Whether it keeps the routes of a neighbor that restarts; default: as the daemon comes (BIRD and FRR do, GoBGP does not). */
  readonly gracefulRestart?: boolean;
  /** BIRD: the filter, from `extra`, of what is announced; absent: nothing is. */
  readonly exportFilter?: string;
  /** BIRD: whether it knows 4-octet AS numbers (RFC 6793); default: it does. */
  readonly fourOctetAs?: boolean;
}

export interface RouterConfig {
  readonly as: number;
  readonly routerId: string;
  readonly neighbors: readonly Neighbor[];
  /** Puts routes into the kernel, equal ones of several neighbors as one multipath route (BIRD and FRR). */
  readonly kernel?: boolean;
  /** More of the daemon's own configuration language, beside what the keys above give. */
  readonly extra?: string;
  /** FRR: bgpd's whole configuration, instead of what the keys above give. */
  readonly verbatim?: string;
}

/** A route as the router's own table shows it. */
export interface SeenRoute {
  readonly prefix: string;
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly med: number | null;
  readonly localPref: number | null;
  /** Sorted, `64512:7`. */
  readonly communities: readonly string[];
  /** Sorted, `64512:1:2`. */
  readonly largeCommunities: readonly string[];
  /** The next hop can be reached. */
  readonly valid: boolean;
  readonly best: boolean;
}

export interface SeenPeer {
  /** `established`, or the daemon's own word in lower case. */
  readonly state: string;
  /** What the daemon says about the last end of the session, where it does. */
  readonly lastError: string;
}

const startTimeoutMs = 20_000;

export abstract class Router {
  abstract readonly kind: string;
  protected programs: Program[] = [];

  constructor(
    readonly namespace: Namespace,
    protected readonly folder: string,
    readonly config: RouterConfig,
  ) {}

  /** Writes the configuration and starts the daemon; resolves once it answers. */
  async start(): Promise<void> {
    this.programs = await this.launch();
    await waitFor(
      `${this.kind} to answer`,
      () => this.isReady().catch(() => false),
      (ready) => {
        for (const program of this.programs) if (!program.isRunning) throw new Error(program.describe());
        return ready;
      },
      startTimeoutMs,
    );
  }

  /** A clean end: the daemon closes its sessions. */
  async stop(): Promise<void> {
    for (const program of [...this.programs].reverse()) await program.stop();
    this.programs = [];
  }

  /** SIGKILL: the kernel closes the connections. */
  async kill(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()));
    this.programs = [];
  }

  async close(): Promise<void> {
    await this.kill();
  }

  describe(): string {
    const said = this.programs.map((program) => program.describe());
    return `--- ${this.kind} in ${this.namespace.name}\n${said.join('\n')}`;
  }

  abstract peer(address: string): Promise<SeenPeer>;

  /** Every path of every prefix that came by BGP, sorted by prefix and next hop. */
  abstract routes(family: IpFamily): Promise<SeenRoute[]>;

  protected abstract launch(): Promise<Program[]>;
  protected abstract isReady(): Promise<boolean>;

  /** The paths of one prefix. */
  async routesTo(prefix: string): Promise<SeenRoute[]> {
    const all = await this.routes(prefix.includes(':') ? 'ipv6' : 'ipv4');
    return all.filter((route) => route.prefix === prefix);
  }

  async waitForPeer(address: string, state = 'established', timeoutMs?: number): Promise<void> {
    await waitFor(
      `${this.kind} to see ${address} ${state}`,
      () => this.peer(address),
      (peer) => peer.state === state,
      timeoutMs,
    );
  }

  /**
   * Waits until the router has exactly `count` paths to the prefix, all of them valid and one of them chosen
   * (routers check next hops and choose a little later than they list), and answers them.
   */
  async waitForRoutes(prefix: string, count: number, timeoutMs?: number): Promise<SeenRoute[]> {
    return waitFor(
      `${this.kind} to have ${count} valid path(s) to ${prefix}`,
      () => this.routesTo(prefix),
      (routes) =>
        routes.length === count &&
        routes.every((route) => route.valid) &&
        (count === 0 || routes.some((route) => route.best)),
      timeoutMs,
    );
  }

  /** The gateways of the kernel's own route to a prefix, sorted; empty: no route. */
  async kernelGateways(prefix: string): Promise<string[]> {
    return kernelGateways(this.namespace, prefix);
  }
}

export type RouterKind = new (namespace: Namespace, folder: string, config: RouterConfig) => Router;

/** Starts a router that is stopped with the lab. */
export async function startRouter<R extends Router>(
  lab: Lab,
  Kind: new (namespace: Namespace, folder: string, config: RouterConfig) => R,
  namespace: Namespace,
  config: RouterConfig,
): Promise<R> {
  const router = lab.add(new Kind(namespace, await lab.newFolder(Kind.name.toLowerCase()), config));
  await router.start();
  return router;
}

export function familiesOf(neighbor: Neighbor): readonly IpFamily[] {
  return neighbor.families ?? ['ipv4', 'ipv6'];
}

export function sortRoutes(routes: readonly SeenRoute[]): SeenRoute[] {
  const key = (route: SeenRoute) => `${route.prefix} ${route.nextHop}`;
  return [...routes].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly nexthops?: readonly {readonly gateway: string}[];
}

async function kernelGateways(namespace: Namespace, prefix: string): Promise<string[]> {
  const family = prefix.includes(':') ? '-6' : '-4';
  const routes: KernelRoute[] = JSON.parse((await namespace.ip(`${family} -j route show ${prefix}`)) || '[]');
  const gateways = routes.flatMap((route) => [
    ...(route.gateway === undefined ? [] : [route.gateway]),
    ...(route.nexthops ?? []).map((hop) => hop.gateway),
  ]);
  return gateways.sort();
}
