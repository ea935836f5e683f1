import t from 'tap';
import {encodeAttributes} from '../../../agent/bgp/wire/attributes.js';
import {decodeMessage} from '../../../agent/bgp/wire/codec.js';
import {Framer} from '../../../agent/bgp/wire/frame.js';
import type {PathAttribute, Update} from '../../../agent/bgp/wire/message.js';
import {nlriOf} from '../../../agent/bgp/wire/nlri.js';
import {endOfRib, packAnnounce, packWithdraw} from '../../../agent/bgp/wire/pack.js';
import {bytesOf, parseAddress, parsePrefix} from '../../../agent/lib/prefix.js';
import type {Community, IpFamily, Prefix} from '../../../agent/types.js';
import {toHex} from './golden.js';

const nextHop4 = bytesOf(parseAddress('10.9.0.2'));
const nextHop6 = bytesOf(parseAddress('2001:db8:9::2'));
const attributes: PathAttribute[] = [
  {kind: 'origin', origin: 'igp'},
  {kind: 'as-path', segments: [{kind: 'sequence', as: [4200000000]}]},
  {kind: 'med', value: 50},
];
const encoded = encodeAttributes(attributes, {fourOctetAs: true});

function hosts(family: IpFamily, count: number): Prefix[] {
  return Array.from({length: count}, (_, i) =>
    family === 'ipv4'
      ? parsePrefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
      : parsePrefix(`2001:db8::${(i + 1).toString(16)}`),
  );
}

function updates(messages: readonly Uint8Array[]): Update[] {
  const framer = new Framer();
  for (const message of messages) framer.push(message);
  const found: Update[] = [];
  for (let answer = framer.next(); answer.kind !== 'more'; answer = framer.next()) {
    if (answer.kind === 'fault') throw new Error(answer.fault.cause);
    const decoded = decodeMessage(answer, {fourOctetAs: true, external: true});
    if (!decoded.ok || decoded.message.type !== 'update') throw new Error('no update');
    found.push(decoded.message);
  }
  return found;
}

function announce(
  family: IpFamily,
  nextHop: Uint8Array,
  prefixes: readonly Prefix[],
  withAttributes = encoded,
): {fits: boolean; messages: Uint8Array[]} {
  const messages: Uint8Array[] = [];
  const fits = packAnnounce(family, withAttributes, nextHop, prefixes.map(nlriOf), (message) =>
    messages.push(message),
  );
  return {fits, messages};
}

t.test('one IPv4 prefix, octet by octet', (t) => {
  const {messages} = announce('ipv4', nextHop4, [parsePrefix('203.0.113.0/24')]);
  t.same(messages.map(toHex), [
    `${'ff'.repeat(16)}003602` +
      '0000001b' +
      '40010100' +
      '4002060201fa56ea00' +
      '4003040a090002' +
      '80040400000032' +
      '18cb0071',
  ]);
  t.end();
});

t.test('one IPv6 prefix, octet by octet: MP_REACH_NLRI first', (t) => {
  const {messages} = announce('ipv6', nextHop6, [parsePrefix('2001:db8:1::/48')]);
  t.same(messages.map(toHex), [
    `${'ff'.repeat(16)}004a02` +
      '00000033' +
      '800e1c00020110' +
      '20010db8000900000000000000000002' +
      '00' +
      '3020010db80001' +
      '40010100' +
      '4002060201fa56ea00' +
      '80040400000032',
  ]);
  t.end();
});

t.test('every message is as full as it can be, and nothing is lost', (t) => {
  for (const [family, nextHop, count] of [
    ['ipv4', nextHop4, 3000],
    ['ipv6', nextHop6, 1000],
    ['ipv6', Uint8Array.from([...nextHop6, ...nextHop6]), 1000],
  ] as const) {
    const prefixes = hosts(family, count);
    const {fits, messages} = announce(family, nextHop, prefixes);
    t.ok(fits);
    t.ok(messages.length > 1, `${messages.length} messages`);
    const nlriLength = family === 'ipv4' ? 5 : 17;
    for (const message of messages.slice(0, -1)) {
      t.ok(message.length <= 4096 && message.length + nlriLength > 4096, `${message.length} octets`);
    }
    const found = updates(messages);
    t.same(
      found.flatMap((update) => update.prefixes().announced.map(({prefix}) => prefix)),
      prefixes,
    );
    t.equal(
      found.reduce((sum, update) => sum + update.announced[family], 0),
      count,
    );
    t.ok(found.every((update) => update.faults.length === 0));
    const kinds =
      family === 'ipv4' ? ['origin', 'as-path', 'next-hop', 'med'] : ['mp-reach', 'origin', 'as-path', 'med'];
    t.ok(found.every((update) => update.attributes.map(({kind}) => kind).join() === kinds.join()));
  }
  t.end();
});

t.test('prefixes of mixed lengths', (t) => {
  const prefixes = hosts('ipv4', 2000).flatMap((host, i) => [
    host,
    parsePrefix(`${20 + (i >> 8)}.${i & 255}.0.0/16`),
  ]);
  const {messages} = announce('ipv4', nextHop4, prefixes);
  t.ok(messages.every((message) => message.length <= 4096));
  t.same(
    updates(messages).flatMap((update) => update.prefixes().announced.map(({prefix}) => prefix)),
    prefixes,
  );
  t.end();
});

t.test('the multiprotocol length is extended from 256 octets on', (t) => {
  // 21 octets stand in front of the NLRI, and 13 hosts make 221.
  for (const [last, start] of [
    ['2001:db8::/96', '800eff'],
    ['2001:db8::/104', '900e0100'],
  ] as const) {
    const prefixes = [...hosts('ipv6', 13), parsePrefix(last)];
    const [message] = announce('ipv6', nextHop6, prefixes).messages;
    t.equal(message && toHex(message.subarray(23, 23 + start.length / 2)), start);
  }
  t.end();
});

t.test('NEXT_HOP goes behind AS_PATH, also behind one of extended length', (t) => {
  const long = encodeAttributes(
    [
      {kind: 'origin', origin: 'igp'},
      {kind: 'as-path', segments: [{kind: 'sequence', as: Array.from({length: 100}, () => 64512)}]},
      {kind: 'communities', communities: ['64512:7' as Community]},
    ],
    {fourOctetAs: true},
  );
  const [update] = updates(announce('ipv4', nextHop4, hosts('ipv4', 1), long).messages);
  t.same(
    update?.attributes.map(({kind}) => kind),
    ['origin', 'as-path', 'next-hop', 'communities'],
  );
  const [bare] = updates(announce('ipv4', nextHop4, hosts('ipv4', 1), new Uint8Array()).messages);
  t.same(bare?.attributes, [{kind: 'next-hop', address: '10.9.0.2'}]);
  t.end();
});

t.test('IPv4 with an IPv6 next hop stands in MP_REACH_NLRI', (t) => {
  const [message] = announce('ipv4', nextHop6, [parsePrefix('203.0.113.0/24')]).messages;
  t.match(message && toHex(message), /^f{32}[0-9a-f]{6}0000[0-9a-f]{4}800e1900010110/);
  t.end();
});

t.test('attributes that leave no room for a prefix', (t) => {
  const filling = (length: number) =>
    encodeAttributes([{kind: 'unknown', flags: 0xc0, code: 99, value: new Uint8Array(length - 4)}], {
      fourOctetAs: true,
    });
  const room4 = 4096 - 23 - 7 - 5;
  const room6 = 4096 - 23 - 4 - 21 - 17;
  for (const [family, nextHop, room] of [
    ['ipv4', nextHop4, room4],
    ['ipv6', nextHop6, room6],
  ] as const) {
    const one = announce(family, nextHop, hosts(family, 2), filling(room));
    t.ok(one.fits);
    t.equal(one.messages.length, 2, 'one prefix in each message');
    const none = announce(family, nextHop, hosts(family, 2), filling(room + 1));
    t.notOk(none.fits);
    t.same(none.messages, []);
  }
  t.end();
});

t.test('withdrawing', (t) => {
  for (const [family, count] of [
    ['ipv4', 2000],
    ['ipv6', 600],
  ] as const) {
    const prefixes = hosts(family, count);
    const messages: Uint8Array[] = [];
    packWithdraw(family, prefixes.map(nlriOf), (message) => messages.push(message));
    t.equal(messages.length, 3);
    t.ok(messages.every((message) => message.length <= 4096));
    const found = updates(messages);
    t.same(
      found.flatMap((update) => update.prefixes().withdrawn),
      prefixes,
    );
    t.ok(found.every((update) => update.endOfRib === null && update.announced[family] === 0));
  }
  t.end();
});

t.test('no prefixes, no message', (t) => {
  t.same(announce('ipv4', nextHop4, []), {fits: true, messages: []});
  packWithdraw('ipv6', [], () => t.fail('nothing was to be withdrawn'));
  t.end();
});

t.test('End-of-RIB', (t) => {
  t.equal(toHex(endOfRib('ipv4')), `${'ff'.repeat(16)}00170200000000`);
  t.equal(toHex(endOfRib('ipv6')), `${'ff'.repeat(16)}001d0200000006800f03000201`);
  t.same(
    updates([endOfRib('ipv4'), endOfRib('ipv6')]).map((update) => update.endOfRib),
    ['ipv4', 'ipv6'],
  );
  t.end();
});
