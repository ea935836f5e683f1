import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {parseTarget} from '../../agent/config/syslog.js';
import {systemClock as clock} from '../../agent/io/clock.js';
import {connectLog, type LogSocket} from '../../agent/io/log-socket.js';
import {linux, native} from '../../agent/io/native.js';
import {closedPort, tlsServer} from '../fake/server.js';
import {waitFor} from '../lab/wait.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-health-log-'));
t.teardown(() => rmSync(folder, {recursive: true}));

interface Way {
  readonly socket: LogSocket;
  /** `opened`, `ready`, `closed REASON LOST`, in the order in which they were said. */
  readonly said: string[];
  says(pattern: RegExp): Promise<unknown>;
}

function wayTo(t: Test, text: string, isRetry = false): Way {
  const target = parseTarget(text);
  if (target === null) throw new Error(`no target: ${text}`);
  const said: string[] = [];
  const handlers = {
    opened: () => void said.push('opened'),
    ready: () => void said.push('ready'),
    closed: (reason: string, lost: number) => void said.push(`closed ${reason}, ${lost} lost`),
  };
  const socket = connectLog({target, handlers, clock, isRetry});
  t.equal(said.length, 0, 'nothing is said before it returns');
  t.teardown(() => socket.close());
  const says = (pattern: RegExp) =>
    waitFor(
      String(pattern),
      () => said,
      (words) => words.some((word) => pattern.test(word)),
    );
  return {socket, said, says};
}

/** A log daemon's datagram socket, read only when asked to. */
function logDaemon(path: string) {
  const fd = native.socket(linux.AF_UNIX, linux.SOCK_DGRAM, 0);
  const address = Buffer.from(`\0\0${path}\0`);
  address.writeUInt16LE(linux.AF_UNIX, 0);
  native.bind(fd, address);
  const buffer = Buffer.alloc(10_000);
  return {
    read(): string | null {
      const length = native.receive(fd, buffer, 0);
      return length === null ? null : buffer.toString('utf8', 0, length);
    },
    stop() {
      native.close(fd);
      rmSync(path);
    },
  };
}

t.test('datagrams on a unix socket: full, read, restarted', async (t) => {
  const path = join(folder, 'dev-log');
  await wayTo(t, `unix:${path}`).says(/^closed connect ENOENT: no such file or directory, 0 lost$/);

  const daemon = logDaemon(path);
  const {socket, said, says} = wayTo(t, `unix:${path}`);
  await says(/^opened$/);
  let taken = 0;
  while (socket.send(Buffer.from(`message ${taken}`))) taken += 1;
  t.ok(taken > 0, `${taken} messages until the queue was full`);
  t.equal(daemon.read(), 'message 0');
  await says(/^ready$/);
  t.ok(socket.send(Buffer.from('later')));
  const rest: string[] = [];
  for (let text = daemon.read(); text !== null; text = daemon.read()) rest.push(text);
  t.equal(rest.at(-1), 'later');
  t.equal(rest.length, taken);

  daemon.stop();
  t.notOk(socket.send(Buffer.from('to nobody')));
  t.notMatch(said, [/closed/], 'not from within');
  await says(/^closed send ECONNREFUSED: connection refused, 0 lost$/);
});

t.test('a stream on a unix socket, where the daemon has one', async (t) => {
  const path = join(folder, 'dev-log-stream');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => server.close());
  const connected = once(server, 'connection');
  const {socket, says} = wayTo(t, `unix:${path}`);
  const [peer] = (await connected) as [Socket];
  await says(/^opened$/);
  socket.send(Buffer.from('one'));
  socket.send(Buffer.from('two'));
  t.equal(await textOf(peer, 8), 'one\ntwo\n');
  peer.destroy();
  await says(/^closed the connection was closed, 0 lost$/);
});

t.test('UDP: what is refused is noticed, and asked for before anything more is sent', async (t) => {
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address();
  const {socket, says} = wayTo(t, `udp://127.0.0.1:${port}`);
  await says(/^opened$/);
  const received = once(server, 'message');
  t.ok(socket.send(Buffer.from('hello')));
  const [message] = (await received) as [Buffer];
  t.equal(message.toString(), 'hello');
  const closed = once(server, 'close');
  server.close();
  await closed;
  socket.send(Buffer.from('to nobody'));
  await says(/^closed .*ECONNREFUSED.*, 1 lost$/);

  const again = wayTo(t, `udp://127.0.0.1:${port}`, true);
  await again.says(/^closed .*ECONNREFUSED.*, 0 lost$/);
  t.notMatch(again.said, ['opened']);
});

t.test('UDP: somebody is there again, over IPv6', async (t) => {
  const server = createSocket('udp6');
  server.bind(0, '::1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const {says} = wayTo(t, `udp://[::1]:${server.address().port}`, true);
  await says(/^opened$/);
});

t.test('TCP: octet counting, and a server that does not read', async (t) => {
  const server = createServer({pauseOnConnect: true});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const connected = once(server, 'connection');
  const {socket, says} = wayTo(t, `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [peer] = (await connected) as [Socket];
  await says(/^opened$/);
  const message = Buffer.from(`${'€'.repeat(2000)}!`);
  let taken = 0;
  while (socket.send(message)) taken += 1;
  t.ok(taken > 10 && taken < 10_000, `${taken} messages until there was no room`);
  const frame = `6001 ${message.toString()}`;
  const text = await textOf(peer, taken * Buffer.byteLength(frame));
  t.ok(text === frame.repeat(taken), `${taken} messages arrive as they were`);
  await says(/^ready$/);
  peer.resetAndDestroy();
  await says(/^closed .*, 0 lost$/);
});

t.test('TCP: nobody there', async (t) => {
  const {says} = wayTo(t, `tcp://127.0.0.1:${await closedPort()}`);
  await says(/^closed connect ECONNREFUSED 127\.0\.0\.1:\d+, 0 lost$/);
});

t.test('TLS: a server that cannot prove its name gets nothing', async (t) => {
  const server = await tlsServer(t, (socket) => socket.resume());
  const {said, says} = wayTo(t, `tls://127.0.0.1:${server.port}`);
  await says(/^closed /);
  t.match(said, [/^closed TLS: unable to verify the first certificate, 0 lost$/]);
});

async function textOf(socket: Socket, bytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket.iterator({destroyOnReturn: false})) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks).toString();
}
