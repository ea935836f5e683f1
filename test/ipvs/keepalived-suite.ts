/** keepalived keeps IPVS's table while a real server dies and comes back; clients come through the router. */

import type {Test} from 'tap';
import type {Balancer, Daemon} from './balancer.js';
import {sorryServer, startKeepalived, startServer} from './keepalived.js';
import type {Case} from './services.js';

/** Services of the daemon whose table keepalived keeps. */
export const keptServices = {
  removed: {prefixes: '192.0.2.80', check: 'vip: 192.0.2.80'},
  inhibited: {prefixes: '192.0.2.81', check: 'vip: 192.0.2.81'},
  sorry: {prefixes: '192.0.2.82', check: `vip: 192.0.2.82, exclude: "${sorryServer}"`},
  marked: {prefixes: '192.0.2.83', check: 'fwmark: 83, vip: 192.0.2.83'},
  removed6: {prefixes: '"2001:db8::80"', check: 'vip: "2001:db8::80", port: 80'},
} as const satisfies Readonly<Record<string, Case>>;

const kept = ['192.0.2.80/32', '192.0.2.81/32', '192.0.2.82/32', '192.0.2.83/32', '2001:db8::80/128'];

export async function keepalivedSuite(t: Test, balancer: Balancer, daemon: Daemon): Promise<void> {
  const {machine} = balancer;
  /** What a client behind the router gets from a VIP. */
  const get = async (vip: string) => {
    const request = `exec 3<>/dev/tcp/${vip}/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
    const argv = ['ip', 'netns', 'exec', 'router', 'timeout', '5', 'bash', '-c', request];
    const {code, stdout, stderr} = await machine.attempt(argv);
    return code === 0 ? stdout.trim().split('\n').at(-1) : stderr;
  };
  await balancer.ipvs('-C');
  let backend = await startServer(machine, 'from the farm');
  const keepalived = await startKeepalived(machine);

  await t.test('a server that answers', async (t) => {
    await balancer.waitFor(kept);
    t.pass('every VIP that keepalived serves is there');
    t.equal(await get('192.0.2.80'), 'from the farm', 'a client gets through the router and IPVS to it');
    t.equal(await get('2001:db8::80'), 'from the farm', 'over IPv6 as well');
  });

  await t.test('it dies', async (t) => {
    await backend.end('SIGKILL');
    await balancer.waitFor([]);
    t.equal(
      await daemon.reasons('removed'),
      'fail: TCP 192.0.2.80:80: 0 servers, needs 1',
      'taken out of the table',
    );
    t.equal(
      await daemon.reasons('inhibited'),
      'fail: TCP 192.0.2.81:80: 0 servers, needs 1',
      'inhibit_on_failure: weight 0',
    );
    t.equal(
      await daemon.reasons('sorry'),
      'fail: TCP 192.0.2.82:80: 0 servers, needs 1',
      'the sorry server does not count',
    );
    t.equal(await daemon.reasons('marked'), 'fail: fwmark 83: 0 servers, needs 1');
    t.equal(await daemon.reasons('removed6'), 'fail: TCP [2001:db8::80]:80: 0 servers, needs 1');
    const table = await machine.run('ipvsadm', '-Ln');
    t.match(
      table,
      /192\.0\.2\.81:80 rr\n +-> 10\.20\.0\.1:8081 +Masq +0 /,
      'that server is still in the table',
    );
    t.match(table, /192\.0\.2\.82:80 rr\n +-> 10\.20\.0\.1:8099 +Masq +1 /, 'and so is the sorry server');
    t.match(await get('192.0.2.80'), /unreachable|No route/i, 'clients are no longer led here');
  });

  await t.test('it comes back', async (t) => {
    backend = await startServer(machine, 'from the farm');
    await balancer.waitFor(kept);
    t.equal(await get('192.0.2.80'), 'from the farm');
  });

  await t.test('keepalived stops', async (t) => {
    await keepalived.end('SIGTERM');
    await balancer.waitFor([]);
    t.equal(await daemon.reasons('removed'), 'fail: 192.0.2.80 is not in the IPVS table');
    await backend.end('SIGKILL');
  });
}
