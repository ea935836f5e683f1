import fc from 'fast-check';
import t from 'tap';
import type {CheckConfig} from '../../agent/config/types.js';
import {
  afterChecks,
  afterResult,
  combine,
  initialCheckState,
  initialServiceState,
  isCounting,
  underConfig,
} from '../../agent/service/state.js';
import type {CheckState, Settled, Verdict} from '../../agent/types.js';
import {checkConfig, result, serviceConfig} from '../fake/config.js';

const letters: Record<string, Verdict> = {p: 'pass', d: 'degraded', f: 'fail', h: 'hold', e: 'error'};

/** Feeds verdicts, a letter each, and gives the settled state after each as a letter (u, U = up, D, X = down). */
function play(verdicts: string, keys: Partial<CheckConfig> = {}, stepMs = 1000): string {
  const marks: Record<Settled, string> = {unknown: '?', up: 'U', degraded: 'D', down: 'X'};
  let state = initialCheckState('fake');
  return [...verdicts]
    .map((letter, i) => {
      state = afterResult(state, checkConfig(keys), result(letters[letter] ?? 'error'), 0, i * stepMs);
      return marks[state.settled];
    })
    .join('');
}

t.test('rise and fall, with rise 3 and fall 2', (t) => {
  const cases: [string, string, string][] = [
    ['ppp', '??U', 'three passes bring it up'],
    ['ff', '?X', 'two fails settle it down'],
    ['pfpppff', '????UUX', 'a fail breaks the run'],
    ['pppfpff', '??UUUUX', 'a pass breaks the run of fails'],
    ['ffppfppp', '?XXXXXXU', 'down needs three in a row'],
    ['ddd', '??D', 'degraded counts for rise'],
    ['pdp', '??D', 'three successes that are not all passes: degraded'],
    ['pppdd', '??UUD', 'fall degraded results bring it to degraded'],
    ['pppdpd', '??UUUU', 'a pass breaks the count of degraded'],
    ['pppdfd', '??UUUD', 'a single fail does not'],
    ['pppddppp', '??UUDDDU', 'rise passes bring it back up'],
    ['pppddff', '??UUDDX', 'degraded goes down like up'],
    ['ppphhhff', '??UUUUUX', 'hold is no evidence'],
    ['pphp', '???U', 'hold does not break a run'],
    ['pppee', '??UUX', 'an error counts as a fail by default'],
  ];
  for (const [verdicts, expected, what] of cases) t.equal(play(verdicts), expected, `${what}: ${verdicts}`);
  t.end();
});

t.test('on_error: hold holds until error_limit is over', (t) => {
  const keys = {onError: 'hold', errorLimitMs: 3000} as const;
  t.equal(play('pppeeee', keys), '??UUUUU', 'errors for less than 3 s change nothing');
  t.equal(play('pppeeeeee', keys), '??UUUUUXX', 'then each counts as a fail');
  t.equal(play('pppeeepeee', keys), '??UUUUUUUU', 'a pass starts the time anew');
  t.end();
});

t.test('whether a change is being counted', (t) => {
  const counting = (verdicts: string): boolean => {
    let state = initialCheckState('fake');
    for (const letter of verdicts) {
      state = afterResult(state, checkConfig(), result(letters[letter] ?? 'error'), 0, 0);
    }
    return isCounting(state);
  };
  const cases: [string, boolean][] = [
    ['', true],
    ['p', true],
    ['ppp', false],
    ['pppf', true],
    ['pppff', false],
    ['pppffp', true],
    ['pppd', true],
    ['pppdd', false],
    ['pppddp', true],
    ['pppfp', false],
    ['ppph', false],
    ['pppfh', true],
  ];
  for (const [verdicts, expected] of cases) t.equal(counting(verdicts), expected, verdicts);
  t.end();
});

const check = (settled: Settled, name = settled): CheckState => ({...initialCheckState(name), settled});

t.test('combining checks', (t) => {
  const cases: ['all' | 'any' | number, Settled[], Settled][] = [
    ['all', ['up', 'up'], 'up'],
    ['all', ['up', 'degraded'], 'degraded'],
    ['all', ['up', 'down'], 'down'],
    ['all', ['up', 'unknown'], 'unknown'],
    ['all', ['down', 'unknown'], 'down'],
    ['any', ['down', 'up'], 'up'],
    ['any', ['down', 'degraded'], 'degraded'],
    ['any', ['down', 'unknown'], 'unknown'],
    ['any', ['degraded', 'unknown'], 'unknown'],
    ['any', ['up', 'unknown'], 'up'],
    [2, ['up', 'degraded', 'down'], 'degraded'],
    [2, ['up', 'up', 'unknown'], 'up'],
    [2, ['down', 'down', 'unknown'], 'down'],
    [2, ['up', 'down', 'unknown'], 'unknown'],
  ];
  for (const [require, states, expected] of cases) {
    t.equal(
      combine(
        states.map((s) => check(s)),
        require,
      ),
      expected,
      `${require} of ${states}`,
    );
  }
  t.end();
});

t.test('an unknown check leaves the answer open only where it matters (property)', (t) => {
  const settled = fc.constantFrom<Settled>('up', 'degraded', 'down', 'unknown');
  fc.assert(
    fc.property(fc.array(settled, {minLength: 1, maxLength: 5}), fc.nat(4), (states, n) => {
      const require = (n % states.length) + 1;
      const answer = combine(
        states.map((s) => check(s)),
        require,
      );
      const worlds = (['up', 'degraded', 'down'] as const).map((as) =>
        combine(
          states.map((s) => check(s === 'unknown' ? as : s)),
          require,
        ),
      );
      t.ok(answer === 'unknown' ? new Set(worlds).size > 1 : worlds.every((world) => world === answer));
    }),
    {numRuns: 300},
  );
  t.end();
});

t.test('the service keeps its state while the answer is open, and says why it changed', (t) => {
  const config = serviceConfig('web', ['192.0.2.1'], {
    checks: [checkConfig({name: 'a'}), checkConfig({name: 'b'})],
  });
  let state = initialServiceState(config, 5);
  let a = initialCheckState('a');
  for (let i = 0; i < 3; i++) a = afterResult(a, checkConfig(), result('pass', '200 OK'), 0, i);
  state = afterChecks(state, config, [a, initialCheckState('b')], 10);
  t.match(state, {settled: 'unknown', since: 5, wasUp: false});
  let b = initialCheckState('b');
  for (let i = 0; i < 3; i++) b = afterResult(b, checkConfig(), result('pass', '200 OK'), 0, i);
  state = afterChecks(state, config, [a, b], 20);
  t.match(state, {settled: 'up', since: 20, wasUp: true, reason: 'check a: 3 successes in a row: 200 OK'});
  for (let i = 0; i < 2; i++) b = afterResult(b, checkConfig(), result('fail', 'connect ECONNREFUSED'), 0, i);
  state = afterChecks(state, config, [a, b], 30);
  t.match(state, {
    settled: 'down',
    since: 30,
    wasUp: true,
    reason: 'check b: 2 failures in a row: connect ECONNREFUSED',
  });
  t.end();
});

t.test('a changed check must prove a change; a new one leaves the answer as it was', (t) => {
  const config = serviceConfig('web', ['192.0.2.1'], {checks: [checkConfig({name: 'a'})]});
  let a = initialCheckState('a');
  for (const verdict of ['pass', 'pass', 'pass', 'fail'] as const)
    a = afterResult(a, checkConfig(), result(verdict), 0, 0);
  const up = afterChecks(initialServiceState(config, 0), config, [a], 0);
  const two = {...config, checks: [checkConfig({name: 'a', fall: 3}), checkConfig({name: 'b'})]};
  const carried = underConfig(up, two, new Set(['a', 'b']));
  t.equal(carried.settled, 'up');
  t.match(carried.checks, [
    {name: 'a', settled: 'up', run: null},
    {name: 'b', settled: 'unknown'},
  ]);
  const failing = afterChecks(
    carried,
    two,
    carried.checks.map((c) => (c.name === 'b' ? {...c, settled: 'down' as const} : c)),
    1,
  );
  t.equal(failing.settled, 'down', 'once it has spoken it counts');
  t.end();
});
