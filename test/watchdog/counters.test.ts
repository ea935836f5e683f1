import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import type {ServiceConfig} from '../../agent/config/types.js';
import {countEnds} from '../../agent/service/counting.js';
import {initialServiceState} from '../../agent/service/state.js';
import type {ServiceState, Verdict} from '../../agent/types.js';
import {forgetCounters, openCounters} from '../../agent/watchdog/counters.js';
import {FakeClock} from '../fake/clock.js';
import {checkConfig, result, serviceConfig} from '../fake/config.js';
import {newFolder} from '../fake/folder.js';

const minute = 60_000;
const web = serviceConfig('web', ['192.0.2.1'], {checks: [checkConfig({rise: 2, fall: 3})]});

/** Rounds of processes that come one after the other, each with a monotonic clock of its own. */
function lab(t: {teardown(fn: () => void): void}) {
  const folder = newFolder(t);
  const file = join(folder, 'watchdog.json');
  let wallMs = Date.UTC(2026, 0, 1);
  const round = (
    verdict: Verdict | null,
    {config = web, boot = 'boot'}: {config?: ServiceConfig; boot?: string} = {},
  ): {readonly resumed: ServiceState | null; readonly state: ServiceState} => {
    const clock = new FakeClock(wallMs);
    const counters = openCounters(folder, boot, clock);
    const resumed = counters.resume(config);
    let state = resumed ?? initialServiceState(config, wallMs);
    if (verdict !== null) {
      const ends = [{check: 'fake', result: result(verdict), missed: 0}];
      state = countEnds({config, state}, ends, clock.now(), wallMs).state;
    }
    counters.keep({services: [{config, state}], memoryOf: () => ({seen: {x: 4}}), announced: {}, said: []});
    return {resumed, state};
  };
  const wait = (ms: number): void => {
    wallMs += ms;
  };
  const open = () => openCounters(folder, 'boot', new FakeClock(wallMs));
  return {file, folder, open, round, wait};
}

t.test('counts go on from process to process', async (t) => {
  const {folder, open, round, wait} = lab(t);
  const seen = (['pass', 'pass', 'fail', 'fail', 'pass', 'fail', 'fail', 'fail', 'hold'] as const).map(
    (verdict) => {
      const {state} = round(verdict);
      wait(minute);
      return state.settled;
    },
  );
  t.same(seen, ['unknown', 'up', 'up', 'up', 'up', 'up', 'up', 'down', 'down']);
  const {resumed} = round(null);
  t.match(resumed, {settled: 'down', reason: '3 failures in a row: fail', wasUp: true});
  t.equal(resumed?.since, Date.UTC(2026, 0, 1) + 7 * minute, 'since it went down');
  t.same(open().memoryOf('web', 'fake'), {seen: {x: 4}});
  t.same(open().memoryOf('web', 'other'), null);
  t.same(readdirSync(folder), ['watchdog.json'], 'nothing else is left');
});

t.test('another boot, other checks, another command: counted anew', async (t) => {
  const {folder, round} = lab(t);
  round('pass');
  t.equal(round('pass', {boot: 'another'}).resumed, null);
  t.not(round('pass', {boot: 'another'}).resumed, null);

  const slower = {...web, checks: [checkConfig({rise: 2, fall: 4})]};
  t.equal(round('pass', {boot: 'another', config: slower}).resumed, null);
  const elsewhere = {...slower, prefixes: [], file: 'b.yaml', enabled: false};
  t.not(
    round('pass', {boot: 'another', config: elsewhere}).resumed,
    null,
    'what is no check does not matter',
  );
  t.equal(round('pass', {boot: 'another', config: {...elsewhere, require: 'any'}}).resumed, null);

  forgetCounters(folder);
  t.equal(round('pass', {boot: 'another', config: elsewhere}).resumed, null);
  forgetCounters(folder);
  forgetCounters(folder);
});

t.test('old counts say nothing, but for rounds that are far apart', async (t) => {
  const {round, wait} = lab(t);
  const after = (ms: number): boolean => {
    wait(ms);
    return round('pass').resumed !== null;
  };
  t.notOk(after(0), 'the first');
  t.ok(after(minute));
  t.ok(after(9 * minute));
  t.notOk(after(28 * minute), 'rounds came every nine minutes, and then none for long');
  t.ok(after(60 * minute), 'now they are further apart');
  t.ok(after(60 * minute), 'as with an hourly cron job');
  t.ok(after(-1 + 179 * minute));
  t.notOk(after(-5 * minute), 'the clock was set back');
});

t.test('errors in a row are timed by the wall clock', async (t) => {
  const config = serviceConfig('web', ['192.0.2.1'], {
    checks: [checkConfig({rise: 1, fall: 1, onError: 'hold', errorLimitMs: 2.5 * minute})],
  });
  const {round, wait} = lab(t);
  const seen = (['pass', 'error', 'error', 'error', 'error'] as const).map((verdict) => {
    const {state} = round(verdict, {config});
    wait(minute);
    return state.settled;
  });
  t.same(seen, ['up', 'up', 'up', 'up', 'down'], 'after more than error_limit');
});

t.test('what is damaged is as good as nothing', async (t) => {
  const {file, open, round} = lab(t);
  round('pass');
  const whole = readFileSync(file, 'utf8');
  t.not(open().resume(web), null);
  const damaged = ['', 'null', '{', whole.slice(0, -9), whole.replace('"schema":1', '"schema":2'), '[]'];
  for (const text of damaged) {
    writeFileSync(file, text);
    t.equal(open().resume(web), null, text.slice(0, 40));
    t.same([open().said, open().announced], [[], {}]);
  }
});
