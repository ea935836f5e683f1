/** The example `nrec` against two BIRDs that play NREC's route servers: AS 65535, MD5, BFD, two hops away. */

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {Agent} from '../../lab/agent.js';
import {Bird} from '../../lab/bird.js';
import {request} from '../../lab/client.js';
import {startHealth} from '../../lab/health.js';
import {addAddress, Lab} from '../../lab/lab.js';
import {startRouter} from '../../lab/router.js';
import {timed, waitFor} from '../../lab/wait.js';
import {example} from './example.js';

const [instanceAddress, instanceAddress6] = ['10.0.240.156', '2001:700:2:8200::156'];
const [vip, vip6] = ['192.168.0.16', 'fda4:5ff2:8477:1755::'];

t.test('NREC: two route servers, multihop, 4-byte AS, MD5, BFD', async (t) => {
  const lab = await Lab.create(t);
  const [instance, leaf] = [await lab.namespace('instance'), await lab.namespace('leaf')];
  await leaf.forward();
  await lab.link(
    {in: instance, name: 'eth0', addresses: [`${instanceAddress}/22`, `${instanceAddress6}/64`]},
    {in: leaf, name: 'rack', addresses: ['10.0.240.1/22', '2001:700:2:8200::1/64']},
  );
  await instance.ip('route add default via 10.0.240.1');
  await instance.ip('-6 route add default via 2001:700:2:8200::1');
  const key = (await readFile(join(example('nrec'), 'bgp.key'), 'utf8')).trim();
  const routers: Bird[] = [];
  for (const n of [1, 2]) {
    const namespace = await lab.namespace(`server${n}`);
    const loopback = `10.255.255.${n}`;
    await lab.link(
      {in: namespace, name: 'eth0', addresses: [`10.254.${n}.2/30`, `fd54:${n}::2/64`]},
      {in: leaf, name: `server${n}`, addresses: [`10.254.${n}.1/30`, `fd54:${n}::1/64`]},
    );
    await addAddress(namespace, `${loopback}/32`, 'lo');
    await namespace.ip(`route add default via 10.254.${n}.1`);
    await namespace.ip(`-6 route add default via fd54:${n}::1`);
    await leaf.ip(`route add ${loopback}/32 via 10.254.${n}.2`);
    routers.push(
      await startRouter(lab, Bird, namespace, {
        as: 65535,
        routerId: loopback,
        neighbors: [
          {
            address: instanceAddress,
            remoteAs: 4200000000,
            localAddress: loopback,
            multihop: 64,
            password: key,
            bfdMs: 300,
          },
        ],
      }),
    );
  }
  const health = await startHealth(lab, instance, 8080, 'haproxy');
  const agent = await Agent.withCopyOf(lab, instance, example('nrec'));
  await agent.cli('validate');
  await agent.start();

  for (const router of routers) {
    await router.waitForPeer(instanceAddress);
    const attributes = {asPath: [4200000000], valid: true};
    t.match(await router.waitForRoutes(`${vip}/32`, 1), [{...attributes, nextHop: instanceAddress}]);
    t.match(await router.waitForRoutes(`${vip6}/128`, 1), [{...attributes, nextHop: instanceAddress6}]);
  }
  // What the leaf, which is no party to this, would have learnt from the route servers.
  await leaf.ip(`route add ${vip}/32 via ${instanceAddress}`);
  await leaf.ip(`-6 route add ${vip6}/128 via ${instanceAddress6}`);
  for (const url of [`http://${vip}:8080/`, `http://[${vip6}]:8080/`]) {
    t.same(await request(leaf, url, 1), {by: {haproxy: 1}, failed: []}, url);
  }

  await waitFor(
    'BFD to be up with both',
    () => agent.status(),
    ({peers}) => peers.length === 2 && peers.every(({bfd}) => bfd === 'up'),
  );
  agent.freeze();
  const ms = await timed(() => Promise.all(routers.map((router) => router.waitForRoutes(`${vip}/32`, 0))));
  t.ok(ms < 1_500, `a frozen instance gets no more traffic after ${Math.round(ms)} ms`);
  agent.thaw();
  for (const router of routers) await router.waitForRoutes(`${vip}/32`, 1);

  const [first, second] = routers;
  if (!first || !second) throw new Error('two route servers were meant to be here');
  await first.kill();
  await waitFor(
    'one session to be down',
    () => agent.status(),
    ({peers}) => peers.find((peer) => peer.name === 'nrec-1')?.state !== 'established',
  );
  t.equal((await second.routesTo(`${vip}/32`)).length, 1, 'the other route server still has the route');
  await health.fail();
  await second.waitForRoutes(`${vip}/32`, 0);
  await second.waitForRoutes(`${vip6}/128`, 0);
  t.notOk(agent.output.includes(key), 'the key is in no log');
});
