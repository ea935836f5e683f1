import fc from 'fast-check';
import t from 'tap';
import {
  addressFromBytes,
  bytesOf,
  comparePrefixes,
  contains,
  isHost,
  networkAt,
  parseAddress,
  parsePrefix,
  prefixFromBytes,
} from '../../agent/lib/prefix.js';

t.test('one spelling for one network', (t) => {
  t.equal(parsePrefix('192.0.2.1'), '192.0.2.1/32');
  t.equal(parsePrefix('2001:DB8:0:0::1'), '2001:db8::1/128');
  t.equal(parsePrefix('fda4:5ff2:8477:1755::0/127'), 'fda4:5ff2:8477:1755::/127');
  t.equal(parsePrefix('0.0.0.0/0'), '0.0.0.0/0');
  t.equal(parsePrefix('::/0'), '::/0');
  t.equal(parseAddress('2001:0db8::0001'), '2001:db8::1');
  t.end();
});

t.test('what is no network is refused with what would be right', (t) => {
  const refused: [string, RegExp][] = [
    ['10.0.0.1/24', /host bits set: the network is 10\.0\.0\.0\/24/],
    ['2001:db8::1/64', /the network is 2001:db8::\/64/],
    ['10.0.0.1/33', /write \/0 to \/32/],
    ['10.0.0.1/', /valid prefix length/],
    ['10.0.0.1/08', /valid prefix length/],
    ['10.0.0.1/24/3', /valid prefix length/],
    ['10.0.1', /no IP address/],
    ['010.0.0.1', /no IP address/],
    ['0x0a000001', /no IP address/],
    ['fe80::1%eth0', /no IP address/],
    ['::ffff:192.0.2.1', /IPv4-mapped address: write 192\.0\.2\.1/],
    ['web', /no IP address/],
    ['', /no IP address/],
  ];
  for (const [text, message] of refused) t.throws(() => parsePrefix(text), message, text);
  t.end();
});

t.test('containment and networks', (t) => {
  const p = parsePrefix;
  t.ok(contains(p('192.168.0.16/31'), p('192.168.0.17/32')));
  t.notOk(contains(p('192.168.0.16/31'), p('192.168.0.18/32')));
  t.notOk(contains(p('192.168.0.16/31'), p('192.168.0.0/16')));
  t.ok(contains(p('0.0.0.0/0'), p('192.0.2.1')));
  t.notOk(contains(p('0.0.0.0/0'), p('::1')));
  t.ok(contains(p('fda4::/16'), parseAddress('fda4::1')));
  t.equal(networkAt(p('192.0.2.255/32'), 24), '192.0.2.0/24');
  t.equal(networkAt(p('192.0.0.0/16'), 24), '192.0.0.0/16');
  t.equal(networkAt(p('2001:db8:ffff::1/128'), 33), '2001:db8:8000::/33');
  t.ok(isHost(p('::1')));
  t.notOk(isHost(p('::/127')));
  const sorted = ['10.0.0.0/8', '10.0.0.0/9', '192.0.2.1/32', '::1/128'].map(p);
  t.same([...sorted].reverse().sort(comparePrefixes), sorted);
  t.end();
});

t.test('bytes and text are the same thing (property)', (t) => {
  for (const [family, size] of [
    ['ipv4', 4],
    ['ipv6', 16],
  ] as const) {
    fc.assert(
      fc.property(fc.uint8Array({minLength: size, maxLength: size}), fc.nat(size * 8), (bytes, length) => {
        const prefix = prefixFromBytes(family, bytes, length);
        if (prefix.startsWith('::ffff:') || bytes.subarray(0, 12).every((b, i) => b === (i < 10 ? 0 : 255)))
          return;
        t.equal(parsePrefix(prefix), prefix);
        t.equal(prefixFromBytes(family, bytesOf(prefix), length), prefix);
        t.ok(contains(prefix, addressFromBytes(family, bytes)));
      }),
      {numRuns: 200},
    );
  }
  t.end();
});
