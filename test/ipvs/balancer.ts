/** A load balancer inside a machine with IPVS, and beside it a router (BIRD, in a namespace) that shows what is announced. */

import type {Test} from 'tap';
import type {Status} from '../lab/agent.js';
import {parseBirdRoutes} from '../lab/bird.js';
import type {SeenRoute} from '../lab/router.js';
import {type GuestProgram, guestNode, Machine} from '../lab/uml.js';
import type {Ran} from '../lab/uml-protocol.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';

export const balancer = {as: 65001, address: '10.10.0.2', address6: 'fd10::2'} as const;
export const router = {
  as: 65000,
  address: '10.10.0.1',
  address6: 'fd10::1',
  control: '/run/router.ctl',
} as const;
/** Where realservers live that really answer: a namespace behind the balancer. */
export const farm = {address: '10.20.0.1', address6: 'fd20::1'} as const;

const ipvsModules = ['ip_vs', 'ip_vs_rr', 'ip_vs_wrr', 'ip_vs_wlc', 'ip_vs_mh'] as const;

const network = `
ip netns add router
ip netns add farm
ip link add eth0 type veth peer name eth0 netns router
ip link add eth1 type veth peer name eth0 netns farm
ip -n router link set lo up
ip -n farm link set lo up
while read namespace link address; do
  case $address in *:*) nodad=nodad;; *) nodad=;; esac
  ip -n $namespace addr add $address dev $link $nodad
  ip -n $namespace link set $link up
done <<END
router eth0 ${router.address}/24
router eth0 ${router.address6}/64
farm eth0 ${farm.address}/24
farm eth0 ${farm.address6}/64
END
for address in ${balancer.address}/24 ${balancer.address6}/64; do ip addr add $address dev eth0; done
for address in 10.20.0.2/24 fd20::2/64; do ip addr add $address dev eth1; done
ip link set eth0 up
ip link set eth1 up
ip -n farm route add default via 10.20.0.2
ip -n farm route add default via fd20::2
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
`;

const routerConfig = `
log stderr all;
router id ${router.address};
protocol device {}
protocol direct { ipv4; ipv6; }
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol kernel { ipv6 { export where source = RTS_BGP; }; }
protocol bgp balancer {
  local ${router.address} as ${router.as};
  neighbor ${balancer.address} as ${balancer.as};
  passive on;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
`;

export class Balancer {
  private constructor(readonly machine: Machine) {}

  /** Balancer, router and farm are up; the kernel has no IPVS yet. */
  static async set(t: Test): Promise<Balancer> {
    const machine = await Machine.boot(t, {modules: ['ipv6', 'veth']});
    await machine.sh(network);
    await machine.write('/run/router.conf', routerConfig);
    const bird = ['bird', '-f', '-c', '/run/router.conf', '-s', router.control, '-P', '/run/router.pid'];
    await machine.start('ip', 'netns', 'exec', 'router', ...bird);
    return new Balancer(machine);
  }

  /** Loads IPVS into the kernel, with an empty table. */
  async loadIpvs(): Promise<void> {
    for (const module of ipvsModules) await this.machine.modprobe(module);
  }

  /** Changes IPVS's table: each line as `ipvsadm LINE` would, all of them in one process. */
  async ipvs(...lines: readonly string[]): Promise<void> {
    const input = lines.map((line) => `${line}\n`).join('');
    const {code, stderr} = await this.machine.attempt(['ipvsadm', '--restore'], {input});
    // It ends with 0 whatever was wrong.
    if (code !== 0 || stderr !== '') throw new Error(`ipvsadm ended with ${code}: ${stderr}\n${input}`);
  }

  /** Writes files into a folder for `eip-health`, and answers the path of its main file. */
  async configure(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
    for (const [name, text] of Object.entries(files)) await this.machine.write(`${folder}/${name}`, text);
    return `${folder}/eip-health.yaml`;
  }

  /** Runs `eip-health ARGUMENTS` to its end. */
  command(...args: readonly string[]): Promise<Ran> {
    return this.machine.attempt([...program, ...args]);
  }

  /** Starts `eip-health ARGUMENTS`, which stays and listens on `socket`, and waits until it answers. */
  async start(argv: readonly string[], socket: string): Promise<Daemon> {
    const daemon = new Daemon(this.machine, await this.machine.start(...program, ...argv), socket);
    await daemon.waitUntilItAnswers();
    return daemon;
  }

  /** What is on `lo` beside its own addresses: `192.0.2.1/32`, sorted. */
  async addresses(): Promise<string[]> {
    const [link] =
      await this.machine.ip<{addr_info: {local: string; prefixlen: number}[]}[]>('addr show dev lo');
    return (link?.addr_info ?? [])
      .map(({local, prefixlen}) => `${local}/${prefixlen}`)
      .filter((address) => address !== '127.0.0.1/8' && address !== '::1/128')
      .sort();
  }

  /** Routes with our mark, sorted. */
  async hostRoutes(): Promise<string[]> {
    const routes = await Promise.all(
      [32, 128].map(async (length) => {
        const family = length === 32 ? '-4' : '-6';
        const found = await this.machine.ip<{dst: string}[]>(`${family} route show proto 153`);
        return found.map(({dst}) => `${dst}/${length}`);
      }),
    );
    return routes.flat().sort();
  }

  /** What the router has learnt. */
  async learnt(): Promise<SeenRoute[]> {
    const command = ['birdc', '-s', router.control, 'show route all where source = RTS_BGP'];
    return parseBirdRoutes(await this.machine.run(...command));
  }

  /**
   * Waits until exactly these are on lo, have a host route, and are known to the router. The addresses of `foreign`
   * are on lo besides.
   */
  async waitFor(prefixes: readonly string[], foreign: readonly string[] = []): Promise<void> {
    const places = [
      {name: 'on lo', wanted: [...prefixes, ...foreign], read: () => this.addresses()},
      {name: 'host routes', wanted: prefixes, read: () => this.hostRoutes()},
      {
        name: 'at the router',
        wanted: prefixes,
        read: async () => (await this.learnt()).map(({prefix}) => prefix),
      },
    ].map(({name, wanted, read}) => ({name, wanted: [...wanted].sort().join(' '), read}));
    await waitFor(
      places.map(({name, wanted}) => `${name}: ${wanted || 'nothing'}`).join('; '),
      // Each look costs the machine time that eip-health needs: no further than to the first difference.
      async () => {
        for (const {name, wanted, read} of places) {
          const seen = (await read()).sort().join(' ');
          if (seen !== wanted) return `${name}: ${seen || 'nothing'}`;
        }
        return null;
      },
      (difference) => difference === null,
      30_000,
    );
  }

  /** Waits until the router has this prefix with this MED; null: with none. */
  async waitForMed(prefix: string, med: number | null): Promise<void> {
    await waitFor(
      `${prefix} with MED ${med}`,
      () => this.learnt(),
      (routes) => routes.some((route) => route.prefix === prefix && route.med === med),
    );
  }
}

const program = [...guestNode, `${root}/bin/eip-health`] as const;

/** An `eip-health` that stays, in the machine. */
export class Daemon {
  constructor(
    readonly machine: Machine,
    readonly program: GuestProgram,
    readonly socket: string,
  ) {}

  async waitUntilItAnswers(): Promise<void> {
    await waitFor(
      'eip-health to answer',
      async () => (await this.program.state()).exit ?? (await this.status()),
      (answer) => {
        if ('code' in answer) throw new Error('eip-health ended');
        return true;
      },
      30_000,
    );
  }

  async status(): Promise<Status> {
    const answer = JSON.parse(
      await this.machine.ask(this.socket, JSON.stringify({v: 1, cmd: 'status', args: {}})),
    );
    return answer.data;
  }

  /**
   * Why a service is as it is: verdict and reason of its last checks. With `awaited` it waits until they begin so:
   * not every check has run again when others have.
   */
  async reasons(service: string, awaited = ''): Promise<string> {
    return waitFor(
      `the checks of ${service} to say ${awaited}`,
      async () => {
        const found = (await this.status()).services.find(({name}) => name === service);
        return (found?.checks ?? []).map(({verdict, reason}) => `${verdict}: ${reason}`).join('; ');
      },
      (reasons) => reasons.startsWith(awaited),
    );
  }

  /** The messages of its log. */
  async log(): Promise<string[]> {
    const {stdout} = await this.program.state();
    // The first line may have lost its beginning, the last one may still lack its end.
    return stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line).msg);
  }
}
