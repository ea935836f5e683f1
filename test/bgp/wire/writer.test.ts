import t from 'tap';
import {Writer} from '../../../agent/bgp/wire/writer.js';
import {toHex} from './golden.js';

t.test('fields are big-endian, lengths are measured', (t) => {
  const writer = new Writer(1);
  writer.u8(1).u16(0x0203).u32(0xfffefdfc);
  writer.u16Length(() => {
    writer.u8(9);
    writer.u8Length(() => writer.bytes(Uint8Array.of(7, 7)));
  });
  t.equal(toHex(writer.finish()), '010203fffefdfc00040902' + '0707');
  t.equal(writer.length, 13);
  t.end();
});

t.test('the result is a copy', (t) => {
  const writer = new Writer().u8(1);
  const first = writer.finish();
  writer.u8(2);
  t.same(first, Uint8Array.of(1));
  t.same(writer.finish(), Uint8Array.of(1, 2));
  t.end();
});

t.test('what does not fit is refused', (t) => {
  t.throws(() => new Writer().u8(256), /256 does not fit into 1 octets/);
  t.throws(() => new Writer().u16(65536), RangeError);
  t.throws(() => new Writer().u32(2 ** 32), RangeError);
  t.throws(() => new Writer().u8(-1), RangeError);
  t.throws(() => new Writer().u8(1.5), RangeError);
  t.throws(() => new Writer().u16(Number.NaN), RangeError);
  const writer = new Writer();
  t.throws(() => writer.u8Length(() => writer.bytes(new Uint8Array(256))), RangeError);
  t.end();
});
