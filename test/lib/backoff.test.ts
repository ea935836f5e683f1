import t from 'tap';
import {backoffMs, jittered} from '../../agent/lib/backoff.js';

t.test('doubles from the first up to the limit', (t) => {
  const backoff = {firstMs: 100, limitMs: 30_000};
  const waits = [0, 1, 2, 3, 8, 9, 10, 1000, 1e9].map((failures) => backoffMs(failures, backoff));
  t.same(waits, [100, 100, 200, 400, 12_800, 25_600, 30_000, 30_000, 30_000]);
  t.end();
});

t.test('jitter takes off up to a quarter', (t) => {
  t.equal(jittered(1000, 0), 750);
  t.equal(jittered(1000, 0.5), 875);
  t.ok(jittered(1000, 0.999999) < 1000);
  t.end();
});
