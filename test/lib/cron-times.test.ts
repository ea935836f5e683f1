import t from 'tap';
import {CronTimes} from '../../agent/lib/cron-times.js';

process.env.TZ = 'Europe/Oslo';

const at = (text: string): number => new Date(text).getTime();
const text = (time: number | null): string | null =>
  time === null ? null : new Date(time).toString().slice(0, 24);
const day = 86_400_000;

t.test('the last time, and the next one', async (t) => {
  const rows = [
    ['0 3 * * *', '2026-05-06T02:59:59', 'Tue May 05 2026 03:00:00', 'Wed May 06 2026 03:00:00'],
    ['0 3 * * *', '2026-05-06T03:00:00', 'Wed May 06 2026 03:00:00', 'Thu May 07 2026 03:00:00'],
    ['30 0 3 * * *', '2026-05-06T03:00:29', 'Tue May 05 2026 03:00:30', 'Wed May 06 2026 03:00:30'],
    ['*/20 8-9 * * *', '2026-05-06T08:50:00', 'Wed May 06 2026 08:40:00', 'Wed May 06 2026 09:00:00'],
    ['*/20 8-9 * * *', '2026-05-06T00:00:00', 'Tue May 05 2026 09:40:00', 'Wed May 06 2026 08:00:00'],
    ['0 3 * * sun', '2026-05-06T12:00:00', 'Sun May 03 2026 03:00:00', 'Sun May 10 2026 03:00:00'],
    ['0 3 * * 5#2', '2026-05-08T03:00:01', 'Fri May 08 2026 03:00:00', null],
    ['0 0 L * *', '2026-02-20T00:00:00', 'Sat Jan 31 2026 00:00:00', 'Sat Feb 28 2026 00:00:00'],
    ['* * * * * *', '2026-05-06T08:50:07.500', 'Wed May 06 2026 08:50:07', 'Wed May 06 2026 08:50:08'],
    ['@hourly', '2026-05-06T00:10:00', 'Wed May 06 2026 00:00:00', 'Wed May 06 2026 01:00:00'],
  ] as const;
  for (const [expression, now, last, next] of rows) {
    const times = new CronTimes(expression);
    t.equal(text(times.last(at(now) - 24 * day, at(now))), last, `${expression} before ${now}`);
    t.equal(text(times.next(at(now), at(now) + 24 * day)), next, `${expression} after ${now}`);
  }
});

t.test('only between the times that are asked about', async (t) => {
  const times = new CronTimes('0 3 * * *');
  const three = at('2026-05-06T03:00:00');
  t.equal(times.last(three, three + day - 1), null, 'the earlier end is not among them');
  t.equal(times.last(three - 1, three), three);
  t.equal(times.next(three - 1, three), three);
  t.equal(times.next(three, three + day - 1), null);
});

t.test('when the clocks change', async (t) => {
  const times = new CronTimes('30 2,4 * * *');
  const spring = at('2026-03-29T12:00:00');
  t.equal(text(times.last(spring - day, spring)), 'Sun Mar 29 2026 04:30:00');
  t.equal(
    text(times.next(at('2026-03-28T12:00:00'), spring)),
    'Sun Mar 29 2026 04:30:00',
    'there is no 2:30 that day',
  );
  const autumn = at('2026-10-25T12:00:00');
  t.equal(times.next(autumn - day, autumn), Date.UTC(2026, 9, 25, 0, 30), 'the first of two');
});

t.test('whether there is ever a gap', async (t) => {
  const [second, minute, hour] = [1000, 60_000, 3_600_000];
  const rows = [
    ['* * * * *', minute, true],
    ['* * * * *', minute - 1, false],
    ['* * * * *', 2 * hour, true],
    ['* * * * * *', second, true],
    ['0 3 * * *', 24 * hour, true],
    ['0 3 * * *', 24 * hour - 1, false],
    ['0 3,15 * * *', 12 * hour, true],
    ['* 8-10 * * *', 20 * minute, false],
    ['*/5 * * * mon-fri', 10 * minute, false],
    ['0 0 * * sun', 7 * 24 * hour, true],
    ['0 0 * * sun', 6 * 24 * hour, false],
    ['0 0 1 * *', 24 * 24 * hour, false],
    ['0 0 29 2 *', hour, false],
  ] as const;
  for (const [expression, ms, isAlways] of rows) {
    t.equal(new CronTimes(expression).leavesNoGap(ms), isAlways, `${expression} for ${ms} ms`);
  }
});
