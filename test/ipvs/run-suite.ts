/** `eip-health run` while realservers go and come: addresses and host routes on the balancer, routes at its router. */

import type {Test} from 'tap';
import type {Balancer, Daemon} from './balancer.js';
import {prefixes, table} from './services.js';

export async function runSuite(t: Test, balancer: Balancer, daemon: Daemon): Promise<void> {
  const everythingBut = (...gone: string[]) => prefixes.filter((prefix) => !gone.includes(prefix));
  /** What the router was told of a prefix beside its next hop. */
  const med = async (prefix: string) =>
    (await balancer.learnt()).find((route) => route.prefix === prefix)?.med ?? null;

  await t.test('the last weight becomes 0', async (t) => {
    await balancer.ipvs('-e -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 0');
    await balancer.waitFor(everythingBut('192.0.2.10/32'));
    t.pass('its VIP is gone, though its other port has a server');
    t.match(
      await daemon.reasons('web'),
      /^fail: TCP 192\.0\.2\.10:80: 0 servers, needs 1; TCP 192\.0\.2\.10:443: 1 server$/,
    );
    const log = await daemon.log();
    const steps = [
      /^service web down: 1 failure in a row: TCP 192\.0\.2\.10:80: 0 servers, needs 1/,
      /^withdraw 192\.0\.2\.10\/32 from router$/,
      /^withdraw 192\.0\.2\.10\/32 from kernel$/,
      /^remove address 192\.0\.2\.10\/32 from lo$/,
    ];
    t.strictSame(
      steps
        .map((step) => log.findIndex((line) => step.test(line)))
        .map((at, index, all) => at - (all[0] ?? 0) - index),
      [0, 0, 0, 0],
      'the log has a line for each step, in order',
    );
    await balancer.ipvs('-e -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 1');
    await balancer.waitFor(prefixes);
    t.pass('it is back as the other server gets weight');
  });

  await t.test('UDP, SCTP and one family of a fwmark lose their server', async (t) => {
    await balancer.ipvs(
      '-d -u [2001:db8::53]:53 -r [fd00:0:0:1::1]:53',
      '-d --sctp-service 192.0.2.36:2905 -r 10.0.0.1:2905',
      '-d -f 26 -r 10.0.0.1:0',
    );
    await balancer.waitFor(everythingBut('2001:db8::53/128', '192.0.2.36/32', '192.0.2.26/32'));
    t.pass('these three are gone; UDP over IPv4 and the IPv6 side of the mark are not');
    t.equal(await daemon.reasons('dns6'), 'fail: UDP [2001:db8::53]:53: 0 servers, needs 1');
    t.equal(await daemon.reasons('sigtran'), 'fail: SCTP 192.0.2.36:2905: 0 servers, needs 1');
    t.equal(await daemon.reasons('mark'), 'fail: fwmark 26: 0 servers, needs 1');
    t.equal(await daemon.reasons('mark6'), 'pass: fwmark 26 ipv6: 1 server');
    await balancer.ipvs(
      '-a -u [2001:db8::53]:53 -r [fd00:0:0:1::2]:53 -g',
      '-a --sctp-service 192.0.2.36:2905 -r 10.0.0.2:2905 -g',
      '-a -f 26 -r 10.0.0.2:0 -g',
    );
    await balancer.waitFor(prefixes);
    t.pass('they are back with other servers');
  });

  await t.test('between max_down and min_up nothing changes', async (t) => {
    await balancer.ipvs(
      '-d -t [2001:db8::10]:80 -r [fd00:0:0:1::1]:80',
      '-d -t 192.0.2.20:80 -r 10.0.0.1:80',
    );
    await balancer.waitFor(everythingBut('192.0.2.20/32'));
    t.equal(
      await daemon.reasons('web6', 'hold'),
      'hold: TCP [2001:db8::10]:80: 1 server, between max_down 0 and min_up 2',
      'one of two is left: it stays',
    );
    await balancer.ipvs('-d -t [2001:db8::10]:80 -r [fd00:0:0:1::2]:8080');
    await balancer.waitFor(everythingBut('192.0.2.20/32', '2001:db8::10/128'));
    t.pass('none is left: gone');
    await balancer.ipvs(
      '-a -t [2001:db8::10]:80 -r [fd00:0:0:1::1]:80 -g',
      '-a -t 192.0.2.20:8080 -r 10.0.0.1:80 -m',
    );
    await balancer.waitFor(everythingBut('2001:db8::10/128'));
    t.match(await daemon.reasons('web6', 'hold'), /^hold: /, 'one of two is back: still out');
    t.match(
      await daemon.reasons('any'),
      /^pass: TCP 192\.0\.2\.20:8080: 1 server; /,
      'ports: any, the other port',
    );
    await balancer.ipvs('-a -t [2001:db8::10]:80 -r [fd00:0:0:1::2]:8080 -m');
    await balancer.waitFor(prefixes);
    t.pass('both are back');
  });

  await t.test('a part of the weight is lost', async (t) => {
    t.equal(await med('192.0.2.12/32'), null);
    await balancer.ipvs('-e -t 192.0.2.12:80 -r 10.0.0.2:80 -g -w 20');
    await balancer.waitForMed('192.0.2.12/32', 500);
    t.equal(
      await daemon.reasons('half'),
      'degraded: TCP 192.0.2.12:80: weight 120 of 150, degraded below 90%',
      'announced with the MED of when_degraded',
    );
    await balancer.ipvs('-e -t 192.0.2.12:80 -r 10.0.0.2:80 -g -w 50');
    await balancer.waitForMed('192.0.2.12/32', null);
    t.pass('and without it as all of it is back');
  });

  await t.test('services are deleted, and the whole table', async (t) => {
    await balancer.ipvs('-D -t [2001:db8::10]:80', '-D -t 192.0.2.10:443');
    await balancer.waitFor(everythingBut('2001:db8::10/128'));
    t.equal(await daemon.reasons('web6'), 'fail: TCP [2001:db8::10]:80 is not in the IPVS table');
    t.equal(
      await daemon.reasons('web', 'pass: TCP 192.0.2.10:80: 1 server'),
      'pass: TCP 192.0.2.10:80: 1 server',
      'without port: what is there has to work',
    );
    await balancer.ipvs('-C');
    await balancer.waitFor([]);
    t.equal(
      await daemon.reasons('mark6'),
      'fail: fwmark 26 ipv6 is not in the IPVS table',
      'everything is gone',
    );
    await balancer.ipvs(...table);
    await balancer.waitFor(prefixes);
    t.pass('everything is back');
  });
}
