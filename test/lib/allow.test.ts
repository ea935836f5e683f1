import fc from 'fast-check';
import t from 'tap';
import {type AllowRange, addressGate, allowGate, isAllowed} from '../../agent/lib/allow.js';
import {bytesOf, contains, lengthOf, parsePrefix, prefixFromBytes} from '../../agent/lib/prefix.js';

function range(
  prefix: string,
  ge = lengthOf(parsePrefix(prefix)),
  le = prefix.includes(':') ? 128 : 32,
): AllowRange {
  return {prefix: parsePrefix(prefix), ge, le};
}

t.test('without entries only host routes pass', (t) => {
  t.ok(isAllowed(null, parsePrefix('192.0.2.1')));
  t.ok(isAllowed(null, parsePrefix('2001:db8::1')));
  t.notOk(isAllowed(null, parsePrefix('192.0.2.0/31')));
  t.notOk(isAllowed(null, parsePrefix('::/0')));
  t.notOk(isAllowed([], parsePrefix('192.0.2.1')));
  t.end();
});

t.test('equal to or more specific than an entry, within ge and le', (t) => {
  const gate = allowGate([
    range('192.168.0.16/31'),
    range('10.0.0.0/8', 32, 32),
    range('fda4:5ff2:8477:1755::/127'),
  ]);
  for (const yes of ['192.168.0.16/31', '192.168.0.17', '10.255.0.1', 'fda4:5ff2:8477:1755::1']) {
    t.ok(gate(parsePrefix(yes)), yes);
  }
  for (const no of [
    '192.168.0.18',
    '192.168.0.0/16',
    '10.0.0.0/8',
    '10.0.0.0/31',
    '11.0.0.1',
    'fda4:5ff2:8477:1755::2',
  ]) {
    t.notOk(gate(parsePrefix(no)), no);
  }
  t.end();
});

t.test('a default route needs an entry equal to it', (t) => {
  t.ok(isAllowed([range('0.0.0.0/0')], parsePrefix('0.0.0.0/0')));
  t.notOk(isAllowed([range('0.0.0.0/1'), range('128.0.0.0/1')], parsePrefix('0.0.0.0/0')));
  t.notOk(isAllowed([range('0.0.0.0/0', 1)], parsePrefix('0.0.0.0/0')));
  t.notOk(isAllowed([range('0.0.0.0/0')], parsePrefix('::/0')));
  t.ok(isAllowed([range('::/0')], parsePrefix('::/0')));
  t.end();
});

t.test('the gate and containment agree (property)', (t) => {
  for (const [family, size] of [
    ['ipv4', 4],
    ['ipv6', 16],
  ] as const) {
    const prefix = fc
      .tuple(fc.uint8Array({minLength: size, maxLength: size}), fc.nat(size * 8))
      .map(([bytes, length]) => prefixFromBytes(family, bytes, length));
    fc.assert(
      fc.property(prefix, prefix, fc.nat(size), fc.nat(size * 8), (a, b, cut, bits) => {
        // Two random prefixes hardly ever touch: this one shares the first bytes of `a`.
        const near = Uint8Array.from([...bytesOf(a).subarray(0, cut), ...bytesOf(b).subarray(cut)]);
        for (const inner of [b, prefixFromBytes(family, near, bits), a]) {
          t.equal(
            isAllowed([{prefix: a, ge: 0, le: size * 8}], inner),
            contains(a, inner),
            `${inner} in ${a}`,
          );
        }
      }),
      {numRuns: 100},
    );
  }
  t.end();
});

t.test('addresses of an aggregate are allowed, whatever lengths may be announced', (t) => {
  const onlyAggregates = [{prefix: parsePrefix('192.0.2.0/24'), ge: 24, le: 24}];
  t.equal(isAllowed(onlyAggregates, parsePrefix('192.0.2.1')), false);
  t.equal(addressGate(onlyAggregates)(parsePrefix('192.0.2.1')), true);
  t.equal(addressGate(onlyAggregates)(parsePrefix('198.51.100.1')), false);
  t.equal(addressGate(null)(parsePrefix('198.51.100.1')), true);
  t.end();
});
