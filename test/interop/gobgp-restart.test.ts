/** Graceful restart with GoBGP as helper. It forwards nothing by itself: its table is looked at all the while. */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Gobgp} from '../lab/gobgp.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

const [agentAs, routerAs] = [65001, 65000];
const [prefix, dying] = ['192.0.2.10/32', '192.0.2.20/32'];
/** GoBGP takes no new connection for some ten seconds after it has lost one. */
const restartTimes = ['30s', '3s'] as const;

t.test('GoBGP', async (t) => {
  t.setTimeout(60_000);
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Gobgp, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: [{address: spoke.hostAddress, remoteAs: agentAs, gracefulRestart: true}],
  });
  await startHealth(lab, host, 8080, 'web');
  const other = await startHealth(lab, host, 8081, 'dying');
  const service = (address: string, port: number) => `
prefixes: [${address}]
check: {type: http, url: "http://127.0.0.1:${port}/"}
`;
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
log: {format: json, level: debug}
on_stop: keep
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  graceful_restart: {enabled: true, restart_time: ${restartTimes[0]}}
  peers:
    - {name: router, address: ${spoke.address}, remote_as: ${routerAs}}
`,
    'conf.d/web.yaml': service('192.0.2.10', 8080),
    'conf.d/dying.yaml': service('192.0.2.20', 8081),
  });
  const settled = () =>
    waitFor(
      'End-of-RIB of both families',
      async () => (await agent.status()).peers[0]?.graceful_restart,
      (restart) => restart?.end_of_rib.length === 2,
    );
  const change = async (from: string, to: string) => {
    const yaml = await agent.read('eip-health.yaml');
    await agent.write('eip-health.yaml', yaml.replace(from, to));
  };
  const has = async (wanted: string) => (await router.routesTo(wanted)).length === 1;

  await t.test('a planned restart: the table has the route all the while, and loses what died', async (t) => {
    await agent.start();
    await settled();
    for (const wanted of [prefix, dying]) await router.waitForRoutes(wanted, 1);
    const {graceful_restart: agreed} = (await agent.status()).peers[0] ?? {};
    t.match(agreed, {negotiated: true, notification: true});
    let isOver = false;
    const looks: boolean[] = [];
    const looking = (async () => {
      while (!isOver) looks.push(await has(prefix));
    })();
    await agent.stop();
    await other.die();
    t.ok(await has(dying), 'kept');
    await change(restartTimes[0], restartTimes[1]);
    await agent.start();
    await settled();
    await router.waitForRoutes(dying, 0);
    isOver = true;
    await looking;
    t.ok(looks.length > 10, `${looks.length} looks`);
    t.notOk(looks.includes(false), 'it was never missing');
  });

  await t.test('a crash is covered for the restart time, then it is over', async (t) => {
    await agent.kill();
    const killed = performance.now();
    t.ok(await has(prefix));
    await router.waitForRoutes(prefix, 0);
    const ms = performance.now() - killed;
    t.ok(ms > 2_500 && ms < 6_000, `gone after ${Math.round(ms)} ms`);
  });

  await t.test('a stop that withdraws leaves nothing behind', async (t) => {
    await change('on_stop: keep', 'on_stop: withdraw');
    await agent.start();
    await settled();
    await router.waitForRoutes(prefix, 1);
    t.same(await agent.stop(), {code: 0, signal: null});
    t.notOk(await has(prefix));
  });
});
