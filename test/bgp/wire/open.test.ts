import t from 'tap';
import type {Capability, Open} from '../../../agent/bgp/wire/message.js';
import {decodeOpen, encodeOpen} from '../../../agent/bgp/wire/open.js';
import {parseAddress} from '../../../agent/lib/prefix.js';

function open(change: Partial<Open>): Open {
  return {
    type: 'open',
    version: 4,
    as: 65010,
    holdTimeS: 90,
    bgpId: parseAddress('192.0.2.1'),
    capabilities: [],
    ...change,
  };
}

t.test('one parameter as long as it fits, then the extended form', (t) => {
  const ofLength = (length: number): Capability => ({
    kind: 'unknown',
    code: 200,
    value: new Uint8Array(length - 2),
  });
  for (const [length, start] of [
    [2, [4, 2, 2, 200]],
    [253, [255, 2, 253, 200]],
    [254, [255, 255, 1, 1, 2, 0, 254, 200]],
    [257, [255, 255, 1, 4, 2, 1, 1, 200]],
  ] as const) {
    const message = open({
      capabilities: [ofLength(Math.min(length, 255)), ...(length > 255 ? [ofLength(2)] : [])],
    });
    const bytes = encodeOpen(message);
    t.same(Array.from(bytes.subarray(28, 28 + start.length)), start, `${length} octets of capabilities`);
    t.same(decodeOpen(bytes.subarray(19)), {ok: true, message});
  }
  t.end();
});

t.test('AS numbers in the header field', (t) => {
  const field = (as: number) => Array.from(encodeOpen(open({as})).subarray(20, 22));
  t.same(field(65535), [255, 255]);
  t.same(field(65536), [0x5b, 0xa0]);
  t.same(field(4294967295), [0x5b, 0xa0]);
  t.end();
});

t.test('the AS of the capability is the one that counts', (t) => {
  const decoded = decodeOpen(
    encodeOpen(open({as: 65010, capabilities: [{kind: 'four-octet-as', as: 4200000000}]})).subarray(19),
  );
  t.equal(decoded.ok && decoded.message.as, 4200000000);
  t.end();
});

t.test('capabilities outlive the buffer they came in', (t) => {
  const value = Uint8Array.of(1, 2, 3);
  const body = encodeOpen(open({capabilities: [{kind: 'unknown', code: 200, value}]})).subarray(19);
  const decoded = decodeOpen(body);
  body.fill(0);
  t.same(decoded.ok && decoded.message.capabilities, [{kind: 'unknown', code: 200, value}]);
  t.end();
});

t.test('what does not fit is refused', (t) => {
  t.throws(() => encodeOpen(open({holdTimeS: 65536})), RangeError);
  t.throws(
    () => encodeOpen(open({capabilities: [{kind: 'unknown', code: 200, value: new Uint8Array(256)}]})),
    RangeError,
  );
  t.end();
});
