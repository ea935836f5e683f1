import t from 'tap';
import {encodeKeepalive} from '../../../agent/bgp/wire/keepalive.js';
import {encodeJson, goldenCases, receive, toHex} from './golden.js';

const cases = goldenCases();
t.ok(cases.length >= 240, `${cases.length} cases found`);

const keepalive = encodeKeepalive();

for (const golden of cases) {
  t.test(`${golden.file}: ${golden.title}`, (t) => {
    const {bytes, context, expected} = golden;
    const isFault = typeof expected === 'object' && expected !== null && 'fault' in expected;
    t.same(receive([bytes], context), [expected], 'in one piece');

    const octets = Array.from(bytes, (octet) => Uint8Array.of(octet));
    t.same(receive(octets, context), [expected], 'octet by octet');

    const wrong: number[] = [];
    for (let cut = 0; cut < bytes.length; cut++) {
      const before = receive([bytes.subarray(0, cut)], context);
      const both = receive([bytes.subarray(0, cut), bytes.subarray(cut)], context);
      // A header that is wrong is known before the message has ended.
      const early = isFault && cut >= 19 && before.length === 1;
      if ((before.length > 0 && !early) || JSON.stringify(both) !== JSON.stringify([expected]))
        wrong.push(cut);
    }
    t.same(wrong, [], 'cut at every offset');

    if (!isFault) {
      const three = Buffer.concat([keepalive, bytes, keepalive]);
      const alive = {type: 'keepalive'};
      t.same(receive([three], context), [alive, expected, alive], 'between two others');
    }
    if (!isFault && !golden.receivedOnly) {
      t.equal(toHex(encodeJson(expected, context)), toHex(bytes), 'encoded again');
    }
    t.end();
  });
}
