import {chmodSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {BirdClient} from '../../agent/control/bird-client.js';
import type {BirdReply} from '../../agent/control/bird-protocol.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {FakeBird} from '../fake/bird.js';
import {FakeClock, settle} from '../fake/clock.js';

class Desk {
  readonly clock = new FakeClock();
  readonly folder: string;
  readonly socket: string;
  readonly ups: string[] = [];
  readonly downs: string[] = [];
  readonly said: string[] = [];
  readonly client: BirdClient;
  bird: FakeBird | null = null;

  constructor(t: Test) {
    this.folder = mkdtempSync(join(tmpdir(), 'eip-bird-'));
    this.socket = join(this.folder, 'bird.ctl');
    this.client = new BirdClient({
      path: this.socket,
      connect: connectUnix,
      clock: this.clock,
      random: () => 1,
      onUp: ({text}) => this.ups.push(text),
      onDown: (reason) => this.downs.push(reason.replaceAll(this.folder, 'DIR')),
      onSpontaneous: (text) => this.said.push(text),
    });
    t.teardown(async () => {
      this.client.stop();
      await this.bird?.stop();
      rmSync(this.folder, {recursive: true});
    });
  }

  async startBird(version = '2.0.12'): Promise<FakeBird> {
    this.bird = await FakeBird.start({version, socket: this.socket});
    return this.bird;
  }

  async up(): Promise<void> {
    this.client.start();
    await until(() => this.ups.length > 0);
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await settle();
}

t.test('commands are answered one after the other, over one connection', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  t.same(desk.ups, ['2.0.12']);
  t.match(desk.client.version, {major: 2, minor: 0});
  t.equal(desk.client.downReason, null);
  const replies = await Promise.all([
    desk.client.ask('show status'),
    desk.client.ask('configure check'),
    desk.client.ask('show protocols'),
  ]);
  t.same(
    replies.map(({code}) => code),
    [13, 20, 0],
  );
  t.same(bird.commands, ['show status', 'configure check', 'show protocols']);
  t.equal(bird.clients, 1);
  t.equal(desk.clock.pending, 0, 'no timer is left');
});

t.test('a command that would be two is not sent', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  await t.rejects(desk.client.ask('show status\ndown'), {message: /control characters/});
  await desk.client.ask('show status');
  t.same(bird.commands, ['show status']);
});

t.test('no socket: said so, tried again ever more seldom, and found when it comes', async (t) => {
  const desk = new Desk(t);
  desk.client.start();
  await until(() => desk.downs.length === 1);
  t.match(
    desk.downs[0],
    'DIR/bird.ctl does not exist: BIRD does not run, or its control socket is elsewhere',
  );
  t.ok(desk.client.isAbsent);
  await t.rejects(desk.client.ask('show status'), {message: /does not exist/});
  const waits: (number | null)[] = [];
  for (let n = 2; n <= 9; n++) {
    waits.push(desk.clock.nextIn);
    desk.clock.advance(desk.clock.nextIn ?? 0);
    await until(() => desk.downs.length === n);
  }
  t.same(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
  await desk.startBird('3.0.1');
  desk.clock.advance(2000);
  await until(() => desk.ups.length === 1);
  t.same(desk.ups, ['3.0.1']);
  t.notOk(desk.client.isAbsent);
});

t.test('a socket that nobody listens at', async (t) => {
  const desk = new Desk(t);
  writeFileSync(desk.socket, '');
  desk.client.start();
  await until(() => desk.downs.length === 1);
  t.same(desk.downs, ['nothing listens at DIR/bird.ctl: BIRD does not run']);
  t.ok(desk.client.isAbsent);
});

t.test(
  'a socket without permission',
  {skip: process.getuid?.() !== 0 && 'needs root, to be somebody else'},
  async (t) => {
    const desk = new Desk(t);
    await desk.startBird();
    chmodSync(desk.folder, 0o755);
    chmodSync(desk.socket, 0o600);
    process.seteuid?.(65534);
    t.teardown(() => process.seteuid?.(0));
    desk.client.start();
    await until(() => desk.downs.length === 1);
    process.seteuid?.(0);
    t.same(desk.downs, [
      'no permission to use DIR/bird.ctl: the user of eip-health must be in the group that owns it',
    ]);
    t.notOk(desk.client.isAbsent, 'there may be a BIRD');
  },
);

t.test('an end in the middle of a command, and the return', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  bird.hang();
  const answers = [desk.client.ask('show status'), desk.client.ask('show protocols')];
  const failed = Promise.all(
    answers.map((answer) => t.rejects(answer, {message: /BIRD ended the connection/})),
  );
  await bird.stop();
  await failed;
  t.same(desk.downs, ['BIRD ended the connection to DIR/bird.ctl']);
  await desk.startBird('2.14');
  desk.clock.advance(50);
  await until(() => desk.ups.length === 2);
  t.equal((await desk.client.ask('show status')).code, 13);
});

t.test('an answer that is overdue ends the connection; its late arrival disturbs nothing', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  bird.hang();
  const late = desk.client.ask('show status');
  const waiting = desk.client.ask('configure', 10_000);
  const rejected = Promise.all([
    t.rejects(late, {message: 'BIRD does not answer: no reply to "show status" within 3s'}),
    t.rejects(waiting, {message: /no reply to "show status"/}),
  ]);
  desk.clock.advance(2999);
  t.same(desk.downs, []);
  desk.clock.advance(1);
  await rejected;
  desk.clock.advance(50);
  await settle();
  desk.clock.advance(3000);
  t.same(desk.downs.slice(1), ['BIRD does not answer: no greeting within 3s']);
  bird.resume();
  desk.clock.advance(100);
  await until(() => desk.ups.length === 2);
  t.equal((await desk.client.ask('show protocols')).code, 0);
  t.notOk(bird.commands.includes('configure'), 'what waited behind it was never sent');
});

t.test('something else than BIRD at the socket', async (t) => {
  for (const [greeting, reason] of [
    [
      'HTTP/1.1 400 Bad Request\n',
      /does not speak as BIRD does: "HTTP\/1.1 400 Bad Request" is no line of a reply/,
    ],
    ['0001 Quagga ready.\n', /does not speak as BIRD does: its greeting is "Quagga ready."/],
    ['x'.repeat(20_000), /does not speak as BIRD does: a line without an end/],
    ['', /BIRD ended the connection to DIR\/bird.ctl at once/],
  ] as const) {
    const desk = new Desk(t);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(greeting);
    });
    await new Promise<void>((resolve) => server.listen(desk.socket, resolve));
    desk.client.start();
    await until(() => desk.downs.length === 1);
    t.match(desk.downs[0], reason);
    t.same(desk.ups, []);
    server.close();
  }
});

t.test('an answer that nothing was asked for ends the connection', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  bird.say('0000 \n');
  await until(() => desk.downs.length === 1);
  t.match(desk.downs[0], /an answer that nothing was asked for/);
});

t.test('a restricted socket is recognised, announced or found out', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  t.notOk(desk.client.isRestricted);
  bird.isRestricted = true;
  const reply: BirdReply = await desk.client.ask('configure');
  t.same([reply.code, reply.text], [8007, 'Access denied']);
  t.ok(desk.client.isRestricted);

  const told = new Desk(t);
  const other = await told.startBird();
  await told.up();
  other.say('0016 Access restricted\n');
  await until(() => told.client.isRestricted);
  t.same(told.downs, []);
});

t.test('what BIRD says by itself is handed on', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  bird.say('+Config timeout expired, starting undo\n');
  await until(() => desk.said.length === 1);
  t.same(desk.said, ['Config timeout expired, starting undo']);
  t.equal((await desk.client.ask('show status')).code, 13);
});

t.test('after stop nothing is tried any more', async (t) => {
  const desk = new Desk(t);
  const bird = await desk.startBird();
  await desk.up();
  bird.hang();
  const open = t.rejects(desk.client.ask('show status'), {message: 'stopped'});
  desk.client.stop();
  await open;
  t.equal(desk.clock.pending, 0);
  t.same(desk.downs, []);
});
