import {join} from 'node:path';
import t from 'tap';
import {problemLines} from '../../agent/cli/problems.js';
import {cleanUp, folderWith, run, start} from './command-line.js';

t.teardown(cleanUp);

const main = 'state_dir: state\ncontrol_socket: x.sock\nallow: [192.0.2.0/24]\nkernel: {}\n';
const service = 'prefixes: [192.0.2.1]\ncheck: {type: tcp, host: 127.0.0.1, port: 9}\n';
const bgp = (peer: string): string =>
  `bgp: {local_as: 65000, local_address: 127.0.0.1, peers: [{name: a, remote_as: 65001, ${peer}}]}\n`;

t.test('all is well', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  t.same(await run(['validate'], folder), {code: 0, stdout: '1 service, 0 errors, 0 warnings\n', stderr: ''});
  // As somebody types it: in the folder, without --config.
  t.same(await start(['validate'], folder).ended, {
    code: 0,
    stdout: '1 service, 0 errors, 0 warnings\n',
    stderr: '',
  });
});

t.test('everything that is wrong, with its place', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': `${service}intervl: 3s\nrise: x\n`,
    'conf.d/b.yaml': service.replace('192.0.2.1', '192.0.2.2'),
  });
  const {code, stdout, stderr} = await run(['validate'], folder);
  t.equal(code, 1);
  t.equal(stderr, '');
  t.match(stdout, '/conf.d/a.yaml:3:1: error: unknown key `intervl`: did you mean `interval`?\n');
  t.match(stdout, /^\/.*conf\.d\/a\.yaml:4:7: error: /m);
  t.match(stdout, /\n1 service, 2 errors, 0 warnings\n$/);

  const {stdout: json} = await run(['validate', '--json'], folder);
  t.match(JSON.parse(json), {
    services: 1,
    errors: 2,
    warnings: 0,
    files: [join(folder, 'eip-health.yaml'), /a\.yaml$/, /b\.yaml$/],
    problems: [{severity: 'error', file: join(folder, 'conf.d/a.yaml'), line: 3, column: 1}, {}],
  });
});

t.test('a broken or missing main file is a "no" like any other', async (t) => {
  const folder = folderWith({'eip-health.yaml': 'nonsense: [\n'});
  t.match(await run(['validate'], folder), {code: 1, stdout: /^\/.*eip-health\.yaml:\d+:\d+: error: /});
  const empty = folderWith({});
  t.match(await run(['validate'], empty), {
    code: 1,
    stdout: /^\/.*eip-health\.yaml: error: .*no such file.*\n0 services, 1 error, 0 warnings\n$/,
  });
});

t.test('what is printed reads again to the same, and findings do not stand in it', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main + bgp('address: 127.0.0.2, multihop: true, password: geheim'),
    'conf.d/web.yaml': service,
    'conf.d/x.yaml': 'prefixes: []\n',
  });
  const {code, stdout, stderr} = await run(['validate', '--print'], folder);
  t.equal(code, 1);
  t.match(stderr, /^\/.*conf\.d\/x\.yaml:.* error: /m);
  t.match(stderr, /1 service, \d errors?, \d warnings?\n$/);
  t.notMatch(stdout + stderr, 'geheim');
  const again = folderWith({'eip-health.yaml': stdout});
  const second = await run(['validate', '--print'], again);
  t.equal(second.code, 0);
  t.equal(withoutComments(second.stdout), withoutComments(stdout));
});

function withoutComments(yaml: string): string {
  return yaml.replaceAll(/ *#.*$/gm, '').replaceAll(/\n+/g, '\n');
}

t.test('what cannot work on this host', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main + bgp('address: 203.0.113.5'),
    'conf.d/web.yaml': service,
  });
  t.match(await run(['validate'], folder), {
    code: 1,
    stdout: /peer a: 203\.0\.113\.5 is on no network that this host is connected to/,
  });
});

t.test('files below the working folder are named from there', async (t) => {
  const problem = {severity: 'error', line: 3, column: 7, message: 'no\u001b[2J', scope: 'service'} as const;
  const lines = problemLines(
    [
      {...problem, file: '/etc/eip/conf.d/a.yaml'},
      {...problem, file: '/etc/other.yaml', severity: 'warning', line: 0},
    ],
    false,
    '/etc/eip',
  );
  t.equal(lines, 'conf.d/a.yaml:3:7: error: no\\u001b[2J\n/etc/other.yaml: warning: no\\u001b[2J\n');
});
