import {chmod, mkdir, writeFile} from 'node:fs/promises';
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

/** What `bgpctl -j show rib detail` says of one path. */
interface OpenbgpdPath {
  readonly prefix: string;
  readonly valid?: boolean;
  readonly best?: boolean;
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly metric?: number;
  readonly localpref?: number;
  readonly communities?: readonly string[];
  readonly large_communities?: readonly string[];
}

/** OpenBGPD (portable): a table and nothing in the kernel. */
export class Openbgpd extends Router {
  readonly kind = 'OpenBGPD';

  protected async launch(): Promise<Program[]> {
    const file = join(this.folder, 'bgpd.conf');
    await writeFile(file, configOf(this.config, this.#socket));
    await chmod(file, 0o600);
    // Where its unprivileged processes are locked in; systemd would make it.
    await mkdir('/run/openbgpd', {recursive: true, mode: 0o755});
    return [this.namespace.spawn(['/usr/sbin/bgpd', '-d', '-f', file])];
  }

  protected async isReady(): Promise<boolean> {
    const {neighbors}: {neighbors?: readonly unknown[]} = JSON.parse(await this.ask('show neighbor'));
    return neighbors?.length === this.config.neighbors.length;
  }

  async peer(address: string): Promise<SeenPeer> {
    const answer: {
      neighbors?: readonly {remote_addr: string; state: string; last_error_received?: string}[];
    } = JSON.parse(await this.ask('show neighbor'));
    const peer = answer.neighbors?.find((neighbor) => neighbor.remote_addr === address);
    return {state: (peer?.state ?? 'unknown').toLowerCase(), lastError: peer?.last_error_received ?? ''};
  }

  async routes(family: IpFamily): Promise<SeenRoute[]> {
    const word = family === 'ipv4' ? 'inet' : 'inet6';
    return sortRoutes(parseOpenbgpdRoutes(await this.ask(`show rib ${word} detail`)));
  }

  /** What `bgpctl -j COMMAND` prints. */
  async ask(command: string): Promise<string> {
    return this.namespace.run('bgpctl', '-s', this.#socket, '-j', ...command.split(' '));
  }

  get #socket(): string {
    return join(this.folder, 'ctl');
  }
}

function configOf(config: RouterConfig, socket: string): string {
  return `
AS ${config.as}
router-id ${config.routerId}
fib-update no
socket "${socket}"
${config.neighbors.map(neighborOf).join('\n')}
${config.extra ?? ''}
allow from any
allow to any
`;
}

function neighborOf(neighbor: Neighbor): string {
  const lines = [`remote-as ${neighbor.remoteAs}`, 'holdtime min 3'];
  const isPassive = neighbor.passive !== false;
  if (isPassive) lines.push('passive');
  // With a passive peer and an address of its own the listener would have no MD5 key.
  else if (neighbor.localAddress !== undefined) lines.push(`local-address ${neighbor.localAddress}`);
  if (neighbor.multihop !== undefined) lines.push(`multihop ${neighbor.multihop}`);
  if (neighbor.password !== undefined) lines.push(`tcp md5sig password ${neighbor.password}`);
  if (neighbor.holdTime !== undefined) lines.push(`holdtime ${neighbor.holdTime}`);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const kind = familiesOf(neighbor).includes(family) ? 'unicast' : 'none';
    lines.push(`announce ${family === 'ipv4' ? 'IPv4' : 'IPv6'} ${kind}`);
  }
  return `neighbor ${neighbor.address} {\n  ${lines.join('\n  ')}\n}`;
}

/** Reads `bgpctl -j show rib detail`. */
export function parseOpenbgpdRoutes(text: string): SeenRoute[] {
  const {rib}: {rib?: readonly OpenbgpdPath[]} = JSON.parse(text);
  return (rib ?? []).map((path) => ({
    prefix: path.prefix,
    nextHop: path.exit_nexthop ?? '',
    asPath: (path.aspath ?? '').split(' ').filter(Boolean).map(Number),
    med: path.metric ?? null,
    localPref: path.localpref ?? null,
    communities: [...(path.communities ?? [])].sort(),
    largeCommunities: [...(path.large_communities ?? [])].sort(),
    valid: path.valid === true,
    best: path.best === true,
  }));
}
