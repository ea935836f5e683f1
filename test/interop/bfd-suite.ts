/** BFD against a router's own: what takes BGP down, and how fast. */

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type Router, type RouterKind, startRouter} from '../lab/router.js';
import {Stall} from '../lab/stall.js';
import {type Spoke, star} from '../lab/topology.js';
import {timed, waitFor} from '../lab/wait.js';

const [agentAs, routerAs] = [4200000001, 65000];
const intervalMs = 300;
const detectMs = 3 * intervalMs;
/** Beyond the detection time: jitter makes no packet later. */
const slackMs = 100;
/** The router's tables are read every 40 ms by a process each, which on a busy machine takes its time. */
const readingMs = 400;
/** What is up for so long stays up. */
const steadyMs = 300;
const prefix = '192.0.2.1/32';

interface Path {
  readonly name: string;
  readonly local: string;
  readonly remote: string;
  readonly multihop: boolean;
  /** Who waits for the other to begin. */
  readonly passive: 'nobody' | 'agent' | 'router';
}

/** Single hop and multihop, in both families, and each side in both roles. */
function pathsOf(spoke: Spoke, hostLoopback: string, hostLoopback6: string): readonly Path[] {
  return [
    {name: 'direct4', local: spoke.hostAddress, remote: spoke.address, multihop: false, passive: 'nobody'},
    {name: 'direct6', local: spoke.hostAddress6, remote: spoke.address6, multihop: false, passive: 'agent'},
    {name: 'loop4', local: hostLoopback, remote: spoke.loopback, multihop: true, passive: 'agent'},
    {name: 'loop6', local: hostLoopback6, remote: spoke.loopback6, multihop: true, passive: 'router'},
  ];
}

function files(paths: readonly Path[], hostLoopback: string): Record<string, string> {
  const peers = paths.map(
    ({name, local, remote, multihop, passive}) => `
    - name: ${name}
      address: "${remote}"
      local_address: "${local}"
      remote_as: ${routerAs}
      multihop: ${multihop}
      # BIRD sends with 64, FRR with 255.
      bfd: {passive: ${passive === 'agent'}, strict: ${name === 'loop4'}${multihop ? ', minimum_ttl: 64' : ''}}`,
  );
  return {
    'eip-health.yaml': `
router_id: ${hostLoopback}
log: {format: json, level: debug}
defaults: {interval: 1s, rise: 1}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  # So that it is BFD that is seen.
  hold_time: 90s
  bfd: {receive_interval: ${intervalMs}ms, transmit_interval: ${intervalMs}ms, detect_multiplier: 3}
  peers:${peers.join('')}
`,
    'conf.d/web.yaml': `
prefixes: [192.0.2.1]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {next_hop: {ipv4: ${paths[0]?.local}}}
`,
  };
}

export async function bfdSuite(t: Test, Kind: RouterKind): Promise<void> {
  t.setTimeout(90_000);
  const lab = await Lab.create(t);
  const {host, hostLoopback, hostLoopback6, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const paths = pathsOf(spoke, hostLoopback, hostLoopback6);
  const router = await startRouter(lab, Kind, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: paths.map(({local, remote, multihop, passive}) => ({
      address: local,
      localAddress: remote,
      remoteAs: agentAs,
      bfdMs: intervalMs,
      bfdPassive: passive === 'router',
      ...(multihop && {multihop: 4}),
    })),
  });
  await startHealth(lab, host, 8080);
  const agent = await Agent.withFiles(lab, host, files(paths, hostLoopback));
  await agent.start({blockable: true});

  const allUp = () =>
    waitFor(
      'BGP and BFD to be up with every peer',
      () => agent.status(),
      ({peers}) =>
        peers.length === paths.length &&
        peers.every(
          ({announced, bfd, since, state}) =>
            state === 'established' &&
            bfd === 'up' &&
            announced === 1 &&
            // FRR makes its session of BFD anew when BGP first comes up: where BGP waited for it, that ends BGP once.
            Date.now() - Date.parse(since) > steadyMs,
        ),
      // After a session was lost FRR now and then sits out one connect timer of a direct IPv6 peer, on either side.
      60_000,
    );
  const routerHasAll = () => router.waitForRoutes(prefix, paths.length, 60_000);
  const routerHasNone = () => timed(() => router.waitForRoutes(prefix, 0));

  await t.test('four sessions come up: single hop and multihop, IPv4 and IPv6', async (t) => {
    await allUp();
    await routerHasAll();
    for (const {name} of paths) {
      t.ok(
        agent.log.some(({msg}) => msg === `bfd session ${name} up`),
        name,
      );
    }
    const first = (message: string) => agent.log.findIndex(({msg}) => msg === message);
    t.ok(first('bfd session loop4 up') < first('peer loop4 established'), 'strict: BGP waited for BFD');
  });

  /** Cuts the path, and sees BGP end on both sides. */
  const loseAll = async (t: Test, cut: () => Promise<() => Promise<void>>) => {
    const before = agent.log.length;
    const mend = await cut();
    const [start, startWall, stall] = [performance.now(), Date.now(), new Stall()];
    const dropped = () =>
      agent.log.slice(before).filter(({msg}) => / idle: sent NOTIFICATION: BFD down/.test(msg));
    const ours = waitFor('the agent to drop its sessions', dropped, (lines) => lines.length === paths.length);
    const theirs = router.waitForRoutes(prefix, 0).then(() => performance.now() - start);
    const [lines, theirsMs] = await Promise.all([ours, theirs]);
    const oursMs = Math.max(...lines.map(({time}) => Date.parse(String(time)))) - startWall;
    const stallMs = stall.end();
    t.comment(
      `the agent ${oursMs} ms, ${router.kind} ${Math.round(theirsMs)} ms, this test did not run for ${Math.round(stallMs)} ms`,
    );
    t.ok(oursMs < detectMs + slackMs + stallMs, `the agent after ${oursMs} ms`);
    t.ok(theirsMs < detectMs + slackMs + readingMs, `${router.kind} after ${Math.round(theirsMs)} ms`);
    await mend();
    await allUp();
    await routerHasAll();
  };

  await t.test('a path that goes silent: BGP is gone on both sides within the detection time', async (t) => {
    await loseAll(t, () => spoke.namespace.silence(spoke.link));
    t.match(
      agent.log.filter(({msg}) => msg.startsWith('bfd session direct4 down')).map(({msg}) => msg),
      ['bfd session direct4 down: control detection time expired'],
    );
  });

  await t.test('a link that goes down at the router', async (t) => {
    await loseAll(t, () => unplug(spoke, hostLoopback, hostLoopback6));
  });

  await t.test('a frozen agent: the router drops it within the detection time', async (t) => {
    agent.freeze();
    const ms = await routerHasNone();
    t.comment(`${router.kind} ${Math.round(ms)} ms`);
    t.ok(ms < detectMs + slackMs + readingMs, `after ${Math.round(ms)} ms`);
    agent.thaw();
    await allUp();
    await routerHasAll();
  });

  await t.test('a main thread that is blocked: BFD does not say that all is well', async (t) => {
    agent.block();
    const ms = await routerHasNone();
    t.comment(`${router.kind} ${Math.round(ms)} ms`);
    t.ok(ms < detectMs + slackMs + readingMs, `after ${Math.round(ms)} ms`);
    await allUp();
    await routerHasAll();
    const told = agent.log.filter(({msg}) => msg.startsWith('bfd session direct4')).map(({msg}) => msg);
    t.same(
      told.slice(-2),
      ['bfd session direct4 down: path down', 'bfd session direct4 up'],
      'down as long as it is blocked',
    );
  });

  await t.test('a reload with other intervals: agreed upon while both sides stay up', async (t) => {
    const told = () => agent.log.filter(({msg}) => /^(bfd session|peer) /.test(msg)).length;
    const before = told();
    const yaml = await readFile(join(agent.folder, 'eip-health.yaml'), 'utf8');
    await agent.write('eip-health.yaml', yaml.replaceAll(`_interval: ${intervalMs}ms`, '_interval: 600ms'));
    await agent.cli('reload');
    await waitFor(
      `${router.kind} to know the new interval`,
      () => intervalsAt(router),
      (intervals) => intervals.length === paths.length && intervals.every((ms) => ms === 600),
    );
    t.equal(told(), before, 'no session was lost');
    await allUp();
  });

  await t.test('a stop takes BGP down with its own reason, and BFD after it', async (t) => {
    t.same(await agent.stop(), {code: 0, signal: null});
    await router.waitForRoutes(prefix, 0);
    if (!(router instanceof Bird)) return;
    // In its tables both routers write what BFD says over it once BGP is down already; BIRD's log keeps it.
    const said = await waitFor(
      'what BIRD was told',
      () => [...router.describe().matchAll(/Received: Administrative shutdown/g)].length,
      (count) => count >= paths.length,
    );
    t.ok(said >= paths.length, 'every session ends with our own reason');
  });
}

/** Takes the router's end of the link down; what is answered brings it back, with what the kernel then lacks. */
async function unplug({address6, hostAddress, hostAddress6, link, namespace}: Spoke, ...loopbacks: string[]) {
  await namespace.ip(`link set ${link} down`);
  return async () => {
    await namespace.ip(`link set ${link} up`);
    await namespace.ip(`-6 address replace ${address6}/64 dev ${link} nodad`);
    for (const loopback of loopbacks) {
      const isIpv6 = loopback.includes(':');
      await namespace.ip(
        `${isIpv6 ? '-6 ' : ''}route replace ${loopback}/${isIpv6 ? '128' : '32'} via ${isIpv6 ? hostAddress6 : hostAddress}`,
      );
    }
  };
}

/** How often the agent's packets come, as the router sees it, session by session. */
async function intervalsAt(router: Router): Promise<number[]> {
  if (router instanceof Bird) {
    const table = await router.ask('show bfd sessions');
    return [...table.matchAll(/ Up .* ([\d.]+)\s+[\d.]+$/gm)].map(([, seconds]) => Number(seconds) * 1000);
  }
  if (!(router instanceof Frr)) throw new Error(`${router.kind} is not asked for BFD`);
  const sessions: {'remote-transmit-interval': number}[] = JSON.parse(
    await router.ask('show bfd peers json'),
  );
  return sessions.map((session) => session['remote-transmit-interval']);
}
