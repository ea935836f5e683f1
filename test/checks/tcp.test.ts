import t from 'tap';
import {z} from 'zod';
import {type TcpOptions, tcp} from '../../checks/tcp.js';
import {fakeContext, fakeFiles} from '../fake/check-context.js';
import {FakeNet} from '../fake/net.js';

const target = {host: '192.0.2.1', port: 25};
const timeout = Object.assign(new Error('no answer within 500 ms'), {code: 'timeout'});

t.test('verdicts and reasons', async (t) => {
  type Script = readonly (string | null | Error)[];
  const cases: [string, Partial<TcpOptions>, Script, string, RegExp][] = [
    ['connects', {}, [], 'pass', /^connected in 0\.1 ms$/],
    ['text', {expect: 'ESMTP'}, ['220 x ES', 'MTP ready\r\n'], 'pass', /^expected answer received/],
    ['text is no pattern', {expect: '+PONG'}, ['+PONG\r\n'], 'pass', /^expected answer/],
    ['pattern', {expect: '/^220 .*smtp/i'}, ['220 x ESMTP\r\n'], 'pass', /^expected answer/],
    ['bytes', {expect: '\xff\x00'}, ['a\xff', '\x00b'], 'pass', /^expected answer/],
    ['UTF-8', {expect: 'grün'}, ['gr\xc3\xbcn'], 'pass', /^expected answer/],
    ['closed', {expect: 'x'}, [null], 'fail', /^connection closed without a word, expected "x"$/],
    [
      'closed after',
      {expect: '/^2/'},
      ['500 no', null],
      'fail',
      /^connection closed after "500 no", expected \/\^2\/$/,
    ],
    ['silent', {expect: 'x'}, [timeout], 'fail', /^no answer within 500 ms$/],
    ['dribbles', {expect: 'x'}, ['a', 'b', 'c', timeout], 'fail', /^no answer within 500 ms, only "abc"$/],
    ['floods', {expect: 'x'}, Array(70).fill('y'.repeat(1000)), 'fail', /^no "x" in the first 65536 bytes$/],
  ];
  for (const [name, options, script, verdict, reason] of cases) {
    const net = new FakeNet(script);
    const result = await tcp.create({...target, ...options}).run(fakeContext({net}));
    t.match(result, {verdict, reason}, name);
    t.equal(net.closed, 1, `${name}: closed`);
    t.ok(result.transcript.join('').length < 4500);
  }
});

t.test('every key reaches the connection', async (t) => {
  const net = new FakeNet(['hi']);
  const pem = '-----BEGIN X-----';
  const options: TcpOptions = {
    host: '[2001:db8::1]',
    port: 993,
    send: 'a\r\n',
    expect: 'hi',
    tls: {
      ca_file: '/ca',
      cert_file: '/c',
      key_file: '/k',
      server_name: 'imap.example',
      insecure_skip_verify: true,
    },
    source: '2001:db8::2',
    connect_ip: '2001:db8::3',
  };
  const ctx = fakeContext({net, files: fakeFiles({'/ca': pem, '/c': pem, '/k': pem}), timeoutMs: 900});
  const check = tcp.create(tcp.schema.parse(options));
  await check.run(ctx);
  t.strictSame(net.targets, [
    {
      host: '2001:db8::1',
      port: 993,
      connectIp: '2001:db8::3',
      sourceAddress: '2001:db8::2',
      tls: {serverName: 'imap.example', ca: pem, cert: pem, key: pem, rejectUnauthorized: false},
      timeoutMs: 900,
      signal: ctx.signal,
    },
  ]);
  t.strictSame(net.written, ['a\r\n']);
  t.equal(check.title, 'tls [2001:db8::1]:993');
  t.strictSame(tcp.connectsTo?.(options), ['2001:db8::3']);
  t.strictSame(tcp.connectsTo?.({host: '[2001:db8::1]', port: 1}), ['2001:db8::1']);

  const defaults = new FakeNet();
  await tcp.create({...target, tls: true}).run(fakeContext({net: defaults}));
  await tcp.create({...target, tls: false}).run(fakeContext({net: defaults}));
  t.strictSame(
    defaults.targets.map((one) => one.tls),
    [{rejectUnauthorized: true}, undefined],
  );
});

t.test('what is sent: bytes as escapes give them, or UTF-8', async (t) => {
  for (const [send, bytes] of [
    ['\x00\xff\r\n', '\x00\xff\r\n'],
    ['ping €', 'ping \xe2\x82\xac'],
  ] as const) {
    const net = new FakeNet();
    await tcp.create({...target, send}).run(fakeContext({net}));
    t.strictSame(net.written, [bytes]);
  }
});

t.test('a certificate that ends soon', async (t) => {
  const net = new FakeNet();
  net.certificateDaysLeft = 5.5;
  const check = tcp.create({...target, tls: {min_days_left: 7}});
  t.match(await check.run(fakeContext({net})), {
    verdict: 'degraded',
    reason: 'certificate ends in 5 days, wanted 7 days or more',
    details: {certificate_days_left: 5},
  });
});

t.test('passwords sent do not show', async (t) => {
  const options = {...target, send: 'AUTH hunter2\r\nPING\r\n', expect: 'x'};
  const result = await tcp.create(options).run(fakeContext({net: new FakeNet(['-ERR\r\n', null])}));
  t.strictSame(result.transcript.slice(1), [
    '> AUTH [secret]',
    '> PING',
    '< -ERR',
    '! connection closed after "-ERR", expected "x"',
  ]);
  t.equal(tcp.withoutSecrets?.(options).send, 'AUTH [secret]\r\nPING\r\n');
});

t.test('options that are wrong', (t) => {
  t.ok(tcp.schema instanceof z.ZodObject);
  const cases: [object, RegExp][] = [
    [{port: 1}, /host/],
    [{host: 'x'}, /port number/],
    [{host: 'http://x/', port: 1}, /name or an address/],
    [{host: 'x', port: 0}, /1 to 65535/],
    [{host: 'x', port: '80'}, /port number/],
    [{host: 'x', port: 1, expect: '/(/'}, /no valid regular expression/],
    [{host: 'x', port: 1, tls: {key_file: '/k'}}, /belong together/],
    [{host: 'x', port: 1, tls: {ca: '/k'}}, /ca/],
    [{host: 'x', port: 1, ca_file: '/k'}, /ca_file/],
  ];
  for (const [options, message] of cases) {
    const result = tcp.schema.safeParse(options);
    t.notOk(result.success, JSON.stringify(options));
    t.match(JSON.stringify(result.error?.issues), message);
  }
  t.end();
});
