import fc from 'fast-check';
import t from 'tap';
import {stringify} from 'yaml';
import {explainDetection, worstDetectionMs} from '../../agent/config/detection.js';
import {printConfig} from '../../agent/config/print.js';
import type {Config} from '../../agent/config/types.js';
import {plainConfig} from './arbitrary.js';
import {bgpMain, configOf, fakeCheckTypes, serviceOf, type Texts} from './fixture.js';

const secrets = {
  '/etc/eip-health/a.key': 'hush',
  '/etc/eip-health/common.key': 'hush hush',
  '/etc/keys/b.key': 'hush hush hush',
};

function reprinted(config: Config): Config {
  return configOf({main: printConfig(config, fakeCheckTypes), secrets});
}

/** Without where things stand, and with passwords that can be compared. */
function essence({confD, services, bgp, ...config}: Config): unknown {
  return {
    ...config,
    bgp: bgp && {
      ...bgp,
      peers: bgp.peers.map(({position, password, ...peer}) => ({
        ...peer,
        password: password?.reveal() ?? null,
      })),
    },
    services: services.map(({file, line, ...service}) => service),
  };
}

t.test('what is printed reads again as the same (property)', (t) => {
  let count = 0;
  fc.assert(
    fc.property(plainConfig, ({main, services}) => {
      const files = Object.fromEntries(services.map((service, i) => [`${i}.yaml`, stringify(service)]));
      const config = configOf({main: stringify(main), files, secrets});
      t.same(essence(reprinted(config)), essence(config));
      count += config.services.length;
    }),
    {numRuns: 100, seed: 1},
  );
  t.ok(count > 100, `${count} services`);
  t.end();
});

const web: Texts = {
  main: `
allow: [192.0.2.0/24, {prefix: 10.0.0.0/8, ge: 32}]
kernel: {}
bgp:
  local_as: 64512
  local_address: 10.0.0.2
  communities: {blue: "64512:100"}
  peers:
    - {name: r1, address: 10.0.0.1, remote_as: external, password_file: a.key, multihop: true}
    - {name: r2, address: 10.0.0.3, remote_as: internal, password: hush}
`,
  files: {
    'web.yaml': `
prefixes: [192.0.2.1]
check: {type: http, url: "http://127.0.0.1:8080/", headers: {Authorization: hush}}
interval: 1s
fast_interval: 200ms
timeout: 500ms
announce: {communities: [blue]}
`,
  },
  secrets,
};

t.test('the printed page', (t) => {
  t.equal(
    printConfig(configOf(web), fakeCheckTypes),
    `# Everything that is in force, defaults included.

conf_d: false # the services of /etc/eip-health/conf.d follow below
state_dir: /var/lib/eip-health
control_socket: /run/eip-health/control.sock
allow:
  - 192.0.2.0/24
  - prefix: 10.0.0.0/8
    ge: 32
    le: 32
on_stop: withdraw
on_crash: withdraw
settle_timeout: 30s
stop_timeout: 20s
step_timeout: 2s
max_running_checks: 256
log:
  level: info
  format: auto
kernel:
  interface: lo
  addresses: when_up
  routes: false
  table: 254
  protocol: 153
  arp: check
bgp:
  local_as: 64512
  local_address: 10.0.0.2
  communities:
    blue: 64512:100
  peers:
    - name: r1
      address: 10.0.0.1
      port: 179
      local_as: 64512
      remote_as: external
      local_address4: 10.0.0.2
      multihop: 64
      families:
        - ipv4
        - ipv6
      hold_time: 90s
      connect_retry: 5s
      graceful_restart: false
      password_file: /etc/eip-health/a.key
    - name: r2
      address: 10.0.0.3
      port: 179
      local_as: 64512
      remote_as: internal
      local_address4: 10.0.0.2
      multihop: false
      families:
        - ipv4
        - ipv6
      hold_time: 90s
      connect_retry: 5s
      graceful_restart: false
      # password: not shown; it is in /etc/eip-health/eip-health.yaml
---
# from /etc/eip-health/conf.d/web.yaml:2
# worst detection time: 2s = interval 1s + (fall 2 - 1) * 500ms + timeout 500ms; a run is taken to last its whole timeout

name: web
enabled: true
prefixes:
  - 192.0.2.1/32
check:
  type: http
  url: http://127.0.0.1:8080/
  headers:
    Authorization: "[secret]"
interval: 1s
fast_interval: 200ms
timeout: 500ms
rise: 3
fall: 2
on_error: fail
error_limit: 5m
require: all
kernel:
  addresses: when_up
  routes: false
drain:
  for: 0s
announce:
  next_hop: self
  communities:
    - 64512:100
  as_path_prepend: 0
when_down: withdraw
`,
  );
  t.notMatch(printConfig(configOf(web), fakeCheckTypes), /hush/);
  t.end();
});

t.test('daemons that are driven are printed, and read again as the same', (t) => {
  const blocks = {
    bird: [
      'bird: {form: static, file: a.conf, file6: b.conf, confirm_timeout: 5s, attributes: ignore}',
      'bird: {form: function, file: a.conf, function: f}',
      'bird: {form: protocol, protocol: "x_{service}"}',
      'bird: {file: a.conf, dummy: 192.0.2.9/32, socket6: /run/6.ctl, file6: c.conf}',
    ],
    frr: ['frr: {local_as: 64512, only_configured: true, vty_sockets: /run/x}', 'frr: {}'],
    exabgp: ['exabgp: {local_as: 64512, local_address6: "2001:db8::1"}'],
    gobgp: ['gobgp: {}', 'gobgp: {command: gobgp3, host: "::1", port: 50052, local_address6: "2001:db8::1"}'],
  };
  for (const [name, mains] of Object.entries(blocks)) {
    for (const main of mains) {
      const config = configOf({main: `${main}\n`, secrets});
      t.ok(config[name as 'bird'], main);
      t.same(essence(reprinted(config)), essence(config), main);
    }
  }
  const config = configOf({main: 'gobgp: {}\n', secrets});
  t.match(config.gobgp, {command: '/usr/bin/gobgp', host: '127.0.0.1', port: 50051, localAddress6: null});
  t.end();
});

t.test('worst detection time', (t) => {
  const [slow, fast, cron] = serviceOf(
    `
name: web
prefixes: [192.0.2.1]
checks:
  - {name: slow, type: tcp, host: a, port: 1, interval: 10s, fast_interval: 2s, timeout: 1s, fall: 3}
  - {name: fast, type: tcp, host: a, port: 1, interval: 1s, fast_interval: 100ms, timeout: 300ms, fall: 1}
  - {name: cron, type: tcp, host: a, port: 1, schedule: "@hourly", timeout: 3s, fall: 2}
`,
    bgpMain,
  ).checks;
  if (!slow || !fast || !cron) throw new Error('three checks');
  t.equal(worstDetectionMs(slow), 10_000 + 2 * 2000 + 1000);
  t.equal(worstDetectionMs(fast), 1000 + 300);
  t.equal(worstDetectionMs(cron), null);
  t.match(explainDetection(slow), /^15s = interval 10s \+ \(fall 3 - 1\) \* 2s \+ timeout 1s;/);
  t.match(explainDetection(cron), /^the wait for its schedule \+ 6s = \(fall 2 - 1\) \* 3s \+ timeout 3s;/);
  t.end();
});
