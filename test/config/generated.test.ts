import t from 'tap';
import {formatProblem} from '../../agent/config/report.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix} from '../../agent/types.js';
import {parseTexts} from './fixture.js';

const check = 'check: {type: tcp, host: 127.0.0.1, port: 80}';
const watchdog = {rise: 1, fall: 1};

t.test('pacing takes the place of defaults, not of what a service says itself', (t) => {
  const {config, problems} = parseTexts(
    {
      main: 'bird: {file: /etc/bird/list.conf}\ndefaults: {rise: 5, fall: 4, timeout: 300ms}',
      files: {
        'a.yaml': `prefixes: [192.0.2.1]\n${check}`,
        'b.yaml': `prefixes: [192.0.2.2]\n${check}\nrise: 3`,
        'c.yaml': 'prefixes: [192.0.2.3]\ncheck: {type: tcp, host: 127.0.0.1, port: 80, fall: 2}',
      },
    },
    {pacing: watchdog},
  );
  t.same(problems, []);
  t.same(
    config?.services.map(({checks: [first]}) => [first?.rise, first?.fall, first?.timeoutMs]),
    [
      [1, 1, 300],
      [3, 1, 300],
      [1, 2, 300],
    ],
  );
  t.end();
});

t.test('a schedule for services without an interval or a schedule of their own', (t) => {
  const {config, problems} = parseTexts(
    {
      main: 'bird: {file: /etc/bird/list.conf}\ndefaults: {interval: 5s}',
      files: {
        'a.yaml': `prefixes: [192.0.2.1]\n${check}\ntimeout: 10s`,
        'b.yaml': `prefixes: [192.0.2.2]\n${check}\ninterval: 1s`,
        'c.yaml': `prefixes: [192.0.2.3]\n${check}\nschedule: "@hourly"`,
        'd.yaml': `prefixes: [192.0.2.4]\nchecks: [{name: x, type: tcp, host: h, port: 1}, {name: y, type: tcp, host: h, port: 1, interval: 3s}]`,
      },
    },
    {pacing: {...watchdog, schedule: '* * * * *'}},
  );
  t.same(problems, []);
  t.same(
    config?.services.map(({checks}) => checks.map(({intervalMs, schedule}) => schedule ?? intervalMs)),
    [['* * * * *'], [1000], ['@hourly'], ['* * * * *', 3000]],
  );
  t.end();
});

t.test('documents that are made come behind the files, and hear what those ask for', (t) => {
  let heard: ReadonlySet<Prefix> = new Set();
  const {config, problems, broken} = parseTexts(
    {
      files: {
        'a.yaml': `prefixes: [192.0.2.1, "2001:db8::1"]\n${check}`,
        'broken.yaml': `prefixes: [192.0.2.2]\n${check}\nnonsense: 1`,
      },
    },
    {
      generate(named) {
        heard = named;
        return [
          {file: 'IPVS', text: `name: made\nprefixes: [192.0.2.3]\n${check}`},
          {file: 'IPVS', text: `name: clash\nprefixes: [192.0.2.1]\n${check}`},
        ];
      },
    },
  );
  t.same(
    [...heard],
    ['192.0.2.1/32', '2001:db8::1/128', '192.0.2.2/32'].map(parsePrefix),
    'also of a broken file',
  );
  t.same(
    config?.services.map(({name}) => name),
    ['a', 'made'],
  );
  t.same(
    broken.map(({name}) => name),
    ['broken', 'clash'],
  );
  t.match(problems.map(formatProblem), [
    /broken\.yaml:3:1: error: unknown key `nonsense`/,
    /^IPVS:2:12: error: prefixes\[0\]: 192\.0\.2\.1\/32 belongs to service a /,
  ]);
  t.end();
});
