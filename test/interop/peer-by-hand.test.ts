/** Single peers by hand, with real routers: one is drained and closed, the other keeps what it has. */

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

t.setTimeout(120_000);

const prefix = '192.0.2.10/32';

t.test('a peer by hand: FRR loses the routes, BIRD beside it does not', async (t) => {
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 2);
  const [frrSpoke, birdSpoke] = spokes;
  if (!frrSpoke || !birdSpoke) throw new Error('the star has too few spokes');
  const configOf = ({hostAddress, loopback}: (typeof spokes)[number]) => ({
    as: 65000,
    routerId: loopback,
    neighbors: [{address: hostAddress, remoteAs: 65001}],
  });
  const frr = await startRouter(lab, Frr, frrSpoke.namespace, configOf(frrSpoke));
  const bird = await startRouter(lab, Bird, birdSpoke.namespace, configOf(birdSpoke));
  await startHealth(lab, host);
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: 65001
  connect_retry: 1s
  communities: {blue: "65000:7"}
  peers:
    - {name: frr, address: ${frrSpoke.address}, remote_as: 65000}
    - {name: bird, address: ${birdSpoke.address}, remote_as: 65000}
`,
    'conf.d/web.yaml': `
prefixes: [${prefix}]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {communities: [blue]}
`,
  });
  await agent.start();
  await frr.waitForRoutes(prefix, 1);
  const [atBird] = await bird.waitForRoutes(prefix, 1);

  await agent.cli('peer', 'drain', 'frr', '--drain-for', '2s', '--reason', 'new line card');
  await waitFor(
    'FRR to have the marked route',
    () => frr.routesTo(prefix),
    ([route]) => route?.localPref === 0,
  );
  t.same((await frr.routesTo(prefix))[0]?.communities, ['65000:7', 'gracefulShutdown']);
  await frr.waitForRoutes(prefix, 0);
  t.equal((await frr.peer(frrSpoke.hostAddress)).state, 'established', 'the session stays');
  t.same(await bird.routesTo(prefix), [atBird], 'BIRD has what it had');

  await agent.cli('peer', 'enable', 'frr');
  const [back] = await frr.waitForRoutes(prefix, 1);
  t.same(back?.communities, ['65000:7']);

  await agent.cli('peer', 'disable', 'bird', '--drain-for', '0', '--reason', 'new line card');
  await waitFor(
    'BIRD to be told',
    () => bird.peer(birdSpoke.hostAddress),
    ({lastError}) => lastError.includes('Received: Administrative shutdown'),
  );
  t.match(await bird.ask('show protocols all neighbor0'), /Message: +new line card/, 'and why (RFC 9003)');
  t.match(await agent.cli('peers'), /^bird +idle, disabled .*new line card$/m);
  t.equal((await frr.routesTo(prefix)).length, 1);
  await agent.cli('peer', 'enable', 'bird');
  await bird.waitForRoutes(prefix, 1);

  await agent.write(
    'eip-health.yaml',
    (await readFile(join(agent.folder, 'eip-health.yaml'), 'utf8')).replace(/^ +- \{name: frr.*\n/m, ''),
  );
  await agent.cli('reload');
  await waitFor(
    'FRR to be told that it is a peer no more',
    () => frr.peer(frrSpoke.hostAddress),
    ({lastError}) => lastError.includes('Cease/Peer De-configured'),
  );
  await agent.stop();
  await waitFor(
    'BIRD to be told of the stop',
    () => bird.peer(birdSpoke.hostAddress),
    ({lastError}) => lastError.includes('Administrative shutdown'),
  );
  t.pass('and every Cease says what it is');
});
