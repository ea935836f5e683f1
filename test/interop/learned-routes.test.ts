/**
 * `kernel: {routes: true}` beside a BIRD that learns host routes: the bird.conf files of Safespring's and NREC's
 * documentation, unchanged, and eip-health in the place of `ip addr add` and `ip route add`.
 */

import {join} from 'node:path';
import t, {type Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {startHealth} from '../lab/health.js';
import {addAddress, Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {type Neighbor, startRouter} from '../lab/router.js';
import {waitFor} from '../lab/wait.js';
import {example} from './documents/example.js';

interface Place {
  readonly example: string;
  readonly instance: {readonly address: string; readonly address6: string};
  readonly gateway: {readonly address: string; readonly address6: string};
  readonly length: number;
  /** The other sides of the sessions, and their AS. */
  readonly servers: readonly string[];
  readonly serverAs: number;
  readonly as: number;
  readonly session: Partial<Neighbor>;
  readonly extra?: string;
  readonly vips: readonly [string, string];
}

const places: readonly Place[] = [
  {
    example: 'safespring-bird',
    instance: {address: '10.129.0.3', address6: '2a0a:bcc0:40::3'},
    gateway: {address: '10.129.0.1', address6: '2a0a:bcc0:40::1'},
    length: 24,
    servers: ['169.254.169.254'],
    serverAs: 64700,
    as: 64532,
    session: {multihop: 64},
    vips: ['185.189.29.0/32', '2a0a:bcc0:40:4::/128'],
  },
  {
    example: 'nrec-bird',
    instance: {address: '10.0.240.156', address6: '2001:700:2:8200::156'},
    gateway: {address: '10.0.240.1', address6: '2001:700:2:8200::1'},
    length: 22,
    servers: ['10.255.255.1', '10.255.255.2'],
    serverAs: 65535,
    as: 4200000000,
    // The key that the documentation shows.
    session: {multihop: 64, password: 'b1ecd7f662e6ff6ce03ab33626f92cfe'},
    extra: 'protocol bfd { accept ipv4 multihop; }',
    vips: ['192.168.0.16/32', 'fda4:5ff2:8477:1755::/128'],
  },
];

for (const place of places) t.test(place.example, (t) => learns(t, place));

async function learns(t: Test, place: Place): Promise<void> {
  const {gateway, instance: own, length, servers, vips} = place;
  const lab = await Lab.create(t);
  const [instance, leaf] = [await lab.namespace('instance'), await lab.namespace('leaf')];
  await leaf.forward();
  await lab.link(
    {in: instance, name: 'eth0', addresses: [`${own.address}/${length}`, `${own.address6}/64`]},
    {in: leaf, name: 'rack', addresses: [`${gateway.address}/${length}`, `${gateway.address6}/64`]},
  );
  await instance.ip(`route add default via ${gateway.address}`);
  await instance.ip(`-6 route add default via ${gateway.address6}`);
  const routers: Bird[] = [];
  for (const [n, server] of servers.entries()) {
    const namespace = await lab.namespace(`server${n}`);
    await lab.link(
      {in: namespace, name: 'eth0', addresses: [`10.254.${n}.2/30`, `fd54:${n}::2/64`]},
      {in: leaf, name: `server${n}`, addresses: [`10.254.${n}.1/30`, `fd54:${n}::1/64`]},
    );
    await addAddress(namespace, `${server}/32`, 'lo');
    await namespace.ip(`route add default via 10.254.${n}.1`);
    await namespace.ip(`-6 route add default via fd54:${n}::1`);
    await leaf.ip(`route add ${server}/32 via 10.254.${n}.2`);
    routers.push(
      await startRouter(lab, Bird, namespace, {
        as: place.serverAs,
        routerId: `10.254.${n}.2`,
        neighbors: [{...place.session, address: own.address, remoteAs: place.as, localAddress: server}],
        ...(place.extra === undefined ? {} : {extra: place.extra}),
      }),
    );
  }
  // In its own place bird.conf has no path in it: socket and pid file are the command line's.
  const folder = await lab.newFolder('bird');
  const files = ['-s', join(folder, 'bird.ctl'), '-P', join(folder, 'bird.pid')];
  const bird = instance.spawn(['bird', '-f', '-c', join(example(place.example), 'bird.conf'), ...files]);
  lab.add({
    close: async () => void (await bird.kill()),
    describe: () => bird.describe(),
  });
  const health = await startHealth(lab, instance);
  const agent = await Agent.withCopyOf(lab, instance, example(place.example));
  await agent.cli('validate');
  await agent.start();

  const announced = async (count: number) => {
    for (const router of routers) for (const vip of vips) await router.waitForRoutes(vip, count);
  };
  for (const router of routers) await router.waitForPeer(own.address);
  await announced(1);
  for (const router of routers) {
    for (const [vip, nextHop] of [
      [vips[0], own.address],
      [vips[1], own.address6],
    ] as const) {
      t.match(await router.routesTo(vip), [{asPath: [place.as], nextHop, valid: true}], vip);
    }
  }
  const birdSees = await instance.run('birdc', '-s', join(folder, 'bird.ctl'), 'show', 'route', 'all');
  for (const vip of vips) t.match(birdSees, vip);

  const trace = await watchKernel(lab, instance);
  await health.fail();
  await announced(0);
  await waitFor(
    'the addresses to go',
    () => trace.stdout,
    (text) => vips.every((vip) => addressGone(text, vip) !== null),
  );
  for (const vip of vips) {
    const [route, address] = [routeGone(trace.stdout, vip), addressGone(trace.stdout, vip)];
    t.ok(
      route !== null && address !== null && address - route >= 450,
      `${vip}: route out, drain, address off`,
    );
  }
  t.same(await left(instance, vips), []);

  await health.recover();
  await announced(1);
  // Somebody who takes a route away does not take the service away.
  await instance.ip(`route del ${vips[0]} dev lo`);
  await waitFor(
    'the route to be back',
    () => left(instance, vips),
    (found) => found.length === 4,
  );
  await announced(1);

  t.match(await agent.stop(), {code: 0});
  await announced(0);
  t.same(await left(instance, vips), [], 'nothing is left of it in the kernel');
  t.ok(bird.isRunning, 'BIRD goes on, its sessions too');
  for (const router of routers) t.equal((await router.peer(own.address)).state, 'established');
}

/** What of the VIPs is in the kernel: routes and addresses on lo. */
async function left(instance: Namespace, vips: readonly string[]): Promise<readonly string[]> {
  const addresses = await instance.ip('-o addr show dev lo');
  const routes = (await instance.ip('-4 route show dev lo')) + (await instance.ip('-6 route show dev lo'));
  return vips.flatMap((vip) => {
    const [bare = ''] = vip.split('/');
    return [
      ...(addresses.includes(` ${vip} `) ? [`address ${vip}`] : []),
      ...(new RegExp(`^${bare} `, 'm').test(routes) ? [`route ${vip}`] : []),
    ];
  });
}

/** What the kernel says about addresses and routes, with the time of each. */
async function watchKernel(lab: Lab, namespace: Namespace) {
  const program = namespace.spawn(['ip', '-ts', 'monitor', 'address', 'route']);
  lab.add({close: async () => void (await program.kill())});
  // It has subscribed once it says something that happens now.
  await waitFor(
    'ip monitor to listen',
    async () => {
      await namespace.ip('route replace 203.0.113.1/32 dev lo');
      await namespace.ip('route del 203.0.113.1/32 dev lo');
      return program.stdout;
    },
    (text) => text.includes('203.0.113.1'),
  );
  return program;
}

const routeGone = (text: string, vip: string) =>
  goneAt(text, `Deleted (?:local )?${bareOf(vip)} dev lo .*proto 153`);
const addressGone = (text: string, vip: string) => goneAt(text, `Deleted \\d+: lo\\s+inet6? ${vip}`);

function bareOf(vip: string): string {
  return vip.split('/')[0] ?? vip;
}

/** Milliseconds of the line that begins so; null: there is none. */
function goneAt(text: string, pattern: string): number | null {
  const found = new RegExp(`^\\[([^\\]]+)\\] ${pattern}`, 'm').exec(text)?.[1];
  return found === undefined ? null : Date.parse(`${found}Z`);
}
