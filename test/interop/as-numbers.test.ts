/** What AS numbers decide: LOCAL_PREF and the AS path inside and outside, and a peer that knows only 2 octets. */

import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {Gobgp} from '../lab/gobgp.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';

const agentAs = 4200000001;

t.test('one route to peers of the own AS, of another one, and to one that knows only 2 octets', async (t) => {
  const lab = await Lab.create(t);
  const {host, hostLoopback, spokes} = await star(lab, 3);
  const [inside, outside, old] = spokes;
  if (!inside || !outside || !old) throw new Error('the star has too few spokes');
  const internal = await startRouter(lab, Bird, inside.namespace, {
    as: agentAs,
    routerId: inside.loopback,
    neighbors: [{address: inside.hostAddress, remoteAs: agentAs}],
  });
  const external = await startRouter(lab, Gobgp, outside.namespace, {
    as: 65000,
    routerId: outside.loopback,
    neighbors: [{address: outside.hostAddress, remoteAs: agentAs}],
  });
  const twoOctets = await startRouter(lab, Bird, old.namespace, {
    as: 65000,
    routerId: old.loopback,
    neighbors: [{address: old.hostAddress, remoteAs: 'external', fourOctetAs: false}],
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
    - {name: old, address: ${old.address}, remote_as: 65000}
`,
    'conf.d/web.yaml': `
prefixes: [192.0.2.1, "2001:db8::1"]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {local_preference: 250, med: 7, as_path_prepend: 1}
`,
  });
  await agent.start();

  await twoOctets.waitForPeer(old.hostAddress);
  const session = /Session: .*/.exec(await twoOctets.ask('show protocols all neighbor0'))?.[0];
  t.match(session, /external/);
  t.notMatch(session, /AS4/, 'the session carries AS numbers in 2 octets');

  for (const [prefix, end] of [
    ['192.0.2.1/32', 'hostAddress'],
    ['2001:db8::1/128', 'hostAddress6'],
  ] as const) {
    t.match(
      await internal.waitForRoutes(prefix, 1),
      [{nextHop: inside[end], asPath: [], localPref: 250, med: 7}],
      `${prefix} inside: an empty path though something is prepended outside, with the local preference`,
    );
    // GoBGP shows attributes as they came: a LOCAL_PREF would be seen.
    t.match(
      await external.waitForRoutes(prefix, 1),
      [{nextHop: outside[end], asPath: [agentAs, agentAs], localPref: null, med: 7}],
      `${prefix} outside: the own AS in front and prepended, no local preference`,
    );
    // On the wire AS_TRANS in AS_PATH, and the true number in AS4_PATH, from which BIRD restores it (RFC 6793 §4.2.3).
    t.match(
      await twoOctets.waitForRoutes(prefix, 1),
      [{nextHop: old[end], asPath: [agentAs, agentAs], med: 7}],
      `${prefix} to a 2-octet speaker`,
    );
  }
});
