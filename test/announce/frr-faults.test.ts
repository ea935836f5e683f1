/** What the FRR announcer does while FRR does not do as it is told, or is not there. */

import t from 'tap';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {route} from '../fake/route.js';
import {newDesk} from './frr-harness.js';

const a = '10.1.1.1/32';
const b = '10.1.1.2/32';
const six = 'fd01::1/128';
const notStarted = {outcome: 'not-started', code: null, reason: 'no such file: /usr/bin/vtysh'} as const;

t.test('neither bgpd nor vtysh: said once, and all is well when bgpd comes', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.startBgpd();
  await bgpd.stop();
  bgpd.vtyshFault = notStarted;
  await desk.announcer.start();
  await desk.have([route(a)]);
  await desk.pass(60_000);
  t.same(desk.status(), [
    `${a} failed: bgpd does not run, or its socket is elsewhere: there is no DIR/bgpd.vty; /usr/bin/vtysh: no such file: /usr/bin/vtysh`,
  ]);
  t.equal(desk.events.length, 1);
  t.equal(desk.log.length, 2, desk.log.join('\n'));
  const next = await desk.startBgpd();
  await desk.pass(3_000);
  t.same(desk.status(), [`${a} announced`]);
  t.same(next.originated(), [a]);
});

t.test('a socket that may not be used: vtysh does it, and nothing is told twice', async (t) => {
  const desk = newDesk(t);
  // Answers as vtysh, and listens elsewhere.
  const bgpd = await desk.startBgpd({socket: `${desk.socket}.other`});
  await desk.announcer.start();
  await desk.have([route(a), route(six)]);
  t.same(desk.status(), [`${a} announced`, `${six} announced`]);
  bgpd.commands.length = 0;
  await desk.pass(9_000);
  const runs = bgpd.vtyshRuns;
  await desk.pass(60_000);
  t.ok(bgpd.vtyshRuns - runs <= 12, `${bgpd.vtyshRuns - runs} processes in a minute`);
  t.notOk(bgpd.commands.includes('configure terminal'));
  t.equal(desk.log.filter((line) => line.startsWith('warn')).length, 1, desk.log.join('\n'));
});

t.test('neither socket nor vtysh may be used: failed, and nobody says that it is gone', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  desk.linkFault = 'EACCES';
  bgpd.vtyshFault = {code: 1, stderr: 'Exiting: failed to connect to any daemons.\n'};
  bgpd.drop();
  await desk.quiet();
  await desk.have([route(b)]);
  await desk.pass(4_000);
  t.match(desk.status(), [
    /^10\.1\.1\.1\/32 withdraw-pending: no permission to use DIR\/bgpd\.vty: .*\(frrvty\); .*vtysh: Exiting/,
    /^10\.1\.1\.2\/32 failed: no permission to use/,
  ]);
  desk.linkFault = null;
  bgpd.vtyshFault = null;
  await desk.pass(4_000);
  t.same(bgpd.originated(), [b]);
  t.same(desk.status(), [`${b} announced`]);
});

t.test('the agent is killed in the middle: the next life ends where its own set is', async (t) => {
  // Every point between two commands of a change: a new route-map, a line of the operator that gives way.
  const networks = [`network ${b} route-map BGP1`];
  for (let after = 1; after <= 12; after++) {
    const desk = newDesk(t, {bgpd: {networks}, managed: (prefix) => prefix !== six});
    const bgpd = await desk.start();
    const {length} = bgpd.commands;
    bgpd.onCommand = () => {
      if (bgpd.commands.length === length + after) void desk.announcer.stop('keep');
    };
    desk.set([route(a, {med: 7}), route(b, {med: 9})]);
    await desk.quiet();
    bgpd.onCommand = () => undefined;
    const next = desk.newAnnouncer();
    t.teardown(() => next.stop('keep'));
    await next.start();
    next.set({items: [route(a, {med: 8})], adopt: new Set(), complete: true});
    await desk.quiet();
    await desk.pass(3_000);
    t.same(bgpd.originated(), [a], `killed after ${after} commands`);
    t.same([...bgpd.routeMaps.values()], [['set metric 8']], 'and nothing else of ours is left');
    t.same([...desk.newJournal().entries()], networks, "the operator's line is not forgotten");
    await desk.end();
  }
});

for (const dialect of ['frr', 'quagga'] as const) {
  t.test(`${dialect}: bgpd dies and comes back with what its configuration says`, async (t) => {
    const networks = [`network ${b} route-map BGP1`];
    const desk = newDesk(t, {bgpd: {dialect, networks}});
    const bgpd = await desk.start();
    await desk.have([route(a)]);
    await bgpd.stop();
    await desk.pass(1_000);
    t.match(desk.status(), [/^10\.1\.1\.1\/32 failed: (nothing listens at|bgpd does not run).*bgpd\.vty/]);
    t.ok(desk.events.some((event) => event.startsWith(`failed ${a}: `)));
    await desk.have([route(a), route(six)]);
    const next = await desk.startBgpd();
    await desk.pass(3_000);
    t.same(
      next.originated().toSorted(),
      [a, six],
      "and the operator's line of a service that is down is out again",
    );
    t.same(desk.status(), [`${a} announced`, `${six} announced`]);
    t.same(desk.events.slice(-3).toSorted(), [`installed ${a}`, `installed ${six}`, `removed ${b}`]);
  });
}

t.test('bgpd is back before its configuration is: no BGP is made, and the lines come with it', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  await bgpd.stop();
  const next = await desk.startBgpd({as: null});
  await desk.pass(2_000);
  t.match(desk.status(), [/failed: bgpd has no "router bgp"/]);
  next.as = '64699';
  await desk.pass(2_000);
  t.same(desk.status(), [`${a} announced`]);
  t.same(next.unknown, []);
});

t.test('bgpd hangs: the rest goes on, and what it does when it wakes up is put right', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  bgpd.hang();
  await desk.have([route(a), route(b)]);
  t.same(desk.status().at(-1), `${b} pending`, 'set has returned');
  await desk.pass(4_000);
  t.match(desk.status(), [/^10\.1\.1\.1\/32 failed: bgpd does not answer: no reply to /, /does not answer/]);
  const runs = bgpd.vtyshRuns;
  await desk.have([route(six)]);
  await desk.pass(20_000);
  t.equal(bgpd.vtyshRuns, runs, 'vtysh would hang as well');
  bgpd.wake();
  await desk.pass(10_000);
  t.same(bgpd.originated(), [six]);
  t.same(desk.status(), [`${six} announced`]);
  for (const gone of [a, b]) t.ok(desk.events.includes(`removed ${gone}`));
});

t.test('somebody holds the configuration of Quagga: tried again until it is free', async (t) => {
  const desk = newDesk(t, {bgpd: {dialect: 'quagga'}});
  const bgpd = await desk.start();
  const unlock = bgpd.lock();
  await desk.have([route(a)]);
  const reason = '"configure terminal" is refused: VTY configuration is locked by other VTY';
  t.same(desk.status(), [`${a} failed: ${reason}`]);
  t.same(bgpd.originated(), []);
  unlock();
  await desk.pass(30_000);
  t.same(desk.status(), [`${a} announced`]);
  const again = bgpd.lock();
  await desk.have([]);
  t.same(desk.status(), [`${a} withdraw-pending: ${reason}`]);
  again();
  await desk.pass(30_000);
  t.same(desk.status(), []);
});

t.test('a removal that FRR refuses is said, and tried again', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a), route(b)]);
  bgpd.refusals.set(new RegExp(`^no network ${a} `), '% Not now');
  await desk.have([]);
  await desk.pass(3_000);
  t.match(desk.status(), [/^10\.1\.1\.1\/32 withdraw-pending: "no network .*" is refused: Not now$/]);
  t.ok(desk.events.includes(`removed ${b}`));
  const {length} = bgpd.commands;
  await desk.pass(60_000);
  t.ok(bgpd.commands.length - length < 200, 'not again and again');
  bgpd.refusals.clear();
  await desk.pass(20_000);
  t.same(desk.status(), []);
});

t.test('a line that went by other hands is gone', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a), route(b)]);
  await desk.pass(2_000);
  bgpd.lines.delete(parsePrefix(a));
  await desk.have([route(b)]);
  await desk.pass(2_000);
  t.same(desk.status(), [`${b} announced`]);
  t.ok(desk.events.includes(`removed ${a}`));
});

t.test('bgpd ends: what goes down meanwhile is down', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a), route(b)]);
  await bgpd.stop();
  await desk.quiet();
  await desk.have([route(b)]);
  t.ok(desk.events.includes(`removed ${a}`), 'nobody waits for a bgpd that is gone');
  t.match(desk.status(), [/^10\.1\.1\.2\/32 failed: .*bgpd/]);
  await desk.startBgpd();
  await desk.pass(4_000);
  t.same(desk.status(), [`${b} announced`]);
});

t.test('changes while a batch is under way: the table ends where the desired set is', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  bgpd.lag = 2;
  for (let round = 0; round < 30; round++) {
    desk.set([a, b, six].filter((_, i) => (round >> i) % 2 === 0).map((prefix) => route(prefix)));
    await new Promise((resolve) => setImmediate(resolve));
    if (round % 5 === 4) desk.clock.advance(53);
  }
  await desk.have([route(b)]);
  t.same(bgpd.originated(), [b]);
  t.same(desk.status(), [`${b} announced`]);
});

t.test('stop: what cannot be withdrawn is said; nobody waits for a bgpd that is not there', async (t) => {
  const absent = newDesk(t);
  const gone = await absent.start();
  await absent.have([route(a)]);
  await gone.stop();
  await absent.quiet();
  await Promise.all([absent.announcer.stop('withdraw'), absent.quiet()]);
  t.ok(absent.clock.now() < 2_000);
  t.same(absent.status(), [], 'no bgpd announces nothing');
  t.notOk(absent.log.some((line) => line.startsWith('error')));

  const hanging = newDesk(t);
  const bgpd = await hanging.start();
  await hanging.have([route(a)]);
  bgpd.hang();
  const stopped = hanging.announcer.stop('withdraw');
  await hanging.pass(5_000);
  await stopped;
  t.match(
    hanging.log.at(-1),
    /^error: stopped, and FRR may still announce 10\.1\.1\.1\/32: bgpd does not answer/,
  );
  bgpd.wake();
});
