import fc from 'fast-check';
import t from 'tap';
import {stringify} from 'yaml';
import {diffConfig, keepUntilRestart, lines} from '../../agent/config/diff.js';
import {plainConfig} from './arbitrary.js';
import {configOf} from './fixture.js';

const main = `
allow: [192.0.2.0/24]
kernel: {}
bgp:
  local_as: 64512
  local_address: 10.0.0.2
  local_address6: 2001:db8::2
  peers:
    - {name: r1, address: 10.0.0.1, remote_as: 64601, multihop: true, password: hush}
    - {name: r2, address: 2001:db8::1, remote_as: 64601}
`;
const web = `
name: web
prefixes: [192.0.2.1]
check: {type: http, url: "http://127.0.0.1/"}
interval: 1s
`;

function change(edit: {main?: [string, string][]; web?: [string, string][]; files?: Record<string, string>}) {
  const apply = (text: string, edits: [string, string][] = []): string => {
    return edits.reduce((edited, [from, to]) => {
      if (!edited.includes(from)) throw new Error(`no ${from} in it`);
      return edited.replace(from, to);
    }, text);
  };
  const old = configOf({main, files: {'web.yaml': web}});
  const next = configOf({
    main: apply(main, edit.main),
    files: edit.files ?? {'web.yaml': apply(web, edit.web)},
  });
  const diff = diffConfig(old, next);
  return {old, next, diff, said: lines(diff)};
}

t.test('nothing changed', (t) => {
  const {diff, said} = change({});
  t.ok(diff.isEmpty);
  t.same(said, ['nothing changed']);
  const moved = change({
    files: {'other.yaml': `# a comment\n${web.replace('interval: 1s', 'inter: 1000ms')}`},
  });
  t.ok(moved.diff.isEmpty, 'where and how it is written makes no difference');
  t.end();
});

t.test('a configuration is not different from itself (property)', (t) => {
  const secrets = {'/etc/eip-health/a.key': 'x', '/etc/eip-health/common.key': 'y', '/etc/keys/b.key': 'z'};
  fc.assert(
    fc.property(plainConfig, ({main, services}) => {
      const texts = {
        main: stringify(main),
        files: Object.fromEntries(services.map((service, i) => [`${i}.yaml`, stringify(service)])),
        secrets,
      };
      t.same(lines(diffConfig(configOf(texts), configOf(texts))), ['nothing changed']);
    }),
    {numRuns: 30, seed: 1},
  );
  t.end();
});

t.test('what restarts a session, and what does not', (t) => {
  const r1 = 'remote_as: 64601, multihop: true, password: hush';
  const cases: [[string, string], string, boolean][] = [
    [['address: 10.0.0.1', 'address: 10.0.0.9'], 'address 10.0.0.1 -> 10.0.0.9', true],
    [[r1, `${r1}, port: 1179`], 'port 179 -> 1179', true],
    [[r1, `${r1}, local_address: 10.0.0.3`], 'local_address 10.0.0.2 -> 10.0.0.3', true],
    [[r1, `${r1}, local_as: 64600`], 'local_as 64512 -> 64600', true],
    [[r1, r1.replace('64601', 'external')], 'remote_as 64601 -> external', true],
    [[r1, r1.replace('hush', 'psst')], 'password changed', true],
    [[', password: hush', ''], 'password changed', true],
    [[r1, `${r1}, families: [ipv4]`], 'families ipv4, ipv6 -> ipv4', true],
    [[r1, `${r1}, hold_time: 9s`], 'hold_time 90s -> 9s', true],
    [['multihop: true', 'multihop: 5'], 'multihop 64 -> 5', true],
    [[', multihop: true', ''], 'multihop 64 -> false', true],
    [[r1, `${r1}, connect_retry: 1s`], 'connect_retry 5s -> 1s', false],
    [[r1, `${r1}, local_address6: "2001:db8::3"`], 'next hop for ipv6 2001:db8::2 -> 2001:db8::3', false],
  ];
  for (const [edit, what, bounces] of cases) {
    const {diff, said} = change({main: [edit]});
    t.same(said, [`peer r1: ${bounces ? 'the session is restarted: ' : ''}${what}`]);
    t.match(diff.peers.changed, [{name: 'r1', bounces}]);
    t.notMatch(said.join(), /hush|psst/);
  }
  t.end();
});

t.test('what a change of a service touches', (t) => {
  const cases: [[string, string], string, string[]][] = [
    [['interval: 1s', 'interval: 3s'], 'check http: interval 1s -> 3s', ['checks']],
    [['127.0.0.1/', '127.0.0.1:8080/'], 'check http: options changed', ['checks']],
    [['{type: http', '{name: front, type: http'], 'checks +front -http', ['checks']],
    [
      ['interval: 1s', 'schedule: "* * * * *"'],
      'check http: interval 1s -> none, check http: schedule none -> * * * * *',
      ['checks'],
    ],
    [['interval: 1s', 'interval: 1s\nrise: 5'], 'check http: rise 3 -> 5', ['checks']],
    [['interval: 1s', 'interval: 1s\nrequire: any'], 'require all -> any', ['checks']],
    [
      ['[192.0.2.1]', '[192.0.2.2, 192.0.2.3]'],
      'prefixes +192.0.2.2/32 +192.0.2.3/32 -192.0.2.1/32',
      ['routes'],
    ],
    [
      ['[192.0.2.1]', '[192.0.2.1, 192.0.2.0/24]\naddresses: [192.0.2.7]'],
      'prefixes +192.0.2.0/24, addresses +192.0.2.7/32',
      ['routes'],
    ],
    [['interval: 1s', 'interval: 1s\nannounce: {med: 5}'], 'announce changed', ['routes']],
    [['interval: 1s', 'interval: 1s\nwhen_degraded: {med: 5}'], 'when_degraded changed', ['routes']],
    [['interval: 1s', 'interval: 1s\nwhen_down: {med: 5}'], 'when_down changed', ['routes']],
    [['interval: 1s', 'interval: 1s\ndrain: 5s'], 'drain changed', ['routes']],
    [['interval: 1s', 'interval: 1s\nshared: any'], 'shared none -> any', ['routes']],
    [
      ['interval: 1s', 'interval: 1s\nkernel: {addresses: always}'],
      'kernel.addresses when_up -> always',
      ['routes'],
    ],
    [['interval: 1s', 'interval: 1s\nenabled: false'], 'enabled true -> false', ['admin']],
    [
      ['interval: 1s', 'interval: 1s\ndisable_file: /run/x\nmaintenance: {schedule: "0 3 * * *", for: 2h}'],
      'disable_file none -> /run/x, maintenance none -> "0 3 * * *" for 2h',
      ['admin'],
    ],
    [
      ['interval: 1s', 'interval: 1s\nfall: 9\nenabled: false\nannounce: {med: 1}'],
      'check http: fall 2 -> 9, announce changed, enabled true -> false',
      ['checks', 'routes', 'admin'],
    ],
  ];
  for (const [edit, what, parts] of cases) {
    const {diff, said} = change({web: [edit]});
    t.same(said, [`service web: ${what}`]);
    t.same([...(diff.services.changed[0]?.parts ?? [])], parts, what);
  }
  const twice = change({web: [['[192.0.2.1]', '[192.0.2.1, 192.0.2.2]']]});
  const turned = diffConfig(
    twice.next,
    configOf({main, files: {'web.yaml': web.replace('[192.0.2.1]', '[192.0.2.2, 192.0.2.1]')}}),
  );
  t.same(lines(turned), ['service web: prefixes in another order']);
  const many = Array.from({length: 21}, (_, i) => `192.0.2.${i + 2}`).join(', ');
  t.same(change({web: [['[192.0.2.1]', `[${many}]`]]}).said, [
    'service web: prefixes +21 of them -192.0.2.1/32',
  ]);
  t.end();
});

t.test('services and peers that come and go', (t) => {
  const {said} = change({
    main: [['name: r2', 'name: r3']],
    files: {'dns.yaml': web.replace('name: web', 'name: dns')},
  });
  t.same(said, [
    'peer r2 removed: its session ends',
    'peer r3 added',
    'service web removed',
    'service dns added',
  ]);
  t.end();
});

t.test('the main file: what takes effect, what needs a restart; sessions first', (t) => {
  const {old, next, diff, said} = change({
    main: [
      [
        'allow: [192.0.2.0/24]',
        'allow: [192.0.2.0/25]\nstate_dir: /tmp/x\nlog: {level: debug}\nrouter_id: 10.0.0.2',
      ],
      ['kernel: {}', 'kernel: {interface: dummy0, addresses: always}\nstep_timeout: 3s'],
      ['password: hush', 'password: psst'],
    ],
  });
  const wait = 'needs a restart, until then it stays as it was';
  t.same(said, [
    'peer r1: the session is restarted: password changed',
    `router_id: none -> 10.0.0.2: ${wait}`,
    `state_dir: /var/lib/eip-health -> /tmp/x: ${wait}`,
    `step_timeout: 2s -> 3s: ${wait}`,
    `kernel.interface: lo -> dummy0: ${wait}`,
    'service web: kernel.addresses when_up -> always',
    'allow: changed',
    'log.level: info -> debug',
  ]);
  const kept = keepUntilRestart(old, next);
  t.match(kept, {
    stateDir: '/var/lib/eip-health',
    routerId: null,
    stepTimeoutMs: 2000,
    log: {level: 'debug'},
  });
  t.match(kept.kernel, {interface: 'lo', addresses: 'always'});
  t.equal(kept.bgp, next.bgp);
  t.same(diffConfig(old, kept).restart, []);
  t.same(diffConfig(kept, next).restart, diff.restart, 'still to come');
  t.end();
});

t.test('daemons that are driven stay as they were until a restart', (t) => {
  const old = configOf({main: 'gobgp: {}\nfrr: {}\n'});
  const next = configOf({main: 'gobgp: {port: 50052}\nbird: {form: protocol}\n'});
  const said = lines(diffConfig(old, next));
  t.equal(said.length, 3);
  for (const line of said)
    t.match(line, /^(gobgp|frr|bird): .*needs a restart, until then it stays as it was$/);
  t.match(keepUntilRestart(old, next), {gobgp: {port: 50051}, frr: {onlyConfigured: false}, bird: null});
  t.end();
});

t.test('a speaker or a kernel part that comes or goes needs a restart', (t) => {
  const without = main.slice(0, main.indexOf('bgp:')).replace('kernel: {}\n', '');
  const old = configOf({main: without, files: {'web.yaml': web}});
  const next = configOf({main, files: {'web.yaml': web}});
  const wait = 'needs a restart, until then it stays as it was';
  t.same(lines(diffConfig(old, next)), [
    `kernel: absent -> present: ${wait}`,
    `bgp: absent -> present: ${wait}`,
    'service web: kernel.addresses never -> when_up',
  ]);
  t.same(diffConfig(old, next).peers, {added: [], removed: [], changed: []});
  t.match(keepUntilRestart(old, next), {kernel: null, bgp: null});
  t.end();
});
