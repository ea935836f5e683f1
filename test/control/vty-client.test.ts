import t from 'tap';
import {VtyClient} from '../../agent/control/vty-client.js';
import type {TextStreamHandlers, UnixConnector} from '../../agent/io/text-stream.js';
import {FakeClock, settle} from '../fake/clock.js';

/** A client before streams that the test plays. */
function newLab(paths: readonly string[] = ['/run/frr/bgpd.vty']) {
  const clock = new FakeClock();
  const streams: {path: string; written: string; destroyed: boolean; handlers: TextStreamHandlers}[] = [];
  const said: string[] = [];
  const connect: UnixConnector = (path, handlers) => {
    const stream = {path, written: '', destroyed: false, handlers};
    streams.push(stream);
    return {
      write: (text) => {
        stream.written += text;
      },
      destroy: () => {
        stream.destroyed = true;
      },
    };
  };
  const client = new VtyClient({
    paths,
    connect,
    clock,
    random: () => 1,
    onUp: (path) => said.push(`up ${path}`),
    onDown: (reason) => said.push(reason),
  });
  client.start();
  const last = () => {
    const stream = streams.at(-1);
    if (!stream) throw new Error('nothing was connected');
    return stream;
  };
  const greet = async () => {
    last().handlers.opened();
    last().handlers.data('\0\0\0\0');
    await settle();
  };
  return {client, clock, streams, said, last, greet};
}

t.test('it is up once it may change things; answers go to their batches, in order', async (t) => {
  const {client, said, last} = newLab();
  await t.rejects(client.ask(['show version']), {message: 'not connected yet'});
  last().handlers.opened();
  t.equal(last().written, 'enable\0');
  t.same(said, []);
  last().handlers.data('\0\0\0\0');
  await settle();
  t.same(said, ['up /run/frr/bgpd.vty']);
  t.equal(client.downReason, null);
  const first = client.ask(['a', 'b']);
  const second = client.ask(['c']);
  await settle();
  t.equal(last().written, 'enable\0a\0b\0', 'one batch at a time');
  last().handlers.data('one\0\0\0\0two\n\0\0');
  last().handlers.data('\0\u0002three\0\0\0\0');
  t.same(await first, [
    {command: 'a', text: 'one', status: 0},
    {command: 'b', text: 'two\n', status: 2},
  ]);
  t.same(await second, [{command: 'c', text: 'three', status: 0}]);
  t.same(await client.ask([]), []);
  await t.rejects(client.ask(['ok', 'write memory\nreload']), /control characters/);
  t.equal(last().written, 'enable\0a\0b\0c\0');
  client.stop();
});

t.test('why there is none, by what the system says', async (t) => {
  const cases: readonly (readonly [string | null, RegExp, boolean])[] = [
    ['ENOENT', /^bgpd does not run, or its socket is elsewhere: there is no \/run\/frr\/bgpd\.vty$/, true],
    ['ECONNREFUSED', /^nothing listens at \/run\/frr\/bgpd\.vty: bgpd does not run$/, true],
    [
      'EACCES',
      /^no permission to use .*: the user of eip-health must be in the group that owns it \(frrvty\)$/,
      false,
    ],
    ['EAGAIN', /too many connections wait/, false],
    [null, /^bgpd ended the connection to .* at once$/, false],
    ['EMFILE', /^cannot connect to .*: EMFILE$/, false],
  ];
  for (const [code, reason, isAbsent] of cases) {
    const {client, said, last} = newLab();
    last().handlers.closed(code);
    t.match(said, [reason]);
    t.match(client.downReason, reason);
    t.equal(client.isAbsent, isAbsent, String(code));
    t.notOk(client.isHanging);
    client.stop();
  }
});

t.test('attempts come at a growing pace, and at once by another path where there is no file', async (t) => {
  const {client, clock, streams, last, greet, said} = newLab(['/run/frr/bgpd.vty', '/run/quagga/bgpd.vty']);
  for (let n = 0; n < 12; n++) {
    last().handlers.closed('ENOENT');
    clock.advance(2_000);
  }
  t.same(
    streams.slice(0, 3).map(({path}) => path),
    ['/run/frr/bgpd.vty', '/run/quagga/bgpd.vty', '/run/frr/bgpd.vty'],
  );
  t.same(
    [...new Set(said)],
    ['bgpd does not run, or its socket is elsewhere: there is no /run/frr/bgpd.vty, no /run/quagga/bgpd.vty'],
  );
  const {path} = last();
  last().handlers.closed('EACCES');
  clock.advance(2_000);
  t.equal(last().path, path, 'one that is there is the right one');
  await greet();
  last().handlers.closed(null);
  const before = streams.length;
  clock.advance(49);
  t.equal(streams.length, before);
  clock.advance(1);
  t.equal(streams.length, before + 1, 'after 50 ms, because it had been up');
  client.stop();
});

t.test('an answer that is overdue ends the connection and everything that waits', async (t) => {
  const {client, clock, said, last, greet} = newLab();
  await greet();
  const asked = Promise.allSettled([client.ask(['show version', 'show bgp']), client.ask(['c'])]);
  await settle();
  clock.advance(2_000);
  last().handlers.data('8.4.4\0\0\0\0');
  clock.advance(2_999);
  t.equal(client.downReason, null, 'each answer has its own time');
  clock.advance(1);
  const reason = 'bgpd does not answer: no reply to "show bgp" within 3s';
  t.same(
    (await asked).map((result) => result.status === 'rejected' && result.reason.message),
    [reason, reason],
  );
  t.equal(said.at(-1), reason);
  t.ok(client.isHanging);
  t.ok(last().destroyed);
  clock.advance(50);
  await greet();
  t.notOk(client.isHanging);
  client.stop();
  await t.rejects(client.ask(['x']), /stopped/);
});

t.test('what is no bgpd is given up', async (t) => {
  const {client, said, last, greet} = newLab();
  await greet();
  last().handlers.data('hello\0\0\0\0');
  t.match(said.at(-1), /does not speak as bgpd does: an answer that nothing was asked for/);
  client.stop();
});
