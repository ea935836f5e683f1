import t from 'tap';
import {nextChange, openWindow} from '../../agent/admin/maintenance.js';

process.env.TZ = 'UTC';

const hour = 3_600_000;
const night = {schedule: '0 3 * * *', forMs: 2 * hour};
const at = (text: string): number => Date.parse(`2026-05-06T${text}Z`);

t.test('a window is open from its beginning up to its end', async (t) => {
  t.equal(openWindow([night], at('02:59:59.999')), null);
  t.match(openWindow([night], at('03:00:00')), {window: night, since: at('03:00:00'), until: at('05:00:00')});
  t.match(openWindow([night], at('04:59:59.999')), {until: at('05:00:00')});
  t.equal(openWindow([night], at('05:00:00')), null);
  t.equal(openWindow([], at('03:00:00')), null);
});

t.test('of several the one that ends last is told', async (t) => {
  const short = {schedule: '30 3 * * *', forMs: hour};
  t.match(openWindow([short, night], at('03:40:00')), {window: night});
  const often = {schedule: '0 * * * *', forMs: 1.5 * hour};
  t.match(openWindow([often], at('04:10:00')), {since: at('04:00:00'), until: at('05:30:00')});
});

t.test('one over midnight', async (t) => {
  t.match(openWindow([{schedule: '30 23 * * *', forMs: hour}], at('00:10:00')), {until: at('00:30:00')});
});

t.test('the next beginning or end', async (t) => {
  t.equal(nextChange([night], at('02:59:30'), 60_000), at('03:00:00'));
  t.equal(nextChange([night], at('02:58:59'), 60_000), null);
  t.equal(nextChange([night], at('03:00:00'), hour), null);
  t.equal(nextChange([night], at('03:00:00'), 2 * hour), at('05:00:00'));
  t.equal(nextChange([], at('03:00:00'), hour), null);
});
