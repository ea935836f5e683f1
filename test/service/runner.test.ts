import t from 'tap';
import type {ServiceConfig} from '../../agent/config/types.js';
import {Runner} from '../../agent/service/runner.js';
import {Slots} from '../../agent/service/slots.js';
import type {CheckResult} from '../../agent/types.js';
import {FakeCheck, fakeEffects} from '../fake/checks.js';
import {FakeClock} from '../fake/clock.js';
import {checkConfig, serviceConfig} from '../fake/config.js';

function rig({maxRunning = 256, earlyMs = 0, counting = (_result: CheckResult): boolean => false} = {}) {
  const clock = new FakeClock();
  const effects = fakeEffects({
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    // A timer of less than a millisecond takes one.
    after: (ms, fn) => clock.after(ms < 1 ? ms : ms - earlyMs, fn),
  });
  const checks = new Map<string, FakeCheck>();
  const results: {service: string; at: number; verdict: string; missed: number; reason: string}[] = [];
  const crons = new Set<{expression: string; fire: () => void}>();
  const runner = new Runner({
    effects,
    cron: (expression, fire) => {
      const entry = {expression, fire};
      crons.add(entry);
      return () => crons.delete(entry);
    },
    maxRunning,
    createCheck: (_type, options) => {
      const check = new FakeCheck(clock);
      checks.set(String(options), check);
      return check;
    },
    onEnds: (service, ends) => {
      for (const {missed, result} of ends)
        results.push({service, at: clock.now(), verdict: result.verdict, missed, reason: result.reason});
      return ends.some(({result}) => counting(result));
    },
  });
  const check = (name: string): FakeCheck => {
    const found = checks.get(name);
    if (!found) throw new Error(`no check ${name}`);
    return found;
  };
  return {clock, check, crons, results, runner};
}

const service = (name: string, keys: Parameters<typeof checkConfig>[0] = {}): ServiceConfig =>
  serviceConfig(name, ['192.0.2.1'], {checks: [checkConfig({options: name, intervalMs: 1000, ...keys})]});

t.test('runs lie on a grid that does not drift', async (t) => {
  const {check, clock, runner} = rig();
  runner.set([service('web')]);
  await clock.run(0);
  check('web').takesMs = 37;
  await clock.run(10_000);
  t.same(check('web').starts, [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000]);
  runner.stop();
  t.equal(clock.pending, 1, 'only the fake run itself is left');
});

t.test('a timer that fires a little early, as those of Node do, does not lead to a second run', async (t) => {
  const {check, clock, results, runner} = rig({earlyMs: 0.6});
  runner.set([service('web')]);
  await clock.run(5000);
  t.same(check('web').starts, [0, 999.4, 1999.4, 2999.4, 3999.4, 4999.4]);
  t.ok(
    results.every(({missed}) => missed === 0),
    'nothing was missed',
  );
  runner.stop();
});

t.test('first runs come soon but not at once; then they are spread over the interval', async (t) => {
  const {check, clock, runner} = rig();
  const names = ['a', 'b', 'c', 'd'];
  runner.set(names.map((name) => service(name)));
  await clock.run(2000);
  t.same(
    names.map((name) => check(name).starts),
    [
      [0, 1000, 2000],
      [2, 250, 1250],
      [4, 500, 1500],
      [6, 750, 1750],
    ],
  );
  runner.stop();
});

t.test(
  'while a change is counted the next run comes after fast_interval, or at once after a longer run',
  async (t) => {
    const {check, clock, runner} = rig({counting: ({verdict}) => verdict === 'fail'});
    runner.set([service('web', {fastIntervalMs: 200})]);
    await clock.run(500);
    check('web').verdict = 'fail';
    await clock.run(1000);
    t.same(check('web').starts, [0, 1000, 1200, 1400]);
    check('web').takesMs = 350;
    await clock.run(500);
    t.same(check('web').starts.slice(4), [1600, 1950]);
    check('web').verdict = 'pass';
    check('web').takesMs = 0;
    await clock.run(2000);
    t.same(check('web').starts.slice(6), [3000, 4000], 'back to the grid');
    runner.stop();
  },
);

t.test('a run longer than the interval: no overlap, and what was missed is counted', async (t) => {
  const {check, clock, results, runner} = rig();
  runner.set([service('web', {timeoutMs: 5000})]);
  await clock.run(0);
  check('web').takesMs = 2300;
  await clock.run(4000);
  t.equal(check('web').running, 1);
  t.same(check('web').starts, [0, 1000, 4000]);
  check('web').takesMs = 0;
  await clock.run(3000);
  t.same(results.map(({missed}) => missed).slice(0, 3), [0, 0, 2]);
  runner.stop();
});

t.test('a check that never ends is an error again and again, is aborted, and is not run twice', async (t) => {
  const {check, clock, results, runner} = rig();
  runner.set([service('web', {timeoutMs: 500})]);
  await clock.run(0);
  check('web').takesMs = Number.POSITIVE_INFINITY;
  await clock.run(1000);
  t.equal(check('web').running, 1);
  await clock.run(3500);
  t.same(
    results.slice(1).map(({at, verdict}) => [at, verdict]),
    [
      [3500, 'error'],
      [4500, 'error'],
    ],
  );
  t.match(results[1]?.reason, /has not ended 2500 ms after its start/);
  t.equal(check('web').aborted, 1);
  t.equal(check('web').starts.length, 2);
  check('web').finish();
  check('web').takesMs = 0;
  await clock.run(1000);
  t.ok(check('web').starts.length > 2, 'it goes on once the run has ended');
  runner.stop();
});

t.test('wake-ups run at once; one during a run means once more', async (t) => {
  const {check, clock, runner} = rig();
  runner.set([service('web')]);
  await clock.run(300);
  check('web').wake();
  await clock.run(0);
  t.same(check('web').starts, [0, 300]);
  check('web').takesMs = 100;
  check('web').wake();
  await clock.run(50);
  check('web').wake();
  check('web').wake();
  await clock.run(100);
  t.same(check('web').starts.slice(2), [300, 400]);
  await clock.run(600);
  t.same(check('web').starts.slice(4), [1000], 'the grid stays where it was');
  runner.wakeAll();
  runner.stop();
});

t.test('schedule: once at start, then by cron; fast while counting', async (t) => {
  const {check, clock, crons, results, runner} = rig({counting: ({verdict}) => verdict === 'fail'});
  runner.set([service('web', {schedule: '* * * * *', fastIntervalMs: 200})]);
  await clock.run(50_000);
  t.same(check('web').starts, [0]);
  t.same(
    [...crons].map(({expression}) => expression),
    ['* * * * *'],
  );
  const fire = (): void => {
    for (const cron of crons) cron.fire();
  };
  check('web').verdict = 'fail';
  fire();
  await clock.run(450);
  t.same(check('web').starts.slice(1), [50_000, 50_200, 50_400]);
  check('web').verdict = 'pass';
  check('web').takesMs = 5000;
  await clock.run(1000);
  fire();
  await clock.run(60_000);
  t.equal(results.at(-1)?.missed, 1, 'cron fired while a run was under way');
  runner.stop();
  t.equal(crons.size, 0);
});

t.test('at most so many run at once; the others wait in order', async (t) => {
  const {check, clock, runner} = rig({maxRunning: 2});
  const names = ['a', 'b', 'c', 'd'];
  runner.set(names.map((name) => service(name, {intervalMs: 100_000, timeoutMs: 5000})));
  for (const name of names) check(name).takesMs = 100;
  await clock.run(10);
  t.same(runner.load, {running: 2, waiting: 2});
  await clock.run(95);
  t.same(
    names.map((name) => check(name).starts),
    [[0], [2], [100], [102]],
  );
  await clock.run(200);
  t.same(runner.load, {running: 0, waiting: 0});
  runner.stop();
});

t.test('a new set leaves unchanged checks alone, replaces changed ones, stops the others', async (t) => {
  const {check, clock, runner} = rig();
  runner.set([service('a'), service('b'), service('c')]);
  await clock.run(100);
  const [a, b, c] = [check('a'), check('b'), check('c')];
  runner.set([service('a'), service('b', {timeoutMs: 900})]);
  await clock.run(0);
  t.equal(check('a'), a);
  t.not(check('b'), b);
  const before = c.starts.length;
  await clock.run(5000);
  t.equal(c.starts.length, before);
  t.ok(a.starts.length > 5);
  t.same(check('b').starts[0], 100, 'a changed check speaks at once');
  runner.stop();
});

t.test('slots: raising the limit lets the waiting in, lowering it lets nobody out', (t) => {
  const slots = new Slots(1);
  const entered: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) slots.take(() => entered.push(name));
  slots.resize(3);
  t.same(entered, ['a', 'b', 'c']);
  slots.resize(1);
  slots.free();
  slots.free();
  t.same([slots.taken, slots.waiting, entered.length], [1, 1, 3]);
  slots.free();
  t.same(entered, ['a', 'b', 'c', 'd']);
  slots.free();
  t.same([slots.taken, slots.waiting], [0, 0]);
  t.end();
});
