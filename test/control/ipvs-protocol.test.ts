import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  type IpvsService,
  type IpvsTable,
  parseIpvsadm,
  parseProcIpVs,
} from '../../agent/control/ipvs-protocol.js';
import {root} from '../root.js';

const folder = join(root, 'test/golden/ipvs');
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

/** A sample without the lines that say where it comes from. */
function sample(name: string): string {
  return readFileSync(join(folder, name), 'utf8').replace(/^#.*\n/gm, '');
}

function read(name: string): IpvsTable {
  return name.startsWith('proc-') ? parseProcIpVs(sample(name)) : parseIpvsadm(sample(name));
}

t.test('samples of real systems', (t) => {
  t.ok(names.length >= 17, `${names.length} samples`);
  for (const name of names) {
    const table = read(name);
    const wanted: unknown = JSON.parse(readFileSync(join(folder, name.replace('.txt', '.json')), 'utf8'));
    t.strictSame(table.ok ? {services: plain(table)} : {refused: table.reason}, wanted, name);
    if (table.ok) t.strictSame(unreadable(table), [], `${name}: every line is understood`);
  }
  t.end();
});

t.test('/proc and ipvsadm of one kernel agree', (t) => {
  for (const name of ['live', 'many']) {
    const [proc, ipvsadm] = [read(`proc-${name}.txt`), read(`ipvsadm-${name}.txt`)].map(sorted);
    // A fwmark service without servers is of no known family in /proc.
    const known = JSON.stringify(ipvsadm).replace('fwmark 8 ipv6 rr":[]', 'fwmark 8 null rr":[]');
    t.equal(JSON.stringify(proc), known, name);
  }
  t.end();
});

t.test('protocols that are not TCP or UDP keep their servers to themselves', (t) => {
  const table = parseProcIpVs(
    [
      'IP Virtual Server version 1.2.1 (size=4096)',
      'TCP  C000020A:0050 rr  ',
      'SCTP  C000020A:0B59 rr  ',
      '  -> 0A63000B:0B59      Route   1      0          0         ',
      'ESP  C000020A:0000 rr  ',
      '  -> 0A63000C:0000      Route   1      0          0         ',
      'NEW1  whatever this is',
      '  -> 0A63000D:0000      Route   1      0          0         ',
      '',
    ].join('\n'),
  );
  t.strictSame(table.ok && plain(table), {
    'tcp 192.0.2.10:80 rr': [],
    'sctp 192.0.2.10:2905 rr': ['10.99.0.11:2905 Route 1 0 0'],
    'esp 192.0.2.10:0 rr': ['10.99.0.12:0 Route 1 0 0'],
  });
  t.strictSame(table.ok && table.unreadable, ['NEW1 whatever this is']);
  t.end();
});

t.test('families of fwmark services', (t) => {
  const proc = (...servers: string[]) =>
    parseProcIpVs(['FWM  0000000A wlc ', ...servers.map((name) => `  -> ${name} Route 1 0 0`)].join('\n'));
  const v4 = '0A63000B:0000';
  const v6 = '[fd99:0000:0000:0000:0000:0000:0000:0011]:0000';
  t.strictSame(family(proc(v4, v4)), {mark: 10, family: 'ipv4'}, 'from the destinations; the mark is hex');
  t.strictSame(family(proc(v6)), {mark: 10, family: 'ipv6'});
  t.strictSame(family(proc(v4, v6)), {mark: 10, family: null}, 'a tunnel of mixed families does not tell');
  t.strictSame(family(parseIpvsadm('FWM  10 IPv6 wlc')), {mark: 10, family: 'ipv6'}, 'decimal in ipvsadm');
  t.strictSame(family(parseIpvsadm('FWM  10 wlc')), {mark: 10, family: 'ipv4'});
  t.end();
});

t.test('lines that cannot be read are told, where they stood', (t) => {
  const table = parseProcIpVs(
    [
      'TCP  C000020A:0050 rr',
      '  -> 0A63000B:0050 Route many 0 0',
      '  -> 0A63000C:0050 Route 1 0 0',
      'TCP  C000020:0050 rr',
      '  -> 0A63000D:0050 Route 1 0 0',
    ].join('\n'),
  );
  t.strictSame(table.ok && plain(table), {'tcp 192.0.2.10:80 rr': ['10.99.0.12:80 Route 1 0 0']});
  t.strictSame(table.ok && unreadable(table), ['TCP C000020:0050 rr', '-> 0A63000B:0050 Route many 0 0']);
  t.end();
});

t.test('texts that are no table', (t) => {
  const cases: [string, RegExp][] = [
    ['', /^it is empty$/],
    ['\n \n', /^it is empty$/],
    ['Segmentation fault\x1b[31m', /^it begins with "Segmentation fault \[31m"$/],
    ['  -> 0A63000B:0050 Route 1 0 0\n', /^a server stands before any service/],
    ['Prot LocalAddress:Port CPS InPPS\n', /^its columns are "CPS InPPS", not "Scheduler Flags"$/],
    [
      'Prot LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Weight PersistConn\n',
      /^its columns are/,
    ],
  ];
  for (const [text, reason] of cases) {
    const table = parseIpvsadm(text);
    t.match(table, {ok: false, reason}, JSON.stringify(text));
  }
  t.end();
});

t.test('whatever is read: no throw, and no server credited to a service it does not stand below', (t) => {
  const tables = names.map(sample);
  const mutated = fc
    .tuple(
      fc.constantFrom(...tables),
      fc.array(fc.tuple(fc.nat(), fc.string({maxLength: 4})), {maxLength: 6}),
    )
    .map(([text, edits]) =>
      edits.reduce((result, [at, piece]) => {
        const from = at % (result.length + 1);
        return result.slice(0, from) + piece + result.slice(from + piece.length);
      }, text),
    );
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated), (text) => {
      const arrows = text.split('->').length - 1;
      return [parseProcIpVs, parseIpvsadm].every((parse) => {
        const table = parse(text);
        return !table.ok || table.services.reduce((sum, {servers}) => sum + servers.length, 0) <= arrows;
      });
    }),
    {numRuns: 500},
  );
  const protocol = fc.stringMatching(/^[A-Z][A-Z0-9]{0,7}$/).filter((word) => !['FWM', 'IP'].includes(word));
  fc.assert(
    fc.property(protocol, fc.integer({min: 1, max: 9}), (word, count) => {
      const servers = Array.from({length: count}, () => '  -> 0A63000B:0050 Route 1 0 0\n').join('');
      const table = parseProcIpVs(`TCP  C000020A:0050 rr  \n${word}  C000020B:0050 rr  \n${servers}`);
      return table.ok && table.services.map(({servers}) => servers.length).join() === `0,${count}`;
    }),
  );
  t.pass('both properties hold');
  t.end();
});

function plain(table: IpvsTable & {ok: true}): Record<string, readonly string[]> {
  return Object.fromEntries(
    table.services.map((service) => [
      heading(service),
      service.servers.map((server) =>
        [
          endpoint(server.address, server.port),
          server.forward,
          server.weight,
          server.activeConnections,
          server.inactiveConnections,
        ].join(' '),
      ),
    ]),
  );
}

function sorted(table: IpvsTable): unknown {
  if (!table.ok) return table;
  const entries = Object.entries(plain(table)).map(([name, servers]): [string, string[]] => [
    name,
    servers.toSorted(),
  ]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function heading(service: IpvsService): string {
  const head =
    service.kind === 'fwmark'
      ? `fwmark ${service.mark} ${service.family}`
      : `${service.protocol} ${endpoint(service.address, service.port)}`;
  return `${head} ${service.scheduler}`;
}

function endpoint(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function unreadable(table: IpvsTable & {ok: true}): readonly string[] {
  return [...table.unreadable, ...table.services.flatMap((service) => service.unreadable)];
}

function family(table: IpvsTable): unknown {
  const service = table.ok ? table.services[0] : undefined;
  return service?.kind === 'fwmark' ? {mark: service.mark, family: service.family} : service;
}
