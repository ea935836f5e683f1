import {getEventListeners} from 'node:events';
import type {IncomingMessage} from 'node:http';
import type net from 'node:net';
import tls from 'node:tls';
import {gzipSync} from 'node:zlib';
import t from 'tap';
import {createHttpClient} from '../../agent/io/http.js';
import type {HttpAnswer, HttpRequest} from '../../agent/types.js';
import {closedPort, httpServer, httpsServer, tcpServer, tlsFile} from '../fake/server.js';

const client = createHttpClient();
const never = new AbortController().signal;
/** For what is to happen; what is to run out of time says so itself. */
const patienceMs = 20_000;

function ask(url: string, part: Partial<HttpRequest> = {}): Promise<HttpAnswer> {
  return client.request({
    url,
    method: 'GET',
    headers: {},
    followRedirects: false,
    bodyLimit: 100_000,
    timeoutMs: patienceMs,
    signal: never,
    keepAlive: false,
    ...part,
  });
}

const local = (port: number, path = '/') => `http://127.0.0.1:${port}${path}`;
const short = {timeoutMs: 100};

t.test('an answer', async (t) => {
  const seen: IncomingMessage[] = [];
  const server = await httpServer(t, (request, response) => {
    seen.push(request);
    response.writeHead(200, 'Fine', {'set-cookie': ['a=1', 'b=2'], 'x-up': 'yes'});
    response.end('grüezi\n');
  });
  const answer = await ask(local(server.port, '/healthz?full'), {
    headers: {'x-asked': 'now', host: 'www.example'},
  });
  t.match(answer, {
    ok: true,
    status: 200,
    statusText: 'Fine',
    headers: {'x-up': 'yes', 'set-cookie': 'a=1, b=2'},
    body: 'grüezi\n',
    remoteAddress: '127.0.0.1',
    certificateDaysLeft: null,
  });
  t.match(seen[0], {
    method: 'GET',
    url: '/healthz?full',
    headers: {host: 'www.example', 'x-asked': 'now', connection: 'close', 'user-agent': 'eip-health'},
  });
  await server.idle();
});

t.test('methods and bodies', async (t) => {
  const server = await httpServer(t, async (request, response) => {
    const chunks = await request.toArray();
    const length = request.headers['content-length'] ?? 'none';
    response.end(`${request.method} ${length} ${Buffer.concat(chunks).toString()}`);
  });
  const cases: [string, string | undefined, string][] = [
    ['GET', undefined, 'GET none '],
    ['GET', 'ping', 'GET 4 ping'],
    ['POST', 'ping', 'POST 4 ping'],
    ['POST', undefined, 'POST 0 '],
    ['OPTIONS', undefined, 'OPTIONS 0 '],
    ['HEAD', undefined, ''],
  ];
  for (const [method, body, text] of cases) {
    const answer = await ask(local(server.port), {method, ...(body === undefined ? {} : {body})});
    t.match(answer, {ok: true, body: text}, `${method} ${body}`);
  }
});

t.test('a fresh connection for each request, unless kept alive', async (t) => {
  const server = await httpServer(t, (_request, response) => response.end('ok'));
  for (let i = 0; i < 3; i++) t.match(await ask(local(server.port)), {ok: true});
  t.equal(server.connections.length, 3);
  await server.idle();
  for (let i = 0; i < 3; i++)
    t.match(await ask(local(server.port), {keepAlive: true}), {ok: true, body: 'ok'});
  t.equal(server.connections.length, 4, 'one more for three requests');
  await ask(local(server.port), {keepAlive: true, sourceAddress: '127.0.0.2'});
  t.equal(server.connections.length, 5, 'never shared with a check from another source');
});

t.test('a kept connection that the server closes while it is used', async (t) => {
  let requests = 0;
  const server = await tcpServer(t, (socket) => {
    let served = 0;
    socket.on('data', () => {
      requests++;
      if (served++ > 0) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  const kept = {keepAlive: true};
  t.match(await ask(local(server.port), kept), {ok: true});
  t.match(await ask(local(server.port), kept), {ok: true}, 'asked again on a fresh connection');
  t.equal(requests, 3);
  t.match(await ask(local(server.port), kept), {ok: true});
  t.match(
    await ask(local(server.port), {...kept, method: 'POST', body: 'x'}),
    {ok: false, code: 'ECONNRESET'},
    'what may have been carried out is not sent twice',
  );
});

t.test('refused, closed, reset, cut off, garbage', async (t) => {
  const port = await closedPort();
  t.match(await ask(local(port)), {
    ok: false,
    code: 'ECONNREFUSED',
    reason: `connect ECONNREFUSED 127.0.0.1:${port}`,
  });
  const half = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes.';
  const cases: [string, (socket: net.Socket) => void, RegExp][] = [
    ['closed', (socket) => socket.end(), /^connection closed before an answer came$/],
    ['reset', (socket) => socket.resetAndDestroy(), /^read ECONNRESET$/],
    ['cut off', (socket) => socket.end(half), /^connection closed before the end of the body$/],
    [
      'cut off hard',
      (socket) => socket.write(half, () => socket.destroy()),
      /^connection closed before the end/,
    ],
    ['garbage', (socket) => socket.end('SSH-2.0-OpenSSH\r\n'), /^no valid HTTP answer: Parse Error/],
  ];
  for (const [name, behave, reason] of cases) {
    const server = await tcpServer(t, (socket) => socket.once('data', () => behave(socket)));
    t.match(await ask(local(server.port)), {ok: false, reason}, name);
    await server.idle();
  }
});

t.test('whatever is slow ends at the timeout, with its socket', async (t) => {
  const dribble = (socket: net.Socket, text: string) => {
    const timer = setInterval(() => socket.write(text), 10);
    socket.once('close', () => clearInterval(timer));
  };
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const cases: [string, (socket: net.Socket) => void, string][] = [
    ['hangs', () => {}, ''],
    ['slow headers', (socket) => socket.write('HTTP/1.1 200 OK\r\nx') && dribble(socket, 'y'), ''],
    ['endless headers', (socket) => socket.write('HTTP/1.1 200 OK\r\n') && dribble(socket, 'a: b\r\n'), ''],
    ['no body', (socket) => socket.write(head), ': the body of 200 did not end'],
    [
      'slow body',
      (socket) => socket.write(head) && dribble(socket, '1\r\nx\r\n'),
      ': the body of 200 did not end',
    ],
  ];
  for (const [name, behave, what] of cases) {
    const server = await tcpServer(t, (socket) => socket.once('data', () => behave(socket)));
    for (const keepAlive of [false, true]) {
      const answer = await ask(local(server.port), {...short, keepAlive});
      t.match(answer, {ok: false, code: 'timeout', reason: `no answer within 100 ms${what}`}, name);
      await server.idle();
    }
  }
  const server = await tcpServer(t, () => {});
  const answer = await ask(`https://127.0.0.1:${server.port}/`, short);
  t.match(answer, {reason: 'no answer within 100 ms: the TLS handshake did not end'});
  await server.idle();
});

t.test('large bodies are read to the limit only', async (t) => {
  const server = await httpServer(t, (request, response) => {
    if (request.url === '/exact') response.end('x'.repeat(1000));
    else if (request.url === '/bomb') {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(Buffer.alloc(20_000_000)));
    } else {
      const more = () => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', more);
      };
      more();
    }
  });
  const limit = {bodyLimit: 1000};
  t.match(await ask(local(server.port, '/exact'), limit), {ok: true});
  for (const path of ['/endless', '/bomb']) {
    t.match(
      await ask(local(server.port, path), limit),
      {ok: false, code: 'body-too-large', reason: 'body is larger than 1000 bytes'},
      path,
    );
    await server.idle();
  }
});

t.test('compressed answers are read', async (t) => {
  const server = await httpServer(t, (request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(`asked for ${request.headers['accept-encoding']}`));
  });
  t.match(await ask(local(server.port)), {ok: true, body: 'asked for identity'});
});

t.test('an upgrade is an answer', async (t) => {
  const server = await tcpServer(t, (socket) =>
    socket.once('data', () =>
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nbytes',
      ),
    ),
  );
  const headers = {connection: 'Upgrade', upgrade: 'websocket'};
  for (const keepAlive of [false, true]) {
    t.match(await ask(local(server.port), {headers, keepAlive}), {
      ok: true,
      status: 101,
      statusText: 'Switching Protocols',
      headers: {upgrade: 'websocket'},
      body: '',
      remoteAddress: '127.0.0.1',
    });
    await server.idle();
  }
});

t.test('redirects', async (t) => {
  const seen: IncomingMessage[] = [];
  const other = await httpServer(t, (request, response) => {
    seen.push(request);
    response.end('there');
  });
  const server = await httpServer(t, (request, response) => {
    const targets: Record<string, string> = {
      '/away': local(other.port),
      '/near': '/end',
      '/loop': '/loop',
      '/ftp': 'ftp://127.0.0.1/',
      '/hang': '/end',
    };
    const location = targets[request.url ?? ''];
    if (location) response.writeHead(302, {location});
    if (request.url === '/hang') response.write('never ends');
    else response.end('here');
  });
  const follow = {followRedirects: true};
  t.match(await ask(local(server.port, '/near')), {ok: true, status: 302, body: 'here'});
  t.match(await ask(local(server.port, '/near'), follow), {ok: true, status: 200, body: 'here'});
  t.match(await ask(local(server.port, '/hang'), follow), {ok: true, status: 200});
  t.match(await ask(local(server.port, '/ftp'), follow), {ok: true, status: 302});
  const before = server.connections.length;
  t.match(await ask(local(server.port, '/loop'), follow), {
    ok: false,
    reason: 'redirected more than 10 times',
    code: 'too-many-redirects',
  });
  t.equal(server.connections.length - before, 11);
  const headers = {authorization: 'Basic x', cookie: 'a=b'};
  t.match(await ask(local(server.port, '/away'), {...follow, headers}), {ok: true, body: 'there'});
  t.notMatch(Object.keys(seen[0]?.headers ?? {}), /authorization|cookie/, 'nothing secret for another site');
  await server.idle();
});

t.test('TLS', async (t) => {
  const ca = tlsFile('ca.pem');
  const good = await httpsServer(t, (_request, response) => response.end('ok'));
  const url = (server: {port: number}, host = '127.0.0.1') => `https://${host}:${server.port}/`;
  const trusting = {tls: {ca, rejectUnauthorized: true}};
  const answer = await ask(url(good), trusting);
  t.match(answer, {ok: true, status: 200});
  t.ok(answer.ok && answer.certificateDaysLeft !== null && answer.certificateDaysLeft > 30_000);
  t.match(await ask(url(good, 'localhost'), trusting), {ok: true});
  const before = good.connections.length;
  for (let i = 0; i < 2; i++) {
    const kept = await ask(url(good), {...trusting, keepAlive: true});
    t.ok(kept.ok && (kept.certificateDaysLeft ?? 0) > 30_000, 'a kept connection still has its certificate');
  }
  t.equal(good.connections.length - before, 1);
  t.match(await ask(url(good)), {ok: false, reason: /^TLS: unable to verify the first certificate/});
  t.match(await ask(url(good), {tls: {rejectUnauthorized: false}}), {ok: true});

  const expired = await httpsServer(t, (_request, response) => response.end('ok'), 'expired');
  t.match(await ask(url(expired), trusting), {
    ok: false,
    code: 'CERT_HAS_EXPIRED',
    reason: 'TLS: certificate has expired',
  });
  const old = await ask(url(expired), {tls: {rejectUnauthorized: false}});
  t.ok(old.ok && old.certificateDaysLeft !== null && old.certificateDaysLeft < 0);

  const other = await httpsServer(t, (_request, response) => response.end('ok'), 'other-name');
  t.match(await ask(url(other), trusting), {
    ok: false,
    reason: /^TLS: .*IP: 127\.0\.0\.1 is not in the cert/,
  });
  t.match(
    await ask(url(other, 'localhost'), {...trusting, connectIp: '127.0.0.1'}),
    {ok: false, reason: /^TLS: .*Host: localhost\. is not in the cert/},
    'the name of the URL is verified, not where it connects to',
  );
  const named = {tls: {ca, serverName: 'other.example', rejectUnauthorized: true}};
  t.match(await ask(url(other), named), {ok: true});
  t.match(await ask(`https://other.example:${other.port}/`, {...trusting, connectIp: '127.0.0.1'}), {
    ok: true,
  });
  t.match(
    await ask(url(other), {...trusting, headers: {host: 'other.example:443'}}),
    {ok: true},
    'Host names it',
  );

  const plain = await httpServer(t, (_request, response) => response.end('ok'));
  t.match(await ask(url(plain)), {ok: false, reason: 'TLS: wrong version number'});
  t.match(await ask(url(good), {tls: {ca: 'rubbish', rejectUnauthorized: true}}), {ok: false});
  for (const server of [expired, other, plain]) await server.idle();
});

t.test('client certificates', async (t) => {
  const ca = tlsFile('ca.pem');
  const options = {ca, requestCert: true, rejectUnauthorized: true};
  const server = await httpsServer(t, (_request, response) => response.end('ok'), 'localhost', options);
  const url = `https://localhost:${server.port}/`;
  t.match(await ask(url, {tls: {ca, rejectUnauthorized: true}}), {ok: false, reason: /certificate required/});
  const [cert, key] = [tlsFile('localhost.pem'), tlsFile('server.key')];
  t.match(await ask(url, {tls: {ca, cert, key, rejectUnauthorized: true}}), {ok: true});
  t.match(await ask(url, {tls: {ca, cert, key: 'no key', rejectUnauthorized: true}}), {
    ok: false,
    code: /^ERR_OSSL/,
  });
});

t.test('PROXY protocol', async (t) => {
  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
  const first: Buffer[] = [];
  const peers: number[] = [];
  const server = await tcpServer(t, (socket) => {
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!received.includes('\r\n\r\nGET ') && !received.includes('\nGET ') && !received.includes('GET '))
        return;
      first.push(received);
      peers.push(socket.remotePort ?? 0);
      socket.end(ok);
    });
  });
  t.match(await ask(local(server.port), {proxyProtocol: 1}), {ok: true, body: 'ok'});
  t.equal(
    first[0]?.toString().split('GET ')[0],
    `PROXY TCP4 127.0.0.1 127.0.0.1 ${peers[0]} ${server.port}\r\n`,
  );
  t.match(await ask(local(server.port), {proxyProtocol: 2, keepAlive: true}), {ok: true, body: 'ok'});
  const hex = (value: number) => value.toString(16).padStart(4, '0');
  t.equal(
    first[1]?.subarray(0, 28).toString('hex'),
    `0d0a0d0a000d0a515549540a2111000c7f0000017f000001${hex(peers[1] ?? 0)}${hex(server.port)}`,
  );
  t.equal(first[1]?.subarray(28, 32).toString(), 'GET ');
  t.match(await ask(local(await closedPort()), {proxyProtocol: 1}), {ok: false, code: 'ECONNREFUSED'});

  // In front of TLS: the header is plain, the handshake follows.
  const secure = await tcpServer(t, (socket) => {
    socket.once('readable', () => {
      const header: Buffer | null = socket.read();
      const end = (header?.indexOf('\r\n') ?? 0) + 2;
      if (header) socket.unshift(header.subarray(end));
      const identity = {cert: tlsFile('localhost.pem'), key: tlsFile('server.key')};
      const inner = new tls.TLSSocket(socket, {isServer: true, ...identity});
      inner.once('data', () => inner.end(`HTTP/1.1 200 OK\r\n\r\n${header?.subarray(0, 10)}`));
    });
  });
  t.match(
    await ask(`https://127.0.0.1:${secure.port}/`, {
      proxyProtocol: 1,
      tls: {ca: tlsFile('ca.pem'), rejectUnauthorized: true},
    }),
    {ok: true, body: 'PROXY TCP4'},
  );
  for (const one of [server, secure]) await one.idle();
});

t.test('where from and where to', async (t) => {
  const server = await httpServer(t, (request, response) => response.end(request.socket.remoteAddress));
  t.match(await ask(local(server.port), {sourceAddress: '127.0.0.9'}), {ok: true, body: '127.0.0.9'});
  t.match(await ask(local(server.port), {sourceAddress: '192.0.2.77'}), {ok: false, code: 'EADDRNOTAVAIL'});
  const away = `http://nowhere.invalid:${server.port}/`;
  t.match(await ask(away, {connectIp: '127.0.0.1'}), {ok: true, remoteAddress: '127.0.0.1'});
  // A label too long for DNS: the resolver says so without asking anybody.
  const unresolvable = `${'x'.repeat(64)}.invalid`;
  t.match(await ask(`http://${unresolvable}/`), {ok: false, reason: `getaddrinfo ENOTFOUND ${unresolvable}`});
  const name = `http://localhost:${server.port}/`;
  t.match(await ask(name), {ok: true, remoteAddress: '127.0.0.1'});
  t.match(await ask(name, {ipFamily: 'ipv4'}), {ok: true});
  t.match(await ask(name, {ipFamily: 'ipv6'}), {ok: false, reason: /::1/});
  const port = await closedPort();
  t.match(await ask(`http://localhost:${port}/`), {
    ok: false,
    code: 'ECONNREFUSED',
    reason: new RegExp(`^connect ECONNREFUSED 127\\.0\\.0\\.1:${port}, connect E\\w+ ::1:${port}`),
  });
});

t.test('requests that cannot be made are answers too', async (t) => {
  t.match(await ask('no url'), {ok: false, code: 'ERR_INVALID_URL'});
  t.match(await ask('http://127.0.0.1:1/', {headers: {a: 'b\r\nc: d'}}), {
    ok: false,
    code: 'ERR_INVALID_CHAR',
  });
  t.match(await ask('http://127.0.0.1:1/', {method: 'GE T'}), {ok: false});
});

t.test('aborted', async (t) => {
  const server = await tcpServer(t, () => {});
  const before = new AbortController();
  before.abort();
  t.match(await ask(local(server.port), {signal: before.signal}), {ok: false, code: 'aborted'});
  t.equal(server.connections.length, 0);
  const during = new AbortController();
  const pending = ask(local(server.port), {signal: during.signal});
  const proxied = ask(local(server.port), {signal: during.signal, proxyProtocol: 1, keepAlive: true});
  while (server.connections.length < 2) await new Promise((resolve) => setImmediate(resolve));
  during.abort();
  t.match(await Promise.all([pending, proxied]), [{code: 'aborted'}, {code: 'aborted'}]);
  t.equal(getEventListeners(during.signal, 'abort').length, 0);
  await server.idle();
});

t.test('nothing is left behind', async (t) => {
  const server = await httpServer(t, (request, response) => {
    if (request.url !== '/hang') response.end('ok');
  });
  const {signal} = new AbortController();
  const urls = ['/', '/hang'].map((path) => local(server.port, path));
  urls.push(local(await closedPort()), `https://127.0.0.1:${server.port}/`);
  for (let i = 0; i < 50; i++) {
    await Promise.all(
      urls.map((url) => ask(url, {signal, ...(url.endsWith('hang') ? {timeoutMs: 20} : {})})),
    );
  }
  await server.idle();
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listeners');
  // Handles take a turn of the event loop to close.
  const deadline = performance.now() + 5000;
  const left = () => process.getActiveResourcesInfo().filter((kind) => /Timeout|TCPSocketWrap/.test(kind));
  while (left().length > 0 && performance.now() < deadline)
    await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(left(), [], 'no timers, no sockets');
});
