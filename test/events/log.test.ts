import t from 'tap';
import {createLog, type Log} from '../../agent/events/log.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, CheckResult, LogLevel, PeerWord, ServiceName, Settled} from '../../agent/types.js';
import {FakeClock} from '../fake/clock.js';
import {FakeOutput} from '../fake/output.js';

const web = 'web' as ServiceName;
const prefix = parsePrefix('192.168.0.16');

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function setUp(level: LogLevel = 'info') {
  const clock = new FakeClock();
  const output = new FakeOutput();
  const log = createLog({config: {level, format: 'json', syslog: null}, output, clock, color: false});
  return {clock, output, log, lines: () => output.lines.map((line) => JSON.parse(line) as Line)};
}

function say(log: Log, clock: FakeClock, ...events: readonly AgentEvent[]): void {
  for (const event of events) log.sink(event);
  clock.advance(5);
}

const state = (from: Settled, to: Settled, reason: string): AgentEvent => ({
  kind: 'service-state',
  service: web,
  from,
  to,
  reason,
});
const announced = (to = 'nrec-1', which = prefix): AgentEvent => ({
  kind: 'route-announced',
  prefix: which,
  to,
  nextHop: '10.0.240.156',
  owners: [web],
});
const withdrawn = (to = 'nrec-1', which = prefix): AgentEvent => ({
  kind: 'route-withdrawn',
  prefix: which,
  to,
  owners: [web],
});
const peer = (from: PeerWord, to: PeerWord, reason: string | null = null): AgentEvent => ({
  kind: 'peer-state',
  peer: 'nrec-1',
  from,
  to,
  reason,
});
const result: CheckResult = {
  verdict: 'fail',
  reason: 'connect ECONNREFUSED 127.0.0.1:8080',
  startedAt: 0,
  durationMs: 1.23456,
  details: {},
  transcript: [],
};

const forms: readonly (readonly [AgentEvent, LogLevel, string, Record<string, unknown>])[] = [
  [
    state('up', 'down', '2 failures in a row: connect ECONNREFUSED 127.0.0.1:8080'),
    'warn',
    'service web down: 2 failures in a row: connect ECONNREFUSED 127.0.0.1:8080',
    {
      service: 'web',
      from: 'up',
      to: 'down',
      reason: '2 failures in a row: connect ECONNREFUSED 127.0.0.1:8080',
    },
  ],
  [
    state('unknown', 'up', '3 successes in a row: 200 OK in 3 ms'),
    'info',
    'service web up: 3 successes in a row: 200 OK in 3 ms',
    {service: 'web', from: 'unknown', to: 'up', reason: '3 successes in a row: 200 OK in 3 ms'},
  ],
  [state('up', 'degraded', 'slow'), 'warn', 'service web degraded: slow', {}],
  [state('down', 'degraded', 'slow'), 'info', 'service web degraded: slow', {}],
  [state('unknown', 'down', 'dead'), 'warn', 'service web down: dead', {}],
  [
    withdrawn(),
    'warn',
    'withdraw 192.168.0.16/32 from nrec-1',
    {service: 'web', prefix: '192.168.0.16/32', peer: 'nrec-1'},
  ],
  [
    announced(),
    'info',
    'announce 192.168.0.16/32 to nrec-1',
    {service: 'web', prefix: '192.168.0.16/32', peer: 'nrec-1', next_hop: '10.0.240.156'},
  ],
  [
    {kind: 'route-failed', prefix, to: 'nrec-1', reason: 'no next hop'},
    'warn',
    'route 192.168.0.16/32 to nrec-1 failed: no next hop',
    {prefix: '192.168.0.16/32', peer: 'nrec-1', reason: 'no next hop'},
  ],
  [
    {kind: 'address-added', prefix, interface: 'lo'},
    'info',
    'add address 192.168.0.16/32 to lo',
    {prefix: '192.168.0.16/32', interface: 'lo'},
  ],
  [
    {kind: 'address-removed', prefix, interface: 'lo'},
    'info',
    'remove address 192.168.0.16/32 from lo',
    {prefix: '192.168.0.16/32', interface: 'lo'},
  ],
  [
    {kind: 'address-failed', prefix, interface: 'lo', reason: 'EPERM'},
    'warn',
    'address 192.168.0.16/32 on lo failed: EPERM',
    {prefix: '192.168.0.16/32', interface: 'lo', reason: 'EPERM'},
  ],
  [
    peer('open-confirm', 'established'),
    'info',
    'peer nrec-1 established',
    {peer: 'nrec-1', from: 'open-confirm', to: 'established'},
  ],
  [
    peer('established', 'idle', 'hold timer expired'),
    'warn',
    'peer nrec-1 idle: hold timer expired',
    {peer: 'nrec-1', from: 'established', to: 'idle', reason: 'hold timer expired'},
  ],
  [peer('idle', 'connect'), 'debug', 'peer nrec-1 connect', {peer: 'nrec-1', from: 'idle', to: 'connect'}],
  [
    {
      kind: 'admin-state',
      service: web,
      from: 'enabled',
      to: 'drained',
      reason: 'by the file /run/web.drained',
    },
    'info',
    'service web drained: by the file /run/web.drained',
    {service: 'web', from: 'enabled', to: 'drained'},
  ],
  [
    {kind: 'check-result', service: web, check: 'http', result},
    'debug',
    'check web/http fail: connect ECONNREFUSED 127.0.0.1:8080',
    {service: 'web', check: 'http', verdict: 'fail', duration_ms: 1.235},
  ],
  [
    {kind: 'check-state', service: web, check: 'http', from: 'up', to: 'down', reason: 'refused'},
    'debug',
    'check web/http down: refused',
    {service: 'web', check: 'http', from: 'up', to: 'down', reason: 'refused'},
  ],
  [
    {kind: 'note', level: 'error', message: 'control socket gone', fields: {path: '/run/x'}},
    'error',
    'control socket gone',
    {path: '/run/x'},
  ],
];

t.test('each kind of event has its line, level and fields', async (t) => {
  t.ok(forms.length > 15);
  for (const [event, level, msg, fields] of forms) {
    const {log, clock, lines} = setUp('trace');
    say(log, clock, event);
    t.match(lines(), [{level, msg, ...fields}], msg);
    t.equal(lines().length, 1);
  }
});

t.test('a line of JSON holds nothing but what was said', async (t) => {
  const {log, clock, output} = setUp();
  clock.advance(1234);
  say(log, clock, peer('open-confirm', 'established'));
  t.strictSame(output.lines, [
    '{"level":"info","time":"2026-01-01T00:00:01.234Z","peer":"nrec-1","from":"open-confirm","to":"established",' +
      '"msg":"peer nrec-1 established"}',
  ]);
});

t.test('the level decides, and may change', async (t) => {
  const {log, clock, lines} = setUp('warn');
  say(log, clock, announced(), withdrawn());
  t.strictSame(
    lines().map(({msg}) => msg),
    ['withdraw 192.168.0.16/32 from nrec-1'],
  );
  log.sink(announced('before'));
  log.configure({level: 'info', format: 'json', syslog: null});
  say(log, clock, announced('after'));
  t.strictSame(
    lines().map(({msg}) => msg),
    ['withdraw 192.168.0.16/32 from nrec-1', 'announce 192.168.0.16/32 to after'],
  );
  log.configure({level: 'silent', format: 'json', syslog: null});
  say(log, clock, {kind: 'note', level: 'fatal', message: 'x', fields: {}});
  t.equal(lines().length, 2);
});

const many = (count: number) =>
  Array.from({length: count}, (_, i) => parsePrefix(`10.0.${i >> 8}.${i & 255}`));

t.test('up to 20 prefixes of one change to one peer are a line each', async (t) => {
  const {log, clock, lines} = setUp();
  say(log, clock, ...many(20).map((each) => announced('nrec-1', each)));
  t.equal(lines().length, 20);
  t.equal(lines()[19]?.msg, 'announce 10.0.0.19/32 to nrec-1');
});

t.test('more than 20 are one line, each prefix at debug', async (t) => {
  for (const [level, expected] of [
    ['info', 1],
    ['debug', 22],
  ] as const) {
    const {log, clock, lines} = setUp(level);
    say(log, clock, ...many(21).map((each) => withdrawn('nrec-1', each)));
    t.equal(lines().length, expected);
    t.match(lines()[0], {level: 'warn', msg: 'withdraw 21 prefixes from nrec-1', peer: 'nrec-1', count: 21});
    if (level === 'debug') t.match(lines()[21], {level: 'debug', msg: 'withdraw 10.0.0.20/32 from nrec-1'});
  }
});

t.test('peers, changes and bursts are counted apart', async (t) => {
  const {log, clock, lines} = setUp();
  const prefixes = many(15);
  say(
    log,
    clock,
    ...prefixes.flatMap((each) => [announced('a', each), announced('b', each)]),
    ...prefixes.map((each) => withdrawn('a', each)),
    ...prefixes.map((each) => announced('a', each)),
  );
  t.equal(lines().length, 60, 'no group has more than 20');
  say(log, clock, ...many(30).flatMap((each) => [announced('a', each), announced('b', each)]));
  t.strictSame(
    lines()
      .slice(60)
      .map(({msg}) => msg),
    ['announce 30 prefixes to a', 'announce 30 prefixes to b'],
  );
});

t.test('failures for different reasons are counted apart', async (t) => {
  const {log, clock, lines} = setUp();
  const failed = (reason: string) =>
    many(21).map((each): AgentEvent => ({kind: 'route-failed', prefix: each, to: 'a', reason}));
  say(log, clock, ...failed('no next hop'), ...failed('not allowed'));
  t.strictSame(
    lines().map(({msg}) => msg),
    ['21 routes to a failed: no next hop', '21 routes to a failed: not allowed'],
  );
});

t.test('many addresses are one line, too', async (t) => {
  const {log, clock, lines} = setUp();
  const on = (kind: 'address-added' | 'address-removed') =>
    many(21).map((each): AgentEvent => ({kind, prefix: each, interface: 'lo'}));
  say(log, clock, ...on('address-added'), ...on('address-removed'), announced('lo'));
  t.strictSame(
    lines().map(({msg}) => msg),
    ['add 21 addresses to lo', 'remove 21 addresses from lo', 'announce 192.168.0.16/32 to lo'],
  );
});

t.test('an announcement after a withdrawal stays after it', async (t) => {
  const {log, clock, lines} = setUp();
  say(log, clock, announced(), withdrawn(), announced());
  t.strictSame(
    lines().map(({msg}) => msg.split(' ')[0]),
    ['announce', 'withdraw', 'announce'],
  );
});

t.test('within a burst the cause stands before what was done', async (t) => {
  const {log, clock, lines} = setUp();
  say(
    log,
    clock,
    peer('open-confirm', 'established'),
    withdrawn(),
    peer('established', 'idle', 'gone'),
    state('up', 'down', 'dead'),
  );
  t.strictSame(
    lines().map(({msg}) => msg),
    [
      'peer nrec-1 established',
      'service web down: dead',
      'withdraw 192.168.0.16/32 from nrec-1',
      'peer nrec-1 idle: gone',
    ],
  );
});

t.test('a peer that fails for the same reason again and again is told once', async (t) => {
  const {log, clock, lines} = setUp();
  const refused = peer('connect', 'idle', 'connect ECONNREFUSED');
  say(log, clock, refused, peer('idle', 'connect'), refused);
  say(log, clock, peer('connect', 'idle', 'no answer'), refused, refused);
  say(
    log,
    clock,
    peer('open-confirm', 'established'),
    peer('established', 'idle', 'hold timer expired'),
    refused,
  );
  t.strictSame(
    lines().map(({msg}) => msg),
    [
      'peer nrec-1 idle: connect ECONNREFUSED',
      'peer nrec-1 idle: no answer',
      'peer nrec-1 idle: connect ECONNREFUSED',
      'peer nrec-1 established',
      'peer nrec-1 idle: hold timer expired',
      'peer nrec-1 idle: connect ECONNREFUSED',
    ],
  );
});

t.test('lines wait for the end of the burst, but not at a flush, a close or a fatal event', async (t) => {
  const {log, output} = setUp();
  log.sink(announced());
  t.equal(output.lines.length, 0);
  log.flush();
  t.equal(output.lines.length, 1);
  log.sink(announced());
  log.sink({kind: 'note', level: 'fatal', message: 'out of memory', fields: {}});
  t.equal(output.lines.length, 3);
  log.sink(withdrawn());
  await log.close(1000);
  t.equal(output.lines.length, 4);
});

t.test('a burst goes on while something happens, but not for long', async (t) => {
  const {log, clock, output, lines} = setUp();
  for (const each of many(30)) {
    log.sink(announced('nrec-1', each));
    clock.advance(1);
  }
  t.equal(output.lines.length, 0);
  clock.advance(4);
  t.match(lines(), [{msg: 'announce 30 prefixes to nrec-1'}], 'one change is one line');
  for (const each of many(30)) {
    log.sink(withdrawn('nrec-1', each));
    clock.advance(2);
  }
  t.match(lines().slice(1), [{msg: 'withdraw 25 prefixes from nrec-1'}], 'whoever reads on sees it in time');
});

t.test('lost lines are counted, and told once there is room again', async (t) => {
  const {log, clock, output, lines} = setUp();
  output.full = true;
  say(log, clock, announced('a'), announced('b'), announced('c'));
  t.equal(output.lines.length, 0);
  output.full = false;
  say(log, clock, announced('d'), announced('e'));
  t.match(lines(), [
    {level: 'warn', msg: '3 log lines lost: the output did not take them', count: 3},
    {msg: 'announce 192.168.0.16/32 to d'},
    {msg: 'announce 192.168.0.16/32 to e'},
  ]);
});

t.test('auto is pretty on a terminal and JSON elsewhere', async (t) => {
  const first = (isTerminal: boolean): string => {
    const clock = new FakeClock();
    const output = new FakeOutput(isTerminal);
    const log = createLog({
      config: {level: 'info', format: 'auto', syslog: null},
      output,
      clock,
      color: false,
    });
    say(log, clock, announced());
    return output.text;
  };
  t.match(first(false), /^\{"level":"info"/);
  t.match(
    first(true),
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}announce 192\.168\.0\.16\/32 to nrec-1 {2}service=web/,
  );
});

t.test('--json stays in force through a reload', async (t) => {
  const clock = new FakeClock();
  const output = new FakeOutput(true);
  const log = createLog({
    config: {level: 'info', format: 'pretty', syslog: null},
    output,
    clock,
    color: false,
    json: true,
  });
  say(log, clock, announced());
  log.configure({level: 'info', format: 'pretty', syslog: null});
  say(log, clock, withdrawn());
  t.strictSame(
    output.lines.map((line) => (JSON.parse(line) as Line).level),
    ['info', 'warn'],
  );
});

t.test('text from outside reaches a log of JSON as it was', async (t) => {
  const {log, clock, lines} = setUp();
  say(log, clock, state('up', 'down', 'exit 1: %s %d 100% \u001b[31m"quoted"\nline'));
  t.equal(lines()[0]?.msg, 'service web down: exit 1: %s %d 100% \u001b[31m"quoted"\nline');
});
