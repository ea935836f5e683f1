/** Planned withdrawal: while a host drains, routers move its traffic to another one, and no request is lost. */

import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {type Echoes, startAsking, startEcho} from '../lab/echo.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type Router, type RouterKind, startRouter} from '../lab/router.js';
import {fan} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

t.setTimeout(120_000);

const vips = ['192.0.2.10', '2001:db8::10'] as const;
const prefixes = vips.map((vip) => (vip.includes(':') ? `${vip}/128` : `${vip}/32`));

interface Host {
  readonly agent: Agent;
  /** Its addresses, as the next hops of the router. */
  readonly gateways: readonly string[];
}

class Scene {
  readonly first: Host;
  readonly second: Host;

  constructor(
    readonly router: Router,
    readonly asking: readonly (() => Promise<Echoes>)[],
    hosts: readonly Host[],
  ) {
    const [first, second] = hosts;
    if (!first || !second) throw new Error('the fan has too few hosts');
    this.first = first;
    this.second = second;
  }

  /** Two hosts behind a router of this kind; `drain` in both of their services. */
  static async set(t: Test, Kind: RouterKind, hostAs: number, drain: string): Promise<Scene> {
    const lab = await Lab.create(t);
    const {client, router: routerNamespace, hosts} = await fan(lab, 2);
    const router = await startRouter(lab, Kind, routerNamespace, {
      as: 65000,
      routerId: '10.50.100.2',
      kernel: true,
      neighbors: hosts.map(({address}) => ({address, remoteAs: hostAs})),
    });
    const made: Host[] = [];
    for (const [n, {address, address6, namespace, routerAddress}] of hosts.entries()) {
      await startHealth(lab, namespace, 8080, `host${n + 1}`);
      await startEcho(lab, namespace, 5353, `host${n + 1}`);
      const agent = await Agent.withFiles(lab, namespace, {
        'eip-health.yaml': `
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: ${hostAs}
  connect_retry: 1s
  communities: {blue: "65000:7"}
  peers:
    - {name: router, address: ${routerAddress}, remote_as: 65000}
`,
        'conf.d/web.yaml': service(drain),
      });
      await agent.start();
      made.push({agent, gateways: [address, address6]});
    }
    const scene = new Scene(router, [], made);
    await scene.routedTo(scene.first, scene.second);
    const asking = await Promise.all(vips.map((vip) => startAsking(lab, client, vip, 5353)));
    return new Scene(router, asking, made);
  }

  /** Waits until the router's kernel sends both families to exactly these hosts. */
  async routedTo(...hosts: readonly Host[]): Promise<void> {
    for (const [i, prefix] of prefixes.entries()) {
      const expected = hosts.map(({gateways}) => gateways[i] ?? '').sort();
      await waitFor(
        `the kernel route to ${prefix} over ${expected}`,
        () => this.router.kernelGateways(prefix),
        (seen) => seen.join() === expected.join(),
      );
    }
  }

  /** What the router has of the first host while its traffic goes to the second: communities and preference. */
  async atFirst(): Promise<{communities: readonly string[]; localPref: number | null}[]> {
    const seen: {communities: readonly string[]; localPref: number | null}[] = [];
    for (const prefix of prefixes) {
      const paths = await this.router.routesTo(prefix);
      for (const {communities, localPref, nextHop} of paths) {
        if (this.first.gateways.includes(nextHop)) seen.push({communities, localPref});
      }
    }
    return seen;
  }

  /** Waits until the router has nothing of the first host any more. */
  async firstIsOut(): Promise<void> {
    await waitFor(
      'the routes of the first host to go',
      () => this.atFirst(),
      (seen) => seen.length === 0,
    );
  }
}

const service = (drain: string) => `
prefixes: [${vips[0]}, "${vips[1]}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {communities: [blue]}
drain: ${drain}
`;

t.test('external, behind FRR: by command, by a reload, by a stop', async (t) => {
  const scene = await Scene.set(t, Frr, 65001, '{for: 4s, communities: [blue, graceful-shutdown]}');
  const {first, second} = scene;
  const draining = [
    {communities: ['65000:7', 'gracefulShutdown'], localPref: 0},
    {communities: ['65000:7', 'gracefulShutdown'], localPref: 0},
  ];

  const drains = async (how: string, begin: () => Promise<unknown>) => {
    const began = performance.now();
    const begun = begin();
    await scene.routedTo(second);
    t.same(await scene.atFirst(), draining, `${how}: FRR has the marked routes, and takes the other host's`);
    await scene.firstIsOut();
    t.ok(performance.now() - began >= 4000, `${how}: they stayed for their time`);
    await begun;
  };

  await drains('drain', () => first.agent.cli('drain', 'web', '--reason', 'kernel update'));
  await first.agent.cli('enable', 'web');
  await scene.routedTo(first, second);

  const file = join(first.agent.folder, 'conf.d/web.yaml');
  await drains('removed by a reload', async () => {
    await rm(file);
    await first.agent.cli('reload');
  });
  await first.agent.write('conf.d/web.yaml', service('{for: 4s, communities: [blue, graceful-shutdown]}'));
  await first.agent.cli('reload');
  await scene.routedTo(first, second);

  await drains('stop', () => first.agent.stop());

  for (const enough of scene.asking) {
    const {by, lost} = await enough();
    t.equal(lost, 0, 'no request was lost');
    t.same(Object.keys(by).sort(), ['host1', 'host2'], 'both hosts had their share');
  }
});

t.test('internal, behind BIRD: the preference goes along', async (t) => {
  const scene = await Scene.set(
    t,
    Bird,
    65000,
    '{for: 4s, communities: [blue, graceful-shutdown], local_preference: 0}',
  );
  const {first, second} = scene;
  await first.agent.cli('disable', 'web');
  await scene.routedTo(second);
  t.same(await scene.atFirst(), [
    {communities: ['65000:7', '65535:0'], localPref: 0},
    {communities: ['65000:7', '65535:0'], localPref: 0},
  ]);
  await scene.firstIsOut();
  for (const enough of scene.asking) t.equal((await enough()).lost, 0, 'no request was lost');
});
