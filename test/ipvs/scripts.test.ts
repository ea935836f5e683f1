/**
 * By the names of vip_watchdog and vip_mgmt, on a host as those scripts had it: IPVS with keepalived, FRR with the
 * operator's lines, the VIPs on lo. In a machine of its own.
 */

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {guestNode} from '../lab/uml.js';
import type {Ran} from '../lab/uml-protocol.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';
import {Balancer, balancer as here} from './balancer.js';
import {Frr} from './frr.js';
import {sorryServer, startKeepalived, startServer} from './keepalived.js';

const folder = '/run/scripts';
/** As it is shipped, with places of this machine. */
const example = readFileSync(join(root, 'conf.d/examples/quagga-lvs/eip-health.yaml'), 'utf8');
const configuration = `${example}
state_dir: ${folder}/state
control_socket: ${folder}/control.sock
step_timeout: 10s
router_id: ${here.address}
`;
/** What the operator has in FRR; keepalived serves more. */
const configured = ['192.0.2.80/32', '192.0.2.82/32', '2001:db8::80/128'] as const;
const [first, ...others] = configured;
const operatorsLines = [
  ...['route-map PREPEND permit 10', `set as-path prepend ${here.as} ${here.as}`, 'exit'],
  `router bgp ${here.as}`,
  ...configured.flatMap((prefix) => [
    `address-family ${prefix.includes(':') ? 'ipv6' : 'ipv4'} unicast`,
    `network ${prefix} route-map PREPEND`,
    'exit-address-family',
  ]),
];

t.test('a host of vip_watchdog and vip_mgmt', async (t) => {
  const balancer = await Balancer.set(t);
  const {machine} = balancer;
  await balancer.loadIpvs();
  const config = await balancer.configure(folder, {'eip-health.yaml': configuration});
  await machine.sh(`
mkdir -p ${folder}/bin
for name in vip_watchdog vip_mgmt; do ln -s ${root}/bin/eip-health ${folder}/bin/$name; done
for address in ${configured.join(' ')}; do ip addr add $address dev lo; done
`);
  const script = (name: string, ...argv: string[]): Promise<Ran> =>
    machine.attempt([...guestNode, `${folder}/bin/${name}`, ...argv, '--config', config]);
  const watchdog = () => script('vip_watchdog', '--sorry', sorryServer);
  const announced = (prefixes: readonly string[]): Promise<unknown> => {
    // With the path that the operator's route-map makes.
    const wanted = prefixes.map((prefix) => `${prefix} ${here.as} ${here.as} ${here.as}`).sort();
    return waitFor(
      `at the router: ${wanted.join(', ') || 'nothing'}`,
      async () => (await balancer.learnt()).map(({prefix, asPath}) => `${prefix} ${asPath.join(' ')}`).sort(),
      (seen) => seen.join() === wanted.join(),
    );
  };
  /** Until keepalived has so many servers in IPVS that are no sorry servers and have a weight. */
  const served = (count: number): Promise<unknown> =>
    waitFor(
      `${count} servers in IPVS`,
      async () => [...(await machine.run('ipvsadm', '-Ln')).matchAll(/:8081 +Masq +1 /g)].length,
      (found) => found === count,
    );

  const frr = await Frr.start(machine);
  await frr.configure(...operatorsLines);
  let server = await startServer(machine, 'one');
  const keepalived = await startKeepalived(machine);
  await served(5);
  await announced(configured);

  await t.test('the first round', async (t) => {
    const {code, stderr} = await watchdog();
    t.equal(code, 0);
    t.match(
      stderr,
      /FRR's configuration has no "network 192\.0\.2\.81\/32", and only_configured is set/,
      'what the operator does not have in FRR is not announced',
    );
    await announced(configured);
    t.pass('what the operator has is announced as before');
  });

  await t.test('the realserver dies and comes back', async (t) => {
    await server.end('SIGKILL');
    await served(0);
    t.strictSame(
      said(await watchdog()),
      configured.flatMap((prefix) => [
        `vip_watchdog: 0 realservers available behind ${prefix.split('/')[0]} > delete route`,
        `bgp_mgt: Deleting route to ${prefix}`,
      ]),
      'the lines of the scripts, to the letter',
    );
    await announced([]);
    t.strictSame(await frr.networks(), [], 'the operator’s lines have given way');
    server = await startServer(machine, 'one');
    await served(5);
    t.strictSame(
      said(await watchdog()),
      configured.flatMap((prefix) => [
        `vip_watchdog: more than 1 realservers available behind ${prefix.split('/')[0]} > add route`,
        `bgp_mgt: Adding route to ${prefix}`,
      ]),
    );
    await announced(configured);
    t.pass('the operator’s lines are back, with their route-map');
  });

  await t.test('vip_mgmt', async (t) => {
    const deleted = await script('vip_mgmt', '-d', '192.0.2.80');
    t.strictSame([deleted.code, said(deleted)], [0, [`bgp_mgt: Deleting route to ${first}`]]);
    await announced(others);
    t.strictSame(said(await watchdog()), [], 'the next minute does not bring it back');
    await announced(others);
    const added = await script('vip_mgmt', '-a', '192.0.2.80');
    t.strictSame([added.code, said(added)], [0, [`bgp_mgt: Adding route to ${first}`]]);
    await announced(configured);
    t.pass('with its prepends');
  });

  await t.test('keepalived is gone', async (t) => {
    await keepalived.end('SIGTERM');
    const {code, stdout} = await watchdog();
    t.strictSame(
      [code, stdout],
      [255, 'fatal error : keepalived not running !\n'],
      'nothing is decided, as ever',
    );
    await announced(configured);
  });
});

/** The lines of the two scripts, without complaints. */
function said({stdout, stderr}: Ran): string[] {
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => /^(bgp_mgt: |vip_watchdog: .* realservers available )/.test(line));
}
