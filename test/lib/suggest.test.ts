import t from 'tap';
import {didYouMean, didYouMeanOneOf, suggest} from '../../agent/lib/suggest.js';

const known = ['interval', 'fast_interval', 'timeout', 'rise', 'fall', 'med', 'prefixes', 'peers'];

t.test('slips of the finger find the word meant', (t) => {
  const cases: [string, string][] = [
    ['intervall', 'interval'],
    ['intreval', 'interval'],
    ['Interval', 'interval'],
    ['fast-interval', 'fast_interval'],
    ['fastInterval', 'fast_interval'],
    ['time_out', 'timeout'],
    ['timout', 'timeout'],
    ['rize', 'rise'],
    ['prefix', 'prefixes'],
    ['mde', 'med'],
    ['peer', 'peers'],
    ['pref', 'prefixes'],
  ];
  for (const [word, meant] of cases) t.equal(suggest(word, known), meant, word);
  t.end();
});

t.test('a word that is near none gets no suggestion', (t) => {
  for (const word of ['', 'x', 'healthz', 'url', 'a'.repeat(1_000_000)]) t.equal(suggest(word, known), null);
  t.equal(suggest('a', ['b']), null, 'a letter is not near another');
  t.equal(suggest('loc', ['local_as', 'local_address']), null, 'either could be meant');
  t.equal(didYouMean('healthz', known), '');
  t.equal(didYouMean('intervall', known), ': did you mean `interval`?');
  t.end();
});

t.test('what there is instead, where nothing is near', (t) => {
  t.equal(didYouMeanOneOf('wbe', ['web', 'dns']), ': did you mean `web`?');
  t.equal(didYouMeanOneOf('mail', ['web', 'dns']), ': there are web, dns');
  t.equal(didYouMeanOneOf('mail', ['web']), ': there is web');
  t.equal(didYouMeanOneOf('mail', []), ': there is none');
  const many = Array.from({length: 12}, (_, i) => `s${i}`);
  t.match(didYouMeanOneOf('mail', many), /^: there are s0, s1, .*, s9 and 2 more$/);
  t.end();
});
