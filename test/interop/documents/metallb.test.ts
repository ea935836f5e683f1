/**
 * The example `metallb` against FRR as the distribution switch of the paper: AS 65001, eBGP multihop past the
 * access switch, and a prefix-list that takes only host routes.
 */

import t from 'tap';
import {Agent} from '../../lab/agent.js';
import {request} from '../../lab/client.js';
import {Frr} from '../../lab/frr.js';
import {startHealth} from '../../lab/health.js';
import {addAddress, Lab} from '../../lab/lab.js';
import {attributeCodes} from '../../lab/mrt.js';
import {startRouter} from '../../lab/router.js';
import {waitFor} from '../../lab/wait.js';
import {example} from './example.js';

const node = '10.205.32.15';
const vip = '192.168.0.11';
const localPreferenceCode = 5;

/** The paper's router, and three lines that let the test look at what it received. */
const distribution = `
router bgp 65001
 no bgp ebgp-requires-policy
 neighbor ${node} remote-as 65002
 address-family ipv4 unicast
  neighbor ${node} ebgp-multihop
  neighbor ${node} activate
  neighbor ${node} prefix-list service-subnets in
  neighbor ${node} soft-reconfiguration inbound
 exit-address-family
ip prefix-list service-subnets seq 100 permit 192.168.0.0/24 ge 32
dump bgp all ${Frr.dump}
`;

t.test(
  'the MetalLB paper: /32 with a community and the /24 of the pool, next hop = primary interface',
  async (t) => {
    const lab = await Lab.create(t);
    const [host, access, core] = [
      await lab.namespace('node'),
      await lab.namespace('access'),
      await lab.namespace('core'),
    ];
    await access.forward();
    await lab.link(
      {in: host, name: 'eth0', addresses: [`${node}/22`]},
      // The gateway of the access VLAN, with the service subnet as its secondary address.
      {in: access, name: 'vlan3032', addresses: ['10.205.32.2/22', '192.168.0.1/24']},
    );
    await lab.link(
      {in: access, name: 'uplink', addresses: ['10.0.1.2/30']},
      {in: core, name: 'downlink', addresses: ['10.0.1.1/30']},
    );
    await addAddress(core, '10.0.0.1/32', 'lo');
    await host.ip('route add default via 10.205.32.2');
    await access.ip('route add 10.0.0.1/32 via 10.0.1.1');
    // What the IGP between access and distribution tells: without it the next hop would be inaccessible.
    await core.ip('route add 10.205.32.0/22 via 10.0.1.2');

    const router = await startRouter(lab, Frr, core, {
      as: 65001,
      routerId: '10.0.0.1',
      neighbors: [{address: node, remoteAs: 65002}],
      verbatim: distribution,
    });
    const health = await startHealth(lab, host, 8080, 'ingress');
    const agent = await Agent.withCopyOf(lab, host, example('metallb'));
    t.match(await agent.cli('validate'), /local_preference/, 'validate warns of the local preference');
    await agent.start();

    await router.waitForPeer(node);
    t.match(await router.waitForRoutes(`${vip}/32`, 1), [
      {
        nextHop: node,
        asPath: [65002],
        communities: ['64512:64534'],
        localPref: null,
        valid: true,
        best: true,
      },
    ]);
    await waitFor(
      'both announcements to be received',
      () => router.received('ipv4', node),
      (prefixes) => prefixes.join() === `192.168.0.0/24,${vip}/32`,
    );
    t.same(await router.routesTo('192.168.0.0/24'), [], 'the prefix-list (ge 32) refuses the /24');

    const codes = (await router.dumped()).map(attributeCodes).filter((each) => each.length > 0);
    t.ok(codes.length >= 2, `${codes.length} UPDATEs with attributes were dumped`);
    t.notOk(
      codes.some((each) => each.includes(localPreferenceCode)),
      'LOCAL_PREF never was on the wire',
    );

    await waitFor(
      'the kernel route',
      () => router.kernelGateways(`${vip}/32`),
      (gateways) => gateways.length === 1,
    );
    // The access switch's own way to the address is ARP in its secondary subnet.
    t.same(await request(core, `http://${vip}:8080/`, 1), {by: {ingress: 1}, failed: []});

    await health.die();
    await router.waitForRoutes(`${vip}/32`, 0);
    await waitFor(
      'the aggregate to go with its last member',
      () => router.received('ipv4', node),
      (prefixes) => prefixes.length === 0,
    );
  },
);
