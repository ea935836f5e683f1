import t from 'tap';
import {regExpFault, slashedRegExp, toRegExp} from '../../../checks/lib/pattern.js';
import {parseEndpoint} from '../../../checks/lib/realservers.js';
import {CannotCheck, failed, runTimed} from '../../../checks/lib/result.js';
import {maskRecord, maskText, maskUrl} from '../../../checks/lib/secrets.js';
import {parseSize} from '../../../checks/lib/size.js';
import {inRanges, parseStatusRanges} from '../../../checks/lib/status-range.js';
import {firstLine, milliseconds, oneLine} from '../../../checks/lib/text.js';
import {boundedTranscript, quoted} from '../../../checks/lib/transcript.js';
import {fakeContext} from '../../fake/check-context.js';
import {FakeClock} from '../../fake/clock.js';

t.test('status ranges', (t) => {
  t.strictSame(parseStatusRanges('200-299,404'), [
    {from: 200, to: 299},
    {from: 404, to: 404},
  ]);
  t.strictSame(parseStatusRanges(' 200 , 301 - 302 '), [
    {from: 200, to: 200},
    {from: 301, to: 302},
  ]);
  for (const text of ['', '200-', '299-200', '99', '600', '2xx', '200;301', '200,', '0200']) {
    t.equal(parseStatusRanges(text), null, `"${text}"`);
  }
  const ranges = parseStatusRanges('200-299,404') ?? [];
  t.strictSame(
    [199, 200, 299, 300, 404].map((status) => inRanges(status, ranges)),
    [false, true, true, false, true],
  );
  t.end();
});

t.test('sizes', (t) => {
  const cases: [number | string, number | null][] = [
    [512, 512],
    ['64KiB', 65_536],
    ['64k', 65_536],
    ['1MB', 1_000_000],
    ['1.5 MiB', 1_572_864],
    [0, null],
    [-1, null],
    ['64MiB', 67_108_864],
    ['65MiB', null],
    ['1GB', null],
    ['', null],
    ['ten', null],
  ];
  for (const [text, bytes] of cases) t.equal(parseSize(text), bytes, String(text));
  t.end();
});

t.test('regular expressions of other tools', (t) => {
  t.match('HELLO\nworld', toRegExp('(?is)hello.world'));
  t.notMatch('HELLO', toRegExp('hello'));
  t.match(regExpFault('a(b'), /Unterminated group/);
  t.equal(regExpFault('(?i)a'), null);
  t.match('+OK ready', slashedRegExp('/^\\+ok/i') ?? /never/);
  t.equal(slashedRegExp('/healthz'), null, 'one slash is text');
  t.equal(slashedRegExp('//'), null);
  t.throws(() => slashedRegExp('/(/'));
  t.end();
});

t.test('server addresses', (t) => {
  t.strictSame(parseEndpoint('10.0.0.1'), {address: '10.0.0.1', port: null});
  t.strictSame(parseEndpoint('10.0.0.1:80'), {address: '10.0.0.1', port: 80});
  t.strictSame(parseEndpoint('2001:DB8::1'), {address: '2001:db8::1', port: null});
  t.strictSame(parseEndpoint('[2001:db8::1]:443'), {address: '2001:db8::1', port: 443});
  for (const text of ['', 'web1', '10.0.0.1:', '10.0.0.1:70000', '[10.0.0.1', '10.0.0']) {
    t.equal(parseEndpoint(text), null, `"${text}"`);
  }
  t.end();
});

t.test('texts for people', (t) => {
  t.equal(oneLine('a\tb\r\n\x1b[31mc\u200e'), 'a b [31mc');
  t.equal(oneLine('x'.repeat(5000)).length, 200);
  t.equal(firstLine('\n \nCRITICAL: 3 down\nmore'), 'CRITICAL: 3 down');
  t.equal(firstLine(' \n'), '');
  t.strictSame([0, 0.42, 0.99, 1, 12.6, 1200].map(milliseconds), [
    '0.1 ms',
    '0.4 ms',
    '1 ms',
    '1 ms',
    '13 ms',
    '1200 ms',
  ]);
  t.end();
});

t.test('transcripts are bounded and harmless', (t) => {
  const long = boundedTranscript(Array.from({length: 100}, (_, i) => `line ${i}`));
  t.equal(long.length, 40);
  t.equal(long.at(-1), '… 61 more');
  const wide = boundedTranscript(Array.from({length: 30}, () => 'x'.repeat(1000)));
  t.ok(wide.join('').length < 4200, `${wide.join('').length} characters`);
  t.strictSame(boundedTranscript(['\x1b[2Jpassword=hunter2']), ['\\x1b[2Jpassword=[secret]']);
  t.strictSame(quoted('<', 'one\r\ntwo\n'), ['< one', '< two']);
  t.strictSame(quoted('<', ''), []);
  t.match(quoted('<', 'x'.repeat(5000)).at(-1), '< … 904 characters more');
  t.end();
});

t.test('what may be secret', (t) => {
  t.equal(
    maskUrl('https://admin:hunter2@host/x?token=abc&a=1#f'),
    'https://admin:[secret]@host/x?token=[secret]&a=1#f',
  );
  t.ok(URL.canParse(maskUrl('https://admin:hunter2@host/')), 'can be configured again');
  t.equal(maskUrl('http://host/user@example'), 'http://host/user@example');
  t.strictSame(maskRecord({Authorization: 'Basic x', 'X-Api-Key': 'y', Cookie: 'z', Accept: 'a'}), {
    Authorization: '[secret]',
    'X-Api-Key': '[secret]',
    Cookie: '[secret]',
    Accept: 'a',
  });
  const texts: [string, string][] = [
    ['curl -u x --password hunter2 y', 'curl -u x --password [secret] y'],
    ['mysql --password=hunter2 -e 1', 'mysql --password=[secret] -e 1'],
    ['{"user": "a", "password": "hunter2"}', '{"user": "a", "password": "[secret]"}'],
    ['user=a&token=hunter2&x=1', 'user=a&token=[secret]&x=1'],
    ['Authorization: Bearer hunter2', 'Authorization: Bearer [secret]'],
    ['redis://x:hunter2@host', 'redis://x:[secret]@host'],
    ['the password is wrong', 'the password is wrong'],
    ['not executable: /etc/passwd: permission denied', 'not executable: /etc/passwd: permission denied'],
    ['GET /login/token=hunter2', 'GET /login/token=[secret]'],
  ];
  for (const [text, masked] of texts) t.equal(maskText(text), masked);
  t.end();
});

t.test('a check never throws', async (t) => {
  const clock = new FakeClock();
  const ctx = fakeContext({clock});
  const good = await runTimed(ctx, async () => {
    clock.advance(12.3456);
    return {verdict: 'pass', reason: 'fine\nindeed', details: {n: 1}};
  });
  t.strictSame(good, {
    verdict: 'pass',
    reason: 'fine indeed',
    startedAt: clock.epochMs,
    durationMs: 12.35,
    details: {n: 1},
    transcript: [],
  });
  const thrown: [unknown, string, RegExp][] = [
    [new CannotCheck('ca_file: no such file: /x'), 'error', /no such file/],
    [new TypeError('x is undefined'), 'error', /x is undefined/],
    ['a string', 'error', /a string/],
    [Object.assign(new Error('connect ECONNREFUSED ::1:80'), {code: 'ECONNREFUSED'}), 'fail', /REFUSED/],
    [Object.assign(new Error('bad PEM'), {code: 'ERR_OSSL_PEM_NO_START_LINE'}), 'error', /PEM/],
  ];
  for (const [error, verdict, reason] of thrown) {
    const result = await runTimed(ctx, () => Promise.reject(error));
    t.match(result, {verdict, reason}, String(error));
  }
});

t.test('whose failure it is', (t) => {
  const cases: [string, string][] = [
    ['ECONNREFUSED', 'fail'],
    ['ECONNRESET', 'fail'],
    ['EHOSTUNREACH', 'fail'],
    ['timeout', 'fail'],
    ['CERT_HAS_EXPIRED', 'fail'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'fail'],
    ['HPE_INVALID_CONSTANT', 'fail'],
    ['ENOTFOUND', 'error'],
    ['EADDRNOTAVAIL', 'error'],
    ['EMFILE', 'error'],
    ['ERR_INVALID_CHAR', 'error'],
    ['aborted', 'hold'],
  ];
  for (const [code, verdict] of cases) t.equal(failed({code, reason: code}).verdict, verdict, code);
  t.end();
});
