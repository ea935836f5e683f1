/**
 * `eip-health watchdog --ipvs` on a real kernel with IPVS and beside FRR: no service files; a process each round, as cron
 * runs it, then one that stays. In a machine of its own.
 */

import t from 'tap';
import type {Ran} from '../lab/uml-protocol.js';
import {Balancer} from './balancer.js';
import {Frr} from './frr.js';
import {prefixes as all, mainFile, table} from './services.js';

const folder = '/run/watchdog';
/** Which one of its two ports has no server. */
const halfDead = '192.0.2.20/32';

t.test('a load balancer with FRR', async (t) => {
  const balancer = await Balancer.set(t);
  await balancer.loadIpvs();
  const frr = await Frr.start(balancer.machine);
  const prefixes = all.filter((prefix) => prefix !== halfDead);
  const everythingBut = (...gone: string[]) => prefixes.filter((prefix) => !gone.includes(prefix));
  await balancer.ipvs(...table);
  const config = await balancer.configure(folder, {
    'eip-health.yaml': mainFile(folder, 'conf_d: false\nfrr: {}'),
  });
  const marks = ['--fwmark', '26=192.0.2.26,2001:db8::26'];
  const round = (...options: string[]): Promise<Ran> =>
    balancer.command('watchdog', '--once', '--ipvs', ...marks, ...options, '--config', config);
  /** Its lines, sorted: the VIPs of a round have no order among each other. */
  const said = ({stdout}: Ran): string[] => stdout.split('\n').filter(Boolean).sort();
  const linesOf = (verb: 'up' | 'down', prefix: string): string[] => {
    const [announce, put] =
      verb === 'up'
        ? [`announce ${prefix} to`, `add address ${prefix} to lo`]
        : [`withdraw ${prefix} from`, `remove address ${prefix} from lo`];
    return [`${announce} frr`, `${announce} kernel`, put];
  };

  await t.test('the first round', async (t) => {
    const first = await round();
    t.strictSame([first.code, first.stderr], [1, ''], 'one VIP is down: 1');
    for (const prefix of prefixes) {
      t.strictSame(
        linesOf('up', prefix).filter((line) => !said(first).includes(line)),
        [],
        `${prefix} is put on lo and announced`,
      );
    }
    t.notOk(
      said(first).some((line) => line.includes(`announce ${halfDead}`)),
      'one of two ports is dead: not announced',
    );
    await balancer.waitFor(prefixes);
    t.strictSame(await frr.networks(), [...prefixes].sort(), 'FRR has a network for each');
  });

  await t.test('the next one', async (t) => {
    t.match(
      await round('--exclude', '192.0.2.20'),
      {code: 0, stdout: '', stderr: ''},
      'nothing to do, nothing to say',
    );
    await balancer.waitFor(prefixes);
  });

  await t.test('servers and services are gone', async (t) => {
    await balancer.ipvs(
      '-e -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 0',
      '-d --sctp-service 192.0.2.36:2905 -r 10.0.0.1:2905',
      '-d -f 26 -6 -r [fd00:0:0:1::1]:0',
      '-D -u [2001:db8::53]:53',
    );
    const ran = await round();
    const gone = ['192.0.2.10/32', '192.0.2.36/32', '2001:db8::26/128', '2001:db8::53/128'];
    t.strictSame([ran.code, ran.stderr], [1, '']);
    for (const prefix of gone) {
      t.strictSame(
        linesOf('down', prefix).filter((line) => !said(ran).includes(line)),
        [],
        `${prefix} is withdrawn and taken off lo`,
      );
    }
    await balancer.waitFor(everythingBut(...gone));
    t.strictSame(await frr.networks(), everythingBut(...gone).sort());
  });

  await t.test('everything is back', async (t) => {
    await balancer.ipvs('-C', ...table);
    const ran = await round('--ports', 'any');
    t.strictSame([ran.code, ran.stderr], [0, ''], 'and with --ports any also the one with a dead port');
    await balancer.waitFor(all);
  });

  await t.test('a watchdog that stays', async (t) => {
    const argv = ['watchdog', '--schedule', '* * * * * *', '--ipvs', '--ports', 'any', '--config', config];
    const resident = await balancer.start(argv, `${folder}/control.sock`);
    const unmarked = everythingBut('192.0.2.26/32', '2001:db8::26/128');
    await balancer.waitFor([...unmarked, halfDead]);
    t.ok(
      (await resident.log()).includes(
        'IPVS: firewall mark 26 is ignored: write which VIPs it stands for, like --fwmark 26=192.0.2.1,2001:db8::1',
      ),
      'without --fwmark the VIPs of marks are no longer its own',
    );
    const beside = await round();
    t.match(
      beside,
      {code: 0, stderr: '', stdout: /^eip-health runs as pid \d+ .*: nothing was done\n$/},
      'one writer',
    );
    await balancer.ipvs(
      '-d -t 192.0.2.20:80 -r 10.0.0.1:80',
      '-A -t 192.0.2.21:80 -s rr',
      '-a -t 192.0.2.21:80 -r 10.0.0.1:80 -g',
    );
    await balancer.waitFor([...unmarked, '192.0.2.21/32']);
    t.pass('a VIP that loses its last server goes, a new one comes');
    t.strictSame(await resident.program.end('SIGTERM'), {code: 0, signal: null});
    await balancer.waitFor([]);
    t.strictSame(await frr.networks(), [], 'a stop withdraws');
  });
});
