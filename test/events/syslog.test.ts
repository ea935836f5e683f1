import t from 'tap';
import {parseTarget, type SyslogConfig} from '../../agent/config/syslog.js';
import {createLog} from '../../agent/events/log.js';
import {createSyslog, maxQueuedBytes} from '../../agent/events/syslog.js';
import type {LogConnection, LogConnector, LogSocket} from '../../agent/io/log-socket.js';
import {FakeClock} from '../fake/clock.js';
import {FakeOutput} from '../fake/output.js';

/** A server that takes what it has room for. */
class FakeServer {
  readonly received: string[] = [];
  readonly attempts: LogConnection[] = [];
  room = Number.POSITIVE_INFINITY;
  closed = 0;

  readonly connect: LogConnector = (connection): LogSocket => {
    this.attempts.push(connection);
    return {
      send: (message) => {
        if (this.room === 0) return false;
        this.room -= 1;
        this.received.push(Buffer.from(message).toString());
        return true;
      },
      close: () => {
        this.closed += 1;
      },
    };
  };

  get handlers() {
    const last = this.attempts.at(-1);
    if (!last) throw new Error('nobody has connected');
    return last.handlers;
  }
}

const config: SyslogConfig = {
  target: parseTarget('tcp://192.0.2.1:601') ?? {kind: 'unix', path: '/dev/log'},
  format: 'rfc5424',
  facility: 'daemon',
  tag: 'eip-health',
};

function line(msg: string): string {
  return `${JSON.stringify({level: 'info', time: '2026-01-01T00:00:00.000Z', msg})}\n`;
}

function setUp() {
  const clock = new FakeClock();
  const server = new FakeServer();
  const said: string[] = [];
  const syslog = createSyslog({
    config,
    origin: {hostname: 'lb1', pid: 1},
    connect: server.connect,
    clock,
    report: (level, message) => {
      said.push(`${level} ${message}`);
      syslog.write(line(message));
    },
  });
  return {clock, server, said, syslog};
}

t.test('what is said before the connection is there waits for it, in order', async (t) => {
  const {server, syslog, said, clock} = setUp();
  syslog.write(line('one'));
  syslog.write(line('two'));
  t.same(server.received, []);
  server.handlers.opened();
  syslog.write(line('three'));
  t.same(
    server.received.map((text) => text.split(' ').at(-1)),
    ['one', 'two', 'three'],
  );
  clock.advance(60_000);
  t.same(said, [], 'nothing to report');
});

t.test('a dead server: tried again and again, told once, and what was lost once it is back', async (t) => {
  const {server, syslog, said, clock} = setUp();
  server.handlers.closed('connect ECONNREFUSED', 0);
  t.same(said, [], 'one failure is no news');
  clock.advance(100);
  t.equal(server.attempts.length, 2);
  t.same(
    server.attempts.map(({isRetry}) => isRetry),
    [false, true],
  );
  server.handlers.closed('connect ECONNREFUSED', 0);
  t.same(said, ['warn system log tcp://192.0.2.1:601: connect ECONNREFUSED: messages wait']);
  for (let i = 0; i < 20; i++) {
    clock.advance(clock.nextIn ?? 0);
    server.handlers.closed('connect ECONNREFUSED', 0);
  }
  t.equal(said.length, 1, 'told once');
  t.equal(clock.nextIn, 10_000, 'the wait has a limit');

  const text = 'x'.repeat(1000);
  for (let i = 0; i < 2000; i++) syslog.write(line(`${i} ${text}`));
  clock.advance(10_000);
  t.equal(server.attempts.at(-1)?.isRetry, true);
  server.handlers.opened();
  const kept = server.received.length - 1;
  const bytes = server.received.reduce((sum, message) => sum + message.length, 0);
  t.ok(bytes <= maxQueuedBytes && bytes > maxQueuedBytes - 2000, `${bytes} bytes were kept`);
  t.match(server.received[kept], `${kept - 1} x`, 'the oldest are kept, without a gap');
  clock.advance(1000);
  t.same(said.slice(1), [`warn system log tcp://192.0.2.1:601: is back, ${2000 - kept} messages lost`]);
  t.match(server.received.at(-1), `is back, ${2000 - kept} messages lost`, 'the server hears it, too');
  clock.advance(60_000);
  t.equal(said.length, 2);
});

t.test('a server that ends idle connections, but comes back, is no news', async (t) => {
  const {server, said, syslog, clock} = setUp();
  for (let i = 0; i < 5; i++) {
    server.handlers.opened();
    clock.advance(60_000);
    server.handlers.closed('the connection was closed', 0);
    clock.advance(100);
    t.equal(server.attempts.length, i + 2);
  }
  t.same(said, []);
  server.handlers.opened();
  clock.advance(1000);
  server.handlers.closed('the connection was closed', 1);
  clock.advance(100);
  server.handlers.opened();
  clock.advance(1000);
  t.same(said, ['warn system log tcp://192.0.2.1:601: 1 message lost']);
  syslog.write(line('on'));
  t.match(server.received.at(-1), / on$/);
});

t.test('a server that takes connections and drops them does not become a storm', async (t) => {
  const {server, said, clock} = setUp();
  for (let i = 0; i < 50; i++) {
    server.handlers.opened();
    server.handlers.closed('the connection was closed', 0);
    clock.advance(clock.nextIn ?? 0);
  }
  t.equal(said.length, 1);
  t.ok(clock.now() > 400_000, 'slower and slower');
});

t.test('a slow server: nothing is sent without room, and the order stays', async (t) => {
  const {server, syslog, said, clock} = setUp();
  server.handlers.opened();
  server.room = 1;
  for (const text of ['one', 'two', 'three']) syslog.write(line(text));
  t.equal(server.received.length, 1);
  server.room = 1;
  server.handlers.ready();
  t.equal(server.received.length, 2);
  server.room = 9;
  server.handlers.ready();
  t.same(
    server.received.map((text) => text.split(' ').at(-1)),
    ['one', 'two', 'three'],
  );
  server.room = 0;
  for (let i = 0; i < 2000; i++) syslog.write(line('x'.repeat(1000)));
  clock.advance(5000);
  t.same(said, [], 'not before there is room again');
  server.room = Number.POSITIVE_INFINITY;
  server.handlers.ready();
  t.match(said, [/^warn system log tcp:\/\/192\.0\.2\.1:601: \d+ messages lost$/]);
});

t.test('closing waits for what waits, but not for long, and not for the dead', async (t) => {
  const {server, syslog, clock} = setUp();
  syslog.write(line('last words'));
  let isClosed = false;
  const closing = syslog.close(1000).then(() => {
    isClosed = true;
  });
  await clock.run(500);
  t.notOk(isClosed);
  server.handlers.opened();
  await closing;
  t.equal(server.received.length, 1);
  t.equal(server.closed, 1);
  t.equal(clock.pending, 0);

  const silent = setUp();
  silent.syslog.write(line('last words'));
  const patient = silent.syslog.close(1000);
  silent.clock.advance(1000);
  await patient;
  t.equal(silent.clock.pending, 0);

  const dead = setUp();
  dead.server.handlers.closed('connect ECONNREFUSED', 0);
  dead.syslog.write(line('last words'));
  await dead.syslog.close(1000);
  t.equal(dead.clock.pending, 0);
  t.equal(dead.server.attempts.length, 1);
});

t.test('the log writes to it, changes it live, and keeps it when nothing about it changed', async (t) => {
  const clock = new FakeClock();
  const server = new FakeServer();
  const output = new FakeOutput();
  const log = createLog({
    config: {level: 'info', format: 'json', syslog: config},
    output,
    clock,
    color: false,
    priorities: true,
    connectSyslog: server.connect,
  });
  const say = (message: string) => {
    log.sink({kind: 'note', level: 'warn', message, fields: {}});
    clock.advance(5);
  };
  server.handlers.opened();
  say('one');
  t.match(server.received[0], /^<28>1 2026-01-01T00:00:00\.000Z .* one$/);
  t.match(output.lines[0], /^<4>\{"level":"warn"/);
  log.configure({level: 'info', format: 'json', syslog: {...config}});
  t.equal(server.attempts.length, 1);
  log.configure({level: 'info', format: 'json', syslog: {...config, facility: 'local0'}});
  t.equal(server.attempts.length, 2);
  server.handlers.opened();
  say('two');
  t.match(server.received[1], /^<132>1 .* two$/);
  log.configure({level: 'info', format: 'json', syslog: null});
  say('three');
  t.equal(server.received.length, 2);
  t.equal(output.lines.length, 3, 'the output has them all');
  await log.close(1000);
});
