/** A busy agent: many checks a second, all of which fail and recover together when told to, and BFD with a BIRD. */

import {fileURLToPath} from 'node:url';
import {Agent} from './agent.js';
import {Bird} from './bird.js';
import type {Lab} from './lab.js';
import type {Program} from './program.js';
import {startRouter} from './router.js';
import {type Spoke, star} from './topology.js';
import {waitFor} from './wait.js';

const serverFile = fileURLToPath(new URL('load-server.js', import.meta.url));
const [agentAs, routerAs, port] = [4200000001, 65000, 8081];

export interface Load {
  readonly checksPerSecond: number;
  /** Each service has one check, so often. */
  readonly intervalMs: number;
  readonly bfdMs: number;
  readonly logLevel: 'debug' | 'info';
  /** Whether BIRD puts the routes into its kernel. */
  readonly kernel?: boolean;
  /** BGP waits for BFD: after a failure it is back as soon as BFD is, instead of after a wait that grows. */
  readonly strict?: boolean;
  /** So many packets may be missed in a row, on either side; default: 3. */
  readonly multiplier?: number;
}

export class LoadedAgent {
  /** Of the peers: one hop over IPv4, and between loopbacks over IPv6. */
  readonly peers = ['direct4', 'loop6'];
  readonly detectMs: number;
  readonly #server: Program;

  private constructor(
    readonly agent: Agent,
    readonly router: Bird,
    readonly spoke: Spoke,
    readonly services: number,
    server: Program,
    {bfdMs, multiplier = 3}: Load,
  ) {
    this.#server = server;
    this.detectMs = multiplier * bfdMs;
  }

  /** Resolves when everything is announced to the router, and BFD is up. */
  static async start(lab: Lab, load: Load): Promise<LoadedAgent> {
    const {host, hostLoopback6, spokes} = await star(lab, 1);
    const [spoke] = spokes;
    if (!spoke) throw new Error('the star has no spoke');
    const patience = `multiplier ${load.multiplier ?? 3};`;
    const router = await startRouter(lab, Bird, spoke.namespace, {
      as: routerAs,
      routerId: spoke.loopback,
      ...(load.kernel && {kernel: true}),
      neighbors: [
        {
          address: spoke.hostAddress,
          localAddress: spoke.address,
          remoteAs: agentAs,
          bfdMs: load.bfdMs,
          bfdOn: {link: spoke.link, options: patience},
        },
        {
          address: hostLoopback6,
          localAddress: spoke.loopback6,
          remoteAs: agentAs,
          bfdMs: load.bfdMs,
          bfdOn: {link: null, options: patience},
          multihop: 4,
        },
      ],
    });
    const program = lab.add(new Closing(host.spawn([process.execPath, serverFile, String(port)]))).program;
    const services = Math.round((load.checksPerSecond * load.intervalMs) / 1000);
    const agent = await Agent.withFiles(lab, host, filesOf(load, services, spoke, hostLoopback6));
    await agent.start();
    const loaded = new LoadedAgent(agent, router, spoke, services, program, load);
    await loaded.settled();
    return loaded;
  }

  /** Every service up and announced, BFD up, on both sides. */
  async settled(): Promise<void> {
    await this.#routerHas(this.services);
    await waitFor(
      'BFD to be up with every peer',
      () => this.agent.status(),
      ({peers}) => peers.every(({bfd, state}) => bfd === 'up' && state === 'established'),
      30_000,
    );
  }

  /** All checks fail at once: every route goes, and there is much to log. */
  async fail(): Promise<void> {
    await this.#tell('close', 'closed');
    await this.#routerHas(0);
  }

  async recover(): Promise<void> {
    await this.#tell('listen', 'listening');
    await this.#routerHas(this.services);
  }

  /** Resolves when so many more checks have passed. */
  async checked(count: number): Promise<void> {
    const before = await this.answered();
    await waitFor(
      `${count} checks`,
      async () => (await this.answered()) - before,
      (passed) => passed >= count,
      60_000,
    );
  }

  /** How many checks reached the server. */
  async answered(): Promise<number> {
    return Number(/accepted (\d+)/.exec(await this.#tell('count', 'accepted'))?.[1]);
  }

  /** What the agent said of sessions that it lost, of BFD or BGP, and of the thread. */
  get falls(): readonly string[] {
    return this.agent.log
      .filter(({msg}) => /^bfd session \S+ down|^peer \S+ idle|^the bfd thread/.test(msg))
      .map(({time, msg}) => `${String(time)} ${msg}`);
  }

  /** BIRD's sessions and since when they are as they are. */
  async routersView(): Promise<string> {
    const table = await this.router.ask('show bfd sessions');
    return table
      .split('\n')
      .flatMap(
        (line) => /^(\S+)\s+\S+\s+(Up|Down|Init|AdminDown)\s+(\S+)/.exec(line)?.slice(1, 4).join(' ') ?? [],
      )
      .sort()
      .join(', ');
  }

  async #routerHas(services: number): Promise<void> {
    await waitFor(
      `BIRD to have ${services} routes of each peer`,
      async () => (await this.router.routes('ipv4')).length,
      (count) => count === services * this.peers.length,
      60_000,
    );
  }

  async #tell(command: string, answer: string): Promise<string> {
    this.#server.stdout = '';
    this.#server.tell(command);
    return waitFor(
      `the server to say "${answer}"`,
      () => this.#server.stdout,
      (said) => said.includes(answer),
    );
  }
}

/** A program that ends with the lab. */
class Closing {
  constructor(readonly program: Program) {}

  async close(): Promise<void> {
    await this.program.kill();
  }

  describe(): string {
    return this.program.describe();
  }
}

function filesOf(
  {bfdMs, intervalMs, logLevel, multiplier = 3, strict = false}: Load,
  services: number,
  {address, hostAddress, loopback6}: Spoke,
  hostLoopback6: string,
): Record<string, string> {
  const service = (i: number) => `
name: service-${i}
prefixes: [198.18.${i >> 8}.${i & 255}]
check: {type: tcp, host: 127.0.0.1, port: ${port}}
announce: {next_hop: {ipv4: ${hostAddress}}}
`;
  return {
    'eip-health.yaml': `
router_id: ${hostAddress}
log: {format: json, level: ${logLevel}}
defaults: {interval: ${intervalMs}ms, fast_interval: ${intervalMs}ms, timeout: ${intervalMs}ms, rise: 1, fall: 2}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  bfd: {receive_interval: ${bfdMs}ms, transmit_interval: ${bfdMs}ms, detect_multiplier: ${multiplier}, strict: ${strict}}
  peers:
    - {name: direct4, address: "${address}", local_address: "${hostAddress}", remote_as: ${routerAs}}
    - {name: loop6, address: "${loopback6}", local_address: "${hostLoopback6}", remote_as: ${routerAs}, multihop: true}
`,
    'conf.d/services.yaml': Array.from({length: services}, (_, i) => service(i)).join('---'),
  };
}
