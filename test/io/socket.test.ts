import {spawn} from 'node:child_process';
import {getEventListeners, once} from 'node:events';
import type net from 'node:net';
import t from 'tap';
import {systemNet} from '../../agent/io/socket.js';
import type {Stream, StreamTarget} from '../../agent/types.js';
import {http} from '../../checks/http.js';
import {tcp} from '../../checks/tcp.js';
import {realContext} from '../fake/check-context.js';
import {closedPort, tcpServer, tlsFile, tlsServer} from '../fake/server.js';

const {signal} = new AbortController();

function target(port: number, part: Partial<StreamTarget> = {}): StreamTarget {
  return {host: '127.0.0.1', port, timeoutMs: 20_000, signal, ...part};
}

t.test('sends and receives bytes', async (t) => {
  const server = await tcpServer(t, (socket) => socket.on('data', (chunk) => socket.end(chunk)));
  const stream = await systemNet.open(target(server.port));
  t.equal(stream.remoteAddress, `127.0.0.1:${server.port}`);
  t.equal(stream.certificateDaysLeft, null);
  stream.write('\x00\xff\r\n');
  t.equal(await stream.read(), '\x00\xff\r\n');
  t.equal(await stream.read(), null);
  t.equal(await stream.read(), null, 'the end stays the end');
  stream.close();
  await server.idle();
});

t.test('what comes before it is asked for is kept, and no more than that is taken', async (t) => {
  const flood = await tcpServer(t, (socket) => {
    const more = () => {
      while (socket.write('x'.repeat(10_000)));
      socket.once('drain', more);
    };
    more();
  });
  const stream = await systemNet.open(target(flood.port));
  let bytes = 0;
  while (bytes < 1_000_000) bytes += (await stream.read())?.length ?? 0;
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  t.ok(process.memoryUsage().arrayBuffers - before < 5_000_000, 'nothing is read ahead');
  stream.close();
  await flood.idle();
});

t.test('failures', async (t) => {
  const port = await closedPort();
  await t.rejects(systemNet.open(target(port)), {
    message: `connect ECONNREFUSED 127.0.0.1:${port}`,
    code: 'ECONNREFUSED',
  });
  await t.rejects(systemNet.open(target(port, {sourceAddress: '192.0.2.77'})), {code: 'EADDRNOTAVAIL'});

  const reset = await tcpServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const stream = await systemNet.open(target(reset.port));
  stream.write('x');
  await t.rejects(stream.read(), {code: 'ECONNRESET', message: 'read ECONNRESET'});
  stream.close();

  const plain = await tcpServer(t, (socket) => socket.end('hello'));
  await t.rejects(systemNet.open(target(plain.port, {tls: {rejectUnauthorized: true}})), {
    message: 'TLS: wrong version number',
  });
  const closing = await tcpServer(t, (socket) => socket.end());
  await t.rejects(systemNet.open(target(closing.port, {tls: {rejectUnauthorized: true}})), {
    code: 'ECONNRESET',
  });
  for (const server of [reset, plain, closing]) await server.idle();
});

t.test('everything ends at the timeout', async (t) => {
  const silent = await tcpServer(t, () => {});
  const stream = await systemNet.open(target(silent.port, {timeoutMs: 50}));
  await t.rejects(stream.read(), {message: 'no answer within 50 ms', code: 'timeout'});
  await t.rejects(stream.read(), {code: 'timeout'}, 'and stays ended');
  await t.rejects(systemNet.open(target(silent.port, {timeoutMs: 50, tls: {rejectUnauthorized: true}})), {
    message: 'no answer within 50 ms: the TLS handshake did not end',
  });
  await silent.idle();
});

t.test('a host that does not answer at all', async (t) => {
  // A stopped process accepts nothing: once its backlog is full, the kernel drops what comes.
  const listen =
    "require('net').createServer().listen(0, '127.0.0.1', 1, function () {console.log(this.address().port)})";
  const child = spawn(process.execPath, ['-e', listen], {stdio: ['ignore', 'pipe', 'inherit']});
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const port = Number(line);
  child.kill('SIGSTOP');
  const held: Stream[] = [];
  const failure = await (async () => {
    for (;;) held.push(await systemNet.open(target(port, {timeoutMs: 300})));
  })().catch((error: unknown) => error);
  t.match(failure, {message: 'no answer within 300 ms: no connection', code: 'timeout'});
  const check = http.create({url: `http://127.0.0.1:${port}/`});
  t.match(await check.run(realContext({timeoutMs: 200})), {
    verdict: 'fail',
    reason: 'no answer within 200 ms: no connection',
  });
  for (const stream of held) stream.close();
});

t.test('aborted', async (t) => {
  const silent = await tcpServer(t, () => {});
  const abort = new AbortController();
  const stream = await systemNet.open(target(silent.port, {signal: abort.signal}));
  const reading = stream.read();
  abort.abort();
  await t.rejects(reading, {code: 'aborted'});
  await t.rejects(systemNet.open(target(silent.port, {signal: abort.signal})), {code: 'aborted'});
  await silent.idle();
});

t.test('TLS, source address and another address than the name says', async (t) => {
  const peers: (string | undefined)[] = [];
  const server = await tlsServer(t, (socket) => {
    peers.push(socket.remoteAddress);
    socket.end('hi');
  });
  const ca = tlsFile('ca.pem');
  const stream = await systemNet.open(
    target(server.port, {
      host: 'localhost',
      connectIp: '127.0.0.1',
      sourceAddress: '127.0.0.5',
      tls: {ca, rejectUnauthorized: true},
    }),
  );
  t.equal(await stream.read(), 'hi');
  t.ok((stream.certificateDaysLeft ?? 0) > 30_000);
  t.strictSame(peers, ['127.0.0.5']);
  stream.close();
  await t.rejects(
    systemNet.open(target(server.port, {tls: {ca, serverName: 'other.example', rejectUnauthorized: true}})),
    {message: /^TLS: .*other\.example/},
  );
  await server.idle();
});

t.test('the tcp check against real servers', async (t) => {
  const smtp = (socket: net.Socket) => {
    socket.write('220 mail.exam');
    setImmediate(() => socket.write('ple ESMTP\r\n'));
  };
  const server = await tcpServer(t, smtp);
  const secure = await tlsServer(t, smtp);
  const dribble = await tcpServer(t, (socket) => {
    const timer = setInterval(() => socket.write('.'), 10);
    socket.once('close', () => clearInterval(timer));
  });
  const at = (port: number) => ({host: '127.0.0.1', port});
  t.match(await tcp.create(at(server.port)).run(realContext()), {verdict: 'pass', reason: /^connected in/});
  const greeting = {...at(server.port), expect: '/^220 .*ESMTP/'};
  t.match(await tcp.create(greeting).run(realContext()), {
    verdict: 'pass',
    transcript: [/^\* connected to 127/, '< 220 mail.example ESMTP'],
  });
  const unverified = {...at(secure.port), expect: 'ESMTP', tls: {insecure_skip_verify: true}};
  t.match(await tcp.create(unverified).run(realContext()), {verdict: 'pass'});
  t.match(await tcp.create({...at(secure.port), tls: true}).run(realContext()), {
    verdict: 'fail',
    reason: 'TLS: unable to verify the first certificate',
  });
  const slow = await tcp.create({...at(dribble.port), expect: 'x'}).run(realContext({timeoutMs: 100}));
  t.match(slow, {
    verdict: 'fail',
    reason: /^no answer within 100 ms, only "\.+"$/,
    transcript: [/./, /^< \.+$/],
  });
  const port = await closedPort();
  t.match(await tcp.create(at(port)).run(realContext()), {
    verdict: 'fail',
    reason: `connect ECONNREFUSED 127.0.0.1:${port}`,
  });
  for (const one of [server, secure, dribble]) await one.idle();
});

t.test('nothing is left behind', async (t) => {
  const server = await tcpServer(t, (socket) => socket.write('hi'));
  const port = await closedPort();
  const abort = new AbortController();
  for (let i = 0; i < 50; i++) {
    const stream = await systemNet.open(target(server.port, {signal: abort.signal}));
    if (i % 2 === 0) await stream.read();
    stream.close();
    await systemNet.open(target(port, {signal: abort.signal})).catch(() => {});
  }
  await server.idle();
  t.equal(getEventListeners(abort.signal, 'abort').length, 0);
  t.notMatch(process.getActiveResourcesInfo(), /Timeout/);
});
