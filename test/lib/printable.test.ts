import t from 'tap';
import {printable} from '../../agent/lib/printable.js';

t.test('what a terminal would act upon is spelled out, everything else stays', async (t) => {
  t.equal(printable('200 OK – grün 日本 🙂'), '200 OK – grün 日本 🙂');
  t.equal(printable('a\nb\tc\rd'), 'a\\nb\\tc\\rd');
  t.equal(printable('\u001b]0;title\u0007\u007f\u009b'), '\\u001b]0;title\\u0007\\u007f\\u009b');
  t.equal(printable('\u202eevil\u2028'), '\\u202eevil\\u2028');
});
