/** What the BIRD announcer does when something does not do as it is told. It always ends in the desired set. */

import {mkdirSync, rmSync} from 'node:fs';
import t from 'tap';
import type {ServiceName} from '../../agent/types.js';
import {route} from '../fake/route.js';
import {newDesk} from './bird-harness.js';

const a = '10.1.1.1/32';
const b = '10.1.1.2/32';
const direct = {routes: [a, b]};
const noBird = 'DIR/bird.ctl does not exist: BIRD does not run, or its control socket is elsewhere';

t.test('BIRD is absent at the start: its file is right when it comes', async (t) => {
  const desk = newDesk(t, {bird: direct});
  await desk.announcer.start();
  await desk.have([route(a)]);
  t.same(desk.events, [`failed ${a}: ${noBird}`]);
  t.same(desk.status(), [`${a} failed: ${noBird}`]);
  t.match(desk.read(), /10\.1\.1\.1\/32\n/);
  await desk.pass(20_000);
  t.same(desk.log, [`warn: ${noBird}`, `failed ${a}: ${noBird}`], 'said once, not with every attempt');
  const bird = await desk.startBird();
  t.same(bird.exported(), [a], 'BIRD announces it by itself');
  await desk.pass(2_000);
  t.same(desk.events.slice(1), [`installed ${a}`]);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('BIRD dies and returns in the middle', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const first = await desk.start();
  await desk.have([route(a)]);
  await first.stop();
  await desk.quiet();
  t.match(desk.status(), [/^10\.1\.1\.1\/32 failed: /]);
  await desk.have([route(b)]);
  t.match(desk.events, [`removed ${a}`, /^failed 10\.1\.1\.2\/32: /], 'no BIRD announces nothing');
  t.match(desk.status(), [/^10\.1\.1\.2\/32 failed: /]);
  const second = await desk.startBird();
  t.same(second.exported(), [b], 'what it finds when it starts is right already');
  await desk.pass(2_000);
  t.ok(desk.events.includes(`installed ${b}`));
  t.same(desk.status(), [`${b} announced`]);
});

t.test('BIRD dies while it configures', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const first = await desk.start();
  first.hang();
  desk.set([route(a)]);
  await desk.quiet();
  await first.stop();
  await desk.quiet();
  const second = await desk.startBird();
  await desk.pass(2_000);
  t.same(second.exported(), [a]);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('BIRD hangs: nothing waits for it, and it is brought up to date when it goes on', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  bird.hang();
  desk.set([route(b)]);
  await desk.pass(9_000);
  t.same(desk.events, [], 'nothing is known yet');
  t.same(desk.status(), [`${a} withdraw-pending`, `${b} pending`]);
  await desk.pass(2_000);
  t.match(desk.status(), [
    /^10\.1\.1\.1\/32 withdraw-pending: BIRD does not answer: no reply to "configure check" within 10s/,
    /^10\.1\.1\.2\/32 failed: BIRD does not answer/,
  ]);
  await desk.have([]);
  t.match(desk.read(), /10\.189\.200\.255/, 'the file is right, should it be restarted now');
  await desk.have([route(b)]);
  await desk.pass(20_000);
  bird.resume();
  await desk.pass(6_000);
  t.same(bird.exported(), [b]);
  t.same(desk.status(), [`${b} announced`]);
  t.ok(desk.events.includes(`installed ${b}`));
});

t.test('BIRD refuses its configuration, for a reason that is not ours', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  bird.refuse = '/etc/bird/bird.conf:7:1 syntax error, unexpected CF_SYM_UNDEFINED';
  await desk.have([route(b)]);
  const why = `BIRD refuses its configuration: configuration file error: ${bird.refuse}`;
  t.same(desk.status(), [`${a} withdraw-pending: ${why}`, `${b} failed: ${why}`]);
  t.same(bird.exported(), [a]);
  t.match(desk.read(), /10\.1\.1\.2\/32\n/, 'the operator who mends it gets what is wanted now');
  await desk.pass(60_000);
  const tries = bird.commands.filter((line) => line === 'configure check').length;
  t.ok(tries > 8 && tries < 40, `tried ever more seldom: ${tries} checks in a minute`);
  t.equal(desk.events.length, 2, 'said once');
  bird.refuse = null;
  await desk.pass(30_000);
  t.same(bird.exported(), [b]);
  t.same(desk.status(), [`${b} announced`]);
  t.same(desk.events.slice(2), [`removed ${a}`, `installed ${b}`]);
});

t.test('a text that BIRD refuses does not stay in its way', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const before = `define ACAST_PS_ADVERTISE = [ ${b} ];\ndefine ACAST6_PS_ADVERTISE = [ 2001:db8::1/128 ];\ndefine OTHERS = [ 10.5.5.5/32 ];\n`;
  desk.write('anycast.conf', before);
  const names = ['ACAST_PS_ADVERTISE', 'ACAST6_PS_ADVERTISE', 'OTHERS'];
  const bird = await desk.startBird({includes: [{form: 'define', path: desk.path('anycast.conf'), names}]});
  await desk.announcer.start();
  await desk.have([route(a)], {complete: true});
  t.match(desk.status(), [
    /^10\.1\.1\.1\/32 failed: BIRD refuses what DIR\/anycast\.conf is to say: .*CF_SYM_UNDEFINED; it says what it did before$/,
    /^10\.1\.1\.2\/32 withdraw-pending/,
  ]);
  t.equal(desk.read(), before, 'a restart of BIRD finds what it can read');
  t.same(bird.exported(), [b]);
  await desk.pass(60_000);
  t.equal(desk.read(), before);
});

t.test('a socket without permission: BIRD goes on as it is, and that is said', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  desk.linkFault = 'EACCES';
  bird.drop();
  await desk.quiet();
  await desk.have([route(b)]);
  await desk.pass(10_000);
  const why = 'no permission to use DIR/bird.ctl: the user of eip-health must be in the group that owns it';
  t.same(desk.status(), [`${a} withdraw-pending: ${why}`, `${b} failed: ${why}`], 'there may be a BIRD');
  t.equal(desk.log.filter((line) => line === `warn: ${why}`).length, 1);
  t.match(desk.read(), /10\.1\.1\.2\/32\n/, 'what a BIRD that starts reads is right');
  desk.linkFault = null;
  await desk.pass(3_000);
  t.same(bird.exported(), [b]);
  t.same(desk.status(), [`${b} announced`]);

  desk.linkFault = 'EACCES';
  bird.drop();
  await desk.quiet();
  await desk.stopping('withdraw');
  t.match(
    desk.log.at(-1),
    /^error: stopped, and BIRD may still announce 10\.1\.1\.2\/32: no permission to use/,
  );
});

t.test('a socket that lets nobody change anything', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  bird.isRestricted = true;
  await desk.have([route(a)]);
  const why = 'BIRD denies it: the control socket is restricted to commands that change nothing';
  t.same(desk.status(), [`${a} failed: ${why}`]);
  bird.isRestricted = false;
  await desk.pass(1_000);
  t.same(desk.status(), [`${a} announced`]);

  const switches = newDesk(t, {config: {form: 'protocol', file: null}, bird: {protocols: {web_vip: [a]}}});
  const other = await switches.start();
  other.isRestricted = true;
  await switches.have([]);
  t.same(switches.log.slice(-1), [`warn: ${why}`], 'said although no prefix shows it');
  other.isRestricted = false;
  await switches.pass(1_000);
  t.same(other.exported(), []);
});

t.test('no folder for the file, no room, no permission', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  rmSync(desk.path('anycast.conf'));
  const {changes} = bird;
  for (const [fault, reason] of [
    ['ENOENT: no such file or directory', 'cannot write DIR/anycast.conf: its folder does not exist'],
    ['EACCES: permission denied', 'cannot write DIR/anycast.conf: no permission to make files in its folder'],
    ['ENOSPC: no space left on device', 'cannot write DIR/anycast.conf: ENOSPC: no space left on device'],
  ] as const) {
    desk.diskFault = fault;
    await desk.have([route(b)]);
    t.same(desk.status(), [`${a} withdraw-pending: ${reason}`, `${b} failed: ${reason}`]);
    t.equal(bird.changes, changes, 'BIRD is not made to read a file that is not there');
    await desk.have([route(a)]);
  }
  await desk.pass(30_000);
  desk.diskFault = null;
  await desk.pass(30_000);
  t.same(bird.exported(), [a]);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('a folder that comes later, on the real disk', async (t) => {
  const outer = newDesk(t);
  const folder = outer.path('etc');
  const file = `${folder}/anycast.conf`;
  const desk = newDesk(t, {config: {file}, bird: direct});
  await desk.announcer.start();
  await desk.have([route(a)]);
  t.match(desk.status(), [/its folder does not exist/]);
  mkdirSync(folder);
  await desk.pass(30_000);
  const bird = await desk.startBird();
  t.same(bird.exported(), [a], 'written without waiting for a BIRD');
});

t.test('two changes during one configuration', async (t) => {
  for (const version of ['2.0.12', '3.0.1']) {
    const desk = newDesk(t, {version, bird: direct});
    const bird = await desk.start();
    bird.progress = 5;
    desk.set([route(a)]);
    await desk.during(() => bird.changes > 0);
    desk.announcer.set({items: [route(a), route(b)], adopt: new Set(), complete: true});
    await desk.during(() => bird.changes > 1);
    desk.announcer.set({items: [route(b)], adopt: new Set(), complete: true});
    await desk.quiet();
    t.same(bird.exported(), [b], version);
    t.same(desk.status(), [`${b} announced`], version);
    t.same(desk.events.toSorted(), [`installed ${b}`, `removed ${a}`], 'nothing is told that was not so');
  }
});

t.test('BIRD takes back a configuration that was not confirmed in time', async (t) => {
  const desk = newDesk(t, {config: {confirmTimeoutMs: 5_000}, bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  const {changes} = bird;
  bird.undo();
  t.same(bird.exported(), [a], 'nothing to undo: it was confirmed');
  await desk.quiet();
  bird.loseConfirmation = true;
  desk.set([route(b)]);
  await desk.quiet();
  t.match(desk.status(), [/^10\.1\.1\.1\/32 withdraw-pending: BIRD has taken the configuration back/, /./]);
  bird.loseConfirmation = false;
  await desk.pass(1_000);
  t.same(bird.exported(), [b]);
  t.ok(bird.changes > changes);
});

t.test('the agent is killed between writing the file and configuring', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a), route(b)]);
  desk.afterWrite = () => void desk.announcer.stop('keep');
  desk.set([route(b)]);
  await desk.quiet();
  desk.afterWrite = () => undefined;
  t.notMatch(desk.read(), /10\.1\.1\.1/, 'the file is new');
  t.same(bird.exported(), [a, b], 'BIRD has not read it');
  const next = desk.newAnnouncer();
  t.teardown(() => next.stop('keep'));
  await next.start();
  next.set({items: [route(b)], adopt: new Set(), complete: true});
  await desk.quiet();
  t.same(bird.exported(), [b], 'the next life does not take the file for the truth');
});

t.test('no session is established: announced with the first one, and no failure meanwhile', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  bird.sessions.set('uplink', 'Active        Socket: No route to host');
  await desk.have([route(a)]);
  await desk.pass(20_000);
  t.same(desk.events, [`installed ${a}`], 'BIRD goes by it');
  t.same(desk.status(), [
    `${a} peer-down: no BGP session of BIRD is established: uplink Active Socket: No route to host`,
  ]);
  await desk.have([]);
  t.same(desk.events, [`removed ${a}`]);
  await desk.have([route(a)]);
  bird.sessions.set('uplink', 'Established');
  await desk.pass(10_000);
  t.same(desk.events, [`installed ${a}`]);
  bird.sessions.set('uplink', 'Connect');
  await desk.pass(10_000);
  t.match(desk.status(), [/peer-down/]);
  t.match(desk.log.at(-1), /^failed 10\.1\.1\.1\/32: no BGP session of BIRD is established: uplink Connect/);
  bird.sessions.set('uplink', 'Established');
  bird.sessions.set('second', 'Idle');
  await desk.pass(10_000);
  t.same(desk.status(), [`${a} announced`], 'one session is enough');
  bird.sessions.clear();
  await desk.pass(10_000);
  t.same(desk.status(), [`${a} peer-down: BIRD has no BGP protocol`]);
});

t.test('BIRD has no such route, and then it has', async (t) => {
  const desk = newDesk(t, {bird: {routes: []}});
  const bird = await desk.start();
  desk.set([route(a)]);
  await desk.quiet();
  await desk.pass(1_100);
  const why = 'BIRD has no such route: a "protocol direct", or a "protocol kernel" that learns, must give it';
  t.same(desk.events, [`failed ${a}: ${why}`]);
  t.same(desk.status(), [`${a} failed: ${why}`]);
  const {changes} = bird;
  bird.routes.add(route(a).prefix);
  await desk.pass(10_000);
  t.same(desk.status(), [`${a} announced`]);
  t.equal(bird.changes, changes, 'nothing that configuring could have changed');
});

t.test('the filters of BIRD do not let it out, or let out what is not wanted', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  bird.filters = 'reject';
  await desk.have([route(a)]);
  await desk.pass(1_100);
  t.same(desk.status(), [`${a} failed: the filters of BIRD do not let it out to uplink`]);
  bird.filters = 'accept';
  await desk.pass(10_000);
  t.same(desk.status(), [`${a} announced`]);
  await desk.have([]);
  await desk.pass(1_100);
  t.match(desk.status(), [
    /^10\.1\.1\.1\/32 withdraw-pending: BIRD still exports it to one of uplink: something else in its configuration lets it out/,
  ]);
  t.equal(desk.events.filter((event) => event.startsWith('removed')).length, 0);
  bird.filters = 'as included';
  await desk.pass(10_000);
  t.same(desk.status(), []);
  t.same(desk.events.slice(-1), [`removed ${a}`]);
});

t.test('a route that is lost is sent again, and said so', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a), route(b)]);
  await desk.pass(5_000);
  const {changes} = bird;
  desk.write('anycast.conf', `define ACAST_PS_ADVERTISE = [ ${b} ];\ndefine ACAST6_PS_ADVERTISE = [];\n`);
  bird.reconfigure();
  t.same(bird.exported(), [b]);
  await desk.pass(10_000);
  t.same(bird.exported(), [a, b]);
  t.match(desk.log.join('\n'), /warn: DIR\/anycast\.conf was changed by something else: doing it again/);
  t.equal(bird.changes, changes + 1);
  rmSync(desk.path('anycast.conf'));
  await desk.pass(10_000);
  t.match(desk.read(), /10\.1\.1\.1\/32/, 'also when it was only removed, and BIRD has not noticed');
  bird.forget();
  await desk.pass(10_000);
  t.match(desk.log.join('\n'), /warn: BIRD does not export 2 prefixes: telling it again/);
  t.same(bird.exported(), [a, b], 'also when only BIRD went by something else');
  t.same(desk.status(), [`${a} announced`, `${b} announced`]);
});

t.test('a long look holds up no change', async (t) => {
  const routes = Array.from({length: 300}, (_, i) => `10.2.${i >> 7}.${i & 127}/32`);
  const desk = newDesk(t, {bird: {routes}});
  const bird = await desk.start();
  await desk.have(routes.map((prefix) => route(prefix)));
  await desk.pass(5_000);
  bird.commands.length = 0;
  desk.clock.advance(6_000);
  await desk.during(() => bird.commands.length > 20);
  desk.set(routes.slice(1).map((prefix) => route(prefix)));
  await desk.during(() => bird.commands.includes('configure'));
  t.ok(
    bird.commands.indexOf('configure') < 100,
    `after ${bird.commands.indexOf('configure')} of 300 questions`,
  );
  await desk.quiet();
  t.equal(bird.exported().length, 299);
});

t.test('stopping withdraws, within bounds', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  await desk.stopping('withdraw');
  t.same(bird.exported(), []);
  t.match(desk.read(), /\[\n {8}10\.189\.200\.255\/32\n {4}\]/);
  await desk.pass(60_000);
  t.equal(desk.clock.pending, 0, 'no timer is left');
  t.equal(bird.clients, 0, 'no connection is left');
  desk.set([route(b)]);
  await desk.quiet();
  t.same(bird.exported(), []);
});

t.test('stopping leaves everything with keep', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  const text = desk.read();
  await desk.stopping('keep');
  t.same(bird.exported(), [a]);
  t.equal(desk.read(), text);
});

t.test('stopping without a BIRD does not wait for one', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  await bird.stop();
  await desk.quiet();
  const before = desk.clock.now();
  await desk.stopping('withdraw');
  t.ok(desk.clock.now() - before < 1_000);
  t.notMatch(desk.read(), /10\.1\.1\.1/, 'the next BIRD does not announce it');
  t.same(desk.status(), [], 'nothing is left');
  t.notOk(desk.log.some((line) => line.startsWith('error')));
});

t.test('stopping without a BIRD, and without a file that could be written: said', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  await bird.stop();
  await desk.quiet();
  desk.diskFault = 'EACCES: permission denied';
  await desk.stopping('withdraw');
  t.match(
    desk.log.at(-1),
    /^error: stopped, and BIRD may still announce 10\.1\.1\.1\/32: cannot write DIR\/anycast\.conf: no permission/,
    'the next BIRD would announce it',
  );
});

t.test('stopping beside a BIRD that hangs gives up, and says what may be left', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  await desk.have([route(a)]);
  bird.hang();
  const before = desk.clock.now();
  await desk.stopping('withdraw');
  t.equal(desk.clock.now() - before, 5_000);
  t.match(desk.log.at(-1), /^error: stopped, and BIRD may still announce 10\.1\.1\.1\/32: /);
});

t.test('what goes wrong in one service of BIRD leaves the others alone', async (t) => {
  const owners = (name: string) => ({owners: [name as ServiceName]});
  const desk = newDesk(t, {bird: {routes: [a]}});
  await desk.start();
  await desk.have([route(a, owners('web')), route(b, owners('dns'))]);
  await desk.pass(2_000);
  t.match(desk.status(), [`${a} announced`, /^10\.1\.1\.2\/32 failed/]);
});
