import fc from 'fast-check';
import t from 'tap';
import {countNlri, decodeNlri, encodeNlri, nlriOf} from '../../../agent/bgp/wire/nlri.js';
import {bytesOf, lengthOf, parsePrefix} from '../../../agent/lib/prefix.js';
import {anyPrefix} from './arbitraries.js';
import {fromHex, toHex} from './golden.js';

t.test('a prefix is its length and the octets it needs', (t) => {
  const cases: readonly [string, string][] = [
    ['0.0.0.0/0', '00'],
    ['10.0.0.0/8', '080a'],
    ['10.128.0.0/9', '090a80'],
    ['203.0.113.0/24', '18cb0071'],
    ['192.168.0.16/31', '1fc0a80010'],
    ['255.255.255.255/32', '20ffffffff'],
    ['::/0', '00'],
    ['::/128', `80${'00'.repeat(16)}`],
    ['::1/128', `80${'00'.repeat(15)}01`],
    ['2001:db8::/32', '2020010db8'],
    ['2001:db8:1::/48', '3020010db80001'],
    ['fda4:5ff2:8477:1755::/127', '7ffda45ff2847717550000000000000000'],
    ['1:2:3:4:5:6:7:8/128', '8000010002000300040005000600070008'],
    ['1:0:0:4::8/128', '8000010000000000040000000000000008'],
    ['1::/16', '100001'],
    ['fe80::abcd:0:1/128', '80fe80000000000000' + '0000abcd00000001'],
  ];
  for (const [text, hex] of cases) {
    t.equal(toHex(nlriOf(parsePrefix(text))), hex, text);
  }
  t.end();
});

t.test('the fast way reads the text as the careful one does (property)', (t) => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    fc.assert(
      fc.property(anyPrefix(family), (prefix) => {
        const bits = lengthOf(prefix);
        const octets = bytesOf(prefix).subarray(0, Math.ceil(bits / 8));
        return toHex(nlriOf(prefix)) === toHex(Uint8Array.of(bits, ...octets));
      }),
      {seed: 4271, numRuns: 300},
    );
    t.pass(`300 ${family} prefixes`);
  }
  t.end();
});

t.test('NLRI decodes to the prefixes it was made of (property)', (t) => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    fc.assert(
      fc.property(fc.array(anyPrefix(family)), (prefixes) => {
        const nlri = encodeNlri(prefixes);
        return (
          countNlri(family, nlri) === prefixes.length && decodeNlri(family, nlri).join() === prefixes.join()
        );
      }),
      {seed: 4271, numRuns: 100},
    );
    t.pass(`100 lists of ${family} prefixes`);
  }
  t.end();
});

t.test('what is no NLRI', (t) => {
  const cases: readonly ['ipv4' | 'ipv6', string, string, number][] = [
    ['ipv4', '21cb00710000', 'has an ipv4 prefix of length 33', 0],
    ['ipv4', '080a18cb00', 'has a prefix of length 24 that ends behind it', 1],
    ['ipv4', '01', 'has a prefix of length 1 that ends behind it', 0],
    ['ipv4', 'ff', 'has an ipv4 prefix of length 255', 0],
    ['ipv6', `81${'00'.repeat(17)}`, 'has an ipv6 prefix of length 129', 0],
    ['ipv6', `80${'00'.repeat(15)}`, 'has a prefix of length 128 that ends behind it', 0],
  ];
  for (const [family, hex, reason, readable] of cases) {
    t.equal(countNlri(family, fromHex(hex)), reason);
    t.equal(decodeNlri(family, fromHex(hex)).length, readable);
  }
  t.end();
});
