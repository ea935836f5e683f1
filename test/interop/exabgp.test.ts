/** eip-health as a process of a real ExaBGP, in the place of `exabgp healthcheck`: what its peer, a BIRD, gets. */

import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';

const [localAs, peerAs] = [4200000001, 65000];
const [vip, vip6] = ['192.0.2.1/32', '2001:db8::1/128'];

t.test('announces and withdraws through ExaBGP, with every attribute, each line once', async (t) => {
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Bird, spoke.namespace, {
    as: peerAs,
    routerId: spoke.loopback,
    neighbors: [{address: spoke.hostAddress, remoteAs: localAs}],
  });
  const health = await startHealth(lab, host);
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: ${spoke.hostAddress}
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
exabgp: {local_as: ${localAs}, local_address6: '${spoke.hostAddress6}'}
`,
    'conf.d/web.yaml': `
prefixes: ["${vip}", "${vip6}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce:
  med: 7
  as_path_prepend: 1
  communities: ["64512:7", no-export, "large:64512:1:2"]
drain: {for: 3s, communities: [graceful-shutdown, "large:64512:1:2"]}
`,
  });
  await agent.cli('validate');
  const folder = await lab.newFolder('exabgp');
  const config = join(agent.folder, 'eip-health.yaml');
  const run = [process.execPath, join(root, 'bin/eip-health'), 'run', '--exabgp', '--config', config].join(
    ' ',
  );
  await writeFile(
    join(folder, 'exabgp.conf'),
    `process eip-health { run ${run}; encoder text; }
neighbor ${spoke.address} {
  router-id ${spoke.hostAddress};
  local-address ${spoke.hostAddress};
  local-as ${localAs};
  peer-as ${peerAs};
  family { ipv4 unicast; ipv6 unicast; }
  api { processes [ eip-health ]; }
}
`,
  );
  const env = {
    exabgp_api_cli: 'false',
    exabgp_daemon_user: 'root',
    exabgp_daemon_drop: 'false',
    exabgp_log_destination: 'stdout',
  };
  const startExabgp = () => {
    const program = host.spawn(['exabgp', join(folder, 'exabgp.conf')], {env});
    lab.add({
      close: async () => void (await program.kill()),
      describe: () => program.describe(),
    });
    return program;
  };
  const exabgp = startExabgp();

  await router.waitForPeer(spoke.hostAddress);
  for (const [prefix, nextHop] of [
    [vip, spoke.hostAddress],
    [vip6, spoke.hostAddress6],
  ] as const) {
    t.match(
      await router.waitForRoutes(prefix, 1),
      [
        {
          nextHop,
          med: 7,
          asPath: [localAs, localAs],
          communities: ['64512:7', '65535:65281'],
          largeCommunities: ['64512:1:2'],
        },
      ],
      prefix,
    );
  }
  const states = async () => (await agent.status()).routes.map(({announcers}) => announcers.exabgp);
  await waitFor('ExaBGP to acknowledge', states, (words) => words.every((word) => `${word}` === 'installed'));

  await health.fail();
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 0);
  await health.recover();
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 1);
  // received, rejected, filtered, ignored, accepted: of both families together.
  const counts = [
    ...(await router.ask('show protocols all neighbor0')).matchAll(/Import (\w+): +(\d+)/g),
  ].map(([, what, count]) => `${what} ${count}`);
  t.same(
    counts,
    ['updates 2', 'withdraws 1', 'updates 2', 'withdraws 1'],
    'nothing was said twice on the wire',
  );

  await agent.cli('drain', 'web');
  for (const prefix of [vip, vip6]) {
    const [marked] = await waitFor(
      `${prefix} to be marked`,
      () => router.routesTo(prefix),
      ([path]) => path?.communities.includes('65535:0') ?? false,
    );
    t.match(marked, {communities: ['65535:0'], med: 7, largeCommunities: ['64512:1:2']}, 'announced anew');
  }
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 0);
  await agent.cli('enable', 'web');
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 1);

  // ExaBGP keeps what a process told it that died; the one that it starts next takes it back.
  await health.die();
  const holder = async () => Number(await readFile(join(agent.folder, 'state/lock'), 'utf8'));
  const pid = await holder();
  process.kill(pid, 'SIGKILL');
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 0);
  const next = await waitFor('ExaBGP to start it again', holder, (found) => found > 0 && found !== pid);
  await health.start();
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 1);
  t.match(exabgp.stderr, '"msg":"announce 192.0.2.1/32 to exabgp"', 'the log is on standard error');

  const ended = (last: number) =>
    waitFor(
      'the agent to end with ExaBGP',
      async () => JSON.parse(await readFile(join(agent.folder, 'state/run.json'), 'utf8')),
      ({pid, stop}: {pid: number; stop: string}) => pid === last && stop === 'withdraw',
    );
  t.match(await exabgp.stop(), {code: 0});
  await ended(next);
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 0);

  const killed = startExabgp();
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 1);
  const last = await holder();
  await killed.kill();
  await ended(last);
  for (const prefix of [vip, vip6]) await router.waitForRoutes(prefix, 0);
});
