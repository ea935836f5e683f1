import t from 'tap';
import type {ParseResult} from '../../agent/config/parse.js';
import {formatProblem} from '../../agent/config/report.js';
import {bgpMain, configOf, parseTexts} from './fixture.js';

const check = 'check: {type: tcp, host: 127.0.0.1, port: 80}\n';
const one = (prefix: string, more = ''): string => `prefixes: [${prefix}]\n${check}${more}`;

const before = {
  'a.yaml': one('192.0.2.1'),
  'b.yaml': one('192.0.2.2'),
  'c.yaml': `name: c1\n${one('192.0.2.3')}---\nname: c2\n${one('192.0.2.4')}`,
};
const previous = configOf({files: before});

function reload(files: Readonly<Record<string, string>>, main = bgpMain): ParseResult & {summary: string[]} {
  const result = parseTexts({main, files}, {previous});
  const summary = (result.config?.services ?? [])
    .map(({name, prefixes}) => `${name} ${prefixes.join(' ')}`)
    .sort();
  return {...result, summary};
}

t.test('an unchanged configuration', (t) => {
  const {config, problems} = reload(before);
  t.same(problems, []);
  t.same(config, previous);
  t.end();
});

t.test('a broken service stays as it was, and is reported', (t) => {
  for (const text of [
    one('192.0.2.9', 'intervall: 1s\n'),
    'prefixes: [192.0.2.1\n',
    'name: a\nprefixes: [',
    '',
  ]) {
    const {summary, broken, problems} = reload({...before, 'a.yaml': text});
    if (text === '') {
      t.same(
        summary,
        ['b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32'],
        'an empty file is no service',
      );
      continue;
    }
    t.same(
      summary,
      ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32'],
      JSON.stringify(text),
    );
    t.equal(broken.length, 1);
    t.ok(problems.length > 0);
  }
  t.end();
});

t.test('a service that is renamed and broken at once stays as it was', (t) => {
  const {summary, problems} = reload({...before, 'b.yaml': `name: b2\nfoo: 1\n${one('192.0.2.2')}`});
  t.same(summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.same(
    problems.map(({message}) => message),
    ['unknown key `foo`'],
  );
  const renamed = reload({...before, 'b.yaml': `name: b2\n${one('192.0.2.2')}`});
  t.same(renamed.summary, ['a 192.0.2.1/32', 'b2 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.end();
});

t.test('of a file with several, only the broken one stays as it was', (t) => {
  const {summary} = reload({
    ...before,
    'c.yaml': `name: c1\n${one('192.0.2.33')}---\nname: c2\n${one('192.0.2.44', 'foo: 1\n')}`,
  });
  t.same(summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.33/32', 'c2 192.0.2.4/32']);
  const cut = reload({
    ...before,
    'c.yaml': `name: c1\n${one('192.0.2.33')}---\nname: c2\nprefixes: [192.0.2.44\n`,
  });
  t.same(cut.summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.33/32', 'c2 192.0.2.4/32']);
  t.end();
});

t.test('a file that cannot be read any more keeps its services; one that is gone does not', (t) => {
  const {config} = parseTexts({files: {'b.yaml': before['b.yaml']}}, {previous});
  t.same(
    config?.services.map(({name}) => name),
    ['b'],
  );
  t.end();
});

t.test('of a duplicate, the one that was there stays, wherever its file sorts', (t) => {
  const names = reload({...before, '0.yaml': `name: a\n${one('192.0.2.10')}`});
  t.same(names.summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.same(names.problems.map(formatProblem), [
    '/etc/eip-health/conf.d/0.yaml:1:7: error: name: the name a belongs to service a (/etc/eip-health/conf.d/a.yaml:1)',
  ]);
  const prefixes = reload({
    ...before,
    '0.yaml': one('192.0.2.2').replace('prefixes', 'name: zero\nprefixes'),
  });
  t.same(prefixes.summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.same(
    prefixes.broken.map(({name}) => name),
    ['zero'],
  );
  t.end();
});

t.test('a broken service keeps its prefix from newcomers', (t) => {
  const {summary, broken} = reload({...before, 'a.yaml': 'prefixes: 5\n', 'new.yaml': one('192.0.2.1')});
  t.same(summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.same(
    broken.map(({name}) => name),
    ['a', 'new'],
  );
  t.end();
});

t.test('one that comes to want what another has stays as it was', (t) => {
  const {summary, broken} = reload({...before, 'b.yaml': one('192.0.2.1')});
  t.same(summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.same(
    broken.map(({name}) => name),
    ['b'],
  );
  t.end();
});

t.test('a prefix may move from one service to another', (t) => {
  const {summary, problems} = reload({...before, 'a.yaml': one('192.0.2.9'), 'b.yaml': one('192.0.2.1')});
  t.same(problems, []);
  t.same(summary, ['a 192.0.2.9/32', 'b 192.0.2.1/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.end();
});

t.test('a broken copy of a service does not disturb the original', (t) => {
  const {summary, config} = reload({...before, 'a-copy.yaml': `name: a\nfoo: 1\n${one('192.0.2.1')}`});
  t.same(summary, ['a 192.0.2.1/32', 'b 192.0.2.2/32', 'c1 192.0.2.3/32', 'c2 192.0.2.4/32']);
  t.equal(config?.services.find(({name}) => name === 'a')?.file, '/etc/eip-health/conf.d/a.yaml');
  t.end();
});

t.test('a broken main file is no configuration', (t) => {
  t.equal(reload(before, 'bgp: {').config, null);
  t.end();
});
