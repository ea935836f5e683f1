import fc from 'fast-check';
import t from 'tap';
import {
  attribute,
  cString,
  encodeMessage,
  type NetlinkMessage,
  parseDatagram,
  u8,
  u32,
} from '../../agent/control/netlink-protocol.js';
import {
  addressDump,
  decodeAddress,
  decodeEvent,
  decodeLink,
  decodeRoute,
  encodeDeleteAddress,
  encodeNewAddress,
  encodeRoute,
  linkDump,
  routeDump,
  routeType,
  rtm,
} from '../../agent/control/rtnetlink-protocol.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const same = (t: Tap, actual: Buffer, expected: string): void => {
  t.equal(
    actual.toString('hex').replaceAll(/(.{8})/g, '$1 '),
    hex(expected)
      .toString('hex')
      .replaceAll(/(.{8})/g, '$1 '),
  );
};
type Tap = {equal(a: unknown, b: unknown): unknown};

const ipv4 = {index: 1, address: parseAddress('192.0.2.1'), protocol: 153, label: 'lo:eip'};
const ipv6 = {index: 3, address: parseAddress('2001:db8::1'), protocol: 153, label: null};

t.test('an IPv4 address: global scope, /32, no broadcast', (t) => {
  same(
    t,
    encodeNewAddress(ipv4),
    `02 20 00 00 01000000
     0800 0200 c0000201
     0800 0100 c0000201
     0b00 0300 6c6f3a65 697000 00
     0500 0b00 99 000000`,
  );
  same(
    t,
    encodeDeleteAddress(ipv4),
    `02 20 00 00 01000000  0800 0200 c0000201  0800 0100 c0000201  0b00 0300 6c6f3a65 697000 00`,
  );
  t.equal(decodeAddress(encodeNewAddress({...ipv4, label: null}))?.label, null);
  t.end();
});

t.test('an IPv6 address: /128, nodad, noprefixroute, preferred lifetime 0', (t) => {
  same(
    t,
    encodeNewAddress(ipv6),
    `0a 80 00 00 03000000
     1400 0200 20010db8 00000000 00000000 00000001
     1400 0100 20010db8 00000000 00000000 00000001
     0800 0800 02020000
     1400 0600 00000000 ffffffff 00000000 00000000
     0500 0b00 99 000000`,
  );
  t.end();
});

t.test('host routes', (t) => {
  const route = {
    prefix: parsePrefix('192.0.2.1'),
    type: 1,
    oif: 1,
    table: 254,
    protocol: 153,
    scope: 253,
    metric: 0,
  };
  same(
    t,
    encodeRoute(route),
    `02 20 00 00 fe 99 fd 01 00000000  0800 0100 c0000201  0800 0400 01000000  0800 0f00 fe000000`,
  );
  const six = {...route, prefix: parsePrefix('2001:db8::1'), table: 1000, scope: 0, metric: 1024};
  same(
    t,
    encodeRoute(six),
    `0a 80 00 00 00 99 00 01 00000000
     1400 0100 20010db8 00000000 00000000 00000001
     0800 0400 01000000  0800 0f00 e8030000  0800 0600 00040000`,
  );
  for (const given of [route, six]) {
    t.match(decodeRoute(encodeRoute(given)), {...given, tos: 0, viaGateway: false});
  }
  t.end();
});

t.test('routes that cover a network: unreachable, on no interface', (t) => {
  const route = {
    prefix: parsePrefix('203.0.113.0/24'),
    type: routeType.UNREACHABLE,
    oif: null,
    table: 254,
    protocol: 153,
    scope: 0,
    metric: 4_278_198_272,
  };
  same(
    t,
    encodeRoute(route),
    `02 18 00 00 fe 99 00 07 00000000  0800 0100 cb007100  0800 0f00 fe000000  0800 0600 002000ff`,
  );
  t.match(decodeRoute(encodeRoute(route)), {...route, tos: 0, viaGateway: false});
  const six = {...route, prefix: parsePrefix('2001:db8::/32')};
  t.match(decodeRoute(encodeRoute(six)), {...six, tos: 0});
  const whole = Buffer.from([2, 0, 0, 0, 254, 3, 0, 7, 0, 0, 0, 0]);
  t.match(decodeRoute(whole), {prefix: '0.0.0.0/0', type: 7}, 'a default route has no destination');
  same(t, routeDump('ipv4', {type: 7}), '02 00 00 00 00 00 00 07 00000000');
  t.end();
});

t.test('dumps with filters', (t) => {
  same(t, linkDump(), '00'.repeat(16));
  same(t, addressDump('ipv6', 2), '0a 00 00 00 02000000');
  same(
    t,
    routeDump('ipv4', {table: 254, protocol: 153, oif: 1}),
    '02 00 00 00 00 99 00 00 00000000  0800 0f00 fe000000  0800 0400 01000000',
  );
  t.end();
});

t.test('links: a bridge port is no link of its own', (t) => {
  const link = (family: number) =>
    Buffer.concat([hex(`0${family} 00 0403 02000000 43100000 00000000`), attribute(3, cString('eth0'))]);
  t.same(decodeLink(link(0)), {index: 2, name: 'eth0', up: true, loopback: false});
  t.equal(decodeLink(link(7)), null);
  t.equal(decodeLink(link(0).subarray(0, 16)), null, 'without a name');
  t.equal(decodeLink(link(0).subarray(0, 12)), null);
  t.end();
});

t.test('addresses as kernels tell them', (t) => {
  // Captured: 192.0.2.0/32 on lo, label lo:eip, IFA_PROTO 153.
  const captured = Buffer.concat([
    hex('02 20 80 00 01000000'),
    attribute(1, hex('c0000200')),
    attribute(2, hex('c0000200')),
    attribute(3, cString('lo:eip')),
    attribute(11, u8(153)),
    attribute(8, u32(0x80)),
    attribute(6, Buffer.concat([u32(0xffffffff), u32(0xffffffff), u32(10), u32(10)])),
  ]);
  t.same(decodeAddress(captured), {
    index: 1,
    address: '192.0.2.0',
    length: 32,
    scope: 0,
    flags: 0x80,
    label: 'lo:eip',
    hasBroadcast: false,
    protocol: 153,
    preferredSeconds: 0xffffffff,
  });
  const peer = Buffer.concat([
    hex('02 20 80 00 05000000'),
    attribute(1, hex('0a000001')),
    attribute(2, hex('0a000002')),
  ]);
  t.match(
    decodeAddress(peer),
    {address: '10.0.0.2', flags: 0x80, label: null, protocol: null},
    'point to point',
  );
  t.equal(decodeAddress(hex('02 21 80 00 05000000')), null, 'longer than an address');
  t.equal(decodeAddress(Buffer.concat([hex('02 20 80 00 05000000'), attribute(2, hex('0a0000'))])), null);
  t.equal(decodeAddress(hex('07 20 80 00 05000000')), null, 'neither IPv4 nor IPv6');
  t.end();
});

t.test('routes that are none of ours to see', (t) => {
  const header = (family: number, length: number, flags = 0) =>
    Buffer.from([family, length, 0, 0, 254, 3, 0, 1, flags & 0xff, flags >> 8, 0, 0]);
  const dst = attribute(1, hex('c0000200'));
  t.equal(decodeRoute(Buffer.concat([header(2, 24), dst])), null, 'a network');
  t.equal(decodeRoute(Buffer.concat([header(2, 32, 0x200), dst])), null, 'a cached clone');
  t.equal(decodeRoute(Buffer.concat([header(10, 128), dst])), null, 'too short an address');
  t.equal(decodeRoute(header(2, 32)), null, 'no destination');
  t.match(decodeRoute(Buffer.concat([header(2, 32), dst])), {table: 254, oif: null, metric: 0});
  for (const type of [5, 9, 18]) {
    t.ok(decodeRoute(Buffer.concat([header(2, 32), dst, attribute(type, hex('0a000001'))]))?.viaGateway);
  }
  t.end();
});

t.test('events', (t) => {
  const event = (type: number, payload: Buffer, flags = 0) =>
    decodeEvent(
      parseDatagram(encodeMessage({type, flags, sequence: 0}, payload)).messages[0] as NetlinkMessage,
    );
  const route = encodeRoute({
    prefix: parsePrefix('::1'),
    type: 1,
    oif: 1,
    table: 1,
    protocol: 4,
    scope: 0,
    metric: 1,
  });
  t.match(event(rtm.NEWADDR, encodeNewAddress(ipv4)), {kind: 'address', gone: false});
  t.match(event(rtm.DELADDR, encodeNewAddress(ipv6)), {
    kind: 'address',
    gone: true,
    address: {address: '2001:db8::1'},
  });
  t.match(event(rtm.NEWROUTE, route), {kind: 'route', gone: false, replaced: false});
  t.match(event(rtm.NEWROUTE, route, 0x100), {kind: 'route', gone: false, replaced: true});
  t.match(event(rtm.DELROUTE, route), {kind: 'route', gone: true});
  t.equal(event(rtm.GETADDR, encodeNewAddress(ipv4)), null);
  t.equal(event(rtm.NEWLINK, Buffer.alloc(4)), null);
  t.end();
});

t.test('whatever bytes come, decoding answers something or null (fuzz)', (t) => {
  const types = fc.constantFrom(...Object.values(rtm));
  const family = fc.constantFrom(0, 2, 7, 10);
  let decoded = 0;
  const decode = (type: number, payload: Buffer): void => {
    if (decodeEvent({type, flags: 0, sequence: 0, payload})) decoded++;
  };
  fc.assert(
    fc.property(types, family, fc.uint8Array({maxLength: 120}), (type, first, bytes) => {
      decode(type, Buffer.from([first, ...bytes]));
    }),
    {numRuns: 2_000},
  );
  const good = [encodeNewAddress(ipv4), encodeNewAddress(ipv6)];
  fc.assert(
    fc.property(fc.constantFrom(...good), fc.nat(100), fc.nat(255), fc.nat(100), (bytes, at, value, cut) => {
      const bad = Buffer.from(bytes);
      bad[at % bad.length] = value;
      decode(rtm.NEWADDR, bad.subarray(0, bad.length - (cut % bad.length)));
    }),
    {numRuns: 2_000},
  );
  t.ok(decoded > 100, `${decoded} made sense`);
  t.end();
});
