import t from 'tap';
import {usesColor} from '../../agent/io/terminal.js';

const cases: readonly (readonly [boolean, NodeJS.ProcessEnv, boolean])[] = [
  [true, {TERM: 'xterm'}, true],
  [true, {}, true],
  [true, {TERM: 'dumb'}, false],
  [false, {TERM: 'xterm'}, false],
  [true, {NO_COLOR: '1'}, false],
  [true, {NO_COLOR: ''}, true],
  [false, {FORCE_COLOR: '1'}, true],
  [true, {FORCE_COLOR: '0'}, false],
  [false, {FORCE_COLOR: '1', NO_COLOR: '1'}, false],
];

t.test('colour: on a terminal that can, unless somebody says otherwise', async (t) => {
  t.ok(cases.length > 5);
  for (const [isTerminal, env, expected] of cases) {
    t.equal(usesColor(isTerminal, env), expected, `${isTerminal} ${JSON.stringify(env)}`);
  }
});
