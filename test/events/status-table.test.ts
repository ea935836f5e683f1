import t from 'tap';
import {buildStatus, type CheckStatus} from '../../agent/events/status.js';
import {trend} from '../../agent/events/status-sections.js';
import {renderStatus} from '../../agent/events/status-table.js';
import {cut, tableLines} from '../../agent/events/table.js';
import {styles} from '../../agent/lib/styles.js';
import {largeInput, sampleInput, serviceConfig, web} from './status-sample.js';

const sample = buildStatus(sampleInput);
const large = buildStatus(largeInput(200));

t.test('a small host, on a wide screen', async (t) => {
  t.equal(
    renderStatus(sample, {color: false, width: 120}),
    `
eip-health 0.1.0, running for 4h, router id 10.0.240.156

SERVICE  STATE  SINCE   PREFIXES                                    WHY
web      up     3h 12m  192.168.0.16/32, fda4:5ff2:8477:1755::/128  200 OK in 3 ms
dns      down   12s     192.168.0.17/32                             connect ECONNREFUSED 127.0.0.1:8080

ROUTE                      OF   KERNEL            NEXT HOP      MED  ANNOUNCED TO
192.168.0.16/32            web  installed         10.0.240.156  100  nrec-1, nrec-2
192.168.0.17/32            dns  withdraw-pending                     withdraw-pending nrec-1
fda4:5ff2:8477:1755::/128  web  installed         fd00::156     100  nrec-1, no-next-hop nrec-2
  nrec-2: no global IPv6 address on eth0

PEER    STATE        SINCE     AS  ADDRESS       SENT  RECEIVED  WHY
nrec-1  established  4h     65535  10.255.255.1     2         0
nrec-2  active       5s            10.255.255.2     0         0  connect ECONNREFUSED 10.255.255.2:179

2 services: 1 up, 1 down; 2 of 2 routes announced; 1 of 2 peers established
`.slice(1),
  );
});

t.test('a peer that is drained or disabled says so, and why', (t) => {
  const [first, second] = sample.peers;
  if (!first || !second) throw new Error('the sample has too few peers');
  const given = {by: 'root', at: sample.at, until: '2026-11-21T14:00:00.000Z', reason: 'new line card'};
  const shown = renderStatus(
    {
      ...sample,
      peers: [
        {...first, admin: {...given, state: 'drained', drain_until: sample.at}},
        {...second, state: 'idle', admin: {...given, state: 'disabled', until: null, drain_until: null}},
      ],
    },
    {color: false, width: 200},
  );
  t.match(shown, /^nrec-1 +established, draining +4h .* by root until 2026-11-21T14:00Z: new line card$/m);
  t.match(shown, /^nrec-2 +idle, disabled .* by root: new line card$/m);
  t.match(shown, /; 1 of 2 peers established \(1 drained, 1 disabled\)$/m);
  t.end();
});

t.test('one service shows its checks', async (t) => {
  const one = buildStatus({...sampleInput, services: sampleInput.services.slice(1)});
  t.match(
    renderStatus(one, {color: false, width: 120}),
    `
CHECK  TYPE  STATE  LAST  IN A ROW  TOOK  AGO  REASON
http   http  down   fail         2  3 ms   1s  connect ECONNREFUSED 127.0.0.1:8080
`,
  );
});

t.test('no line is longer than the screen, in whatever width', async (t) => {
  for (const status of [sample, large]) {
    for (const width of [20, 40, 60, 80, 100, 200]) {
      const lines = renderStatus(status, {color: false, width}).split('\n');
      t.ok(lines.length > 10);
      t.strictSame(
        lines.filter((line) => [...line].length > width),
        [],
        `${width}`,
      );
    }
  }
});

t.test('a long reason is cut, and whole where there is no screen', async (t) => {
  t.match(
    renderStatus(large, {color: false, width: 100}),
    /service-100 {2}up falling 1\/2 .*no answer within 1 s.*…\n/,
  );
  t.match(
    renderStatus(large, {color: false, width: Number.POSITIVE_INFINITY}),
    'never fits into a line of the screen\n',
  );
});

t.test('200 services: all of them, or what fits and what is the matter', async (t) => {
  const all = renderStatus(large, {color: false, width: 110}).split('\n');
  t.equal(all.filter((line) => line.startsWith('service-')).length, 200);
  t.equal(all.filter((line) => /^(192\.0\.|2001:)/.test(line)).length, 400);

  const screen = renderStatus(large, {color: false, width: 110, height: 20});
  t.equal(
    screen,
    `
eip-health 0.1.0, running for 4h, router id 10.0.240.156

SERVICE      STATE            SINCE  PREFIXES                         WHY
service-001  up               3h     192.0.2.0/32, 2001:db8::1/128    200 OK in 3 ms
service-002  up               3h     192.0.2.1/32, 2001:db8::2/128    200 OK in 3 ms
service-003  up               3h     192.0.2.2/32, 2001:db8::3/128    200 OK in 3 ms
service-004  up               3h     192.0.2.3/32, 2001:db8::4/128    200 OK in 3 ms
service-005  up               3h     192.0.2.4/32, 2001:db8::5/128    200 OK in 3 ms
service-007  down rising 2/3  40s    192.0.2.6/32, 2001:db8::7/128    200 OK in 3 ms
service-100  up falling 1/2   3h     192.0.2.99/32, 2001:db8::64/128  no answer within 1 s: a reason that is …
… 193 more services, all up

… 400 routes, all as they should be

PEER    STATE        SINCE     AS  ADDRESS       SENT  RECEIVED  WHY
nrec-1  established  4h     65535  10.255.255.1     2         0
nrec-2  active       5s            10.255.255.2     0         0  connect ECONNREFUSED 10.255.255.2:179

200 services: 199 up, 1 down; 400 of 400 routes announced; 1 of 2 peers established
`.slice(1),
  );
});

t.test('a screen is never overrun, and its last line is the summary', async (t) => {
  for (const status of [sample, large]) {
    for (const height of [6, 10, 15, 24, 50, 100, 1000]) {
      const lines = renderStatus(status, {color: false, width: 100, height}).trimEnd().split('\n');
      t.ok(lines.length <= height, `${lines.length} in ${height}`);
      t.match(lines.at(-1), /services: /);
    }
  }
});

t.test('colour changes nothing but colour', async (t) => {
  const coloured = renderStatus(sample, {color: true, width: 100});
  t.match(coloured, '\u001b[31mdown\u001b[39m');
  t.match(coloured, '\u001b[32mestablished\u001b[39m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of colours.
  t.equal(coloured.replaceAll(/\u001b\[\d+m/g, ''), renderStatus(sample, {color: false, width: 100}));
});

t.test('errors of the configuration, a drained service and text from outside', async (t) => {
  const [service] = sample.services;
  t.ok(service);
  if (!service) return;
  const shown = renderStatus(
    {
      ...sample,
      config: {...sample.config, errors: [{file: '/etc/a.yaml', line: 3, column: 7, message: 'no such key'}]},
      services: [
        {
          ...service,
          admin: {...service.admin, state: 'drained', reason: 'reboot \u001b[2J\n'},
          prefixes: ['a', 'b', 'c', 'd'] as never,
        },
        {...service, name: 'idle', state: 'unknown', checks: [], reason: 'not yet checked'},
      ],
    },
    {color: false, width: 100},
  );
  t.match(shown, 'configuration: /etc/a.yaml:3:7: no such key\n');
  t.match(shown, /^web +up drained +3h 12m +a, b \+2 +reboot \\u001b\[2J\\n$/m);
  t.match(shown, /^idle +unknown .* not yet checked$/m);
  t.match(shown, '2 services: 1 up, 1 unknown (1 drained);');
});

t.test('kernel routes and other daemons', async (t) => {
  const [route] = sample.routes;
  t.ok(route);
  if (!route) return;
  const shown = (announcers: typeof route.announcers): string =>
    renderStatus({...sample, peers: [], routes: [{...route, announcers}]}, {color: false, width: 100});
  t.match(shown({kernel: {address: 'installed', route: 'installed'}}), /web +installed\n/);
  t.match(shown({kernel: {address: 'foreign', route: 'pending'}}), 'foreign, route pending\n');
  t.match(shown({kernel: {address: 'not-wanted', route: 'installed'}}), 'route installed\n');
  t.match(shown({bird: 'failed', frr: 'installed'}), 'frr, failed bird\n');
  t.match(shown({bird: 'failed'}), '0 of 1 routes announced');
  const kernel = {address: 'installed', route: 'installed'};
  t.match(
    shown({kernel, bgp: {r1: {state: 'peer-down'}}}),
    '0 of 1 routes announced',
    'to nobody but the kernel',
  );
  t.match(shown({kernel, bgp: {r1: {state: 'not-wanted'}}}), '1 of 1 routes announced');
  t.notMatch(shown({bird: 'installed'}), 'PEER');
});

t.test('a peer with BFD shows both', async (t) => {
  const peers = sample.peers.map(
    (peer) => ({...peer, bfd: peer.state === 'established' ? 'up' : 'down'}) as const,
  );
  const shown = renderStatus({...sample, peers}, {color: false, width: 120});
  t.match(shown, /nrec-1 +established, bfd up +4h/);
  t.match(shown, /nrec-2 +active, bfd down +5s/);
  const refused = peers.map(
    (peer) => ({...peer, bfd: 'down', bfd_reason: 'packets are refused: wrong password'}) as const,
  );
  t.match(
    renderStatus({...sample, peers: refused}, {color: false, width: 160}),
    /nrec-1 +established, bfd down .* bfd: packets are refused: wrong password/,
  );
});

t.test('several checks: the one that tells is named', async (t) => {
  const config = serviceConfig('web', [web], ['http', 'tcp']);
  const [service] = buildStatus({...sampleInput, services: sampleInput.services.slice(0, 1)}).services;
  const [http] = service?.checks ?? [];
  t.ok(service && http);
  if (!service || !http) return;
  const tcp: CheckStatus = {...http, name: 'tcp', verdict: 'fail', reason: 'refused', run: -1};
  const show = (checks: readonly CheckStatus[]): string =>
    renderStatus(
      {...sample, services: [{...service, name: config.name, checks}]},
      {color: false, width: 120},
    );
  t.match(show([http, tcp]), /^web +up falling 1\/2 .* tcp: refused$/m);
  t.match(show([http, {...tcp, run: 9, verdict: 'pass'}]), /^web +up .* all 2 checks up$/m);
});

t.test('trend words', async (t) => {
  const check: CheckStatus = {
    name: 'x',
    type: 'tcp',
    state: 'up',
    verdict: 'pass',
    reason: null,
    at: null,
    duration_ms: null,
    run: null,
    rise: 3,
    fall: 2,
    missed: 0,
  };
  const cases: readonly (readonly [Partial<CheckStatus>, string | null])[] = [
    [{}, null],
    [{run: 100}, null],
    [{run: -1, verdict: 'fail'}, 'falling 1/2'],
    [{run: 1, verdict: 'degraded'}, 'falling 1/2'],
    [{state: 'down', run: -7, verdict: 'fail'}, null],
    [{state: 'down', run: 2}, 'rising 2/3'],
    [{state: 'down', run: 2, verdict: 'degraded'}, 'rising 2/3'],
    [{state: 'degraded', run: 9, verdict: 'degraded'}, null],
    [{state: 'degraded', run: 1}, 'rising 1/3'],
    [{state: 'degraded', run: -1, verdict: 'fail'}, 'falling 1/2'],
    [{state: 'unknown', run: 1}, 'rising 1/3'],
    [{state: 'unknown', run: -1}, 'falling 1/2'],
  ];
  for (const [given, expected] of cases)
    t.equal(trend({...check, ...given}), expected, JSON.stringify(given));
});

t.test('tables: empty columns go, numbers stand right, what is cut ends in …', async (t) => {
  const columns = [
    {title: 'A'},
    {title: 'EMPTY'},
    {title: 'N', align: 'right'},
    {title: 'TEXT', least: 4},
  ] as const;
  const rows = [
    ['a', '', '1', 'a long text'],
    ['aaa', '', '100', 'short'],
  ];
  t.strictSame(tableLines(columns, rows, 80, styles(false)), [
    'A      N  TEXT',
    'a      1  a long text',
    'aaa  100  short',
  ]);
  t.strictSame(tableLines(columns, rows, 15, styles(false)), [
    'A      N  TEXT',
    'a      1  a lo…',
    'aaa  100  short',
  ]);
  t.strictSame(
    cut([{text: 'one', style: 'red'}, {text: 'two'}], 5).map(({text}) => text),
    ['one', 't', '…'],
  );
});
