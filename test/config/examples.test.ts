import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import t from 'tap';
import {z} from 'zod';
import {announceKeyNames} from '../../agent/config/announce-schema.js';
import {loadConfig} from '../../agent/config/load.js';
import {mainKeyNames} from '../../agent/config/main-schema.js';
import {parseConfig} from '../../agent/config/parse.js';
import {printConfig} from '../../agent/config/print.js';
import {formatProblem} from '../../agent/config/report.js';
import {serviceKeyNames} from '../../agent/config/service-schema.js';
import {checkTypes, createCheck} from '../../checks/index.js';
import {root} from '../root.js';
import {bgpMain} from './fixture.js';

const folder = join(root, 'conf.d');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');

function problemsOf(main: string, services: Record<string, string>): string[] {
  const sources = {
    main: {file: '/etc/eip-health.yaml', text: main},
    services: Object.entries(services).map(([file, text]) => ({file, text})),
  };
  return parseConfig(sources, () => '').problems.map(formatProblem);
}

t.test('every example of a service is sound, beside all the others', (t) => {
  const names = readdirSync(folder).filter((name) => /\.yaml(\.disabled)?$/.test(name));
  t.ok(names.includes('web.yaml') && names.length >= 2, names.join(' '));
  const texts = Object.fromEntries(
    names.map((name) => [name.replace('.disabled', ''), readFileSync(join(folder, name), 'utf8')]),
  );
  t.same(problemsOf(`kernel: {}\n${bgpMain}`, texts), []);
  t.end();
});

t.test('every example of a whole configuration is sound and can be printed', (t) => {
  const mains = readdirSync(join(folder, 'examples'), {recursive: true, encoding: 'utf8'}).filter((name) =>
    /(^|\/)eip-health\.yaml$/.test(name),
  );
  t.ok(mains.length > 0);
  for (const name of mains) {
    const text = readFileSync(join(folder, 'examples', name), 'utf8');
    const {config, problems} = loadConfig({configFile: join(folder, 'examples', name)});
    t.same(problems.filter(({severity}) => severity === 'error').map(formatProblem), [], name);
    // Where services come from IPVS there are none to read.
    t.ok(config && config.services.length > 0 !== /^conf_d: false$/m.test(text), name);
    if (!config) continue;
    const printed = join(t.testdirName, name);
    mkdirSync(dirname(printed), {recursive: true});
    writeFileSync(printed, printConfig(config));
    const again = loadConfig({configFile: printed});
    t.same(again.problems.filter(({severity}) => severity === 'error').map(formatProblem), [], 'printed');
    t.same(
      again.config?.services.map(({file, line, ...service}) => service),
      config.services.map(({file, line, ...service}) => service),
    );
  }
  t.end();
});

t.test('the services in the README are sound', (t) => {
  const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
  t.ok(blocks.length >= 2);
  for (const text of blocks) t.same(problemsOf(bgpMain, {'example.yaml': text}), [], text);
  t.end();
});

t.test('the main files in MAIN.md are sound, and the long one has every key', (t) => {
  const page = readFileSync(join(folder, 'MAIN.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
  const service = 'prefixes: [192.168.0.16]\ncheck: {type: tcp, host: 127.0.0.1, port: 25}';
  t.equal(blocks.length, 2);
  for (const text of blocks) {
    t.same(
      problemsOf(text.replace(/password_file: \w+\.key/g, 'password: hush'), {'web.yaml': service}),
      [],
      text,
    );
  }
  const whole = blocks.at(-1) ?? '';
  for (const key of [
    ...mainKeyNames,
    'peers',
    'multihop',
    'password_file',
    'socket',
    'form',
    'file',
    'dummy6',
  ]) {
    t.ok(new RegExp(`^ *-? *${key}\\b`, 'm').test(whole), key);
  }
  t.end();
});

t.test('the README knows every key', (t) => {
  const options = [...checkTypes.values()].flatMap(({schema}) =>
    schema instanceof z.ZodObject ? Object.keys(schema.shape) : [],
  );
  const keys = [
    ...serviceKeyNames,
    ...announceKeyNames,
    ...options,
    ...checkTypes.keys(),
    'from_start',
    'for',
  ];
  t.ok(options.length > 40, `${options.length} keys of checks`);
  for (const key of new Set(keys)) {
    t.ok(new RegExp(`[\`{]${key}\\b`).test(readme), key);
  }
  t.end();
});

t.test('the keys of the real check types: what is sound, and where the unsound is', (t) => {
  const sound = `
prefixes: [192.0.2.1]
checks:
  - name: http
    type: http
    url: https://user:hush-1@[::1]:8443/healthz?token=hush-2
    method: POST
    headers: {Authorization: Bearer hush-3, X-Count: 3}
    body: password=hush-4
    host: www.example.org
    expect_status: 200-299,404
    expect_body: ok
    expect_body_regex: "(?i)ok$"
    not_body_regex: error
    expect_header: {name: Server, regex: nginx}
    follow_redirects: true
    body_size_limit: 64KiB
    ca_file: /etc/ssl/ca.pem
    server_name: www.example.org
    insecure_skip_verify: false
    min_days_left: 14
    connect_ip: 127.0.0.1
    source: 127.0.0.1
    ip_family: ipv4
    proxy_protocol: 2
    keep_alive: false
  - {name: tcp, type: tcp, host: localhost, port: 25, send: "QUIT\\r\\n", expect: "/^220 /", tls: {min_days_left: 3}, source: 127.0.0.1}
  - {name: ipvs, type: ipvs, vip: 192.0.2.1, port: 80, protocol: tcp, min_up: 2, max_down: 1, min_weight: 1, count: weight, expected: seen, degraded_below: 50%, exclude: [10.0.0.1:80], ports: any}
  - {name: mark, type: ipvs, fwmark: 1, expected: 4}
  - {name: script, type: script, command: [/bin/check, --password=hush-5], user: nobody, env: {API_TOKEN: hush-6}, cwd: /tmp, exit_map: {0: pass, 2: hold, "*": fail}, output_limit: 1KB}
  - {name: line, type: script, command: "/bin/check | grep ok", exit_map: {0: pass, 1: fail}}
`;
  t.same(problemsOf(bgpMain, {'web.yaml': sound}), []);
  t.match(
    problemsOf(bgpMain, {'web.yaml': sound.replace(', exit_map: {0: pass, 1: fail}', '')}),
    [/web\.yaml:31:5: warning: checks\[5\]: exit code 1 means degraded/],
    'a script without a map is remarked on',
  );
  const {config} = parseConfig(
    {main: {file: '/m.yaml', text: bgpMain}, services: [{file: 'web.yaml', text: sound}]},
    () => '',
  );
  if (!config) throw new Error('a sound configuration');
  for (const {type, options} of config.services[0]?.checks ?? [])
    t.equal(createCheck(type, options).type, type);
  const printed = printConfig(config);
  t.notMatch(printed, /hush-/, 'secrets of checks are not printed');
  t.match(printed, /secret/);
  t.same(problemsOf(printed, {}), [], 'and what is printed can be read');

  const unsound = `
prefixes: [192.0.2.1]
checks:
  - {name: a, type: http, url: ftp://x, expect_body_regex: "(", expect_status: 99}
  - {name: b, type: tcp, host: 10.0.0.1, port: "25", tls: {cert_file: x, serverName: y}}
  - {name: c, type: ipvs, port: 80}
  - {name: d, type: script, command: [], env: {1BAD: x}, exit_map: {x: pass, 1: up}}
`;
  const places = problemsOf(bgpMain, {'web.yaml': unsound}).map((line) =>
    line.split(': ').slice(0, 3).join(': '),
  );
  t.same(places, [
    'web.yaml:4:32: error: checks[0].url',
    'web.yaml:4:60: error: checks[0].expect_body_regex',
    'web.yaml:4:80: error: checks[0].expect_status',
    'web.yaml:5:48: error: checks[1].port',
    'web.yaml:5:59: error: checks[1].tls',
    'web.yaml:5:74: error: checks[1].tls',
    'web.yaml:6:5: error: checks[2]',
    'web.yaml:7:38: error: checks[3].command',
    'web.yaml:7:54: error: checks[3].env.1BAD',
    'web.yaml:7:72: error: checks[3].exit_map.x',
    'web.yaml:7:81: error: checks[3].exit_map.1',
  ]);
  t.end();
});
