import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {IpFamily} from '../../agent/types.js';
import type {Program} from './program.js';
import {
  familiesOf,
  type Neighbor,
  Router,
  type RouterConfig,
  type SeenPeer,
  type SeenRoute,
  sortRoutes,
} from './router.js';

/** Path attributes by their type code (RFC 4271, 1997, 4760, 8092), as `gobgp -j` shows them. */
interface GobgpAttribute {
  readonly type: number;
  readonly as_paths?: readonly {readonly asns: readonly number[]}[];
  readonly nexthop?: string;
  readonly metric?: number;
  readonly value?: unknown;
  readonly communities?: readonly number[];
}

interface GobgpPath {
  readonly nlri: {readonly prefix: string};
  readonly best?: boolean;
  readonly attrs: readonly GobgpAttribute[];
  readonly 'is-nexthop-invalid'?: boolean;
}

const stateNames = ['unknown', 'idle', 'connect', 'active', 'opensent', 'openconfirm', 'established'];

/** GoBGP 3: a table and nothing in the kernel. */
export class Gobgp extends Router {
  readonly kind = 'GoBGP';

  protected async launch(): Promise<Program[]> {
    const file = join(this.folder, 'gobgpd.toml');
    await writeFile(file, configOf(this.config));
    return [
      this.namespace.spawn(['gobgpd', '-f', file, '-l', 'info', '--api-hosts', this.apiHosts.join(',')]),
    ];
  }

  /** Where its API listens. */
  protected get apiHosts(): readonly string[] {
    return ['127.0.0.1:50051'];
  }

  protected async isReady(): Promise<boolean> {
    const neighbors: unknown[] = JSON.parse(await this.ask('neighbor'));
    return neighbors.length === this.config.neighbors.length;
  }

  async peer(address: string): Promise<SeenPeer> {
    const {state}: {state?: {session_state?: number}} = JSON.parse(await this.ask(`neighbor ${address}`));
    return {state: stateNames[state?.session_state ?? 0] ?? 'unknown', lastError: ''};
  }

  async routes(family: IpFamily): Promise<SeenRoute[]> {
    return sortRoutes(parseGobgpRoutes(await this.ask(`global rib -a ${family}`)));
  }

  /** What `gobgp -j COMMAND` prints. */
  async ask(command: string): Promise<string> {
    return this.namespace.run('gobgp', '-j', ...command.split(' '));
  }
}

function configOf(config: RouterConfig): string {
  return `
[global.config]
  as = ${config.as}
  router-id = "${config.routerId}"
  port = 179
  local-address-list = ["0.0.0.0", "::"]
${config.neighbors.map(neighborOf).join('\n')}
${config.extra ?? ''}
`;
}

function neighborOf(neighbor: Neighbor): string {
  const lines = [
    '[[neighbors]]',
    '[neighbors.config]',
    `neighbor-address = "${neighbor.address}"`,
    `peer-as = ${neighbor.remoteAs}`,
  ];
  if (neighbor.password !== undefined) lines.push(`auth-password = "${neighbor.password}"`);
  lines.push('[neighbors.transport.config]', `passive-mode = ${neighbor.passive !== false}`);
  if (neighbor.localAddress !== undefined) lines.push(`local-address = "${neighbor.localAddress}"`);
  if (neighbor.multihop !== undefined) {
    lines.push('[neighbors.ebgp-multihop.config]', 'enabled = true', `multihop-ttl = ${neighbor.multihop}`);
  }
  lines.push('[neighbors.timers.config]', 'connect-retry = 1');
  if (neighbor.holdTime !== undefined) {
    const keepalive = Math.max(1, Math.floor(neighbor.holdTime / 3));
    lines.push(`hold-time = ${neighbor.holdTime}`, `keepalive-interval = ${keepalive}`);
  }
  if (neighbor.gracefulRestart) {
    lines.push('[neighbors.graceful-restart.config]', 'enabled = true', 'restart-time = 120');
    lines.push('helper-only = true', 'notification-enabled = true', 'long-lived-enabled = true');
  }
  for (const family of familiesOf(neighbor)) {
    lines.push(
      '[[neighbors.afi-safis]]',
      '[neighbors.afi-safis.config]',
      `afi-safi-name = "${family}-unicast"`,
    );
    if (!neighbor.gracefulRestart) continue;
    lines.push('[neighbors.afi-safis.mp-graceful-restart.config]', 'enabled = true');
    lines.push(
      '[neighbors.afi-safis.long-lived-graceful-restart.config]',
      'enabled = true',
      'restart-time = 100',
    );
  }
  return lines.join('\n');
}

/** Reads `gobgp -j global rib -a FAMILY`: prefix → paths; an empty table is `{}`. */
export function parseGobgpRoutes(text: string): SeenRoute[] {
  const table: Record<string, readonly GobgpPath[]> = JSON.parse(text) ?? {};
  return Object.entries(table).flatMap(([prefix, paths]) =>
    paths.map((path) => {
      const find = (type: number) => path.attrs.find((attribute) => attribute.type === type);
      return {
        prefix,
        nextHop: find(3)?.nexthop ?? find(14)?.nexthop ?? '',
        asPath: (find(2)?.as_paths ?? []).flatMap((segment) => segment.asns),
        med: find(4)?.metric ?? null,
        localPref: numberOf(find(5)?.value),
        communities: (find(8)?.communities ?? []).map(communityText).sort(),
        largeCommunities: largeCommunitiesOf(find(32)?.value),
        valid: path['is-nexthop-invalid'] !== true,
        best: path.best === true,
      };
    }),
  );
}

function communityText(value: number): string {
  return `${value >>> 16}:${value & 0xffff}`;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

function largeCommunitiesOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.map((each: {ASN: number; LocalData1: number; LocalData2: number}) =>
    [each.ASN, each.LocalData1, each.LocalData2].join(':'),
  );
}
