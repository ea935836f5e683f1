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

/** BIRD 2. Its answers are text only. */
export class Bird extends Router {
  readonly kind = 'BIRD';

  protected async launch(): Promise<Program[]> {
    const file = join(this.folder, 'bird.conf');
    await writeFile(file, configOf(this.config));
    return [
      this.namespace.spawn([
        'bird',
        '-f',
        '-c',
        file,
        '-s',
        this.#socket,
        '-P',
        join(this.folder, 'bird.pid'),
      ]),
    ];
  }

  protected async isReady(): Promise<boolean> {
    return (await this.ask('show status')).includes('Daemon is up and running');
  }

  async peer(address: string): Promise<SeenPeer> {
    const index = this.config.neighbors.findIndex((neighbor) => neighbor.address === address);
    const text = await this.ask(`show protocols all ${protocolName(index)}`);
    return {
      state: (/BGP state:\s+(\S+)/.exec(text)?.[1] ?? 'unknown').toLowerCase(),
      lastError: /Last error:\s+(.*)/.exec(text)?.[1] ?? '',
    };
  }

  async routes(family: IpFamily): Promise<SeenRoute[]> {
    const table = family === 'ipv4' ? 'master4' : 'master6';
    return sortRoutes(
      parseBirdRoutes(await this.ask(`show route table ${table} all where source = RTS_BGP`)),
    );
  }

  /** What `birdc COMMAND` prints. */
  async ask(command: string): Promise<string> {
    return this.namespace.run('birdc', '-s', this.#socket, ...command.split(' '));
  }

  get #socket(): string {
    return join(this.folder, 'bird.ctl');
  }
}

function protocolName(index: number): string {
  return `neighbor${index}`;
}

function configOf(config: RouterConfig): string {
  // Learns the namespace's own routes: BIRD needs one to the next hop of a multihop session.
  const exported = config.kernel ? 'where source = RTS_BGP' : 'none';
  const kernel = (family: IpFamily) =>
    `protocol kernel { learn; ${family} { import all; export ${exported}; }; merge paths on; }`;
  return `
log stderr all;
router id ${config.routerId};
protocol device {}
protocol direct { ipv4; ipv6; }
${kernel('ipv4')}
${kernel('ipv6')}
${bfdOf(config)}
${config.extra ?? ''}
${config.neighbors.map((neighbor, index) => neighborOf(config, neighbor, index)).join('\n')}
`;
}

/** One set of intervals for all: beside `bfd graceful` a neighbor cannot have its own. */
function bfdOf({neighbors}: RouterConfig): string {
  const intervals = [...new Set(neighbors.flatMap(({bfdMs}) => bfdMs ?? []))];
  if (intervals.length === 0) return '';
  if (intervals.length > 1) throw new Error('the lab gives BIRD one BFD interval for all neighbors');
  const options = `interval ${intervals[0]} ms; multiplier 3;`;
  const on = neighbors.flatMap(({bfdOn}) => bfdOn ?? []);
  const links = on.flatMap(({link, options: more}) =>
    link === null ? [] : `interface "${link}" { ${options} ${more} };`,
  );
  const multihop = on.find(({link}) => link === null)?.options ?? '';
  return `protocol bfd {
  ${links.join('\n  ')}
  interface "*" { ${options} };
  multihop { ${options} ${multihop} };
}`;
}

function bfdAt({bfdGraceful, bfdMs, bfdPassive}: Neighbor): string {
  if (!bfdPassive) return bfdGraceful ? 'graceful' : 'on';
  return `{ interval ${bfdMs} ms; multiplier 3; passive; }`;
}

function neighborOf(config: RouterConfig, neighbor: Neighbor, index: number): string {
  const local = neighbor.localAddress === undefined ? '' : ` ${neighbor.localAddress}`;
  const exported = neighbor.exportFilter === undefined ? 'none' : `filter ${neighbor.exportFilter}`;
  return `protocol bgp ${protocolName(index)} {
  local${local} as ${config.as};
  neighbor ${neighbor.address} ${neighbor.remoteAs === 'external' ? 'external' : `as ${neighbor.remoteAs}`};
  ${neighbor.multihop === undefined ? '' : `multihop ${neighbor.multihop};`}
  ${neighbor.password === undefined ? '' : `password "${neighbor.password}";`}
  ${neighbor.bfdMs === undefined ? '' : `bfd ${bfdAt(neighbor)};`}
  ${neighbor.gracefulRestart === undefined ? '' : `graceful restart ${neighbor.gracefulRestart ? 'aware' : 'off'};`}
  ${neighbor.fourOctetAs === false ? 'enable as4 off;' : ''}
  ${neighbor.holdTime === undefined ? '' : `hold time ${neighbor.holdTime};`}
  ${neighbor.passive === false ? 'connect delay time 1; connect retry time 1;' : 'passive on;'}
  error wait time 1, 2;
  ${familiesOf(neighbor)
    .map((family) => `${family} { import all; export ${exported}; };`)
    .join('\n  ')}
}`;
}

/** Reads `show route … all`: a line per path, its attributes indented below it. */
export function parseBirdRoutes(text: string): SeenRoute[] {
  const routes: SeenRoute[] = [];
  let prefix = '';
  // A path begins in column 0 with its prefix, or, for a further path of the same prefix, with blanks.
  for (const block of text.split(/^(?=\S+\/\d+ |\s+(?:unicast|unreachable|blackhole|prohibit) \[)/m)) {
    const head = /^(\S+\/\d+)?\s+(unicast|unreachable|blackhole|prohibit) \[[^\]]*\]( \*)?/.exec(block);
    if (!head) continue;
    prefix = head[1] ?? prefix;
    const attribute = (name: string) => new RegExp(`BGP\\.${name}: ?(.*)`).exec(block)?.[1]?.trim();
    const number = (name: string) => {
      const value = attribute(name);
      return value === undefined ? null : Number(value);
    };
    const list = (name: string) =>
      [...(attribute(name) ?? '').matchAll(/\(([^)]*)\)/g)]
        .map((match) => (match[1] ?? '').replace(/,\s*/g, ':'))
        .sort();
    routes.push({
      prefix,
      nextHop: (attribute('next_hop') ?? '').split(' ')[0] ?? '',
      asPath: (attribute('as_path') ?? '').split(' ').filter(Boolean).map(Number),
      med: number('med'),
      localPref: number('local_pref'),
      communities: list('community'),
      largeCommunities: list('large_community'),
      valid: head[2] === 'unicast',
      best: head[3] !== undefined,
    });
  }
  return routes;
}
