/** The example `safespring` against a BIRD that plays Safespring's route server: 169.254.169.254, AS 64700. */

import {chmod, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {Agent} from '../../lab/agent.js';
import {Bird} from '../../lab/bird.js';
import {request} from '../../lab/client.js';
import {startHealth} from '../../lab/health.js';
import {addAddress, Lab} from '../../lab/lab.js';
import {startRouter} from '../../lab/router.js';
import {waitFor} from '../../lab/wait.js';
import {example} from './example.js';

const [vip, vip6] = ['185.189.29.0', '2a0a:bcc0:40:4::'];
const byScript = '185.189.29.2/32';

t.test('Safespring: IPv6 over the IPv4 session, a script check with MED 1', async (t) => {
  const lab = await Lab.create(t);
  const [instance, server] = [await lab.namespace('instance'), await lab.namespace('server')];
  await lab.link(
    {in: instance, name: 'eth0', addresses: ['10.129.0.3/24', '2a0a:bcc0:40::3/64']},
    {in: server, name: 'eth0', addresses: ['10.129.0.1/24', '2a0a:bcc0:40::1/64']},
  );
  await addAddress(server, '169.254.169.254/32', 'lo');
  await instance.ip('route add default via 10.129.0.1');
  await server.forward();
  const router = await startRouter(lab, Bird, server, {
    as: 64700,
    routerId: '10.129.0.1',
    kernel: true,
    neighbors: [{address: '10.129.0.3', remoteAs: 64532, localAddress: '169.254.169.254', multihop: 64}],
  });
  const health = await startHealth(lab, instance, 8080, 'web');

  const agent = await Agent.withCopyOf(lab, instance, example('safespring'));
  const script = join(agent.folder, 'check.sh');
  await agent.write('check.sh', `#!/bin/sh\n[ "$1" = 185.189.29.2 ] && [ ! -e ${agent.folder}/broken ]\n`);
  await chmod(script, 0o755);
  const service = 'conf.d/service-ip.yaml';
  const text = await readFile(join(agent.folder, service), 'utf8');
  t.match(text, '/etc/exabgp/check.sh', 'only the path of the script is another one here');
  await agent.write(service, text.replaceAll('/etc/exabgp/check.sh', script));
  await agent.cli('validate');
  await agent.start();

  await router.waitForPeer('10.129.0.3');
  const attributes = {asPath: [64532], communities: [], valid: true};
  t.match(await router.waitForRoutes(`${vip}/32`, 1), [{...attributes, nextHop: '10.129.0.3'}]);
  t.match(await router.waitForRoutes(`${vip6}/128`, 1), [{...attributes, nextHop: '2a0a:bcc0:40::3'}]);
  t.match(await router.waitForRoutes(byScript, 1), [{...attributes, nextHop: '10.129.0.3', med: 1}]);
  for (const [prefix, url] of [
    [`${vip}/32`, `http://${vip}:8080/`],
    [`${vip6}/128`, `http://[${vip6}]:8080/`],
  ] as const) {
    await waitFor(
      `a kernel route to ${prefix}`,
      () => router.kernelGateways(prefix),
      (gateways) => gateways.length > 0,
    );
    t.same(await request(server, url, 1), {by: {web: 1}, failed: []}, `${url} is served through the route`);
  }
  t.notMatch(await instance.ip('addr show dev lo'), '185.189.29.2', '--no-ip-setup');

  await agent.write('broken', '');
  agent.runChecksNow();
  await router.waitForRoutes(byScript, 0);
  t.pass('--withdraw-on-down');

  await health.fail();
  await router.waitForRoutes(`${vip}/32`, 0);
  await router.waitForRoutes(`${vip6}/128`, 0);
  t.match(await agent.stop(), {code: 0});
  t.notMatch(await instance.ip('addr show dev lo'), vip6, 'no address is left');
});
