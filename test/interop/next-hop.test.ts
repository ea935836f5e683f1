/**
 * Both families over a session of either family: what the router's kernel does with the next hops.
 * Proven by connections from the router to the addresses, not by what tables say.
 */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {request} from '../lab/client.js';
import {Frr} from '../lab/frr.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {type RouterKind, startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

const [vip, vip6] = ['192.0.2.20', '2001:db8::20'];
const agentAs = 65001;
const kinds: readonly RouterKind[] = [Frr, Bird, Frr, Bird];

t.test('next hops that the kernel of the router can use', async (t) => {
  const lab = await Lab.create(t);
  const {host, hostLoopback, spokes} = await star(lab, 4);
  const sides = kinds.map((Kind, n) => {
    const spoke = spokes[n];
    if (!spoke) throw new Error('the star has too few spokes');
    return {Kind, spoke, isOverIpv4: n < 2, name: `${Kind.name}-${n}`};
  });
  const routers = await Promise.all(
    sides.map(async ({Kind, spoke, isOverIpv4, name}) => {
      const router = await startRouter(lab, Kind, spoke.namespace, {
        as: 65000,
        routerId: spoke.loopback,
        kernel: true,
        neighbors: [{address: isOverIpv4 ? spoke.hostAddress : spoke.hostAddress6, remoteAs: agentAs}],
      });
      return {router, spoke, name, address: isOverIpv4 ? spoke.address : spoke.address6};
    }),
  );
  await startHealth(lab, host, 8080, 'host');
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: ${hostLoopback}
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
kernel: {interface: lo}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  peers:
${routers.map(({name, address}) => `    - {name: "${name}", address: "${address}", remote_as: 65000}`).join('\n')}
`,
    'conf.d/web.yaml': `
prefixes: [${vip}, "${vip6}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
  });
  await agent.start();

  for (const {router, spoke, address} of routers) {
    await t.test(`${router.kind} over ${address}`, async (t) => {
      for (const [prefix, gateway, url] of [
        [`${vip}/32`, spoke.hostAddress, `http://${vip}:8080/`],
        [`${vip6}/128`, spoke.hostAddress6, `http://[${vip6}]:8080/`],
      ] as const) {
        await waitFor(
          `a kernel route to ${prefix}`,
          () => router.kernelGateways(prefix),
          (gateways) => gateways.length > 0,
        );
        t.same(
          await router.kernelGateways(prefix),
          [gateway],
          `${prefix} goes to the host on the shared network`,
        );
        t.same(await request(spoke.namespace, url, 2), {by: {host: 2}, failed: []});
      }
    });
  }
});
