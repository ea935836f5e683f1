import t from 'tap';
import {Reader} from '../../../agent/bgp/wire/reader.js';

const octets = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);

t.test('fields are big-endian', (t) => {
  const reader = new Reader(octets);
  t.equal(reader.u8(), 0x01);
  t.equal(reader.u16(), 0x0203);
  t.equal(reader.peek(), 4);
  t.equal(reader.u32(), 0x04050607);
  t.equal(reader.remaining, 2);
  t.same(reader.rest(), Uint8Array.of(8, 9));
  t.equal(reader.peek(), undefined);
  t.notOk(reader.overrun);
  t.equal(new Reader(Uint8Array.of(255, 255, 255, 255)).u32(), 0xffffffff);
  t.end();
});

t.test('a sub-reader ends where its piece ends', (t) => {
  const reader = new Reader(octets);
  const sub = reader.sub(3);
  t.equal(sub.u16(), 0x0102);
  t.same(sub.whole(), Uint8Array.of(1, 2, 3));
  t.equal(sub.u16(), 0, 'one octet is left, two were asked for');
  t.ok(sub.overrun);
  t.equal(sub.remaining, 0);
  t.equal(reader.u8(), 4, 'the outer reader goes on behind it');
  t.notOk(reader.overrun);
  t.end();
});

t.test('whatever reads past the end gives nothing, and says so', (t) => {
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u32(),
  ];
  for (const read of reads) {
    const reader = new Reader(octets, 3, 3);
    t.equal(read(reader), 0);
    t.ok(reader.overrun);
  }
  const reader = new Reader(octets, 4, 7);
  t.equal(reader.bytes(4).length, 0);
  t.ok(reader.overrun);
  t.equal(reader.remaining, 0);
  const outer = new Reader(octets, 4, 7);
  t.equal(outer.sub(4).remaining, 0);
  t.ok(outer.overrun);
  t.equal(new Reader(octets, 0, 100).remaining, octets.length);
  t.end();
});
