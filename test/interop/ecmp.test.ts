/** Two hosts serve one address behind one router: the router spreads clients over both, and none is lost. */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {request} from '../lab/client.js';
import {Frr} from '../lab/frr.js';
import {type Health, startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterKind, startRouter} from '../lab/router.js';
import {fan} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

const [vip, vip6] = ['192.0.2.10', '2001:db8::10'];
const urls = [`http://${vip}:8080/`, `http://[${vip6}]:8080/`];
const requests = 40;

const kinds: readonly RouterKind[] = [Frr, Bird];

for (const Kind of kinds) {
  t.test(`behind ${Kind.name}`, async (t) => {
    const lab = await Lab.create(t);
    const {client, router: routerNamespace, hosts} = await fan(lab, 2);
    const router = await startRouter(lab, Kind, routerNamespace, {
      as: 65000,
      routerId: '10.50.100.2',
      kernel: true,
      neighbors: hosts.map(({address}) => ({address, remoteAs: 65001})),
    });
    const services: Health[] = [];
    for (const [n, {namespace, routerAddress}] of hosts.entries()) {
      services.push(await startHealth(lab, namespace, 8080, `host${n + 1}`));
      const agent = await Agent.withFiles(lab, namespace, {
        'eip-health.yaml': `
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: 65001
  connect_retry: 1s
  peers:
    - {name: router, address: ${routerAddress}, remote_as: 65000}
`,
        'conf.d/web.yaml': `
prefixes: [${vip}, "${vip6}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
      });
      await agent.start();
    }
    /** Waits until the router's kernel sends both families to exactly these hosts. */
    const routedTo = async (...serving: readonly (typeof hosts)[number][]) => {
      for (const [prefix, gateways] of [
        [`${vip}/32`, serving.map((host) => host.address)],
        [`${vip6}/128`, serving.map((host) => host.address6)],
      ] as const) {
        await waitFor(
          `the kernel route to ${prefix} over ${gateways}`,
          () => router.kernelGateways(prefix),
          (seen) => seen.join() === [...gateways].sort().join(),
        );
      }
    };

    await routedTo(...hosts);
    for (const url of urls) {
      const {by, failed} = await request(client, url, requests);
      t.same(failed, [], `${url}: no request failed`);
      t.same(Object.keys(by).sort(), ['host1', 'host2'], `${url}: both hosts were reached`);
    }

    const [first, second] = hosts;
    if (!first || !second) throw new Error('the fan has too few hosts');
    await services[0]?.die();
    await routedTo(second);
    for (const url of urls) {
      t.same(
        await request(client, url, requests),
        {by: {host2: requests}, failed: []},
        `${url}: host2 serves all`,
      );
    }

    await services[0]?.start();
    await routedTo(first, second);
    const {by, failed} = await request(client, urls[0] ?? '', requests);
    t.same(failed, []);
    t.same(Object.keys(by).sort(), ['host1', 'host2'], 'the host that came back gets its share');
  });
}
