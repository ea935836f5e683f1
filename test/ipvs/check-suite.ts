/** The table as the kernel shows it, and `eip-health check` on it. */

import type {Test} from 'tap';
import {type IpvsTable, parseIpvsadm, parseProcIpVs} from '../../agent/control/ipvs-protocol.js';
import type {Balancer} from './balancer.js';
import {mainFile, serviceFile, table} from './services.js';

const folder = '/run/check';

/** What a check of this table has to say: its keys, its verdict, and its reason, service by service. */
const cases: readonly (readonly [check: string, verdict: string, ...reason: string[]])[] = [
  ['vip: 192.0.2.10, port: 80', 'pass', 'TCP 192.0.2.10:80: 1 server'],
  ['vip: 192.0.2.10, port: 80, min_weight: 0', 'pass', 'TCP 192.0.2.10:80: 2 servers'],
  ['vip: 192.0.2.10, port: 80, exclude: 10.0.0.1', 'fail', 'TCP 192.0.2.10:80: 0 servers, needs 1'],
  [
    'vip: 192.0.2.10, port: 80, count: weight, min_up: 11, max_down: 9',
    'hold',
    'TCP 192.0.2.10:80: weight 10, between max_down 9 and min_up 11',
  ],
  ['vip: 192.0.2.10', 'pass', 'TCP 192.0.2.10:443: 1 server', 'TCP 192.0.2.10:80: 1 server'],
  ['vip: 192.0.2.10, protocol: udp', 'fail', 'UDP 192.0.2.10 is not in the IPVS table'],
  ['vip: 192.0.2.99', 'fail', '192.0.2.99 is not in the IPVS table'],
  ['vip: "2001:db8::10"', 'pass', 'TCP [2001:db8::10]:80: 2 servers'],
  [
    'vip: "2001:db8::10", exclude: ["[fd00:0:0:1::2]:8080", "[fd00:0:0:1::1]:8080"]',
    'pass',
    'TCP [2001:db8::10]:80: 1 server',
  ],
  [
    'vip: "2001:db8::10", expected: 3, degraded_below: 67%',
    'degraded',
    'TCP [2001:db8::10]:80: 2 of 3 servers, degraded below 67%',
  ],
  ['vip: 192.0.2.53', 'pass', 'UDP 192.0.2.53:53: 1 server'],
  ['vip: "2001:db8::53", protocol: udp', 'pass', 'UDP [2001:db8::53]:53: 1 server'],
  ['vip: 192.0.2.36, port: 2905, protocol: sctp', 'pass', 'SCTP 192.0.2.36:2905: 1 server'],
  ['vip: 192.0.2.36, protocol: tcp', 'fail', 'TCP 192.0.2.36 is not in the IPVS table'],
  ['fwmark: 26', 'pass', 'fwmark 26 ipv4: 1 server', 'fwmark 26 ipv6: 1 server'],
  ['fwmark: 26, vip: 192.0.2.26, count: weight', 'pass', 'fwmark 26 ipv4: weight 2'],
  ['fwmark: 26, vip: "2001:db8::26"', 'pass', 'fwmark 26 ipv6: 1 server'],
  ['fwmark: 38', 'fail', 'fwmark 38 is not in the IPVS table'],
  ['vip: 192.0.2.20', 'fail', 'TCP 192.0.2.20:80: 1 server', 'TCP 192.0.2.20:8080: 0 servers, needs 1'],
  [
    'vip: 192.0.2.20, ports: any',
    'pass',
    'TCP 192.0.2.20:80: 1 server',
    'TCP 192.0.2.20:8080: 0 servers, needs 1',
  ],
  ['vip: 192.0.2.20, ports: 3', 'fail', '2 services in the IPVS table, ports wants 3'],
  ['vip: 192.0.2.13', 'pass', 'TCP 192.0.2.13:80: 1 server'],
];

interface Outcome {
  readonly service: string;
  readonly checks: readonly {verdict: string; reason: string}[];
}

export async function checkSuite(t: Test, balancer: Balancer): Promise<void> {
  const {machine} = balancer;
  // The interval bounds the timeout: a machine in a machine may take long to start ipvsadm.
  const config = await balancer.configure(folder, {
    'eip-health.yaml': mainFile(folder, '', '20s'),
    ...conf(),
  });
  const check = async (t: Test, ...services: string[]): Promise<readonly Outcome[]> => {
    const {code, stdout, stderr} = await balancer.command('check', '--json', '--config', config, ...services);
    t.strictSame({code, stderr}, {code: 1, stderr: ''}, 'the answer is no: not every check passes');
    return JSON.parse(stdout);
  };

  await t.test('a kernel without IPVS', async (t) => {
    const [outcome] = await check(t, nameOf(0));
    const [result] = outcome?.checks ?? [];
    t.equal(result?.verdict, 'error');
    t.match(
      result?.reason,
      /^no \/proc\/net\/ip_vs \(is the ip_vs module loaded\?\), and ipvsadm -Ln failed: .*Can't initialize ipvs/,
    );
  });

  await balancer.loadIpvs();
  await balancer.ipvs(...table);

  await t.test('/proc/net/ip_vs and ipvsadm -Ln tell the same', async (t) => {
    const proc = parseProcIpVs(await machine.run('cat', '/proc/net/ip_vs'));
    const ipvsadm = parseIpvsadm(await machine.run('ipvsadm', '-Ln'));
    t.strictSame(contents(proc), contents(ipvsadm), 'service by service, server by server');
    const count = (option: string) => table.filter((line) => line.startsWith(option)).length;
    const counts = proc.ok && [proc.services.length, proc.services.flatMap(({servers}) => servers).length];
    t.strictSame(counts, [count('-A '), count('-a ')], 'nothing of what was made is missing');
  });

  await t.test('eip-health check', async (t) => {
    const outcomes = await check(t);
    t.equal(outcomes.length, cases.length);
    for (const [index, [keys, verdict, ...reasons]] of cases.entries()) {
      const [result] = outcomes.find(({service}) => service === nameOf(index))?.checks ?? [];
      // Of several services the ones that decide come first, the others as they stand in the table.
      const said = result?.reason.split('; ').sort();
      t.strictSame([result?.verdict, said], [verdict, reasons.sort()], keys);
    }
  });
}

function conf(): Record<string, string> {
  return Object.fromEntries(
    cases.map(([check], index) => [
      `conf.d/${nameOf(index)}.yaml`,
      serviceFile({prefixes: `198.51.100.${index}`, check}),
    ]),
  );
}

function nameOf(index: number): string {
  return `case-${String(index).padStart(2, '0')}`;
}

/** Service by service and server by server, in an order of its own. */
function contents(table: IpvsTable): string[] {
  if (!table.ok) return [table.reason];
  const services = table.services.map(({servers, ...head}) =>
    [JSON.stringify(head), ...servers.map((server) => `  ${JSON.stringify(server)}`).sort()].join('\n'),
  );
  return [...services.sort(), ...table.unreadable];
}
