/** Proves the lab itself: each driver starts its daemon, and reads the same routes from its table. */

import t from 'tap';
import {Bird} from '../lab/bird.js';
import {Frr} from '../lab/frr.js';
import {Gobgp} from '../lab/gobgp.js';
import {Lab} from '../lab/lab.js';
import {Openbgpd} from '../lab/openbgpd.js';
import {type Neighbor, type RouterKind, startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';

const kinds: readonly RouterKind[] = [Bird, Frr, Gobgp, Openbgpd];

const origin = `
protocol static { ipv4; route 192.0.2.1/32 blackhole; route 192.0.2.2/32 blackhole; }
protocol static { ipv6; route 2001:db8::1/128 blackhole; }
filter announced {
  if source != RTS_STATIC then reject;
  bgp_med = 50;
  bgp_community.add((64512,7));
  bgp_large_community.add((64512,1,2));
  bgp_path.prepend(4200000001);
  accept;
}`;

t.test('every daemon speaks BGP with MD5 and shows what it learnt', async (t) => {
  const lab = await Lab.create(t);
  const {host, hostLoopback, spokes} = await star(lab, kinds.length);
  const neighbors = spokes.flatMap(({address, loopback}, n): Neighbor[] => [
    {
      address,
      remoteAs: 65000 + n,
      password: 's3cret',
      passive: false,
      holdTime: 9,
      exportFilter: 'announced',
    },
    {
      address: loopback,
      localAddress: hostLoopback,
      multihop: 4,
      remoteAs: 65000 + n,
      passive: false,
      exportFilter: 'announced',
    },
  ]);
  const bird = await startRouter(lab, Bird, host, {
    as: 4200000001,
    routerId: hostLoopback,
    neighbors,
    extra: origin,
  });
  for (const [n, Kind] of kinds.entries()) {
    const spoke = spokes[n];
    if (!spoke) throw new Error('too few spokes');
    const router = await startRouter(lab, Kind, spoke.namespace, {
      as: 65000 + n,
      routerId: spoke.loopback,
      neighbors: [
        {address: spoke.hostAddress, remoteAs: 4200000001, password: 's3cret', holdTime: 9},
        {address: hostLoopback, localAddress: spoke.loopback, multihop: 4, remoteAs: 4200000001},
      ],
    });
    await t.test(router.kind, async (t) => {
      await router.waitForPeer(spoke.hostAddress);
      await router.waitForPeer(hostLoopback);
      const seen = await router.waitForRoutes('192.0.2.1/32', 2);
      t.match(
        seen,
        [{nextHop: spoke.hostAddress}, {nextHop: hostLoopback}],
        'the next hops are the two ends of the sessions',
      );
      for (const route of seen) {
        t.match(route, {
          prefix: '192.0.2.1/32',
          asPath: [4200000001, 4200000001],
          med: 50,
          communities: ['64512:7'],
          largeCommunities: ['64512:1:2'],
          valid: true,
        });
      }
      t.equal(seen.filter((route) => route.best).length, 1, 'one path is best');
      const [six] = await router.waitForRoutes('2001:db8::1/128', 2);
      t.match(six, {asPath: [4200000001, 4200000001]});
      await bird.waitForPeer(spoke.address);
      await router.stop();
      await router.start();
      await router.waitForPeer(spoke.hostAddress);
      t.pass('it comes back after a restart');
      await router.kill();
    });
  }
});
