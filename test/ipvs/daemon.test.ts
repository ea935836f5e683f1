/** The whole program on a real kernel with IPVS, in one machine that all tests of this file share. */

import t from 'tap';
import {Balancer} from './balancer.js';
import {checkSuite} from './check-suite.js';
import {keepalivedSuite, keptServices} from './keepalived-suite.js';
import {ownershipSuite} from './ownership-suite.js';
import {runSuite} from './run-suite.js';
import {mainFile, prefixes, serviceFiles, services, speaker} from './services.js';

const folder = '/run/eip-health';

t.test('a load balancer', async (t) => {
  const balancer = await Balancer.set(t);
  t.match(balancer.machine.kernel, /^\d+\.\d+/, `Linux ${balancer.machine.kernel}`);
  await t.test('the table', (t) => checkSuite(t, balancer));

  const config = await balancer.configure(folder, {
    'eip-health.yaml': mainFile(folder, speaker),
    ...serviceFiles(services),
    ...serviceFiles(keptServices),
  });
  let daemon = await balancer.start(['run', '--config', config], `${folder}/control.sock`);
  await balancer.waitFor(prefixes);
  t.pass('every VIP with servers is announced, no other');
  await t.test('run', (t) => runSuite(t, balancer, daemon));
  await t.test('ownership', async (t) => {
    daemon = await ownershipSuite(t, balancer, {daemon, config, folder});
  });
  await t.test('keepalived', (t) => keepalivedSuite(t, balancer, daemon));

  t.strictSame(await daemon.program.end('SIGTERM'), {code: 0, signal: null});
});
