/** What the agent does beside any router; `bird.test.ts` and its neighbors run it against one daemon each. */

import type {Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterKind, startRouter} from '../lab/router.js';
import {type Spoke, star} from '../lab/topology.js';
import {timed, waitFor} from '../lab/wait.js';

const agentAs = 4200000001;
const routerAs = 65000;
const directKey = 'key-of-the-direct-session';
const loopKey = 'another-key-for-the-loopbacks';
/** Seconds: short on the direct session, where silence is tested; so long on the other that it never expires. */
const [directHold, loopHold] = [3, 90];

const web = {v4: '192.0.2.1/32', v6: '2001:db8::1/128'};
const other = '192.0.2.2/32';

function files(spoke: Spoke, hostLoopback: string): Record<string, string> {
  return {
    'eip-health.yaml': `
router_id: ${hostLoopback}
log: {format: json, level: debug}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  communities: {blue: "64512:100"}
  peers:
    - name: direct
      address: ${spoke.address}
      remote_as: ${routerAs}
      password: "${directKey}"
      hold_time: ${directHold}s
    - name: loop
      address: ${spoke.loopback}
      remote_as: ${routerAs}
      local_address: ${hostLoopback}
      multihop: 4
      password_file: loop.key
      hold_time: ${loopHold}s
`,
    'loop.key': `${loopKey}\n`,
    'conf.d/web.yaml': `
prefixes: [192.0.2.1, "2001:db8::1"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce:
  med: 50
  communities: [blue, "64512:7", "large:64512:1:2"]
  as_path_prepend: 1
`,
    'conf.d/other.yaml': `
prefixes: [192.0.2.2/32]
check: {type: tcp, host: 127.0.0.1, port: 8081}
announce: {peers: [direct]}
`,
  };
}

/** Runs every scene against one kind of router. They share its daemon, and go on where the one before ended. */
export async function routerSuite(t: Test, Kind: RouterKind): Promise<void> {
  const lab = await Lab.create(t);
  const {host, hostLoopback, hostLoopback6, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Kind, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: [
      {address: spoke.hostAddress, remoteAs: agentAs, password: directKey},
      {
        address: hostLoopback,
        localAddress: spoke.loopback,
        remoteAs: agentAs,
        password: loopKey,
        multihop: 4,
      },
    ],
  });
  const health = await startHealth(lab, host, 8080);
  await startHealth(lab, host, 8081);
  const agent = await Agent.withFiles(lab, host, files(spoke, hostLoopback));
  await agent.start();

  /** Both sessions are up and the router has every path. */
  const everythingIsThere = async () => {
    for (const address of [spoke.hostAddress, hostLoopback]) await router.waitForPeer(address);
    await router.waitForRoutes(web.v4, 2);
    await router.waitForRoutes(web.v6, 2);
    await router.waitForRoutes(other, 1);
  };
  const nothingIsThere = async () => {
    for (const prefix of [web.v4, web.v6, other]) await router.waitForRoutes(prefix, 0);
  };

  await t.test('two sessions: direct and multihop, each with its MD5 key', async (t) => {
    await everythingIsThere();
    await agent.waitForPeer('direct');
    await agent.waitForPeer('loop');
    const {peers} = await agent.status();
    t.match(peers, [
      {name: 'direct', state: 'established', announced: 3},
      {name: 'loop', state: 'established', announced: 2},
    ]);
  });

  await t.test("routes of both families are in the router's table as configured", async (t) => {
    const attributes = {
      // Its own 4-byte AS once, and once more for the prepend.
      asPath: [agentAs, agentAs],
      med: 50,
      communities: ['64512:100', '64512:7'],
      largeCommunities: ['64512:1:2'],
      valid: true,
    };
    t.match(await router.routesTo(web.v4), [
      {...attributes, nextHop: spoke.hostAddress},
      {...attributes, nextHop: hostLoopback},
    ]);
    t.match(await router.routesTo(web.v6), [
      {...attributes, nextHop: spoke.hostAddress6},
      {...attributes, nextHop: hostLoopback6},
    ]);
    t.match(
      await router.routesTo(other),
      [{asPath: [agentAs], communities: [], largeCommunities: [], nextHop: spoke.hostAddress, valid: true}],
      'a service for one peer alone, without attributes',
    );
  });

  await t.test('a service that fails is withdrawn from both; the sessions and the others stay', async (t) => {
    await health.fail();
    await router.waitForRoutes(web.v4, 0);
    await router.waitForRoutes(web.v6, 0);
    t.equal((await router.routesTo(other)).length, 1, 'the other service is still announced');
    for (const address of [spoke.hostAddress, hostLoopback]) {
      t.equal((await router.peer(address)).state, 'established');
    }
    await health.recover();
    await everythingIsThere();
    t.pass('it comes back when the service does');
  });

  await t.test('a router that restarts gets everything again', async (t) => {
    await router.stop();
    await waitFor(
      'both peers to be down',
      () => agent.status(),
      ({peers}) => peers.every((peer) => peer.state !== 'established'),
    );
    const {peers} = await agent.status();
    t.ok(
      peers.every((peer) => peer.last_error !== null),
      'the reason is in the status',
    );
    await router.start();
    await everythingIsThere();
  });

  await t.test('a frozen agent: the routes go with the hold time', async (t) => {
    agent.freeze();
    const ms = await timed(() => router.waitForRoutes(other, 0));
    t.ok(ms > (directHold * 1000) / 3, `gone after ${Math.round(ms)} ms: nobody closed the connection`);
    t.match(
      await router.routesTo(web.v4),
      [{nextHop: hostLoopback}],
      `the session with a hold time of ${loopHold} s still stands`,
    );
    agent.thaw();
    await everythingIsThere();
  });

  await t.test(
    'packets that vanish: both sides give up after the hold time, and find each other again',
    async (t) => {
      const speak = await spoke.namespace.silence(spoke.link);
      await router.waitForRoutes(other, 0);
      await waitFor(
        'the agent to notice',
        async () => (await agent.status()).peers.find((peer) => peer.name === 'direct'),
        (peer) => peer !== undefined && peer.state !== 'established',
      );
      await speak();
      await everythingIsThere();
      t.pass('routes are back');
    },
  );

  await t.test('kill -9: the closed connection takes the routes along at once', async (t) => {
    await agent.kill();
    const ms = await timed(nothingIsThere);
    t.ok(ms < 5_000, `gone after ${Math.round(ms)} ms; the longer hold time is ${loopHold} s`);
  });

  await t.test('stop: everything is withdrawn, the sessions are closed, exit 0', async (t) => {
    await agent.start();
    await everythingIsThere();
    const exit = await agent.stop();
    t.same(exit, {code: 0, signal: null});
    await nothingIsThere();
    for (const address of [spoke.hostAddress, hostLoopback]) {
      t.not((await router.peer(address)).state, 'established');
    }
  });

  await t.test('no key is in what the agent wrote', async (t) => {
    for (const key of [directKey, loopKey]) t.notOk(agent.output.includes(key));
    t.ok(agent.log.length > 0, 'there was a log');
  });
}
