import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {z} from 'zod';
import type {CheckResult, ExecResult} from '../../agent/types.js';
import {type IpvsOptions, ipvs, ipvsCheckType} from '../../checks/ipvs.js';
import {fakeContext, fakeFiles} from '../fake/check-context.js';
import {FakeExec} from '../fake/exec.js';
import {root} from '../root.js';

const path = '/proc/net/ip_vs';

function sample(name: string): string {
  return readFileSync(join(root, 'test/golden/ipvs', `${name}.txt`), 'utf8').replace(/^#.*\n/gm, '');
}

/** Hex as /proc writes it: `0A000001:0050`. */
function hex(endpoint: string): string {
  const [address = '', port = '0'] = endpoint.split(':');
  const number = (value: string, digits: number) =>
    Number(value).toString(16).toUpperCase().padStart(digits, '0');
  return `${address
    .split('.')
    .map((octet) => number(octet, 2))
    .join('')}:${number(port, 4)}`;
}

/** A table in /proc's form: service → servers with their weights. */
function proc(services: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const lines = ['IP Virtual Server version 1.2.1 (size=4096)', 'Prot LocalAddress:Port Scheduler Flags'];
  for (const [name, servers] of Object.entries(services)) {
    const [protocol = '', endpoint = ''] = name.split(' ');
    lines.push(`${protocol}  ${protocol === 'FWM' ? endpoint : hex(endpoint)} rr  `);
    for (const [server, weight] of Object.entries(servers)) {
      lines.push(`  -> ${hex(server)}      Route   ${weight}      0          0         `);
    }
  }
  return `${lines.join('\n')}\n`;
}

function run(options: IpvsOptions, text: string | Error): Promise<CheckResult> {
  return ipvs.create(ipvs.schema.parse(options)).run(fakeContext({files: fakeFiles({[path]: text})}));
}

const vip = '192.0.2.10';
const [a, b, c] = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'];

t.test('one service', async (t) => {
  const four = {[a]: 10, [b]: 5, [c]: 1, '10.0.0.4:80': 0};
  const cases: [Partial<IpvsOptions>, Record<string, number>, string, string][] = [
    [{}, {[a]: 1}, 'pass', '1 server'],
    [{}, {}, 'fail', '0 servers, needs 1'],
    [{}, {[a]: 0, [b]: 0}, 'fail', '0 servers, needs 1'],
    [{min_weight: 0}, {[a]: 0, [b]: 0}, 'pass', '2 servers'],
    [{min_weight: 5}, four, 'pass', '2 servers'],
    [{min_up: 4}, four, 'hold', '3 servers, between max_down 0 and min_up 4'],
    [{min_up: 4, max_down: 3}, four, 'fail', '3 servers, needs 4'],
    [{min_up: 3, max_down: 1}, four, 'pass', '3 servers'],
    [{count: 'weight', min_up: 16}, four, 'pass', 'weight 16'],
    [{count: 'weight', min_up: 17, max_down: 16}, four, 'fail', 'weight 16, needs 17'],
    [{exclude: '10.0.0.1'}, {[a]: 1}, 'fail', '0 servers, needs 1'],
    [{exclude: [a, '10.0.0.2:81']}, {[a]: 1, [b]: 1}, 'pass', '1 server'],
    [{expected: 4}, four, 'pass', '3 of 4 servers'],
    [{degraded_below: 4}, four, 'degraded', '3 servers, degraded below 4'],
    [{expected: 6, degraded_below: '50%'}, four, 'pass', '3 of 6 servers'],
    [{expected: 7, degraded_below: '50%'}, four, 'degraded', '3 of 7 servers, degraded below 50%'],
    [
      {expected: 32, degraded_below: '51%', count: 'weight'},
      four,
      'degraded',
      'weight 16 of 32, degraded below 51%',
    ],
  ];
  for (const [options, servers, verdict, reason] of cases) {
    const result = await run({vip, port: 80, ...options}, proc({[`TCP ${vip}:80`]: servers}));
    t.strictSame(
      [result.verdict, result.reason],
      [verdict, `TCP 192.0.2.10:80: ${reason}`],
      JSON.stringify(options),
    );
  }
});

t.test('which services are meant', async (t) => {
  const table = proc({
    [`TCP ${vip}:80`]: {[a]: 1},
    [`TCP ${vip}:443`]: {[a]: 1, [b]: 1},
    [`UDP ${vip}:80`]: {},
    [`SCTP ${vip}:80`]: {[a]: 1},
    'TCP 192.0.2.11:80': {},
  });
  const cases: [IpvsOptions, string, string][] = [
    [{vip, port: 80, protocol: 'tcp'}, 'pass', 'TCP 192.0.2.10:80: 1 server'],
    [{vip, port: 80, protocol: 'sctp'}, 'pass', 'SCTP 192.0.2.10:80: 1 server'],
    [{vip, port: 80, protocol: 'udp'}, 'fail', 'UDP 192.0.2.10:80: 0 servers, needs 1'],
    [{vip, port: 81}, 'fail', '192.0.2.10:81 is not in the IPVS table'],
    [{vip: '192.0.2.12', protocol: 'tcp'}, 'fail', 'TCP 192.0.2.12 is not in the IPVS table'],
    [{vip: '2001:db8::1', port: 80}, 'fail', '[2001:db8::1]:80 is not in the IPVS table'],
    [{fwmark: 7}, 'fail', 'fwmark 7 is not in the IPVS table'],
  ];
  for (const [options, verdict, reason] of cases) {
    const result = await run(options, table);
    t.strictSame([result.verdict, result.reason], [verdict, reason], JSON.stringify(options));
  }
  t.match(await run({vip, port: 80}, table), {verdict: 'fail', reason: /^UDP 192\.0\.2\.10:80: 0 servers/});
});

t.test('several services on one VIP', async (t) => {
  const table = (dead: number) =>
    proc({[`TCP ${vip}:80`]: {[a]: 1}, [`TCP ${vip}:443`]: {[a]: dead}, [`TCP ${vip}:25`]: {[a]: 1, [b]: 1}});
  const verdicts: [IpvsOptions['ports'], number, string][] = [
    [undefined, 1, 'pass'],
    [undefined, 0, 'fail'],
    ['all', 0, 'fail'],
    ['any', 0, 'pass'],
    [2, 0, 'pass'],
    [3, 0, 'fail'],
    [3, 1, 'pass'],
  ];
  for (const [ports, weight, verdict] of verdicts) {
    const result = await run({vip, ...(ports === undefined ? {} : {ports})}, table(weight));
    t.equal(result.verdict, verdict, `ports: ${ports}, weight ${weight}`);
  }
  const failing = await run({vip}, table(0));
  t.equal(
    failing.reason,
    'TCP 192.0.2.10:443: 0 servers, needs 1; TCP 192.0.2.10:80: 1 server; TCP 192.0.2.10:25: 2 servers',
    'the one that decides comes first',
  );
  t.match(await run({vip, ports: 4}, table(1)), {
    verdict: 'fail',
    reason: '3 services in the IPVS table, ports wants 4',
  });
  t.match(await run({vip, degraded_below: 2, ports: 'all'}, table(1)), {verdict: 'degraded'});
  t.match(await run({vip, degraded_below: 2, ports: 'any'}, table(1)), {verdict: 'pass'});
  t.match(await run({vip, min_up: 2, ports: 'all'}, table(1)), {verdict: 'hold'});
});

t.test('firewall marks', async (t) => {
  const live = sample('proc-live');
  t.match(await run({fwmark: 8}, live), {verdict: 'pass', reason: 'fwmark 8 ipv6: 2 servers'});
  t.match(await run({fwmark: 8, vip: '2001:db8::5'}, live), {verdict: 'pass'});
  t.match(await run({fwmark: 8, vip}, live), {verdict: 'fail', reason: /^fwmark 8 ipv4 is not in/});
  t.match(await run({fwmark: 8, vip}, sample('proc-many')), {
    verdict: 'fail',
    reason: 'fwmark 8: 0 servers, needs 1',
  });
  t.match(await run({fwmark: 0x10001000}, sample('proc-procfs')), {
    verdict: 'fail',
    reason: /fwmark 268439552 ipv4: 0 servers/,
  });
});

t.test('expected: seen is the most counted in this life', async (t) => {
  const check = ipvs.create({vip, port: 80, expected: 'seen', degraded_below: '67%'});
  const results: [string, string][] = [];
  const steps: Record<string, number>[] = [
    {[a]: 1},
    {[a]: 1, [b]: 1, [c]: 1},
    {[a]: 1, [b]: 1},
    {[a]: 1},
    {},
  ];
  for (const servers of steps) {
    const files = fakeFiles({[path]: proc({[`TCP ${vip}:80`]: servers})});
    const {verdict, reason} = await check.run(fakeContext({files}));
    results.push([verdict, reason.replace('TCP 192.0.2.10:80: ', '')]);
  }
  t.strictSame(results, [
    ['pass', '1 of 1 server'],
    ['pass', '3 of 3 servers'],
    ['degraded', '2 of 3 servers, degraded below 67%'],
    ['degraded', '1 of 3 servers, degraded below 67%'],
    ['fail', '0 of 3 servers, needs 1'],
  ]);
  const mark = ipvs.create({fwmark: 7, expected: 'seen'});
  const reasons: string[] = [];
  for (const servers of [{'10.0.0.1:0': 1}, {}]) {
    const files = fakeFiles({[path]: proc({'FWM 00000007': servers})});
    reasons.push((await mark.run(fakeContext({files}))).reason);
  }
  t.strictSame(reasons, ['fwmark 7 ipv4: 1 of 1 server', 'fwmark 7: 0 of 1 server, needs 1']);
});

t.test('sorry servers', async (t) => {
  const exec = new FakeExec({'ipvsadm -Ln': {stdout: sample('ipvsadm-sorry-server')}});
  const ctx = fakeContext({files: fakeFiles({}), exec});
  const options = {vip: '192.168.100.1', port: 80};
  t.match(await ipvs.create(options).run(ctx), {verdict: 'pass', reason: /1 server/});
  t.match(await ipvs.create({...options, exclude: '192.168.2.254'}).run(ctx), {
    verdict: 'fail',
    details: {source: 'ipvsadm -Ln', services: [{counted: 0, listed: 3}]},
    transcript: [
      'TCP 192.168.100.1:80 lc',
      '  - 192.168.2.1:80 Route weight 0',
      '  - 192.168.2.2:80 Route weight 0',
      '  - 192.168.2.254:80 Route weight 1',
    ],
  });
});

t.test('tables that cannot be read are errors, not zero servers', async (t) => {
  const unreadable = proc({[`TCP ${vip}:80`]: {[a]: 1}}).replace('0A000001:0050', 'oh');
  const [strange, other] = ['TCP  nonsense\n', proc({'TCP 192.0.2.11:80': {[a]: 1}})];
  const cases: [IpvsOptions, string | Error, RegExp][] = [
    [{vip}, new Error('EACCES: permission denied'), /^\/proc\/net\/ip_vs: EACCES/],
    [{vip}, '', /^\/proc\/net\/ip_vs gave no IPVS table: it is empty$/],
    [{vip}, '<html>', /no IPVS table: it begins with "<html>"/],
    [{vip}, unreadable, /^TCP 192\.0\.2\.10:80: 0 servers, cannot read "-> oh/],
    [{vip, port: 80}, other + strange, /cannot read "TCP nonsense"/],
    [{vip: '192.0.2.11'}, other + strange, /cannot read "TCP nonsense"/],
  ];
  for (const [options, text, reason] of cases) {
    t.match(await run(options, text), {verdict: 'error', reason});
  }
  t.match(await run({vip: '192.0.2.11', port: 80}, other + strange), {verdict: 'pass'});
});

t.test('without /proc/net/ip_vs', async (t) => {
  const with_ = (result: Partial<ExecResult>) =>
    ipvsCheckType('/nowhere')
      .create({vip: '192.0.2.10', port: 80})
      .run(fakeContext({files: fakeFiles({}), exec: new FakeExec({'ipvsadm -Ln': result})}));
  t.match(await with_({stdout: sample('ipvsadm-many')}), {verdict: 'pass', reason: /2 servers/});
  const failures: [Partial<ExecResult>, RegExp][] = [
    [
      {outcome: 'not-started', code: null, reason: 'command not found: ipvsadm'},
      /: command not found: ipvsadm$/,
    ],
    [
      {code: 255, stderr: "Can't initialize ipvs: Permission denied\n", reason: 'exit code 255'},
      /Permission denied$/,
    ],
    [{outcome: 'timeout', code: null, reason: 'still running after 1000 ms, killed'}, /still running/],
    [{truncated: true}, /too long/],
    [{stdout: sample('ipvsadm-stats')}, /ipvsadm -Ln gave no IPVS table: its columns/],
  ];
  for (const [result, reason] of failures) t.match(await with_(result), {verdict: 'error', reason});
});

t.test('options that are wrong', (t) => {
  t.ok(ipvs.schema instanceof z.ZodObject);
  const cases: [object, RegExp][] = [
    [{}, /needs vip or fwmark/],
    [{vip: 'web'}, /no IP address/],
    [{vip, protocol: 'icmp'}, /tcp/],
    [{vip, port: 65536}, /port number/],
    [{fwmark: 1, port: 80}, /a fwmark has no port/],
    [{fwmark: 0}, /1 or more/],
    [{vip, min_up: 0}, /1 or more/],
    [{vip, min_up: 2, max_down: 2}, /max_down must be below min_up/],
    [{vip, degraded_below: '50%'}, /needs expected/],
    [{vip, degraded_below: '101%', expected: 3}, /1% to 100%/],
    [{vip, expected: 'all'}, /a number of servers, or seen/],
    [{vip, exclude: 'web'}, /address or address:port/],
    [{vip, ports: 'both'}, /all, any or a number/],
    [{vip, prot: 'tcp'}, /prot/],
  ];
  for (const [options, message] of cases) {
    const result = ipvs.schema.safeParse(options);
    t.notOk(result.success, JSON.stringify(options));
    t.match(JSON.stringify(result.error?.issues), message);
  }
  t.end();
});

t.test('what was seen is known to the next process', async (t) => {
  const options: IpvsOptions = {vip, expected: 'seen', degraded_below: '50%'};
  const full = {[`TCP ${vip}:80`]: {[a]: 1, [b]: 1, [c]: 1}, [`TCP ${vip}:443`]: {[a]: 1}};
  const first = ipvs.create(options);
  await first.run(fakeContext({files: fakeFiles({[path]: proc(full)})}));
  t.same(first.memory?.(), {seen: {[`TCP ${vip}:80`]: 3, [`TCP ${vip}:443`]: 1}});

  const half = fakeContext({files: fakeFiles({[path]: proc({...full, [`TCP ${vip}:80`]: {[a]: 1}})})});
  const next = ipvs.create(options);
  next.recall?.(JSON.parse(JSON.stringify(first.memory?.())));
  const {reason, verdict} = await next.run(half);
  t.match([verdict, reason], ['degraded', /^TCP 192\.0\.2\.10:80: 1 of 3 servers, degraded below 50%/]);
  t.equal(
    (await ipvs.create(options).run(half)).verdict,
    'pass',
    'one that was told nothing expects what it sees',
  );

  for (const nonsense of [{}, {seen: null}, {seen: 'much'}, {seen: {x: 'y', z: -1}}]) {
    const other = ipvs.create(options);
    other.recall?.(nonsense);
    t.same(other.memory?.(), {seen: {}});
  }
  t.equal(ipvs.create({vip, expected: 3}).memory, undefined, 'a number needs no memory');
});
