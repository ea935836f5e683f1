/** The example `openstack` against FRR as the switch of a rack: AS 64601, next hops of routers on the provider network. */

import t from 'tap';
import {Agent} from '../../lab/agent.js';
import {request} from '../../lab/client.js';
import {Frr} from '../../lab/frr.js';
import {type Health, startHealth} from '../../lab/health.js';
import {addAddress, Lab} from '../../lab/lab.js';
import {startRouter} from '../../lab/router.js';
import {waitFor} from '../../lab/wait.js';
import {example} from './example.js';

const [compute, switchAddress] = ['10.1.0.4', '10.1.0.253'];
/** Floating IP → next hop; the list of advertised routes in the guide. */
const floating = {
  '203.0.113.17/32': '10.1.0.48',
  '203.0.113.20/32': '10.1.0.65',
  '203.0.113.40/32': '10.2.0.23',
  '203.0.113.55/32': '10.2.0.35',
} as const;

t.test('OpenStack: floating IPs with the next hops of two racks', async (t) => {
  const lab = await Lab.create(t);
  const [rack1, rack2, leaf] = [
    await lab.namespace('rack1'),
    await lab.namespace('rack2'),
    await lab.namespace('switch'),
  ];
  await leaf.forward();
  // The gateways of a rack's floating IPs live on the same segment as its compute node.
  await lab.link(
    {in: rack1, name: 'eth0', addresses: [`${compute}/24`, '10.1.0.48/24', '10.1.0.65/24']},
    {in: leaf, name: 'rack1', addresses: [`${switchAddress}/24`]},
  );
  await lab.link(
    {in: rack2, name: 'eth0', addresses: ['10.2.0.23/24', '10.2.0.35/24']},
    {in: leaf, name: 'rack2', addresses: ['10.2.0.253/24']},
  );
  await rack1.ip(`route add default via ${switchAddress}`);
  await rack2.ip('route add default via 10.2.0.253');
  // The virtual machines themselves.
  await addAddress(rack1, '203.0.113.17/32', 'lo');
  await addAddress(rack2, '203.0.113.40/32', 'lo');

  const router = await startRouter(lab, Frr, leaf, {
    as: 64601,
    routerId: switchAddress,
    neighbors: [{address: compute, remoteAs: 64999}],
    verbatim: `
router bgp 64601
 no bgp ebgp-requires-policy
 neighbor ${compute} remote-as 64999
`,
  });
  const services: Health[] = [];
  for (const namespace of [rack1, rack2])
    services.push(await startHealth(lab, namespace, 8080, namespace.name));
  const agent = await Agent.withCopyOf(lab, rack1, example('openstack'));
  await agent.cli('validate');
  await agent.start();

  await router.waitForPeer(compute);
  for (const [prefix, nextHop] of Object.entries(floating)) {
    t.match(
      await router.waitForRoutes(prefix, 1),
      [{nextHop, asPath: [64999], valid: true, best: true}],
      prefix,
    );
    await waitFor(
      `the kernel route to ${prefix}`,
      () => router.kernelGateways(prefix),
      (gateways) => gateways.join() === nextHop,
    );
  }
  for (const [namespace, address] of [
    [rack1, '203.0.113.17'],
    [rack2, '203.0.113.40'],
  ] as const) {
    t.same(
      await request(leaf, `http://${address}:8080/`, 1),
      {by: {[namespace.name]: 1}, failed: []},
      address,
    );
  }

  await services[1]?.die();
  await router.waitForRoutes('203.0.113.40/32', 0);
  await router.waitForRoutes('203.0.113.55/32', 0);
  t.equal((await router.routesTo('203.0.113.17/32')).length, 1, 'the other rack is still announced');
});
