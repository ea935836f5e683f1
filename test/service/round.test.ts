import t from 'tap';
import type {CheckEnd} from '../../agent/service/counting.js';
import {Round} from '../../agent/service/round.js';
import type {JsonObject} from '../../agent/types.js';
import {FakeCheck, fakeEffects} from '../fake/checks.js';
import {FakeClock} from '../fake/clock.js';
import {checkConfig, serviceConfig} from '../fake/config.js';

class MindfulCheck extends FakeCheck {
  mind: JsonObject = {};

  memory(): JsonObject {
    return {...this.mind, runs: this.starts.length};
  }

  recall(memory: JsonObject): void {
    this.mind = memory;
  }
}

function rig({maxRunning = 256, memories = {} as Readonly<Record<string, JsonObject>>} = {}) {
  const clock = new FakeClock();
  const checks = new Map<string, MindfulCheck>();
  const told: {readonly service: string; readonly ends: readonly CheckEnd[]}[] = [];
  const check = (name: string): MindfulCheck => {
    const known = checks.get(name) ?? new MindfulCheck(clock);
    checks.set(name, known);
    return known;
  };
  const round = new Round({
    effects: fakeEffects(clock),
    maxRunning,
    createCheck: (_type, options) => check(String(options)),
    onEnds: (service, ends) => {
      told.push({service, ends});
      return false;
    },
    recall: (service, name) => memories[`${service}/${name}`] ?? null,
  });
  return {check, clock, round, told};
}

const service = (name: string, ...checks: readonly string[]) =>
  serviceConfig(name, ['192.0.2.1'], {
    checks: checks.map((check) => checkConfig({name: check, options: `${name}/${check}`, timeoutMs: 1000})),
  });

t.test(
  'every check runs once, all at the same time, and a service hears of all of its own together',
  async (t) => {
    const {check, clock, round, told} = rig();
    check('a/slow').takesMs = 500;
    check('a/bad').verdict = 'fail';
    round.set([service('a', 'slow', 'bad'), service('b', 'quick')]);
    round.set([service('a', 'slow', 'bad'), service('b', 'quick')]);
    round.wakeAll();
    await clock.run(10);
    t.same(
      told.splice(0).map((each) => each.service),
      ['b'],
      'a slow check holds up nobody else',
    );
    const ended = round.ended();
    await clock.run(500);
    await ended;
    t.match(told, [
      {
        service: 'a',
        ends: [
          {check: 'slow', missed: 0, result: {verdict: 'pass'}},
          {check: 'bad', result: {verdict: 'fail'}},
        ],
      },
    ]);
    await clock.run(60_000);
    t.same(
      ['a/slow', 'a/bad', 'b/quick'].map((name) => check(name).starts),
      [[0], [0], [0]],
    );
    t.equal(clock.pending, 0);
  },
);

t.test('no more at once than may be', async (t) => {
  const {check, clock, round} = rig({maxRunning: 2});
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) check(`s/${name}`).takesMs = 100;
  round.set([service('s', ...names)]);
  await clock.run(1);
  t.same(round.load, {running: 2, waiting: 3});
  await clock.run(400);
  t.same(
    names.map((name) => check(`s/${name}`).starts[0]),
    [0, 0, 100, 100, 200],
  );
  await round.ended();
});

t.test('a check that does not end is an error, some time after its timeout', async (t) => {
  const {check, clock, round, told} = rig();
  check('a/stuck').takesMs = Number.POSITIVE_INFINITY;
  round.set([service('a', 'stuck')]);
  await clock.run(2999);
  t.same(told, []);
  await clock.run(1);
  t.match(told, [
    {ends: [{result: {verdict: 'error', reason: 'the check has not ended 3000 ms after its start'}}]},
  ]);
  t.equal(check('a/stuck').aborted, 1);
  await round.ended();
});

t.test('one that throws is an error of its own', async (t) => {
  const {check, clock, round, told} = rig();
  check('a/bad').run = () => Promise.reject(new Error('oh'));
  round.set([service('a', 'bad', 'good')]);
  await clock.run(0);
  t.match(told, [
    {ends: [{result: {verdict: 'error', reason: 'the check broke: oh'}}, {result: {verdict: 'pass'}}]},
  ]);
});

t.test('stopped: what runs is aborted, and nothing is told any more', async (t) => {
  const {check, clock, round, told} = rig();
  check('a/slow').takesMs = 500;
  round.set([service('a', 'slow')]);
  await clock.run(10);
  round.stop();
  await clock.run(1000);
  t.equal(check('a/slow').aborted, 1);
  t.same(told, []);
});

t.test('checks are told what they learned before, and asked what they know now', async (t) => {
  const {clock, round} = rig({memories: {'a/wise': {seen: 4}}});
  round.set([service('a', 'wise', 'new')]);
  t.equal(round.memoryOf(service('a').name, 'wise'), null);
  await clock.run(0);
  t.same(round.memoryOf(service('a').name, 'wise'), {seen: 4, runs: 1});
  t.same(round.memoryOf(service('a').name, 'new'), {runs: 1});
});
