/**
 * `on_stop: keep` where other daemons speak BGP: what BIRD, FRR and the kernel have stays over a restart, is taken
 * over by the next life, and follows the checks from then on. With traffic all the while.
 */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {request, SteadyClient} from '../lab/client.js';
import {DrivenBird} from '../lab/driven-bird.js';
import {DrivenFrr} from '../lab/driven-frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterConfig, startRouter} from '../lab/router.js';
import {type Fan, fan} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {emptyDefines} from './bird-scene.js';

const [vip, dying] = ['192.0.2.10', '192.0.2.20'] as const;
const [hostAs, routerAs] = [65001, 65000];

/** Starts the daemon of a host; answers what of the main file drives it. */
type Drive = (lab: Lab, host: Fan['hosts'][number]) => Promise<string>;

function configOf(host: Fan['hosts'][number], extra: string): RouterConfig {
  return {
    as: hostAs,
    routerId: host.address,
    neighbors: [{address: host.routerAddress, remoteAs: routerAs, passive: false, exportFilter: 'anycast'}],
    extra,
  };
}

const drivers: Readonly<Record<string, Drive>> = {
  async bird(lab, host) {
    const folder = await lab.newFolder('bird');
    const file = join(folder, 'anycast.conf');
    await writeFile(file, emptyDefines);
    const filter = 'filter anycast { if net ~ ACAST_PS_ADVERTISE then accept; reject; }';
    const bird = lab.add(
      new DrivenBird(host.namespace, folder, configOf(host, `include "${file}";\n${filter}`)),
    );
    await bird.start();
    return `bird: {socket: ${bird.socket}, file: ${file}}\nkernel: {interface: lo}`;
  },
  async frr(lab, host) {
    const frr = lab.add(new DrivenFrr(host.namespace, await lab.newFolder('frr'), configOf(host, '')));
    await frr.start();
    return `frr: {vty_sockets: ${frr.sockets}}\nkernel: {interface: lo}`;
  },
  /** A BIRD that knows nothing of us, and announces what it finds in the kernel. */
  async kernel(lab, host) {
    const filter = 'filter anycast { if net ~ [ 192.0.2.0/24{32,32} ] then accept; reject; }';
    await startRouter(lab, Bird, host.namespace, configOf(host, filter));
    return 'kernel: {interface: lo, routes: true}';
  },
};

for (const [name, drive] of Object.entries(drivers)) t.test(name, (t) => keeps(t, drive));

async function keeps(t: Test, drive: Drive): Promise<void> {
  t.setTimeout(60_000);
  const lab = await Lab.create(t);
  const {client, router: routerNamespace, hosts} = await fan(lab, 1);
  const [host] = hosts;
  if (!host) throw new Error('the fan has no host');
  const router = await startRouter(lab, Bird, routerNamespace, {
    as: routerAs,
    routerId: '10.50.100.2',
    kernel: true,
    neighbors: [{address: host.address, remoteAs: hostAs}],
  });
  const forwarded = (address: string, count: number) =>
    waitFor(
      `${count} kernel route(s) to ${address}`,
      () => router.kernelGateways(`${address}/32`),
      (gateways) => gateways.length === count,
    );
  await startHealth(lab, host.namespace, 8080, 'web');
  const other = await startHealth(lab, host.namespace, 8081, 'dying');
  const service = (address: string, port: number) => `
prefixes: [${address}]
check: {type: http, url: "http://127.0.0.1:${port}/"}
`;
  const agent = await Agent.withFiles(lab, host.namespace, {
    'eip-health.yaml': `
log: {format: json, level: debug}
on_stop: keep
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
${await drive(lab, host)}
`,
    'conf.d/web.yaml': service(vip, 8080),
    'conf.d/dying.yaml': service(dying, 8081),
  });
  await agent.start();
  for (const address of [vip, dying]) await forwarded(address, 1);
  const url = `http://${vip}:8080/`;
  t.same((await request(client, url, 1)).failed, []);

  const monitors = [routerNamespace, host.namespace].map((namespace) =>
    namespace.spawn(['ip', 'monitor', 'route', 'address']),
  );
  const traffic = await SteadyClient.start(lab, client, [url]);
  t.same(await agent.stop(), {code: 0, signal: null});
  await other.die();
  await agent.start();
  await agent.waitForService('web', 'up');
  await agent.waitForService('dying', 'down');
  await forwarded(dying, 0);
  const {by, failed} = await traffic.stop();
  t.same(failed, [], 'not one request failed');
  t.ok((by.web ?? 0) > 20, `and there were some: ${by.web}`);
  for (const monitor of monitors) await monitor.stop();
  const lost = monitors
    .flatMap(({stdout}) => stdout.split('\n'))
    .filter((line) => /^Deleted .*192\.0\.2\.10\b/.test(line));
  t.same(lost, [], 'routes and addresses were there all the while');
  await agent.waitForService('web', 'up');

  await agent.stop();
  await forwarded(vip, 1);
  const yaml = await agent.read('eip-health.yaml');
  await agent.write('eip-health.yaml', yaml.replace('on_stop: keep', 'on_stop: withdraw'));
  await agent.start();
  await agent.waitForService('web', 'up');
  await agent.stop();
  await forwarded(vip, 0);
}
