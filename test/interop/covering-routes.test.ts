/** Aggregates and networks through daemons that want a route in the kernel: FRR's import-check, BIRD's learning. */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {DrivenFrr} from '../lab/driven-frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {startRouter} from '../lab/router.js';
import {type Spoke, star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {routerHas} from './driven-scene.js';

const [hostAs, routerAs] = [65001, 65002];
const networks = ['192.0.2.0/24', '198.51.100.0/24', '2001:db8:5::/48'] as const;

const service = `
prefixes: [192.0.2.7, 198.51.100.0/24, "2001:db8:5::/48"]
addresses: [198.51.100.1, "2001:db8:5::1"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {aggregate: 24}
`;

async function scene(t: Test): Promise<{lab: Lab; host: Namespace; spoke: Spoke; router: Bird}> {
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Bird, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
  });
  return {lab, host, spoke, router};
}

/** Routes with our mark, `unreachable 192.0.2.0/24 metric 4278198272`. */
async function marked(host: Namespace): Promise<string[]> {
  const list = async (family: string) => (await host.ip(`${family} route show proto 153`)).split('\n');
  return [...(await list('-4')), ...(await list('-6'))].map((line) => line.trim()).filter(Boolean);
}

async function agentWith(lab: Lab, host: Namespace, main: string): Promise<Agent> {
  return Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: 10.45.1.1
allow: [192.0.2.0/24, 198.51.100.0/24, "2001:db8:5::/48"]
log: {format: json}
defaults: {interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1}
${main}`,
    'conf.d/web.yaml': service,
  });
}

t.test('FRR with import-check: networks are announced, and nothing is left in the kernel', async (t) => {
  const {lab, host, spoke, router} = await scene(t);
  const frr = lab.add(
    new DrivenFrr(host, await lab.newFolder('driven'), {
      as: hostAs,
      routerId: spoke.hostAddress,
      neighbors: [{address: spoke.address, remoteAs: routerAs, passive: false}],
      extra: `router bgp ${hostAs}\n bgp network import-check`,
    }),
  );
  await frr.start();
  const health = await startHealth(lab, host);
  const agent = await agentWith(lab, host, `kernel: {arp: off}\nfrr: {vty_sockets: ${frr.sockets}}\n`);
  await agent.start();
  await routerHas(t, router, ...networks);
  const covering = (prefix: string) => new RegExp(`^unreachable ${prefix} .*metric 4278198272`);
  t.match(await marked(host), networks.map(covering), 'and no host route');
  await waitFor(
    'status to say so',
    async () => (await agent.status()).routes.filter(({announcers}) => announcers.frr !== undefined),
    (routes) => routes.length === 3 && routes.every(({announcers}) => String(announcers.frr) === 'announced'),
  );
  await health.fail();
  await routerHas(t, router);
  await waitFor(
    'the kernel to be clean',
    () => marked(host),
    (routes) => routes.length === 0,
  );
  await health.recover();
  await routerHas(t, router, ...networks);
  await agent.kill();
  t.equal((await marked(host)).length, 3, 'killed: all is as it was');
  await agent.cli('withdraw');
  await routerHas(t, router);
  t.same(await marked(host), []);
});

t.test('BIRD that learns: networks come with the host routes', async (t) => {
  const {lab, host, spoke, router} = await scene(t);
  const file = join(await lab.newFolder('learning'), 'bird.conf');
  await writeFile(
    file,
    `router id ${spoke.hostAddress};
filter covering { if source = RTS_INHERIT && dest = RTD_UNREACHABLE then accept; reject; }
protocol device {}
protocol kernel { learn; ipv4 { import all; export none; }; }
protocol kernel { learn; ipv6 { import all; export none; }; }
protocol bgp spoke {
  local ${spoke.hostAddress} as ${hostAs};
  neighbor ${spoke.address} as ${routerAs};
  connect retry time 1; connect delay time 1;
  ipv4 { import none; export filter covering; };
  ipv6 { import none; export filter covering; };
}
`,
  );
  const bird = host.spawn(['bird', '-f', '-c', file, '-s', `${file}.ctl`, '-P', `${file}.pid`]);
  lab.add({close: async () => void (await bird.kill()), describe: () => bird.describe()});
  const health = await startHealth(lab, host);
  const agent = await agentWith(lab, host, 'kernel: {arp: off, routes: true}\n');
  await agent.start();
  await routerHas(t, router, ...networks);
  t.equal((await marked(host)).length, 6, 'three networks, three hosts');
  await health.fail();
  await routerHas(t, router);
  await health.recover();
  await routerHas(t, router, ...networks);
  t.equal((await agent.stop()).code, 0);
  await routerHas(t, router);
  t.same(await marked(host), []);
});
