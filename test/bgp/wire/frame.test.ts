import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import t from 'tap';
import {encodeMessage, Framer} from '../../../agent/bgp/wire/frame.js';
import {encodeKeepalive} from '../../../agent/bgp/wire/keepalive.js';
import {encodeNotification} from '../../../agent/bgp/wire/notification.js';
import {toHex} from './golden.js';

const keepalive = encodeKeepalive();
const notification = encodeNotification({
  type: 'notification',
  code: 6,
  subcode: 4,
  data: Uint8Array.of(2, 97, 98),
});

t.test('an empty stream has more to come', (t) => {
  const framer = new Framer();
  t.same(framer.next(), {kind: 'more'});
  framer.push(new Uint8Array());
  t.same(framer.next(), {kind: 'more'});
  t.end();
});

t.test('many messages in chunks of every size', (t) => {
  const messages = Array.from({length: 40}, (_, i) => (i % 3 === 0 ? notification : keepalive));
  const stream = Buffer.concat(messages);
  for (const size of [1, 2, 7, 18, 19, 20, 26, 100, stream.length]) {
    const framer = new Framer();
    const seen: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      framer.push(stream.subarray(at, at + size));
      for (let answer = framer.next(); answer.kind !== 'more'; answer = framer.next()) {
        if (answer.kind === 'fault') throw new Error(`fault at ${at} with chunks of ${size}`);
        const {type, body} = answer;
        seen.push(toHex(encodeMessage(type, (writer) => writer.bytes(body))));
      }
    }
    t.same(seen, messages.map(toHex), `chunks of ${size}`);
  }
  t.end();
});

t.test('chunks may be pushed long before they are asked for', (t) => {
  const framer = new Framer();
  const count = 2000;
  for (let i = 0; i < count; i++) for (const octet of keepalive) framer.push(Uint8Array.of(octet));
  let frames = 0;
  while (framer.next().kind === 'frame') frames++;
  t.equal(frames, count);
  t.same(framer.next(), {kind: 'more'});
  t.end();
});

t.test('a message within one chunk is not copied', (t) => {
  const chunk = Uint8Array.from([...notification, 0xff]);
  const framer = new Framer();
  framer.push(chunk);
  const answer = framer.next();
  t.equal(answer.kind, 'frame');
  if (answer.kind === 'frame') t.equal(answer.body.buffer, chunk.buffer);
  t.end();
});

t.test('chunks that are used up are let go', async (t) => {
  const framer = new Framer();
  const buffers: WeakRef<ArrayBufferLike>[] = [];
  for (let i = 0; i < 10; i++) {
    const chunk = Uint8Array.from(keepalive);
    buffers.push(new WeakRef(chunk.buffer));
    framer.push(chunk);
    framer.next();
  }
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  // What a WeakRef has given stays alive until the turn of the event loop ends.
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  const alive = buffers.filter((buffer) => buffer.deref() !== undefined).length;
  t.ok(
    alive <= 2,
    `${alive} of ${buffers.length} are alive: the last one may be, in a variable of this test`,
  );
  t.same(framer.next(), {kind: 'more'});
});

t.test('a body is a plain array of octets, also from a Buffer', (t) => {
  const framer = new Framer();
  framer.push(Buffer.concat([notification, keepalive]));
  const answer = framer.next();
  t.equal(answer.kind === 'frame' && answer.body.constructor, Uint8Array);
  t.end();
});

t.test('a fault is final', (t) => {
  const framer = new Framer();
  framer.push(keepalive);
  framer.push(new Uint8Array(19));
  framer.push(keepalive);
  t.equal(framer.next().kind, 'frame');
  const fault = {kind: 'fault', fault: {cause: 'not-synchronized'}};
  t.same(framer.next(), fault);
  framer.push(keepalive);
  t.same(framer.next(), fault);
  t.end();
});

t.test('a message of 4096 octets is the longest', (t) => {
  const longest = encodeMessage(2, (writer) => writer.bytes(new Uint8Array(4096 - 19)));
  t.equal(longest.length, 4096);
  const framer = new Framer();
  framer.push(longest);
  const answer = framer.next();
  t.equal(answer.kind === 'frame' && answer.body.length, 4096 - 19);
  t.throws(() => encodeMessage(2, (writer) => writer.bytes(new Uint8Array(4096 - 18))), /4097 octets/);
  t.end();
});
