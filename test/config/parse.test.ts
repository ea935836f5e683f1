import t from 'tap';
import type {ParseOptions} from '../../agent/config/parse.js';
import {parseConfig} from '../../agent/config/parse.js';
import {formatProblem} from '../../agent/config/report.js';
import {bgpMain, configOf, fakeCheckTypes, parseTexts, serviceOf, type Texts} from './fixture.js';

const check = 'check: {type: tcp, host: 127.0.0.1, port: 80}\n';

function complaints(texts: Texts, options: ParseOptions = {}): string[] {
  return parseTexts(texts, options).problems.map(formatProblem);
}

t.test('a main file with everything', (t) => {
  const {services, ...config} = configOf({
    main: `
router_id: 10.0.240.156
conf_d: services
state_dir: state
control_socket: run/control.sock
allow: [192.168.0.16/31, "fda4:5ff2:8477:1755::/127", {prefix: 10.0.0.0/8, ge: 32, le: 32}, {prefix: 172.16.0.0/12, ge: 24}]
on_stop: withdraw
on_crash: adopt
settle_timeout: 10s
stop_timeout: 5
step_timeout: 500ms
max_running_checks: 16
log: {level: debug, format: json}
kernel: {interface: dummy0, addresses: always, routes: true, table: 100, protocol: 200, arp: set}
bgp:
  local_as: "64086.59904"
  local_address: 10.0.240.156
  local_address6: 2001:db8::156
  hold_time: 30s
  connect_retry: 2s
  password_file: bgp.key
  communities: {blue: "64512:100", big: "large:64512:1:2", quiet: no-export}
  peers:
    - {name: nrec-1, address: 10.255.255.1, remote_as: 65535, multihop: true, hold_time: 9s}
    - address: 2001:db8::1
      name: six
      port: 1790
      remote_as: internal
      local_as: 64600
      local_address6: 2001:db8::157
      password: "another #1"
      families: [ipv6]
      multihop: 5
      connect_retry: 1s
`,
    secrets: {'/etc/eip-health/bgp.key': 'hush\n'},
  });
  t.same(services, []);
  const {bgp, ...rest} = config;
  t.same(rest, {
    file: '/etc/eip-health/eip-health.yaml',
    confD: '/etc/eip-health/services',
    routerId: '10.0.240.156',
    stateDir: '/etc/eip-health/state',
    controlSocket: '/etc/eip-health/run/control.sock',
    allow: [
      {prefix: '192.168.0.16/31', ge: 31, le: 32},
      {prefix: 'fda4:5ff2:8477:1755::/127', ge: 127, le: 128},
      {prefix: '10.0.0.0/8', ge: 32, le: 32},
      {prefix: '172.16.0.0/12', ge: 24, le: 32},
    ],
    onStop: 'withdraw',
    onCrash: 'adopt',
    settleTimeoutMs: 10_000,
    stopTimeoutMs: 5000,
    stepTimeoutMs: 500,
    maxRunningChecks: 16,
    log: {level: 'debug', format: 'json', syslog: null},
    bird: null,
    frr: null,
    exabgp: null,
    gobgp: null,
    kernel: {interface: 'dummy0', addresses: 'always', routes: true, table: 100, protocol: 200, arp: 'set'},
  });
  const passwords = bgp?.peers.map((peer) => peer.password?.reveal());
  t.same(passwords, ['hush', 'another #1']);
  t.same(
    {...bgp, peers: bgp?.peers.map(({password, ...peer}) => peer)},
    {
      localAs: 4_200_000_000,
      localAddress: '10.0.240.156',
      localAddress6: '2001:db8::156',
      communities: {blue: '64512:100', big: 'large:64512:1:2', quiet: '65535:65281'},
      peers: [
        {
          name: 'nrec-1',
          address: '10.255.255.1',
          port: 179,
          localAs: 4_200_000_000,
          remoteAs: 65_535,
          localAddress: '10.0.240.156',
          localAddress4: '10.0.240.156',
          localAddress6: '2001:db8::156',
          multihop: 64,
          passwordFile: '/etc/eip-health/bgp.key',
          families: ['ipv4', 'ipv6'],
          holdTimeMs: 9000,
          connectRetryMs: 2000,
          position: {line: 24, column: 31},
        },
        {
          name: 'six',
          address: '2001:db8::1',
          port: 1790,
          localAs: 64_600,
          remoteAs: 'internal',
          localAddress: '2001:db8::157',
          localAddress4: '10.0.240.156',
          localAddress6: '2001:db8::157',
          multihop: 5,
          families: ['ipv6'],
          holdTimeMs: 30_000,
          connectRetryMs: 1000,
          position: {line: 25, column: 16},
        },
      ],
    },
  );
  t.end();
});

t.test('lines of another program in the system log', (t) => {
  const {log} = configOf({main: 'kernel: {}\nlog: {syslog: {compat: vip_watchdog}}'});
  t.same(log.syslog, {
    target: {kind: 'unix', path: '/dev/log'},
    format: 'rfc3164',
    facility: 'daemon',
    tag: 'eip-health',
    compat: 'vip_watchdog',
  });
  t.end();
});

t.test('the defaults of a main file', (t) => {
  const main = 'kernel: {}\nbgp: {local_as: 64512, peers: [{address: 10.0.0.1, remote_as: external}]}\n';
  const config = configOf({main});
  t.match(config, {
    confD: '/etc/eip-health/conf.d',
    routerId: null,
    stateDir: '/var/lib/eip-health',
    controlSocket: '/run/eip-health/control.sock',
    allow: null,
    onStop: 'withdraw',
    onCrash: 'withdraw',
    settleTimeoutMs: 30_000,
    stopTimeoutMs: 20_000,
    stepTimeoutMs: 2000,
    maxRunningChecks: 256,
    log: {level: 'info', format: 'auto', syslog: null},
    kernel: {interface: 'lo', addresses: 'when_up', routes: false, table: 254, protocol: 153, arp: 'check'},
    bgp: {localAddress: null, localAddress6: null, communities: {}},
  });
  t.match(config.bgp?.peers[0], {
    name: '10.0.0.1',
    port: 179,
    localAddress: null,
    multihop: null,
    password: null,
    families: ['ipv4', 'ipv6'],
    holdTimeMs: 90_000,
    connectRetryMs: 5000,
  });
  t.end();
});

t.test('an empty main file means every default, and that nothing is announced', (t) => {
  for (const main of ['', '# nothing yet\n', '---\n', '{}']) {
    const {config, problems} = parseTexts({main});
    t.match(
      config,
      {bgp: null, kernel: null, confD: '/etc/eip-health/conf.d', services: []},
      JSON.stringify(main),
    );
    t.match(problems, [{severity: 'warning', message: /nothing will be announced/}]);
    t.equal(problems.length, 1);
  }
  t.end();
});

t.test('a service with everything', (t) => {
  const main = `
allow: [10.0.0.0/8, 192.0.2.0/24, "2001:db8::/32"]
kernel: {}
bgp:
  local_as: 64512
  communities: {blue: "64512:100"}
  peers: [{name: r1, address: 172.16.0.1, remote_as: internal}, {name: r2, address: 172.16.0.2, remote_as: internal}]
`;
  const service = serviceOf(
    `
name: web-1
prefixes: [10.1.0.0/16, 192.0.2.1, "2001:DB8::1"]
addresses: [10.1.0.1, 10.1.0.2/32]
checks:
  - {type: http, url: "http://127.0.0.1:8080/", expect_status: 200, interval: 5s, on_error: hold}
  - {name: db, type: tcp, host: 127.0.0.1, port: 5432, schedule: "*/5 * * * *", timeout: 30s, rise: 1, error_limit: 1m}
require: any
interval: 1s
fast_interval: 200ms
timeout: 500ms
rise: 2
fall: 4
enabled: false
shared: all
kernel: {addresses: always, routes: true}
disable_file: /run/eip-health/../web.drained
maintenance: {schedule: "0 3 * * sun", for: 2h}
drain: {for: 30s, communities: [graceful-shutdown]}
announce:
  - via: [kernel, bgp, bgp]
    peers: [r2, r1]
    next_hop: {ipv4: 172.16.0.9}
    med: 100
    local_preference: 200
    communities: [no-export, blue, "64512:7", "large:64512:1:2", "64512:7"]
    as_path_prepend: 1
when_degraded: {med: 500, as_path_prepend: 2, communities: []}
when_down: {from_start: true, med: 1000, next_hop: 172.16.0.8}
`,
    main,
  );
  t.same(service, {
    name: 'web-1',
    file: '/etc/eip-health/conf.d/web.yaml',
    line: 2,
    prefixes: ['10.1.0.0/16', '192.0.2.1/32', '2001:db8::1/128'],
    addresses: ['192.0.2.1/32', '2001:db8::1/128', '10.1.0.1/32', '10.1.0.2/32'],
    addressMode: 'always',
    kernelRoute: true,
    checks: [
      {
        name: 'http',
        type: 'http',
        options: {url: 'http://127.0.0.1:8080/', expect_status: 200},
        intervalMs: 5000,
        fastIntervalMs: 200,
        schedule: null,
        timeoutMs: 500,
        rise: 2,
        fall: 4,
        onError: 'hold',
        errorLimitMs: 300_000,
      },
      {
        name: 'db',
        type: 'tcp',
        options: {host: '127.0.0.1', port: 5432},
        intervalMs: 2000,
        fastIntervalMs: 200,
        schedule: '*/5 * * * *',
        timeoutMs: 30_000,
        rise: 1,
        fall: 4,
        onError: 'fail',
        errorLimitMs: 60_000,
      },
    ],
    require: 'any',
    enabled: false,
    shared: 'all',
    disableFile: '/run/web.drained',
    maintenance: [{schedule: '0 3 * * sun', forMs: 7_200_000}],
    drain: {forMs: 30_000, override: {communities: ['65535:0']}},
    announce: [
      {
        via: ['bgp', 'kernel'],
        peers: ['r1', 'r2'],
        nextHop: {ipv4: '172.16.0.9'},
        med: 100,
        localPreference: 200,
        communities: ['64512:7', '64512:100', '65535:65281', 'large:64512:1:2'],
        asPathPrepend: 1,
        aggregate: null,
      },
    ],
    whenDegraded: {med: 500, asPathPrepend: 2, communities: []},
    whenDown: {fromStart: true, override: {med: 1000, nextHop: {ipv4: '172.16.0.8'}}},
  });
  t.end();
});

t.test('the defaults of a service', (t) => {
  t.match(serviceOf(`prefixes: 192.0.2.1\n${check}`), {
    name: 'web',
    prefixes: ['192.0.2.1/32'],
    addresses: ['192.0.2.1/32'],
    addressMode: 'never',
    kernelRoute: false,
    checks: [
      {name: 'tcp', intervalMs: 2000, fastIntervalMs: 500, schedule: null, timeoutMs: 1000, rise: 3, fall: 2},
    ],
    require: 'all',
    enabled: true,
    shared: null,
    drain: {forMs: 0, override: {}},
    announce: [
      {
        via: null,
        peers: null,
        nextHop: 'self',
        med: null,
        localPreference: null,
        communities: [],
        asPathPrepend: 0,
      },
    ],
    whenDegraded: null,
    whenDown: 'withdraw',
  });
  t.equal(serviceOf(`prefixes: [192.0.2.1]\n${check}`, `kernel: {}\n${bgpMain}`).addressMode, 'when_up');
  t.end();
});

t.test('every alias', (t) => {
  const canonical = `prefixes: [192.0.2.1]\ninterval: 1s\nfast_interval: 200ms\ntimeout: 300ms\nrise: 4\nfall: 5\n${check}`;
  const expected = serviceOf(canonical);
  const aliases: [string, string][] = [
    ['prefixes', 'vips'],
    ['prefixes', 'ip_prefix'],
    ['interval', 'check_interval'],
    ['interval', 'inter'],
    ['fast_interval', 'fastinter'],
    ['timeout', 'check_timeout'],
    ['rise', 'check_rise'],
    ['rise', 'healthy_threshold'],
    ['fall', 'check_fail'],
    ['fall', 'unhealthy_threshold'],
  ];
  for (const [key, alias] of aliases) {
    t.same(serviceOf(canonical.replace(new RegExp(`^${key}:`, 'm'), `${alias}:`)), expected, alias);
  }
  const atCheck = 'check: {type: tcp, host: 127.0.0.1, port: 80, inter: 3s, check_fail: 9}\n';
  t.match(serviceOf(`prefixes: [192.0.2.1]\n${atCheck}`).checks, [{intervalMs: 3000, fall: 9}]);
  const addresses: readonly [string, string][] = [
    ['true', 'when_up'],
    ['when_up', 'when_up'],
    ['false', 'never'],
    ['never', 'never'],
    ['always', 'always'],
  ];
  for (const [written, mode] of addresses) {
    t.equal(configOf({main: `kernel: {addresses: ${written}}`}).kernel?.addresses, mode, written);
  }
  t.equal(configOf({main: 'kernel: {table: main}'}).kernel?.table, 254);
  t.end();
});

t.test('default timeouts and fast intervals are cut down to the interval', (t) => {
  const timing = (text: string, main = bgpMain): unknown => {
    const [only] = serviceOf(`prefixes: [192.0.2.1]\n${text}${check}`, main).checks;
    return only && [only.intervalMs, only.fastIntervalMs, only.timeoutMs];
  };
  t.same(timing(''), [2000, 500, 1000]);
  t.same(timing('interval: 300ms\n'), [300, 300, 300]);
  t.same(timing('interval: 1m\n'), [60_000, 500, 1000]);
  t.same(timing('interval: 300ms\ntimeout: 300ms\n'), [300, 300, 300]);
  t.same(timing('interval: 0.8\nfast_interval: 0.1\n'), [800, 100, 800]);
  const main = `defaults: {interval: 10s, timeout: 5s, fast_interval: 2s, rise: 1, fall: 1}\n${bgpMain}`;
  t.same(timing('', main), [10_000, 2000, 5000]);
  t.same(timing('interval: 1s\n', main), [1000, 1000, 1000]);
  t.match(serviceOf(`prefixes: [192.0.2.1]\n${check}`, main).checks, [{rise: 1, fall: 1}]);
  t.same(
    timing('schedule: "@hourly"\ntimeout: 1m\n'),
    [2000, 500, 60_000],
    'a schedule has no interval to keep to',
  );
  t.end();
});

t.test('AS numbers in both notations, also without quotes where the spelling matters', (t) => {
  const numbers: [string, number][] = [
    ['64512', 64_512],
    ['4294967295', 4_294_967_295],
    ['"1.10"', 65_546],
    ['1.10', 65_546],
    ['1.1', 65_537],
    ['65000.100', 4_259_840_100],
    ['"64512"', 64_512],
  ];
  for (const [written, number] of numbers) {
    const main = `bgp: {local_as: 64512, peers: [{address: 10.0.0.1, remote_as: ${written}}]}`;
    t.equal(configOf({main}).bgp?.peers[0]?.remoteAs, number, written);
  }
  t.end();
});

t.test('communities by every name', (t) => {
  const names: [string, string][] = [
    ['no-export', '65535:65281'],
    ['no-advertise', '65535:65282'],
    ['no-export-subconfed', '65535:65283'],
    ['local-as', '65535:65283'],
    ['no-peer', '65535:65284'],
    ['graceful-shutdown', '65535:0'],
    ['blackhole', '65535:666'],
    ['0:0', '0:0'],
    ['065:007', '65:7'],
    ['large:4294967295:0:1', 'large:4294967295:0:1'],
  ];
  for (const [written, community] of names) {
    const {announce} = serviceOf(`prefixes: [192.0.2.1]\n${check}announce: {communities: ["${written}"]}`);
    t.same(announce[0]?.communities, [community], written);
  }
  t.end();
});

t.test('several documents in a file; empty ones do not count', (t) => {
  const {services} = configOf({
    files: {
      'b.yaml': `---\n# only words\n---\nname: b1\nprefixes: [192.0.2.1]\n${check}---\nname: b2\nprefixes: [192.0.2.2]\n${check}...\n---\n`,
      'c.yml': `prefixes: [192.0.2.3]\n${check}`,
      'empty.yaml': '# nothing\n',
    },
  });
  t.same(
    services.map(({name, line}) => [name, line]),
    [
      ['b1', 4],
      ['b2', 8],
      ['c', 1],
    ],
  );
  t.end();
});

t.test('services may stand in the main file', (t) => {
  const config = configOf({
    main: `conf_d: false\n${bgpMain}---\nname: a\nprefixes: [192.0.2.1]\n${check}---\nname: b\nprefixes: [192.0.2.2]\n${check}`,
  });
  t.equal(config.confD, null);
  t.same(
    config.services.map(({name}) => name),
    ['a', 'b'],
  );
  t.end();
});

t.test('Windows line ends and a byte order mark are no fault', (t) => {
  const text = `\ufeffprefixes: [192.0.2.1]\r\ninterval: 1s\r\n${check}\r\n`;
  t.match(serviceOf(text), {prefixes: ['192.0.2.1/32'], checks: [{intervalMs: 1000}]});
  const [line] = complaints({files: {'web.yaml': `${text}\r\nfoo: 1\r\n`}});
  t.match(line, /web\.yaml:6:1: error: unknown key `foo`/);
  t.end();
});

t.test('anchors within a document', (t) => {
  const text = `
name: web
prefixes: [192.0.2.1]
checks:
  - {name: a, type: tcp, host: &host 127.0.0.1, port: 80}
  - {name: b, type: tcp, host: *host, port: 81}
announce: &usual {med: 100}
when_degraded: *usual
`;
  t.match(serviceOf(text), {
    checks: [{}, {options: {host: '127.0.0.1', port: 81}}],
    whenDegraded: {med: 100},
  });
  const wrong = text.replace('med: 100', 'med: high');
  t.match(complaints({files: {'web.yaml': wrong}})[0], /web\.yaml:7:24: error: announce\.med/);
  t.end();
});

t.test('one broken service leaves the others alone', (t) => {
  const {config, problems, broken} = parseTexts({
    files: {
      'a.yaml': `prefixes: [192.0.2.1]\n${check}`,
      'b.yaml': `prefixes: [192.0.2.2\n${check}`,
      'c.yaml': `prefixes: [192.0.2.3]\nintervall: 1s\n${check}`,
      'd.yaml': `prefixes: [192.0.2.4]\n${check}`,
    },
  });
  t.same(
    config?.services.map(({name}) => name),
    ['a', 'd'],
  );
  t.ok(problems.every(({scope}) => scope === 'service'));
  t.same(broken, [
    {name: null, file: '/etc/eip-health/conf.d/b.yaml', line: 1},
    {name: 'c', file: '/etc/eip-health/conf.d/c.yaml', line: 1},
  ]);
  t.end();
});

t.test('a broken main file is no configuration, but its services are looked at all the same', (t) => {
  const {config, problems} = parseTexts({
    main: 'log: {level: loud}\nbgp: {local_as: 64512\n',
    files: {
      'a.yaml': `prefixes: [192.0.2.0/24]\nannounce: {peers: [r9], communities: [blue]}\nfoo: 1\n${check}`,
    },
  });
  t.equal(config, null);
  t.same(
    problems.map(({scope, line}) => [scope, line]),
    [
      ['main', 3],
      ['service', 3],
    ],
    'what depends on the main file is not complained about',
  );
  t.end();
});

t.test('a file that cannot be read is a problem of its own', (t) => {
  const {config, problems, broken} = parseConfig(
    {
      main: {file: '/etc/e.yaml', text: bgpMain},
      services: [{file: '/etc/conf.d/a.yaml', error: 'cannot read /etc/conf.d/a.yaml: permission denied'}],
    },
    () => '',
    {checkTypes: fakeCheckTypes},
  );
  t.ok(config);
  t.match(problems, [{line: 0, column: 0, scope: 'service', message: /permission denied/}]);
  t.same(broken, [{name: null, file: '/etc/conf.d/a.yaml', line: 0}]);
  t.same(problems.map(formatProblem), [
    '/etc/conf.d/a.yaml: error: cannot read /etc/conf.d/a.yaml: permission denied',
  ]);
  t.end();
});

t.test('texts that mean harm', (t) => {
  const bomb = Array.from({length: 12}, (_, i) =>
    i === 0
      ? 'x0: &x0 [a, a, a, a, a, a, a, a, a]'
      : `x${i}: &x${i} [${Array(9)
          .fill(`*x${i - 1}`)
          .join(', ')}]`,
  ).join('\n');
  const chain = [
    'x0: &x0 [a]',
    ...Array.from({length: 100}, (_, i) => `x${i + 1}: &x${i + 1} [*x${i}]`),
  ].join('\n');
  const cases: [string, RegExp][] = [
    ['name: web\nprefixes: ["192.0.2.1\0"]\n', /web\.yaml:2:22: error: the control character 0x00/],
    [`name: ${'x'.repeat(16 * 1024 * 1024)}`, /too large: at most 16 MiB/],
    [`prefixes: ${'['.repeat(20_000)}`, /web\.yaml:1:\d+: error: more than 64 levels of nesting/],
    [`prefixes: ${'{a: '.repeat(20_000)}`, /more than 64 levels/],
    ['- '.repeat(20_000), /more than 64 levels/],
    [bomb, /web\.yaml:\d+:\d+: error: the aliases of this document blow it up/],
    [chain, /the aliases of this document blow it up/],
    ['"evil\\n\\e[31mkey": 1\n', /unknown key `evil\\n\\u001b\[31mkey`/],
    ['__proto__: {polluted: true}\nconstructor: 1\n', /unknown key `__proto__`/],
  ];
  for (const [text, message] of cases) {
    const {config, broken, problems} = parseTexts({files: {'web.yaml': text}});
    t.ok(
      problems.map(formatProblem).some((line) => message.test(line)),
      message.source,
    );
    t.equal(config?.services.length, 0);
    t.equal(broken.length, 1);
  }
  t.notOk('polluted' in {});
  t.end();
});

t.test('passwords are never shown', (t) => {
  const main = 'bgp: {local_as: 64512, peers: [{address: 10.0.0.1, remote_as: 1, password: hush-hush}]}';
  const config = configOf({main});
  t.equal(config.bgp?.peers[0]?.password?.reveal(), 'hush-hush');
  t.notMatch(JSON.stringify(config), /hush/);
  t.end();
});

t.test('a password that everybody can read is warned of', (t) => {
  const peer = (password: string): string =>
    `bgp: {local_as: 64512, peers: [{address: 10.0.0.1, remote_as: 1, ${password}}]}`;
  const secrets = {'/etc/eip-health/bgp.key': 'hush'};
  for (const password of ['password: hush', 'password_file: bgp.key']) {
    const open = complaints({main: peer(password), secrets}, {fileMode: () => 0o644});
    t.match(open, [
      /warning: bgp\.peers\[0\]\.password.*everybody on this host can read the password in .*: chmod o-r/,
    ]);
    t.same(complaints({main: peer(password), secrets}, {fileMode: () => 0o640}), []);
    t.same(complaints({main: peer(password), secrets}, {fileMode: () => null}), []);
  }
  t.end();
});

t.test('a password file may end in a line end and hold blanks', (t) => {
  const main = 'bgp: {local_as: 1, peers: [{address: 10.0.0.1, remote_as: 2, password_file: /run/k}]}';
  for (const [text, password] of [
    ['a b', 'a b'],
    [' x \n', ' x '],
    ['x\r\n', 'x'],
    ['é'.repeat(40), 'é'.repeat(40)],
  ] as const) {
    t.equal(configOf({main, secrets: {'/run/k': text}}).bgp?.peers[0]?.password?.reveal(), password);
  }
  t.match(complaints({main, secrets: {'/run/k': 'é'.repeat(41)}}), [/82 bytes/]);
  t.end();
});

t.test('a check may connect to a VIP that is always there, or that is nobody’s business', (t) => {
  const text = 'prefixes: [192.0.2.1]\ncheck: {type: tcp, host: 192.0.2.1, port: 80}\n';
  t.match(complaints({main: `kernel: {}\n${bgpMain}`, files: {'web.yaml': text}}), [
    /set kernel\.addresses: always/,
  ]);
  t.equal(serviceOf(`${text}kernel: {addresses: always}\n`, `kernel: {}\n${bgpMain}`).addressMode, 'always');
  t.equal(serviceOf(text, `kernel: {addresses: never}\n${bgpMain}`).addressMode, 'never');
  t.equal(serviceOf(text).addressMode, 'never', 'without a kernel block');
  t.end();
});

t.test('shared prefixes', (t) => {
  const one = (name: string, shared: string): string =>
    `name: ${name}\nprefixes: [192.0.2.1]\nshared: ${shared}\n${check}`;
  const {services} = configOf({files: {'a.yaml': one('a', 'any'), 'b.yaml': one('b', 'any')}});
  t.same(
    services.map(({shared}) => shared),
    ['any', 'any'],
  );
  t.end();
});

t.test('an aggregate leaves what it does not change to the blocks that give it', (t) => {
  const main = `allow: [192.0.0.0/16, 10.0.0.0/8, "2001:db8::/32"]\n${bgpMain}`;
  const mixed = `prefixes: [192.0.2.1, "2001:db8::1", 10.0.0.0/8]\n${check}`;
  const both = serviceOf(`${mixed}announce: [{communities: [no-export]}, {aggregate: 24}]\n`, main);
  t.same(
    both.announce.map(({aggregate, prefixes}) => [aggregate, prefixes]),
    [
      [null, undefined],
      [{ipv4: 24}, ['192.0.2.1/32']],
    ],
  );
  const alone = serviceOf(`${mixed}announce: {aggregate: 24}\n`, main);
  t.equal(alone.announce[0]?.prefixes, undefined, 'nobody else gives the others');
  const two = serviceOf(`${mixed}announce: [{aggregate: {ipv4: 24, ipv6: 64}}, {aggregate: 16}]\n`, main);
  t.same(
    two.announce.map(({prefixes}) => prefixes),
    [['192.0.2.1/32', '2001:db8::1/128'], undefined],
    'each prefix has one block that gives it',
  );
  t.end();
});

t.test('equal aggregates of several services go together', (t) => {
  const main = `allow: [192.0.2.0/24]\n${bgpMain}`;
  const one = (name: string, address: string): string =>
    `name: ${name}\nprefixes: [${address}]\nannounce: [{}, {aggregate: 24}]\n${check}`;
  const {services} = configOf({
    main,
    files: {'a.yaml': one('a', '192.0.2.1'), 'b.yaml': one('b', '192.0.2.2')},
  });
  t.equal(services.length, 2);
  t.end();
});

t.test('what is configured cannot be changed', (t) => {
  const config = configOf({files: {'web.yaml': `prefixes: [192.0.2.1]\n${check}`}});
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    t.ok(Object.isFrozen(value));
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(config);
  t.end();
});
