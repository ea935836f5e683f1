import t from 'tap';
import {z} from 'zod';
import type {HttpAnswer} from '../../agent/types.js';
import {type HttpOptions, http} from '../../checks/http.js';
import {fakeContext, fakeFiles} from '../fake/check-context.js';
import {FakeHttp} from '../fake/http.js';

const url = 'http://127.0.0.1:8080/healthz';
const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';

t.test('verdicts and reasons', async (t) => {
  const html = {'content-type': 'text/html', server: 'nginx'};
  const cases: [string, Partial<HttpOptions>, Partial<Extract<HttpAnswer, {ok: true}>>, string, string][] = [
    ['default', {}, {}, 'pass', '200 OK in 3 ms'],
    ['no reason phrase', {}, {statusText: ''}, 'pass', '200 in 3 ms'],
    ['status', {}, {status: 503}, 'fail', 'status 503, expected 200-299'],
    ['redirect is a status', {}, {status: 301}, 'fail', 'status 301, expected 200-299'],
    ['range', {expect_status: '200-299,404'}, {status: 404}, 'pass', '404 OK in 3 ms'],
    ['number', {expect_status: 204}, {status: 200}, 'fail', 'status 200, expected 204'],
    ['list', {expect_status: ['200-202', 404]}, {status: 203}, 'fail', 'status 203, expected 200-202,404'],
    ['body', {expect_body: 'ok'}, {body: 'all ok\n'}, 'pass', '200 OK in 3 ms'],
    ['no body', {expect_body: 'ok'}, {body: 'bad'}, 'fail', 'body does not contain "ok"'],
    ['regex', {expect_body_regex: '^(?:up|ok)$'}, {body: 'up'}, 'pass', '200 OK in 3 ms'],
    ['flags', {expect_body_regex: '(?i)UP'}, {body: 'up'}, 'pass', '200 OK in 3 ms'],
    ['no regex', {expect_body_regex: '^up'}, {body: 'down'}, 'fail', 'body does not match /^up/'],
    ['unwanted', {not_body_regex: 'maint'}, {body: 'in maint.'}, 'fail', 'body matches /maint/'],
    ['unwanted absent', {not_body_regex: 'maint'}, {body: 'fine'}, 'pass', '200 OK in 3 ms'],
    ['header', {expect_header: {name: 'Server', regex: '^nginx'}}, {headers: html}, 'pass', '200 OK in 3 ms'],
    [
      'header differs',
      {expect_header: {name: 'Server', regex: 'apache'}},
      {headers: html},
      'fail',
      'header Server is "nginx", expected /apache/',
    ],
    [
      'one header of several',
      {
        expect_header: [
          {name: 'server', regex: 'nginx'},
          {name: 'x-up', regex: '.'},
        ],
      },
      {headers: html},
      'fail',
      'header x-up is missing',
    ],
    ['certificate', {min_days_left: 14}, {certificateDaysLeft: 14.2}, 'pass', '200 OK in 3 ms'],
    [
      'certificate soon',
      {min_days_left: 14},
      {certificateDaysLeft: 3.9},
      'degraded',
      'certificate ends in 3 days, wanted 14 days or more',
    ],
    [
      'certificate over',
      {min_days_left: 14, insecure_skip_verify: true},
      {certificateDaysLeft: -2},
      'degraded',
      'certificate has expired, wanted 14 days or more',
    ],
    [
      'failing and soon over',
      {min_days_left: 14},
      {status: 500, certificateDaysLeft: 1},
      'fail',
      'status 500, expected 200-299',
    ],
  ];
  for (const [name, options, answer, verdict, reason] of cases) {
    const check = http.create({url, ...options});
    const result = await check.run(fakeContext({http: new FakeHttp(answer)}));
    t.strictSame([result.verdict, result.reason], [verdict, reason], name);
  }
});

t.test('failures of the client', async (t) => {
  const cases: [string, string, string][] = [
    ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:8080', 'fail'],
    ['timeout', 'no answer within 500 ms', 'fail'],
    ['body-too-large', 'body is larger than 1048576 bytes', 'fail'],
    ['EMFILE', 'connect EMFILE 127.0.0.1:8080', 'error'],
    ['aborted', 'aborted', 'hold'],
  ];
  for (const [code, reason, verdict] of cases) {
    const client = new FakeHttp({ok: false, code, reason, durationMs: 1});
    const result = await http.create({url}).run(fakeContext({http: client}));
    t.match(result, {verdict, reason, details: {code}, transcript: [`> GET ${url}`, `! ${reason}`]});
  }
});

t.test('every key reaches the client', async (t) => {
  const client = new FakeHttp();
  const options: HttpOptions = {
    url: 'https://lb.example/x',
    method: 'post',
    headers: {'X-Try': 1, Host: 'overruled.example'},
    host: 'www.example',
    body: 'ping',
    follow_redirects: true,
    body_size_limit: '64KiB',
    ca_file: '/ca.pem',
    cert_file: '/cert.pem',
    key_file: '/key.pem',
    server_name: 'sni.example',
    insecure_skip_verify: true,
    connect_ip: '192.0.2.7',
    source: '192.0.2.8',
    ip_family: 'ipv4',
    proxy_protocol: 2,
    keep_alive: true,
  };
  const files = fakeFiles({'/ca.pem': `${pem}ca`, '/cert.pem': `${pem}cert`, '/key.pem': `${pem}key`});
  const ctx = fakeContext({http: client, files, timeoutMs: 700});
  const check = http.create(http.schema.parse(options));
  await check.run(ctx);
  t.strictSame(client.requests, [
    {
      url: 'https://lb.example/x',
      method: 'POST',
      headers: {'x-try': '1', host: 'www.example'},
      body: 'ping',
      followRedirects: true,
      bodyLimit: 65_536,
      tls: {
        serverName: 'sni.example',
        ca: `${pem}ca`,
        cert: `${pem}cert`,
        key: `${pem}key`,
        rejectUnauthorized: false,
      },
      connectIp: '192.0.2.7',
      sourceAddress: '192.0.2.8',
      ipFamily: 'ipv4',
      proxyProtocol: 2,
      keepAlive: true,
      timeoutMs: 700,
      signal: ctx.signal,
    },
  ]);
  t.equal(check.title, 'POST https://lb.example/x');
  const plain = new FakeHttp();
  await http.create({url}).run(fakeContext({http: plain}));
  t.match(plain.requests, [
    {method: 'GET', followRedirects: false, keepAlive: false, bodyLimit: 1_048_576, tls: undefined},
  ]);
});

t.test('certificate files are read at each run, and named when they cannot be', async (t) => {
  const texts: Record<string, string | Error> = {'/ca.pem': `${pem}old`};
  const client = new FakeHttp();
  const ctx = fakeContext({http: client, files: fakeFiles(texts)});
  const check = http.create({url: 'https://x.example/', ca_file: '/ca.pem'});
  await check.run(ctx);
  texts['/ca.pem'] = `${pem}new`;
  await check.run(ctx);
  t.strictSame(
    client.requests.map((request) => request.tls?.ca),
    [`${pem}old`, `${pem}new`],
  );
  const broken: [string | Error, RegExp][] = [
    [new Error("EACCES: permission denied, open '/ca.pem'"), /^ca_file: EACCES.*\/ca\.pem/],
    ['not a certificate', /^ca_file: \/ca\.pem is no PEM file/],
  ];
  for (const [content, reason] of broken) {
    texts['/ca.pem'] = content;
    t.match(await check.run(ctx), {verdict: 'error', reason});
  }
  delete texts['/ca.pem'];
  t.match(await check.run(ctx), {verdict: 'error', reason: 'ca_file: no such file: /ca.pem'});
  t.equal(client.requests.length, 2, 'nothing was asked without it');
});

t.test('no secrets in titles, transcripts and printed options', async (t) => {
  const options: HttpOptions = {
    url: 'http://admin:hunter2@127.0.0.1/x?token=hunter2',
    headers: {Authorization: 'Bearer hunter2', 'X-Plain': 'seen'},
    method: 'POST',
    body: '{"password": "hunter2"}',
  };
  const answer = {headers: {'set-cookie': 'session=hunter2', server: 'x'}, body: 'your token: hunter2'};
  const check = http.create(options);
  const result = await check.run(fakeContext({http: new FakeHttp(answer)}));
  t.notMatch(JSON.stringify([check.title, result]), /hunter2/);
  t.match(result.transcript, [
    /^> POST http:\/\/admin:\[secret\]@/,
    /authorization: \[secret\]/,
    /x-plain: seen/,
  ]);
  const printed = http.withoutSecrets?.(options);
  t.notMatch(JSON.stringify(printed), /hunter2/);
  t.ok(http.schema.safeParse(printed).success, 'what is printed can be parsed');
  t.match(printed, {headers: {'X-Plain': 'seen'}});
});

t.test('details and transcript', async (t) => {
  const answer = {
    status: 500,
    statusText: 'Oh',
    headers: {server: 'x'},
    body: 'one\ntwo',
    certificateDaysLeft: 9.7,
  };
  const result = await http.create({url}).run(fakeContext({http: new FakeHttp(answer)}));
  t.strictSame(result.details, {
    status: 500,
    bytes: 7,
    remote_address: '192.0.2.1',
    certificate_days_left: 9,
  });
  t.strictSame(result.transcript, [
    `> GET ${url}`,
    '< 500 Oh',
    '< server: x',
    '< one',
    '< two',
    '! status 500, expected 200-299',
  ]);
});

t.test('what it connects to', (t) => {
  const hosts = (options: HttpOptions) => http.connectsTo?.(options);
  t.strictSame(hosts({url: 'http://[2001:db8::1]:80/'}), ['2001:db8::1']);
  t.strictSame(hosts({url: 'http://www.example/', connect_ip: '192.0.2.1'}), ['192.0.2.1']);
  t.end();
});

t.test('options that are wrong', (t) => {
  t.ok(http.schema instanceof z.ZodObject, 'the configuration can list its keys');
  const cases: [object, RegExp][] = [
    [{}, /url/],
    [{url: '127.0.0.1:8080/healthz'}, /must be a URL like/],
    [{url: 'ftp://x/'}, /must be a URL like/],
    [{url: 'http:///x'}, /must be a URL like/],
    [{url, metod: 'GET'}, /metod/],
    [{url, method: 'GET /'}, /HTTP method/],
    [{url, headers: {'a b': 'x'}}, /no HTTP header name/],
    [{url, headers: {a: 'x\r\nb: y'}}, /line breaks/],
    [{url, host: 'a\nb'}, /line breaks/],
    [{url, expect_status: '2xx'}, /status codes like 200-299,404/],
    [{url, expect_status: []}, /expect_status/],
    [{url, expect_body_regex: '('}, /Unterminated group/],
    [{url, expect_header: {name: 'x'}}, /expect_header/],
    [{url, body_size_limit: 'big'}, /size of at most 64MiB/],
    [{url, cert_file: '/x'}, /belong together/],
    [{url, connect_ip: 'localhost'}, /no IP address/],
    [{url, source: '10.0.0.1/32'}, /no IP address/],
    [{url, proxy_protocol: 3}, /must be 1 or 2/],
    [{url, min_days_left: 1.5}, /whole number/],
    [{url, method: 'HEAD', body: 'x'}, /HEAD request has no body/],
  ];
  for (const [options, message] of cases) {
    const result = http.schema.safeParse(options);
    t.notOk(result.success, JSON.stringify(options));
    t.match(JSON.stringify(result.error?.issues), message);
  }
  t.end();
});
