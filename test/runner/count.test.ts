import t from 'tap';
import {type Report, TapReader} from './count.js';

function read(tap: string): Report {
  const reader = new TapReader();
  // In two pieces: a pipe cuts where it likes.
  reader.write(Buffer.from(tap.slice(0, 40)));
  reader.write(Buffer.from(tap.slice(40)));
  return reader.end();
}

t.test('blocks with assertions are tests, whatever lies around them', (t) => {
  const report = read(`TAP version 14
ok 1 - outside
# Subtest: a
    ok 1 - one
    ok 2 - two
    # Subtest: inner
        ok 1 - three
        1..1
    ok 3 - inner # time=1ms
    1..3
ok 2 - a # time=2ms
# Subtest: b
    # Subtest: only
        ok 1 - four
        1..1
    ok 1 - only # time=1ms
    1..1
ok 3 - b # time=2ms
1..3
`);
  t.match(report, {passed: 4, failed: 0, skipped: 0, failures: []}, 'outside, a, inner and only');
  t.end();
});

t.test('a failure is told with its place in the tree, and its diagnostics', (t) => {
  const report = read(`TAP version 14
# Subtest: a
    # Subtest: inner
        ok 1 - fine
        not ok 2 - should be equal
          ---
          diff: |
            -2
            +1
          ...
        1..2
    not ok 1 - inner # time=1ms
    1..1
not ok 1 - a # time=2ms
1..1
`);
  t.match(report, {passed: 0, failed: 1, skipped: 0});
  t.same(report.failures, [{name: 'a > inner > should be equal', diagnostics: {diff: '-2\n+1\n'}}]);
  t.end();
});

t.test('what was skipped or is still to be written is counted as skipped, with the reason', (t) => {
  const report = read(`TAP version 14
ok 1 - a # SKIP no root
ok 2 - b # TODO
# Subtest: c
    ok 1 - later # SKIP
    1..1
ok 3 - c # time=2ms
1..3
`);
  t.match(report, {passed: 0, failed: 0, skipped: 3, skips: ['a: no root', 'b', 'c']});
  t.end();
});

t.test('a test that proves nothing fails', (t) => {
  t.match(read(''), {passed: 0, failed: 1}, 'no output');
  t.match(read('TAP version 14\n1..0\n'), {passed: 0, failed: 1, failures: [{name: /no test/}]});
  const empty = read('TAP version 14\n# Subtest: a\n    1..0\nok 1 - a # time=1ms\n1..1\n');
  t.match(empty, {passed: 0, failed: 1, failures: [{name: 'a: no assertion was made'}]});
  t.end();
});

t.test('a stream that breaks off fails', (t) => {
  t.match(read('TAP version 14\nok 1 - a\n'), {passed: 1, failed: 1}, 'no plan');
  t.match(read('TAP version 14\nok 1 - a\n1..2\n'), {passed: 1, failed: 1}, 'a test is missing');
  t.match(read('TAP version 14\nok 1 - a\nBail out! fire\n'), {failures: [{name: 'bail out'}]});
  t.end();
});
