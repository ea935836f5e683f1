import t from 'tap';
import {decodeAttributes, encodeAttributes} from '../../../agent/bgp/wire/attributes.js';
import type {PathAttribute} from '../../../agent/bgp/wire/message.js';
import {Reader} from '../../../agent/bgp/wire/reader.js';
import {parseAddress} from '../../../agent/lib/prefix.js';
import type {Community} from '../../../agent/types.js';
import {fromHex, toHex} from './golden.js';

const community = (text: string) => text as Community;
const path = (...as: number[]): PathAttribute => ({kind: 'as-path', segments: [{kind: 'sequence', as}]});
const encoded = (fourOctetAs: boolean, ...attributes: PathAttribute[]) =>
  toHex(encodeAttributes(attributes, {fourOctetAs}));

t.test('in ascending order, whatever the order given', (t) => {
  const attributes: PathAttribute[] = [
    {kind: 'large-communities', communities: [community('large:64512:1:2')]},
    {kind: 'communities', communities: [community('64512:7')]},
    {kind: 'next-hop', address: parseAddress('10.9.0.2')},
    path(4200000000, 4200000001),
    {kind: 'origin', origin: 'igp'},
  ];
  // As captured from BIRD 2.0.12.
  const expected =
    '40010100' +
    '40020a0202fa56ea00fa56ea01' +
    '4003040a090002' +
    'c00804fc000007' +
    'c0200c0000fc000000000100000002';
  t.equal(encoded(true, ...attributes), expected);
  t.equal(encoded(true, ...attributes.reverse()), expected);
  t.end();
});

t.test('multiprotocol attributes come first', (t) => {
  t.equal(
    encoded(
      true,
      {kind: 'origin', origin: 'igp'},
      {kind: 'mp-unreach', afi: 2, safi: 1, nlri: new Uint8Array()},
      {kind: 'mp-reach', afi: 2, safi: 1, nextHop: new Uint8Array(16), nlri: new Uint8Array(1)},
    ),
    `800e1600020110${'00'.repeat(18)}800f0300020140010100`,
  );
  t.end();
});

t.test('towards a 2-octet speaker: AS_TRANS and AS4_PATH', (t) => {
  // As captured from BIRD 2.0.12.
  t.equal(
    encoded(
      false,
      {kind: 'origin', origin: 'igp'},
      path(4200000000, 4200000001),
      {kind: 'next-hop', address: parseAddress('10.9.0.2')},
      {kind: 'communities', communities: [community('64512:7')]},
      {kind: 'large-communities', communities: [community('large:64512:1:2')]},
    ),
    '400101004002060202' +
      '5ba05ba04003040a090002c00804fc000007c0110a0202fa56ea00fa56ea01c0200c0000fc000000000100000002',
  );
  t.equal(encoded(false, path(65535, 65536)), '400206' + '0202ffff5ba0' + 'c0110a' + '02020000ffff00010000');
  t.equal(encoded(false, path(65535)), '4002040201ffff', 'not where every AS number fits');
  t.equal(encoded(false, {kind: 'as-path', segments: []}), '400200');
  t.end();
});

t.test('towards a 2-octet speaker: an aggregator and confederation segments', (t) => {
  t.equal(
    encoded(false, {kind: 'aggregator', as: 4200000000, address: parseAddress('192.0.2.1')}),
    'c007065ba0c0000201' + 'c01208fa56ea00c0000201',
  );
  t.equal(
    encoded(false, {kind: 'aggregator', as: 65000, address: parseAddress('192.0.2.1')}),
    'c00706fde8c0000201',
  );
  t.equal(
    encoded(false, {
      kind: 'as-path',
      segments: [
        {kind: 'confed-sequence', as: [65000]},
        {kind: 'sequence', as: [4200000000]},
      ],
    }),
    '40020803' + '01fde802015ba0' + 'c011060201fa56ea00',
  );
  t.end();
});

t.test('a path of 600 AS numbers: segments of at most 255, an extended length', (t) => {
  const as = Array.from({length: 600}, (_, i) => 4200000000 + i);
  const bytes = encodeAttributes([path(...as)], {fourOctetAs: true});
  t.equal(toHex(bytes.subarray(0, 6)), `5002${(600 * 4 + 6).toString(16).padStart(4, '0')}02ff`);
  const {attributes, findings} = decodeAttributes(new Reader(bytes), {fourOctetAs: true, external: true});
  t.same(findings, []);
  const [decoded] = attributes;
  if (decoded?.kind !== 'as-path') throw new Error('no AS_PATH');
  t.same(
    decoded.segments.map((segment) => segment.as.length),
    [255, 255, 90],
  );
  t.same(
    decoded.segments.flatMap((segment) => segment.as),
    as,
  );
  t.end();
});

t.test('a segment without AS numbers is left out', (t) => {
  t.equal(encoded(true, path()), '400200');
  t.end();
});

t.test('the length is extended from 256 octets on', (t) => {
  const many = (count: number): PathAttribute => ({
    kind: 'communities',
    communities: Array.from({length: count}, (_, i) => community(`64512:${i}`)),
  });
  t.equal(encoded(true, many(63)).slice(0, 6), 'c008fc');
  t.equal(encoded(true, many(64)).slice(0, 8), 'd0080100');
  t.end();
});

t.test('an unknown attribute keeps its flags, but not the extended length', (t) => {
  const bytes = fromHex('f0630001aa');
  const {attributes} = decodeAttributes(new Reader(bytes), {fourOctetAs: true, external: true});
  t.same(attributes, [{kind: 'unknown', flags: 0xe0, code: 99, value: Uint8Array.of(0xaa)}]);
  t.equal(encoded(true, ...attributes), 'e06301aa');
  t.equal(encoded(true, {kind: 'unknown', flags: 0xd0, code: 99, value: bytes}), 'c06305f0630001aa');
  t.end();
});

t.test('numbers that do not fit are refused', (t) => {
  t.throws(() => encoded(true, {kind: 'med', value: 2 ** 32}), RangeError);
  t.throws(() => encoded(true, {kind: 'communities', communities: [community('65536:1')]}), RangeError);
  t.throws(() => encoded(true, {kind: 'communities', communities: [community('64512')]}), RangeError);
  t.throws(
    () => encoded(true, {kind: 'large-communities', communities: [community('large:1:2')]}),
    RangeError,
  );
  t.end();
});
