import {chmodSync, existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {connect, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import {ApiError, maxRequestBytes} from '../../agent/api/protocol.js';
import {createApiServer, type Handler} from '../../agent/api/server.js';
import type {AgentEvent} from '../../agent/types.js';
import {FakeClock} from '../fake/clock.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-api-'));
t.teardown(() => rmSync(folder, {recursive: true}));
let sockets = 0;

const handlers: Record<string, Handler> = {
  echo: (args) => args,
  later: async ({text}) => {
    await new Promise((resolve) => setImmediate(resolve));
    return text ?? null;
  },
  broken: () => {
    throw new Error('the handler is broken');
  },
  refuse: () => {
    throw new ApiError(3, 'the configuration is broken');
  },
  big: ({bytes}) => 'x'.repeat(Number(bytes)),
};

async function setUp(t: Test, more: Record<string, Handler> = {}) {
  const path = join(folder, `${sockets++}`, 'control.sock');
  const clock = new FakeClock();
  const events: AgentEvent[] = [];
  const server = createApiServer({
    path,
    handlers: {...handlers, ...more},
    clock,
    emit: (event) => events.push(event),
  });
  await server.start();
  t.teardown(() => server.stop());
  return {path, clock, events, server};
}

/** A client that can be told to do everything wrong. */
class Client {
  readonly socket: Socket;
  #text = '';
  closed = false;
  #changed = (): void => {};

  constructor(path: string) {
    this.socket = connect({path, allowHalfOpen: true});
    this.socket.on('data', (data: Buffer) => {
      this.#text += data.toString();
      this.#changed();
    });
    this.socket.on('end', () => this.#close());
    this.socket.on('close', () => this.#close());
    this.socket.on('error', () => {});
  }

  #close(): void {
    this.closed = true;
    this.#changed();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  get lines(): string[] {
    return this.#text.split('\n').slice(0, -1);
  }

  async answers(count: number): Promise<unknown[]> {
    await this.until(() => this.lines.length >= count || this.closed);
    return this.lines.map((line) => JSON.parse(line) as unknown);
  }

  ended(): Promise<void> {
    return this.until(() => this.closed);
  }
}

const ask = (cmd: string, args = {}): string => `${JSON.stringify({v: 1, cmd, args})}\n`;

t.test('one line, one answer', async (t) => {
  const {path} = await setUp(t);
  t.strictSame(await callDaemon(path, 'echo', {a: [1, null, 'x']}, 5000), {a: [1, null, 'x']});
  t.equal(await callDaemon(path, 'later', {text: 'zwei\nLines ü'}, 5000), 'zwei\nLines ü');
  t.equal(await callDaemon(path, 'later', {}, 5000), null);
  const big = await callDaemon(path, 'big', {bytes: 3_000_000}, 5000);
  t.equal(typeof big === 'string' && big.length, 3_000_000);
});

t.test('several requests on one connection, in pieces and at once, are answered in order', async (t) => {
  const {path} = await setUp(t);
  const client = new Client(path);
  const text = `${ask('later', {text: 'one ü'})}${ask('echo', {n: 2})}\r\n\n${ask('refuse')}`;
  const bytes = Buffer.from(text);
  client.socket.write(bytes.subarray(0, 50));
  await new Promise((resolve) => client.socket.write(bytes.subarray(50, 55), resolve));
  client.socket.write(bytes.subarray(55));
  t.strictSame(await client.answers(3), [
    {ok: true, data: 'one ü'},
    {ok: true, data: {n: 2}},
    {ok: false, code: 3, error: 'the configuration is broken'},
  ]);
  client.socket.destroy();
});

t.test('what is no request is told so, and the connection goes on', async (t) => {
  const {path, events} = await setUp(t);
  const client = new Client(path);
  const bad = [
    'rubbish',
    '{"v":2,"cmd":"echo"}',
    '{"v":1}',
    '[]',
    'null',
    '{"v":1,"cmd":"echo","args":[]}',
    '{"v":1,"cmd":"echo","more":1}',
    '\u0000\u0001',
  ];
  client.socket.write(bad.map((line) => `${line}\n`).join(''));
  for (const answer of await client.answers(bad.length)) {
    t.match(answer, {
      ok: false,
      code: 2,
      error: /^a request is a line like \{"v":1,"cmd":"status","args":\{\}\} \(/,
    });
  }
  client.socket.write(ask('nothing') + ask('constructor') + ask('broken') + ask('echo'));
  t.match((await client.answers(bad.length + 4)).slice(bad.length), [
    {ok: false, code: 2, error: /^this daemon knows no command "nothing": it knows echo, /},
    {ok: false, code: 2, error: /"constructor"/},
    {ok: false, code: 1, error: 'the handler is broken'},
    {ok: true},
  ]);
  t.match(
    events.filter((event) => event.kind === 'note' && event.level === 'error'),
    [{message: 'a request on the control socket failed: the handler is broken'}],
  );
  client.socket.destroy();
});

t.test('a client that closes its side still gets its answer', async (t) => {
  const {path} = await setUp(t);
  for (const request of [ask('later', {text: 'x'}), ask('later', {text: 'x'}).trimEnd()]) {
    const client = new Client(path);
    client.socket.end(request);
    t.strictSame(await client.answers(1), [{ok: true, data: 'x'}]);
    await client.ended();
  }
  const silent = new Client(path);
  silent.socket.end();
  await silent.ended();
  t.strictSame(silent.lines, []);
});

t.test('a line that is too long is refused, with or without its end', async (t) => {
  const {path} = await setUp(t);
  const most = ask('echo', {x: 'x'.repeat(maxRequestBytes - ask('echo', {x: ''}).length + 1)});
  t.equal(most.length, maxRequestBytes + 1);
  const fits = new Client(path);
  fits.socket.write(most);
  t.match(await fits.answers(1), [{ok: true}]);
  fits.socket.destroy();

  for (const request of [most.replace('xx', 'xxx'), 'y'.repeat(maxRequestBytes + 1), 'z'.repeat(1_000_000)]) {
    const client = new Client(path);
    client.socket.write(request);
    t.strictSame(await client.answers(1), [{ok: false, code: 1, error: 'a request has at most 65536 bytes'}]);
    await client.ended();
    client.socket.destroy();
  }
  t.match(await callDaemon(path, 'echo', {}, 5000), {});
});

t.test('who is silent, or sends bytes but no line, is closed after 10 s', async (t) => {
  const {path, clock} = await setUp(t);
  const client = new Client(path);
  client.socket.write(ask('echo'));
  await client.answers(1);
  clock.advance(9_999);
  client.socket.write('{"v":1,');
  // Another client's answer: by then the server has read these bytes.
  await callDaemon(path, 'echo', {}, 5000);
  t.notOk(client.closed);
  clock.advance(1);
  await client.ended();
  t.equal(client.lines.length, 1);
});

t.test('a request that takes long is no silence', async (t) => {
  let finish = (_: string): void => {};
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const slow = (): Promise<string> => {
    started();
    return new Promise((resolve) => {
      finish = resolve;
    });
  };
  const {path, clock} = await setUp(t, {slow});
  const client = new Client(path);
  client.socket.write(ask('slow'));
  await running;
  clock.advance(3_600_000);
  finish('at last');
  t.strictSame(await client.answers(1), [{ok: true, data: 'at last'}]);
  clock.advance(9_999);
  t.notOk(client.closed);
  client.socket.destroy();
});

t.test('a client that does not read its answer is closed after 10 s and delays nobody', async (t) => {
  let answered = (): void => {};
  const running = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const huge = (): string => {
    answered();
    return 'x'.repeat(10_000_000);
  };
  const {path, clock} = await setUp(t, {huge});
  const client = new Client(path);
  client.socket.pause();
  client.socket.write(ask('huge'));
  await running;
  t.strictSame(await callDaemon(path, 'echo', {n: 1}, 5000), {n: 1});
  clock.advance(10_000);
  client.socket.resume();
  await client.ended();
  t.equal(client.lines.length, 0, 'cut off in the middle of the answer');
});

t.test('the 33rd client is told so; the others go on, and its place comes free', async (t) => {
  const {path} = await setUp(t);
  const clients = Array.from({length: 32}, () => new Client(path));
  for (const client of clients) {
    client.socket.write(ask('echo'));
    await client.answers(1);
  }
  await t.rejects(callDaemon(path, 'echo', {}, 5000), {
    code: 1,
    message: 'too many clients: at most 32 at a time',
  });
  const crowd = Array.from({length: 50}, () => new Client(path));
  for (const client of crowd) await client.ended();
  for (const client of crowd) client.socket.destroy();
  clients[5]?.socket.write(ask('echo', {still: 'here'}));
  t.match(await clients[5]?.answers(2), [{}, {data: {still: 'here'}}]);
  clients[0]?.socket.destroy();
  for (;;) {
    const answer = await callDaemon(path, 'echo', {n: 1}, 5000).catch(() => null);
    if (answer !== null) break;
  }
  for (const client of clients) client.socket.destroy();
});

t.test('clients that vanish in the middle of everything harm nobody', async (t) => {
  const {path} = await setUp(t);
  for (const request of [
    '',
    '{"v":',
    ask('later'),
    ask('big', {bytes: 1_000_000}),
    ask('broken').repeat(100),
  ]) {
    const client = new Client(path);
    await new Promise<void>((resolve) => client.socket.write(request, () => resolve()));
    client.socket.destroy();
  }
  t.strictSame(await callDaemon(path, 'echo', {n: 1}, 5000), {n: 1});
});

t.test('the socket is for its user alone, and goes with the server', async (t) => {
  const {path, server} = await setUp(t);
  t.equal(statSync(path).mode & 0o7777, 0o600);
  const before = process.umask();
  const client = new Client(path);
  client.socket.write(ask('echo'));
  await client.answers(1);
  await server.stop();
  await client.ended();
  t.notOk(existsSync(path));
  t.equal(process.umask(), before);
});

t.test('stop waits for an answer that is being made, at most a second', async (t) => {
  let finish = (_: string): void => {};
  let started = (): void => {};
  const slow = (): Promise<string> => {
    started();
    return new Promise((resolve) => {
      finish = resolve;
    });
  };
  for (const answered of [true, false]) {
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const {path, clock, server} = await setUp(t, {slow});
    const client = new Client(path);
    client.socket.write(ask('slow'));
    await running;
    const stopped = server.stop();
    if (answered) finish('done');
    else clock.advance(1000);
    await stopped;
    await client.ended();
    t.equal(client.lines.length, answered ? 1 : 0);
  }
});

t.test('a socket left behind is replaced; one that is answered, or another file, is not', async (t) => {
  const dir = mkdtempSync(join(folder, 'stale-'));
  const path = join(dir, 'control.sock');
  const options = {path, handlers, clock: new FakeClock(), emit: () => {}};
  // What kill -9 leaves: a socket file that nobody listens on.
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(join(dir, 'old'), resolve));
  linkSync(join(dir, 'old'), path);
  await t.rejects(createApiServer(options).start(), {
    message: `${path} is another process's socket: choose another path`,
  });
  await new Promise((resolve) => other.close(resolve));
  t.ok(statSync(path).isSocket());
  const server = createApiServer(options);
  await server.start();
  t.strictSame(await callDaemon(path, 'echo', {n: 1}, 5000), {n: 1});
  await server.stop();

  writeFileSync(path, 'precious');
  await t.rejects(createApiServer(options).start(), {message: /is there already and is no socket/});
  const long = join(dir, 'x'.repeat(100));
  await t.rejects(createApiServer({...options, path: long}).start(), {message: /at most 107 bytes/});
});

t.test('no daemon, no permission, another program: each has its words and exit code', async (t) => {
  const dir = mkdtempSync(join(folder, 'none-'));
  const path = join(dir, 'x.sock');
  await t.rejects(callDaemon(path, 'status', {}, 5000), {
    code: 5,
    message: /^no eip-health runs here: .*x\.sock does not exist/,
  });

  const listening = (onLine: (socket: Socket) => void): Promise<() => Promise<unknown>> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => onLine(socket));
    });
    return new Promise((resolve) =>
      server.listen(path, () => resolve(() => new Promise((closed) => server.close(closed)))),
    );
  };
  let close = await listening((socket) => socket.end('HTTP/1.1 400 Bad Request\n'));
  await t.rejects(callDaemon(path, 'status', {}, 5000), {
    code: 5,
    message: /answers, but not as eip-health does/,
  });
  await close();
  close = await listening((socket) => socket.end('{"ok":'));
  await t.rejects(callDaemon(path, 'status', {}, 5000), {
    code: 5,
    message: /closed the connection without an answer/,
  });
  await close();
  const open = new Set<Socket>();
  close = await listening((socket) => open.add(socket));
  await t.rejects(callDaemon(path, 'status', {}, 50), {code: 5, message: /did not answer within 0\.05 s/});
  for (const socket of open) socket.destroy();
  await close();
});

t.test('not permitted is exit code 4', async (t) => {
  const {path} = await setUp(t);
  chmodSync(path, 0);
  const root = process.getuid?.() === 0;
  // Root may do everything; connect(2) is called before callDaemon returns, so that being nobody is soon over.
  if (root) process.seteuid?.(65_534);
  const answer = callDaemon(path, 'echo', {}, 5000);
  if (root) process.seteuid?.(0);
  await t.rejects(answer, {code: 4, message: /^not permitted to use .*: run this as root, or as the user/});
});
