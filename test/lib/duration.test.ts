import fc from 'fast-check';
import t from 'tap';
import {formatDuration, maxDurationMs, parseDuration} from '../../agent/lib/duration.js';

t.test('what people write, in milliseconds', (t) => {
  const cases: [string | number, number][] = [
    ['300ms', 300],
    ['5s', 5000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['0.5s', 500],
    ['1.1s', 1100],
    ['7', 7000],
    [3, 3000],
    [0.25, 250],
    [0, 0],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) t.equal(parseDuration(text), ms, String(text));
  t.end();
});

t.test('what is no duration is refused', (t) => {
  for (const text of [
    '',
    's',
    '5 s',
    '5sec',
    '1m30s',
    '-1',
    '+1s',
    '1e3',
    '0x5',
    '1d',
    '.5s',
    '5.s',
    ' 5s',
    'fast',
  ]) {
    t.throws(
      () => parseDuration(text),
      /is no duration: write it like 300ms, 5s, 2m or 1h, or as a number/,
      text,
    );
  }
  t.throws(() => parseDuration(-1), /no duration/);
  t.throws(() => parseDuration(Number.NaN), /no duration/);
  t.throws(() => parseDuration(Number.POSITIVE_INFINITY), /no duration/);
  t.throws(() => parseDuration('597h'), /too long/);
  t.throws(() => parseDuration('0.5ms'), /finer than a millisecond/);
  t.end();
});

t.test('the printed form reads again as the same (property)', (t) => {
  fc.assert(fc.property(fc.nat(maxDurationMs), (ms) => parseDuration(formatDuration(ms)) === ms));
  t.equal(formatDuration(90_000), '90s');
  t.equal(formatDuration(120_000), '2m');
  t.equal(formatDuration(1500), '1500ms');
  t.equal(formatDuration(0), '0s');
  t.equal(formatDuration(3_600_000), '1h');
  t.end();
});
