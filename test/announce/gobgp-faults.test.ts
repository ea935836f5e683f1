/** gobgpd absent, dying and coming back, hanging, refusing; its command missing. */

import t from 'tap';
import {route} from '../fake/route.js';
import {newDesk} from './gobgp-harness.js';

const [a, b] = ['10.1.1.1/32', '10.1.1.2/32'];
const absent = 'nothing listens at 127.0.0.1:50051: gobgpd does not run, or its API listens elsewhere';

t.test('absent at start: said once, no process is run, and all is told when it comes', async (t) => {
  const desk = newDesk(t, {prepare: (gobgp) => gobgp.kill()});
  await desk.start();
  await desk.have([route(a)]);
  t.same(desk.status(), [`${a} failed: ${absent}`]);
  await desk.pass(20_000);
  t.same(desk.log, [`warn: ${absent}`, `failed ${a}: ${absent}`]);
  t.equal(desk.gobgp.mostAtOnce, 0);
  desk.gobgp.restart();
  await desk.pass(2_000);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('it dies and comes back with an empty table: told again at once', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a), route(b)]);
  desk.log.length = 0;
  desk.gobgp.kill();
  await desk.pass(100);
  t.match(desk.status(), [/failed: (gobgpd ended the connection|nothing listens)/, /failed/]);
  desk.gobgp.restart();
  await desk.pass(300);
  t.same(desk.gobgp.ours(), [a, b]);
  t.same(desk.status(), [`${a} announced`, `${b} announced`]);
  t.equal(desk.log.filter((line) => line.startsWith('warn: gobgpd ended the connection')).length, 1);
});

t.test('with gobgpd gone a withdrawal is done: nothing of ours is anywhere', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a)]);
  desk.gobgp.kill();
  await desk.pass(200);
  await desk.have([]);
  t.ok(desk.events.includes(`removed ${a}`));
  t.same(desk.journalled(), []);
  const before = desk.clock.now();
  await desk.stopping('withdraw');
  t.ok(desk.clock.now() - before < 1_000, 'and stopping waits for nobody');
  t.notOk(desk.log.some((line) => line.startsWith('error')));
});

t.test('it hangs: nobody waits, nothing piles up, and the last set holds when it wakes up', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a)]);
  desk.gobgp.isHanging = true;
  desk.set([route(a), route(b)]);
  await desk.pass(5_000);
  t.match(desk.status(), [
    /^10\.1\.1\.1\/32 failed: gobgpd does not answer: /,
    /^10\.1\.1\.2\/32 failed: gobgpd does not answer: /,
  ]);
  const {length} = desk.gobgp.changes;
  desk.set([route(b)]);
  await desk.pass(30_000);
  t.match(desk.status()[0], /^10\.1\.1\.1\/32 withdraw-pending: gobgpd does not answer: nothing comes/);
  t.equal(desk.gobgp.running, 0, 'no process waits for it');
  t.equal(desk.gobgp.changes.length, length);
  desk.gobgp.isHanging = false;
  await desk.pass(6_000);
  t.same(desk.gobgp.ours(), [b]);
  t.same(desk.status(), [`${b} announced`]);
});

t.test('it hangs while it is stopped: said, and the journal keeps what may be left', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a)]);
  desk.gobgp.isHanging = true;
  await desk.stopping('withdraw');
  t.match(
    desk.log.at(-1),
    /^error: stopped, and GoBGP may still announce 10\.1\.1\.1\/32: gobgpd does not answer/,
  );
  t.same(desk.journalled(), [a]);
});

t.test('it refuses one route: the others go on, and it is tried again', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  desk.gobgp.refused.set(a, 'error: unsupported nexthop');
  await desk.have([route(a), route(b)]);
  t.match(desk.status(), [
    `${a} failed: GoBGP refuses "global rib -a ipv4 add ${a} identifier 153 origin igp": unsupported nexthop`,
    `${b} announced`,
  ]);
  desk.gobgp.refused.clear();
  await desk.pass(2_000);
  t.same(desk.gobgp.ours(), [b, a]);
});

t.test('it has no configuration yet', async (t) => {
  const desk = newDesk(t);
  desk.gobgp.as = null;
  await desk.start();
  await desk.have([route(a)]);
  t.same(desk.status(), [`${a} failed: gobgpd has no AS yet: it must be configured`]);
  desk.gobgp.as = 65001;
  await desk.pass(2_000);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('its command is missing', async (t) => {
  const desk = newDesk(t);
  desk.gobgp.command = '/opt/gobgp';
  await desk.start();
  await desk.have([route(a)]);
  t.same(desk.status(), [`${a} failed: /usr/bin/gobgp: no such file`]);
  desk.gobgp.command = '/usr/bin/gobgp';
  await desk.pass(1_000);
  t.same(desk.status(), [`${a} announced`]);
});

t.test('it dies in the middle of a change', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  desk.gobgp.before = (words) => {
    if (words.includes(`add ${b}`)) desk.gobgp.kill();
  };
  desk.set([route(a), route(b)]);
  await desk.pass(3_000);
  t.match(desk.status(), [/failed/, /failed/]);
  desk.gobgp.before = () => undefined;
  desk.gobgp.restart();
  await desk.pass(3_000);
  t.same(desk.gobgp.ours(), [a, b]);
  t.same(desk.status(), [`${a} announced`, `${b} announced`]);
});
