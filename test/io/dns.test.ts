import {createSocket, type Socket} from 'node:dgram';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type TAP} from 'tap';
import {createLookUp, LookupError} from '../../agent/io/dns.js';

const types = {A: 1, CNAME: 5, AAAA: 28} as const;
const rcodes = {NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5} as const;

interface Row {
  readonly rcode?: keyof typeof rcodes;
  /** Owner, type, data in hex. */
  readonly answers?: readonly (readonly [string, keyof typeof types, string])[];
}

const nameHex = (name: string): string =>
  `${name
    .split('.')
    .map((label) => Buffer.from([label.length, ...Buffer.from(label)]).toString('hex'))
    .join('')}00`;

/** A name server with this table: `vip.tld A` → what it answers; nothing there: it stays silent. */
async function nameServer(t: Pick<TAP, 'teardown'>, table: Readonly<Record<string, Row>>): Promise<string> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12);
    const labels: string[] = [];
    for (let at = 12; at < end; at += 1 + (query[at] ?? 0)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
    }
    const type = Object.entries(types).find(([, code]) => code === query.readUInt16BE(end + 1))?.[0];
    const row = table[`${labels.join('.').toLowerCase()} ${type}`];
    if (!row) return;
    const answers = (row.answers ?? []).map(([owner, kind, data]) =>
      Buffer.from(
        `${nameHex(owner)}00${types[kind].toString(16).padStart(2, '0')}00010000003c` +
          `${(data.length / 2).toString(16).padStart(4, '0')}${data}`,
        'hex',
      ),
    );
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 + rcodes[row.rcode ?? 'NOERROR'], 2);
    header.writeUInt16BE(answers.length, 6);
    header.writeUInt32BE(0, 8);
    socket.send(Buffer.concat([header, query.subarray(12, end + 5), ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.teardown(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const v6 = '20010db8000000000000000000000001';

t.test('addresses of both families, through a CNAME', async (t) => {
  const cname = ['service.tld', 'CNAME', nameHex('vip-1.tld')] as const;
  const server = await nameServer(t, {
    'service.tld A': {answers: [cname, ['vip-1.tld', 'A', 'c0000201'], ['vip-1.tld', 'A', 'c0000202']]},
    'service.tld AAAA': {answers: [cname, ['vip-1.tld', 'AAAA', v6]]},
    'four.tld A': {answers: [['four.tld', 'A', 'c0000201']]},
    'four.tld AAAA': {},
  });
  const lookUp = createLookUp({servers: [server]});
  t.same([...(await lookUp('service.tld'))].sort(), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  t.same(await lookUp('four.tld'), ['192.0.2.1'], 'no address of the other family is an answer');
});

t.test('half an answer is none', async (t) => {
  const found: Row = {answers: [['vip.tld', 'A', 'c0000201']]};
  const failed = await nameServer(t, {'vip.tld A': found, 'vip.tld AAAA': {rcode: 'SERVFAIL'}});
  await t.rejects(createLookUp({servers: [failed]})('vip.tld'), new LookupError('the name server failed'));
  const refused = await nameServer(t, {'vip.tld A': found, 'vip.tld AAAA': {rcode: 'REFUSED'}});
  await t.rejects(
    createLookUp({servers: [refused]})('vip.tld'),
    new LookupError('the name server refused to answer'),
  );
});

t.test('a name that nobody knows, and one without an address', async (t) => {
  const server = await nameServer(t, {
    'gone.invalid A': {rcode: 'NXDOMAIN'},
    'gone.invalid AAAA': {rcode: 'NXDOMAIN'},
    'empty.invalid A': {},
    'empty.invalid AAAA': {},
  });
  const lookUp = createLookUp({servers: [server]});
  await t.rejects(lookUp('gone.invalid'), new LookupError('there is no such name'));
  await t.rejects(lookUp('empty.invalid'), new LookupError('it has no address'));
});

t.test('the hosts file comes first', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'eip-dns-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const hostsFile = join(folder, 'hosts');
  writeFileSync(hostsFile, '# a\n192.0.2.7 Vip.tld v # 192.0.2.8 vip.tld\n2001:db8::7\tvip.tld\n');
  const lookUp = createLookUp({servers: ['127.0.0.1:1'], hostsFile});
  t.same(await lookUp('vip.TLD'), ['192.0.2.7', '2001:db8::7']);
});
