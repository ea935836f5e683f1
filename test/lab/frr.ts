import {execFile} from 'node:child_process';
import {access, chown, readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import type {IpFamily} from '../../agent/types.js';
import {mrtMessages} from './mrt.js';
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
import {waitFor} from './wait.js';

const daemons = '/usr/lib/frr';

interface FrrPath {
  readonly valid?: boolean;
  readonly bestpath?: {readonly overall?: boolean};
  readonly aspath?: {readonly segments?: readonly {readonly list: readonly number[]}[]};
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: {readonly list: readonly string[]};
  readonly largeCommunity?: {readonly list: readonly string[]};
  readonly nexthops: readonly {readonly ip: string; readonly scope?: string}[];
}

/** FRR's zebra and bgpd; the vtysh of the machine asks them through sockets in their own folder. */
export class Frr extends Router {
  readonly kind = 'FRR';

  protected async launch(): Promise<Program[]> {
    const file = (name: string) => join(this.folder, name);
    await writeFile(file('zebra.conf'), 'hostname lab\n');
    await writeFile(file('bgpd.conf'), this.config.verbatim ?? configOf(this.config));
    await writeFile(file('vtysh.conf'), '');
    await writeFile(file('bfdd.conf'), profilesOf(this.config.neighbors));
    // The daemons drop to the user frr before they write their sockets.
    const {stdout} = await promisify(execFile)('id', ['-u', 'frr']);
    const {stdout: group} = await promisify(execFile)('id', ['-g', 'frr']);
    for (const path of ['', 'zebra.conf', 'bgpd.conf', 'vtysh.conf', 'bfdd.conf']) {
      await chown(file(path), Number(stdout), Number(group));
    }
    const start = (name: string, ...more: string[]) =>
      this.namespace.spawn(
        [
          join(daemons, name),
          ...['-f', file(`${name}.conf`), '-z', file('zserv.api'), '-i', file(`${name}.pid`)],
          ...['--vty_socket', this.folder, '--log', 'stdout'],
          ...more,
        ],
        // Where relative names in its configuration lead.
        {cwd: this.folder},
      );
    // bgpd that finds no zebra tries again only after ten seconds.
    await rm(file('zserv.api'), {force: true});
    const hasBfd = this.config.neighbors.some(({bfdMs}) => bfdMs !== undefined);
    const zebra = start('zebra');
    await waitFor(
      'zebra to listen',
      () => access(file('zserv.api')).then(() => true),
      () => true,
    );
    const bfdd = hasBfd ? [start('bfdd', '--bfdctl', file('bfdd.sock'))] : [];
    return [zebra, ...bfdd, start('bgpd')];
  }

  protected async isReady(): Promise<boolean> {
    const summary = await this.ask('show bgp summary json');
    return summary.trim().startsWith('{') && (await this.ask('show zebra client summary')).includes('bgp');
  }

  async peer(address: string): Promise<SeenPeer> {
    const answer: Record<
      string,
      {bgpState?: string; lastNotificationReason?: string; lastResetDueTo?: string}
    > = JSON.parse(await this.ask(`show bgp neighbors ${address} json`));
    const peer = answer[address];
    return {
      state: (peer?.bgpState ?? 'unknown').toLowerCase(),
      lastError: [peer?.lastResetDueTo, peer?.lastNotificationReason].filter(Boolean).join(': '),
    };
  }

  async routes(family: IpFamily): Promise<SeenRoute[]> {
    return sortRoutes(parseFrrRoutes(await this.ask(`show bgp ${family} unicast json detail`)));
  }

  /** The prefixes a neighbor sent, whatever policy said of them; needs `soft-reconfiguration inbound`. */
  async received(family: IpFamily, neighbor: string): Promise<string[]> {
    const command = `show bgp ${family} unicast neighbors ${neighbor} received-routes json`;
    const answer: {receivedRoutes?: Record<string, unknown>} = JSON.parse(await this.ask(command));
    return Object.keys(answer.receivedRoutes ?? {}).sort();
  }

  /** Every BGP message received since the start, as it was on the wire; needs `dump bgp all` in the configuration. */
  async dumped(): Promise<Buffer[]> {
    return mrtMessages(await readFile(join(this.folder, Frr.dump)));
  }

  /** The file, in its own folder, that `dump bgp all` is to write to. */
  static readonly dump = 'bgp.mrt';

  /** What `vtysh -c COMMAND` prints. */
  async ask(command: string): Promise<string> {
    return this.namespace.run('vtysh', '--vty_socket', this.folder, '-c', command);
  }
}

function configOf(config: RouterConfig): string {
  const activated = (family: IpFamily) =>
    config.neighbors
      .filter((neighbor) => familiesOf(neighbor).includes(family))
      .map((neighbor) => `  neighbor ${neighbor.address} activate`);
  return `
router bgp ${config.as}
 bgp router-id ${config.routerId}
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
${config.neighbors.flatMap(neighborOf).join('\n')}
 address-family ipv4 unicast
${activated('ipv4').join('\n')}
  maximum-paths 8
 exit-address-family
 address-family ipv6 unicast
${activated('ipv6').join('\n')}
  maximum-paths 8
 exit-address-family
${config.extra ?? ''}
`;
}

/** bfdd takes the passive role from a profile only. */
function profilesOf(neighbors: readonly Neighbor[]): string {
  const intervals = new Set(neighbors.flatMap(({bfdMs, bfdPassive}) => (bfdPassive && bfdMs ? [bfdMs] : [])));
  if (intervals.size === 0) return '';
  const profiles = [...intervals].map((ms) =>
    [
      ` profile passive${ms}`,
      '  detect-multiplier 3',
      `  receive-interval ${ms}`,
      `  transmit-interval ${ms}`,
      '  passive-mode',
      ' exit',
    ].join('\n'),
  );
  return `bfd\n${profiles.join('\n')}\nexit\n`;
}

function neighborOf(neighbor: Neighbor): string[] {
  const line = (text: string) => ` neighbor ${neighbor.address} ${text}`;
  const lines = [line(`remote-as ${neighbor.remoteAs}`), line('timers connect 1')];
  if (neighbor.bfdMs !== undefined) lines.push(line(`bfd 3 ${neighbor.bfdMs} ${neighbor.bfdMs}`));
  if (neighbor.bfdPassive) lines.push(line(`bfd profile passive${neighbor.bfdMs}`));
  if (neighbor.bfdGraceful) lines.push(line('bfd check-control-plane-failure'));
  if (neighbor.gracefulRestart !== undefined) {
    lines.push(line(neighbor.gracefulRestart ? 'graceful-restart-helper' : 'graceful-restart-disable'));
  }
  if (neighbor.password !== undefined) lines.push(line(`password ${neighbor.password}`));
  if (neighbor.passive !== false) lines.push(line('passive'));
  if (neighbor.multihop !== undefined) lines.push(line(`ebgp-multihop ${neighbor.multihop}`));
  if (neighbor.localAddress !== undefined) lines.push(line(`update-source ${neighbor.localAddress}`));
  if (neighbor.holdTime !== undefined) {
    lines.push(line(`timers ${Math.max(1, Math.floor(neighbor.holdTime / 3))} ${neighbor.holdTime}`));
  }
  return lines;
}

/** Reads `show bgp FAMILY unicast json detail`. */
export function parseFrrRoutes(text: string): SeenRoute[] {
  const answer: {routes?: Record<string, readonly Partial<FrrPath>[]>} = JSON.parse(text);
  return Object.entries(answer.routes ?? {}).flatMap(([prefix, entries]) =>
    // The first entry describes the prefix, the others its paths.
    entries.filter(isPath).map((path) => ({
      prefix,
      nextHop: path.nexthops.find((hop) => hop.scope !== 'link-local')?.ip ?? '',
      asPath: (path.aspath?.segments ?? []).flatMap((segment) => segment.list),
      med: path.metric ?? null,
      localPref: path.locPrf ?? null,
      communities: [...(path.community?.list ?? [])].sort(),
      largeCommunities: [...(path.largeCommunity?.list ?? [])].sort(),
      valid: path.valid === true,
      best: path.bestpath?.overall === true,
    })),
  );
}

function isPath(entry: Partial<FrrPath>): entry is FrrPath {
  return entry.nexthops !== undefined;
}
