/** Whatever bytes a peer sends: the decoder never throws, never looks beyond them, and always comes to an end. */

import fc from 'fast-check';
import t from 'tap';
import {decodeMessage, type MessageAnswer} from '../../agent/bgp/wire/codec.js';
import {describeFault, toNotification, type WireFault} from '../../agent/bgp/wire/fault.js';
import {Framer} from '../../agent/bgp/wire/frame.js';
import {describeNotification, encodeNotification} from '../../agent/bgp/wire/notification.js';
import {goldenCases} from '../bgp/wire/golden.js';

const contexts = [true, false].flatMap((fourOctetAs) =>
  [true, false].map((external) => ({fourOctetAs, external})),
);

/** One line without anything a terminal would obey. */
function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}

/** Asks for everything there is to ask of an answer. */
function examine(answer: MessageAnswer): string {
  if (!answer.ok) return examineFault(answer.fault);
  const {message} = answer;
  if (message.type === 'notification') {
    const said = describeNotification(message);
    if (!isPrintable(said)) throw new Error(`not printable: ${JSON.stringify(said)}`);
    return said;
  }
  if (message.type !== 'update') return JSON.stringify(message);
  const {announced, withdrawn} = message.prefixes();
  const counted = message.announced.ipv4 + message.announced.ipv6;
  const lost = message.withdrawn.ipv4 + message.withdrawn.ipv6;
  if (counted !== announced.length || lost !== withdrawn.length) throw new Error('the counts are wrong');
  return JSON.stringify([message, announced, withdrawn]);
}

function examineFault(fault: WireFault): string {
  const notification = toNotification(fault);
  const bytes = encodeNotification(notification);
  if (bytes.length > 4096) throw new Error(`${bytes.length} octets of NOTIFICATION`);
  const said = `${describeFault(fault)} | ${describeNotification(notification)}`;
  if (!isPrintable(said)) throw new Error(`not printable: ${JSON.stringify(said)}`);
  return `${said} ${Buffer.from(bytes).toString('hex')}`;
}

/** The same answer whatever lies around the body in memory: nothing beyond it was read. */
function seesOnlyBody(type: number, body: Uint8Array): boolean {
  const [alone, amongOnes, amongZeros] = [0, 0xff, 0x00].map((filler, i) => {
    const margin = i === 0 ? 0 : 64;
    const memory = new Uint8Array(body.length + 2 * margin).fill(filler);
    memory.set(body, margin);
    const view = memory.subarray(margin, margin + body.length);
    return contexts.map((context) => examine(decodeMessage({type, body: view}, context))).join('\n');
  });
  return alone === amongOnes && alone === amongZeros;
}

const anyType = fc.oneof(
  {weight: 9, arbitrary: fc.integer({min: 1, max: 5})},
  {weight: 1, arbitrary: fc.nat(255)},
);

t.test('random bodies', (t) => {
  fc.assert(fc.property(anyType, fc.uint8Array({maxLength: 200}), seesOnlyBody), {seed: 1, numRuns: 3000});
  t.pass('no property was broken');
  t.end();
});

t.test('bodies of UPDATEs with the shape of one', (t) => {
  const u16 = (value: number) => [value >> 8, value & 0xff];
  const attribute = fc
    .tuple(
      fc.constantFrom(0x40, 0x80, 0xc0, 0x50, 0x90, 0xd0, 0x00),
      fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32), fc.nat(255)),
      fc.uint8Array({maxLength: 40}),
      fc.constantFrom(0, 0, 0, 0, 1, -1),
    )
    .map(([flags, code, value, lie]) => {
      const length = Math.max(0, value.length + lie);
      return [flags, code, ...(flags & 0x10 ? u16(length) : [length]), ...value];
    });
  const body = fc
    .tuple(
      fc.uint8Array({maxLength: 12}),
      fc.array(attribute, {maxLength: 8}),
      fc.uint8Array({maxLength: 12}),
    )
    .map(([withdrawn, attributes, nlri]) => {
      const list = attributes.flat();
      return Uint8Array.from([...u16(withdrawn.length), ...withdrawn, ...u16(list.length), ...list, ...nlri]);
    });
  fc.assert(
    fc.property(body, (bytes) => seesOnlyBody(2, bytes)),
    {seed: 2, numRuns: 3000},
  );
  t.pass('no property was broken');
  t.end();
});

const goldens = goldenCases().map(({bytes}) => bytes);

/** A golden with some octets changed, removed or put in; its length field is then often wrong. */
const mutated = fc
  .tuple(
    fc.constantFrom(...goldens),
    fc.array(fc.tuple(fc.nat(4095), fc.constantFrom('set', 'cut', 'insert'), fc.nat(255)), {maxLength: 4}),
  )
  .map(([golden, changes]) => {
    const bytes = Array.from(golden);
    for (const [place, change, octet] of changes) {
      const at = place % bytes.length;
      if (change === 'set') bytes[at] = octet;
      else if (change === 'insert') bytes.splice(at, 0, octet);
      else if (bytes.length > 1) bytes.splice(at, 1);
    }
    return Uint8Array.from(bytes);
  });

t.test('mutated goldens as bodies', (t) => {
  t.ok(goldens.length > 100, 'there are goldens');
  fc.assert(
    fc.property(mutated, (bytes) => seesOnlyBody(bytes[18] ?? 0, bytes.subarray(19))),
    {seed: 3, numRuns: 3000},
  );
  t.end();
});

t.test('streams of mutated goldens, in random chunks', (t) => {
  const stream = fc.array(mutated, {minLength: 1, maxLength: 6}).map((messages) => Buffer.concat(messages));
  const sizes = fc.array(fc.integer({min: 1, max: 90}), {minLength: 1, maxLength: 10});
  fc.assert(
    fc.property(stream, sizes, (bytes, chunks) => {
      const whole = answers([bytes]);
      const pieces: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = chunks[i % chunks.length] ?? 1;
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      // 19 octets are the least a message can have.
      return whole.length <= bytes.length / 19 + 1 && answers(pieces).join() === whole.join();
    }),
    {seed: 4, numRuns: 1000},
  );
  t.pass('no property was broken');
  t.end();
});

/** What a framer says of a stream: each frame, and the fault at its end if there is one. */
function answers(pieces: readonly Uint8Array[]): string[] {
  const framer = new Framer();
  const found: string[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    for (let answer = framer.next(); answer.kind !== 'more'; answer = framer.next()) {
      if (answer.kind === 'fault') return [...found, examineFault(answer.fault)];
      found.push(`${answer.type} ${Buffer.from(answer.body).toString('hex')}`);
    }
  }
  return found;
}
