/** Graceful restart with a router as helper, and traffic through the VIP all the while. */

import {cp, mkdir, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {request, SteadyClient} from '../lab/client.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterKind, startRouter} from '../lab/router.js';
import {fan} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';

const [agentAs, routerAs] = [65001, 65000];
const vips = ['192.0.2.10', '2001:db8::10'] as const;
const urls = vips.map((vip) => `http://${vip.includes(':') ? `[${vip}]` : vip}:8080/`);
const prefixes = ['192.0.2.10/32', '2001:db8::10/128'];
const [dying, dying6] = ['192.0.2.20/32', '2001:db8::20/128'];
/** Of what is to be survived: busy machines start slowly. And of what is not. */
const [restartTime, crashMs] = ['1m', 4_000];

function mainFile(peer: string): string {
  return `
log: {format: json, level: debug}
on_stop: keep
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  graceful_restart: {enabled: true, restart_time: ${restartTime}}
  peers:
    - {name: router, address: ${peer}, remote_as: ${routerAs}}
`;
}

const services = {
  'conf.d/web.yaml': `
prefixes: [${vips[0]}, "${vips[1]}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
  'conf.d/dying.yaml': `
prefixes: [${dying}, "${dying6}"]
check: {type: http, url: "http://127.0.0.1:8081/"}
`,
};

/** `extra`: what the router needs in its own language to keep routes for the long-lived time. */
export async function restartSuite(t: Test, Kind: RouterKind, extra?: string): Promise<void> {
  t.setTimeout(120_000);
  const lab = await Lab.create(t);
  const {client, router: routerNamespace, hosts} = await fan(lab, 1);
  const [host] = hosts;
  if (!host) throw new Error('the fan has no host');
  const router = await startRouter(lab, Kind, routerNamespace, {
    as: routerAs,
    routerId: '10.50.100.2',
    kernel: true,
    neighbors: [{address: host.address, remoteAs: agentAs}],
    ...(extra !== undefined && {extra}),
  });
  await startHealth(lab, host.namespace, 8080, 'web');
  const other = await startHealth(lab, host.namespace, 8081, 'dying');
  const agent = await Agent.withFiles(lab, host.namespace, {
    ...services,
    'eip-health.yaml': mainFile(host.routerAddress),
  });
  const change = async (from: string, to: string) => {
    const yaml = await agent.read('eip-health.yaml');
    await agent.write('eip-health.yaml', yaml.replace(from, to));
  };
  const restartStatus = async () => (await agent.status()).peers[0]?.graceful_restart ?? null;
  /** Everything was said to the router: what was stale is gone. */
  const settled = () =>
    waitFor('End-of-RIB of both families', restartStatus, (restart) => restart?.end_of_rib.length === 2);
  const forwarded = (prefix: string, count: number, timeoutMs?: number) =>
    waitFor(
      `${count} kernel route(s) to ${prefix}`,
      () => router.kernelGateways(prefix),
      (gateways) => gateways.length === count,
      timeoutMs,
    );
  /** Traffic from now on; what is answered ends it and looks at how it went, in the router's kernel as well. */
  const traffic = async (t: Test) => {
    const routes = routerNamespace.spawn(['ip', 'monitor', 'route']);
    const running = await SteadyClient.start(lab, client, urls);
    return async () => {
      const {by, failed} = await running.stop();
      await routes.stop();
      t.comment(`${by.web} requests`);
      t.same(failed, [], 'not one request failed');
      t.ok((by.web ?? 0) > 20, 'and there were some');
      const lost = routes.stdout
        .split('\n')
        .filter((line) => /^Deleted (192\.0\.2\.10|2001:db8::10) /.test(line));
      t.same(lost, [], "the router's kernel had the routes all the while");
    };
  };

  await t.test('the router agrees', async (t) => {
    await agent.start();
    await settled();
    for (const prefix of [...prefixes, dying, dying6]) await forwarded(prefix, 1);
    const restart = await restartStatus();
    t.match(restart, {negotiated: true, long_lived: false, end_of_rib: ['ipv4', 'ipv6']});
    t.equal(restart?.notification, router instanceof Frr, 'FRR knows RFC 8538, BIRD 2.0 does not');
    for (const url of urls) t.same((await request(client, url, 1)).failed, []);
  });

  await t.test('a planned restart loses nothing', async (t) => {
    const nothingLost = await traffic(t);
    t.same(await agent.stop(), {code: 0, signal: null});
    await agent.start();
    await settled();
    await nothingLost();
  });

  await t.test('nor does a new version', async (t) => {
    const program = await otherVersion(lab);
    const nothingLost = await traffic(t);
    await agent.stop();
    await agent.start({program});
    await settled();
    t.match(await agent.cli('status', '--json'), /"version": ?"9\.9\.9"/);
    await nothingLost();
  });

  await t.test('a service that dies meanwhile goes, the others stay', async (t) => {
    const nothingLost = await traffic(t);
    await agent.stop();
    await other.die();
    for (const prefix of [dying, dying6]) t.equal((await router.kernelGateways(prefix)).length, 1, 'kept');
    await agent.start();
    for (const prefix of [dying, dying6]) await forwarded(prefix, 0);
    await settled();
    await nothingLost();
    await other.start();
    for (const prefix of [dying, dying6]) await forwarded(prefix, 1);
  });

  await t.test('the router restarts: it gets everything again', async (t) => {
    await router.kill();
    await agent.waitForPeer('router', 'active');
    await router.start();
    await settled();
    for (const prefix of [...prefixes, dying, dying6]) {
      const [route] = await router.waitForRoutes(prefix, 1, 30_000);
      t.equal(route?.prefix, prefix);
      await forwarded(prefix, 1);
    }
  });

  await t.test('a reload of its times renews the session, and nothing else', async (t) => {
    const nothingLost = await traffic(t);
    const before = (await agent.status()).peers[0]?.since;
    await change(`restart_time: ${restartTime}`, `restart_time: ${crashMs}ms`);
    t.match(await agent.cli('reload'), /graceful_restart 1m -> 4s/);
    await waitFor(
      'a new session',
      async () => (await agent.status()).peers[0],
      (peer) => peer?.state === 'established' && peer.since !== before,
    );
    await settled();
    await nothingLost();
  });

  await t.test('a crash is covered for the restart time, then it is over', async (t) => {
    const nothingLost = await traffic(t);
    await agent.kill();
    const killed = performance.now();
    await waitFor(
      'most of the restart time to pass',
      () => performance.now() - killed,
      (ms) => ms > crashMs - 2_000,
    );
    await nothingLost();
    for (const prefix of [...prefixes, dying, dying6]) await forwarded(prefix, 0, 3 * crashMs);
    const ms = performance.now() - killed;
    t.comment(`${Math.round(ms)} ms`);
    t.ok(ms > crashMs - 500, `gone after ${Math.round(ms)} ms`);
  });

  await t.test('long-lived: kept beyond the restart time, as a last resort', async (t) => {
    await change(`restart_time: ${crashMs}ms`, 'restart_time: 1s, long_lived: 3s');
    await agent.start();
    await settled();
    for (const prefix of prefixes) await forwarded(prefix, 1);
    t.match(await restartStatus(), {negotiated: true, long_lived: true});
    await agent.kill();
    const killed = performance.now();
    for (const prefix of prefixes) {
      await waitFor(
        `${prefix} to be marked as stale`,
        () => router.routesTo(prefix),
        ([route]) => route?.communities.some((community) => staleMarks.has(community)) ?? false,
      );
    }
    for (const prefix of prefixes) await forwarded(prefix, 0);
    const ms = performance.now() - killed;
    t.ok(ms > 3_500, `gone after ${Math.round(ms)} ms`);
  });

  await t.test('a stop that withdraws leaves nothing behind', async (t) => {
    await change('restart_time: 1s, long_lived: 3s', `restart_time: ${restartTime}`);
    await change('on_stop: keep', 'on_stop: withdraw');
    await agent.start();
    await settled();
    for (const prefix of prefixes) await forwarded(prefix, 1);
    const stopped = agent.stop();
    for (const prefix of [...prefixes, dying, dying6]) await forwarded(prefix, 0);
    t.same(await stopped, {code: 0, signal: null});
    t.match((await router.peer(host.address)).lastError, /Administrative shutdown/i);
    if (router instanceof Frr) {
      const neighbor = await router.ask(`show bgp neighbors ${host.address} json`);
      t.match(neighbor, /"lastNotificationHardReset":true/, 'as a hard reset (RFC 8538)');
    }
  });
}

/** LLGR_STALE (RFC 9494 §4.6), by number and by FRR's name. */
const staleMarks = new Set(['65535:6', 'llgrStale', 'llgr-stale']);

/** The same program under another version. */
async function otherVersion(lab: Lab): Promise<string> {
  const folder = await lab.newFolder('upgrade');
  await mkdir(join(folder, 'dist'));
  await cp(join(root, 'bin'), join(folder, 'bin'), {recursive: true});
  for (const part of ['agent', 'checks']) {
    await cp(join(root, 'dist', part), join(folder, 'dist', part), {recursive: true});
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({version: '9.9.9', type: 'module'}));
  return join(folder, 'bin/eip-health');
}
