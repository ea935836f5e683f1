import t from 'tap';
import {age} from '../../agent/lib/age.js';

const cases: readonly (readonly [number, string])[] = [
  [-5, '0s'],
  [999, '0s'],
  [8_400, '8s'],
  [60_000, '1m'],
  [200_000, '3m 20s'],
  [3_600_000, '1h'],
  [3_605_000, '1h'],
  [14_520_000, '4h 2m'],
  [86_400_000 * 12 + 3_600_000 * 5 + 59_000, '12d 5h'],
  [86_400_000 * 400 + 60_000, '400d'],
];

t.test('the two largest units', async (t) => {
  t.ok(cases.length > 5);
  for (const [ms, text] of cases) t.equal(age(ms), text);
});
