/** What a killed daemon leaves in the kernel, and what the next one does with it. */

import type {Test} from 'tap';
import {waitFor} from '../lab/wait.js';
import type {Balancer, Daemon} from './balancer.js';
import {prefixes, table} from './services.js';

const foreign = ['198.51.100.1/32', '198.51.100.2/32', '2001:db8:ffff::1/128'] as const;

/** Answers the daemon that runs at the end. */
export async function ownershipSuite(
  t: Test,
  balancer: Balancer,
  {daemon, config, folder}: {daemon: Daemon; config: string; folder: string},
): Promise<Daemon> {
  const {machine} = balancer;
  const journal = `${folder}/state/kernel.journal`;
  let next = daemon;

  await t.test('kill -9', async (t) => {
    await machine.sh(`
ip addr add ${foreign[0]} dev lo
ip addr add ${foreign[1]} dev lo label lo:eip
ip addr add ${foreign[2]} dev lo nodad noprefixroute preferred_lft 0
ip route add 198.51.100.9/32 dev lo
`);
    t.notMatch(
      await machine.run('sh', '-c', `cat ${journal} || true`),
      /^\+/m,
      'this kernel keeps the mark on addresses: nothing stays noted',
    );
    await daemon.program.end('SIGKILL');
    await waitFor(
      'no routes at the router',
      () => balancer.learnt(),
      (routes) => routes.length === 0,
    );
    t.strictSame(
      await balancer.addresses(),
      [...prefixes, ...foreign].sort(),
      'addresses stay, routes are withdrawn',
    );
    t.strictSame(await balancer.hostRoutes(), [...prefixes].sort(), 'host routes stay');
  });

  await t.test('the next life removes exactly what is ours', async (t) => {
    // As a kernel before 5.18 leaves it: our form, no mark, and a line in the journal.
    await machine.sh(`
rm -f ${journal}
ip addr del 192.0.2.10/32 dev lo
ip addr del 2001:db8::10/128 dev lo
ip addr add 192.0.2.10/32 dev lo label lo:eip
ip addr add 2001:db8::10/128 dev lo nodad noprefixroute preferred_lft 0
ip addr del 192.0.2.53/32 dev lo
ip addr add 192.0.2.53/32 dev lo
{ echo "boot $(cat /proc/sys/kernel/random/boot_id)"
  for address in 192.0.2.10/32 2001:db8::10/128 192.0.2.53/32; do echo "+lo $address"; done
} > ${journal}
ipvsadm -C
`);
    next = await balancer.start(['run', '--config', config], `${folder}/control.sock`);
    await balancer.waitFor([], [...foreign, '192.0.2.53/32']);
    t.pass(
      'marked ones and noted ones of our form are gone; what others put there is not, whatever it looks like',
    );
    t.match(await machine.run('ip', 'route', 'show', '198.51.100.9'), /dev lo/, 'neither is their route');
  });

  await t.test('an address of somebody else', async (t) => {
    await balancer.ipvs(...table);
    await balancer.waitFor(prefixes, foreign);
    t.match(
      (await next.status()).routes.find(({prefix}) => prefix === '192.0.2.53/32')?.announcers,
      {kernel: {address: 'foreign', route: 'installed'}},
      'counts as installed, and its route is announced',
    );
    await balancer.ipvs('-d -u 192.0.2.53:53 -r 10.0.0.1:53');
    await balancer.waitFor(
      prefixes.filter((prefix) => prefix !== '192.0.2.53/32'),
      [...foreign, '192.0.2.53/32'],
    );
    t.pass('and stays when the route goes');
    await machine.sh(foreign.map((address) => `ip addr del ${address} dev lo\n`).join(''));
    await machine.run('ip', 'addr', 'del', '192.0.2.53/32', 'dev', 'lo');
  });
  return next;
}
