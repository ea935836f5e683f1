/** iBGP: LOCAL_PREF is sent, the AS path stays empty; towards an eBGP peer of the same agent it is the other way round. */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {Gobgp} from '../lab/gobgp.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';

const agentAs = 4200000001;

t.test('one route, inside and outside of the own AS', async (t) => {
  const lab = await Lab.create(t);
  const {host, hostLoopback, spokes} = await star(lab, 2);
  const [inside, outside] = spokes;
  if (!inside || !outside) throw new Error('the star has too few spokes');
  const bird = await startRouter(lab, Bird, inside.namespace, {
    as: agentAs,
    routerId: inside.loopback,
    neighbors: [{address: inside.hostAddress, remoteAs: agentAs}],
  });
  const gobgp = await startRouter(lab, Gobgp, outside.namespace, {
    as: 65000,
    routerId: outside.loopback,
    neighbors: [{address: outside.hostAddress, remoteAs: agentAs}],
  });
  await startHealth(lab, host);
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: ${hostLoopback}
log: {format: json}
defaults: {interval: 1s, fast_interval: 100ms, rise: 2, fall: 2}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  peers:
    - {name: inside, address: ${inside.address}, remote_as: internal}
    - {name: outside, address: ${outside.address}, remote_as: external}
`,
    'conf.d/web.yaml': `
prefixes: [192.0.2.1, "2001:db8::1"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {local_preference: 250, med: 7}
`,
  });
  await agent.start();

  for (const [prefix, insideHop, outsideHop] of [
    ['192.0.2.1/32', inside.hostAddress, outside.hostAddress],
    ['2001:db8::1/128', inside.hostAddress6, outside.hostAddress6],
  ] as const) {
    t.match(
      await bird.waitForRoutes(prefix, 1),
      [{nextHop: insideHop, asPath: [], localPref: 250, med: 7, valid: true}],
      `${prefix} inside`,
    );
    // GoBGP keeps the attributes as they came: a LOCAL_PREF would be seen.
    t.match(
      await gobgp.waitForRoutes(prefix, 1),
      [{nextHop: outsideHop, asPath: [agentAs], localPref: null, med: 7}],
      `${prefix} outside`,
    );
  }
});
