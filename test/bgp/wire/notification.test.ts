import t from 'tap';
import {CeaseSubcode, errorNames} from '../../../agent/bgp/wire/iana.js';
import {
  cease,
  decodeNotification,
  describeNotification,
  encodeNotification,
  shutdownText,
} from '../../../agent/bgp/wire/notification.js';

t.test('a Cease with a text goes out and comes back', (t) => {
  const sent = cease(CeaseSubcode.administrativeShutdown, 'maintenance until 14:00 ✓');
  const received = decodeNotification(encodeNotification(sent).subarray(19));
  t.same(received, sent);
  t.equal(shutdownText(received), 'maintenance until 14:00 ✓');
  t.equal(describeNotification(received), 'cease: administrative shutdown: "maintenance until 14:00 ✓"');
  t.end();
});

t.test('a text of more than 255 octets is cut between characters', (t) => {
  const text = shutdownText(cease(CeaseSubcode.administrativeReset, 'é'.repeat(200)));
  t.equal(text, 'é'.repeat(127));
  t.equal(shutdownText(cease(CeaseSubcode.administrativeReset, 'x'.repeat(300))), 'x'.repeat(255));
  t.end();
});

t.test('only two subcodes carry a text', (t) => {
  for (const subcode of Object.values(CeaseSubcode)) {
    const carries = subcode === 2 || subcode === 4;
    t.equal(cease(subcode, 'text').data.length, carries ? 5 : 0, `subcode ${subcode}`);
    t.equal(shutdownText(cease(subcode, 'text')), carries ? 'text' : null);
  }
  t.equal(cease(CeaseSubcode.administrativeShutdown).data.length, 0, 'no text, no data');
  t.equal(shutdownText({type: 'notification', code: 4, subcode: 2, data: Uint8Array.of(1, 97)}), null);
  t.end();
});

t.test('text from outside cannot speak to the terminal', (t) => {
  const said = describeNotification(cease(2, 'a\u0000\u001b[2J\r\n\u0085\u202e\u2028"\\b'));
  t.equal(said, 'cease: administrative shutdown: "a\\u{0}\\u{1b}[2J\\r\\n\\u{85}\\u{202e}\\u{2028}\\"\\\\b"');
  t.end();
});

t.test('data that does not fit is cut', (t) => {
  const message = encodeNotification({
    type: 'notification',
    code: 3,
    subcode: 9,
    data: new Uint8Array(5000),
  });
  t.equal(message.length, 4096);
  t.end();
});

t.test('what is printed of unknown data is bounded', (t) => {
  const said = describeNotification({
    type: 'notification',
    code: 200,
    subcode: 1,
    data: new Uint8Array(100).fill(0xab),
  });
  t.equal(said, `error code 200 subcode 1: 0x${'ab'.repeat(32)}…`);
  t.end();
});

t.test('every name of the registries is printed', (t) => {
  let names = 0;
  for (const [code, error] of Object.entries(errorNames)) {
    for (const [subcode, name] of Object.entries(error.subcodes)) {
      const said = describeNotification({
        type: 'notification',
        code: Number(code),
        subcode: Number(subcode),
        data: new Uint8Array(),
      });
      t.equal(said, `${error.name}: ${name}`);
      names++;
    }
  }
  t.equal(names, 36);
  t.end();
});
