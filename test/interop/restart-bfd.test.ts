/**
 * A planned restart with BFD: BGP is closed first, then BFD says AdminDown. FRR keeps the routes as it comes; BIRD with
 * `bfd graceful`, without which BFD going down ends what it keeps for a neighbor that restarts.
 */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {request, SteadyClient} from '../lab/client.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterKind, startRouter} from '../lab/router.js';
import {fan} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

const kinds: readonly RouterKind[] = [Bird, Frr];
const vip = '192.0.2.10';

for (const Kind of kinds) {
  t.test(Kind.name, async (t) => {
    t.setTimeout(60_000);
    const lab = await Lab.create(t);
    const {client, router: routerNamespace, hosts} = await fan(lab, 1);
    const [host] = hosts;
    if (!host) throw new Error('the fan has no host');
    const router = await startRouter(lab, Kind, routerNamespace, {
      as: 65000,
      routerId: '10.50.100.2',
      kernel: true,
      neighbors: [
        {address: host.address, remoteAs: 65001, bfdMs: 300, ...(Kind === Bird && {bfdGraceful: true})},
      ],
    });
    await startHealth(lab, host.namespace, 8080, 'web');
    const agent = await Agent.withFiles(lab, host.namespace, {
      'eip-health.yaml': `
log: {format: json, level: debug}
on_stop: keep
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: 65001
  connect_retry: 1s
  graceful_restart: {enabled: true, restart_time: 20s}
  peers:
    - {name: router, address: ${host.routerAddress}, remote_as: 65000, bfd: {graceful: true}}
`,
      'conf.d/web.yaml': `
prefixes: [${vip}]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
    });
    const settled = () =>
      waitFor(
        'BFD to be up and End-of-RIB to be sent',
        async () => (await agent.status()).peers[0],
        (peer) => peer?.bfd === 'up' && peer.graceful_restart?.end_of_rib.length === 2,
      );
    await agent.start();
    await settled();
    await waitFor(
      'the route',
      () => router.kernelGateways(`${vip}/32`),
      (gateways) => gateways.length === 1,
    );
    const url = `http://${vip}:8080/`;
    t.same((await request(client, url, 1)).failed, []);
    const routes = routerNamespace.spawn(['ip', 'monitor', 'route']);
    const traffic = await SteadyClient.start(lab, client, [url]);
    t.same(await agent.stop(), {code: 0, signal: null});
    await agent.start();
    await settled();
    const {by, failed} = await traffic.stop();
    await routes.stop();
    t.same(failed, [], 'not one request failed');
    t.ok((by.web ?? 0) > 20, `and there were some: ${by.web}`);
    t.notMatch(routes.stdout, /Deleted 192\.0\.2\.10 /, "the router's kernel had the route all the while");
    const downs = agent.log.filter(({msg}) => msg.startsWith('bfd session router down'));
    t.same(downs, [], 'no session was lost in the new life');
  });
}
