import fc from 'fast-check';
import t from 'tap';
import {
  attribute,
  cString,
  encodeMessage,
  nlmFlag,
  nlmsg,
  parseAttributes,
  parseDatagram,
  parseVerdict,
  readString,
  readU8,
  readU32,
  u8,
  u32,
} from '../../agent/control/netlink-protocol.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

t.test('a request in its bytes', (t) => {
  const request = encodeMessage(
    {type: 18, flags: 0x301, sequence: 7},
    Buffer.alloc(16),
    attribute(3, cString('lo')),
  );
  t.equal(
    request.toString('hex'),
    hex(`28000000 1200 0103 07000000 00000000
         00000000 00000000 00000000 00000000
         0700 0300 6c6f0000`).toString('hex'),
  );
  t.end();
});

t.test('several messages in a datagram, each aligned to 4 bytes', (t) => {
  const one = encodeMessage({type: 20, flags: 2, sequence: 1}, Uint8Array.of(1, 2, 3));
  const two = encodeMessage({type: 3, flags: 2, sequence: 1}, u32(0));
  const {messages, damaged} = parseDatagram(Buffer.concat([one, two]));
  t.notOk(damaged);
  t.match(messages, [
    {type: 20, flags: 2, sequence: 1},
    {type: 3, flags: 2, sequence: 1},
  ]);
  t.equal(messages[0]?.payload.toString('hex'), '01020300');
  t.end();
});

t.test('lengths that do not fit', (t) => {
  const good = encodeMessage({type: 20, flags: 0, sequence: 1}, u32(5));
  for (const length of [0, 15, 21, 0xffffffff]) {
    const bad = Buffer.from(good);
    bad.writeUInt32LE(length, 0);
    const {messages, damaged} = parseDatagram(Buffer.concat([good, bad]));
    t.equal(messages.length, 1, `what came before a message of ${length} bytes is kept`);
    t.ok(damaged);
  }
  t.same(parseDatagram(good.subarray(0, 10)), {messages: [], damaged: true}, 'half a header');
  t.same(parseDatagram(Buffer.alloc(0)), {messages: [], damaged: false});
  t.end();
});

t.test('attributes: nested bits are masked, the last of a type counts, the rest is left out', (t) => {
  const bytes = Buffer.concat([attribute(1, u8(1)), attribute(0x8001, u8(2)), attribute(2, cString('eth0'))]);
  const attributes = parseAttributes(Buffer.concat([bytes, hex('ff00 0300 00')]));
  t.equal(readU8(attributes.get(1)), 2);
  t.equal(readString(attributes.get(2)), 'eth0');
  t.equal(attributes.size, 2);
  t.equal(parseAttributes(hex('0300 0100')).size, 0, 'shorter than its own header');
  t.equal(readString(Buffer.from('unended')), 'unended');
  t.equal(readU32(Buffer.from(u8(1))), null);
  t.equal(readU8(Buffer.alloc(0)), null);
  t.end();
});

t.test('acknowledgements and errors', (t) => {
  const request = encodeMessage({type: 20, flags: 5, sequence: 1}, Buffer.alloc(8));
  const verdict = (flags: number, ...payload: Uint8Array[]) =>
    parseVerdict({type: nlmsg.ERROR, flags, sequence: 1, payload: Buffer.concat(payload)});
  const text = attribute(1, cString('ipv4: Address already assigned'));
  const eexist = hex('efffffff');
  t.same(verdict(0, u32(0), request), {errno: 0, text: null});
  t.same(verdict(0, eexist, request), {errno: 17, text: null});
  t.same(verdict(nlmFlag.ACK_TLVS, eexist, request, text), {
    errno: 17,
    text: 'ipv4: Address already assigned',
  });
  t.same(
    verdict(nlmFlag.ACK_TLVS | nlmFlag.CAPPED, eexist, request.subarray(0, 16), attribute(2, u32(4)), text),
    {errno: 17, text: 'ipv4: Address already assigned'},
  );
  t.same(verdict(nlmFlag.ACK_TLVS, eexist), {errno: 17, text: null}, 'cut off');
  t.equal(verdict(0, u8(1)), null);
  const done = (...payload: Uint8Array[]) =>
    parseVerdict({type: nlmsg.DONE, flags: nlmFlag.ACK_TLVS, sequence: 1, payload: Buffer.concat(payload)});
  t.same(done(), {errno: 0, text: null}, 'the end of a dump without a number');
  t.same(done(hex('feffffff'), attribute(1, cString('ipv4: FIB table does not exist'))), {
    errno: 2,
    text: 'ipv4: FIB table does not exist',
  });
  t.end();
});

t.test('whatever bytes come, parsing ends and stays inside them (fuzz)', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 200}), (bytes) => {
      const datagram = Buffer.from(bytes);
      const {messages, damaged} = parseDatagram(datagram);
      const size = messages.reduce((sum, {payload}) => sum + 16 + payload.length, 0);
      if (size > bytes.length) throw new Error('more than there was');
      if (messages.length === 0 && bytes.length > 0 && !damaged) throw new Error('silently nothing');
      for (const message of messages) {
        for (const type of [nlmsg.ERROR, nlmsg.DONE]) parseVerdict({...message, type});
        for (const value of parseAttributes(message.payload).values()) readString(value);
      }
    }),
    {numRuns: 2_000},
  );
  const messageOf = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.nat(0xffffffff),
    payload: fc.uint8Array({maxLength: 60}),
  });
  fc.assert(
    fc.property(fc.array(messageOf, {maxLength: 5}), (given) => {
      const datagram = Buffer.concat(given.map((message) => encodeMessage(message, message.payload)));
      const {messages, damaged} = parseDatagram(datagram);
      t.notOk(damaged);
      t.same(
        messages.map(({type, flags, sequence}) => ({type, flags, sequence})),
        given.map(({type, flags, sequence}) => ({type, flags, sequence})),
      );
      for (const [i, {payload}] of given.entries()) {
        t.ok(messages[i]?.payload.subarray(0, payload.length).equals(payload));
      }
    }),
    {numRuns: 50},
  );
  t.end();
});
