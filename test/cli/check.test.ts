import {createServer, type Server} from 'node:net';
import t from 'tap';
import {FakeTerminal} from '../fake/terminal.js';
import {cleanUp, folderWith, run} from './command-line.js';

t.teardown(cleanUp);

async function listen(): Promise<{server: Server; port: number}> {
  const server = createServer((socket) => socket.on('error', () => {}).end('ready\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {server, port: typeof address === 'object' && address ? address.port : 0};
}

const main = 'state_dir: state\ncontrol_socket: x.sock\nkernel: {}\n';
const script = (name: string, number: number, command: string): string =>
  `name: ${name}\nprefixes: [192.0.2.${number}]\ncheck: {type: script, command: "${command}"}\n`;

t.test('checks run for real, without a daemon', async (t) => {
  const {server, port} = await listen();
  t.teardown(() => server.close());
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': `name: tcp-up\nprefixes: [192.0.2.1]\ncheck: {type: tcp, host: 127.0.0.1, port: ${port}, expect: ready}\n`,
    'conf.d/b.yaml': script('fails', 2, 'echo no luck; exit 2'),
  });
  const all = await run(['check'], folder);
  t.equal(all.code, 1);
  t.equal(all.stderr, '');
  t.match(all.stdout, /^tcp-up pass\n {2}tcp {2}pass {2}.* ms\n/);
  t.match(all.stdout, /^fails fail\n {2}script {2}fail {2}/m);
  t.match(all.stdout, /^ {4}\| .*no luck/m);
  t.match(await run(['check', 'tcp-up'], folder), {code: 0, stdout: /^tcp-up pass\n/});
  t.match(await run(['check', 'fails'], folder), {code: 1, stdout: /^fails fail\n/});

  const {code, stdout} = await run(['check', '--json'], folder);
  t.equal(code, 1);
  t.match(JSON.parse(stdout), [
    {
      service: 'tcp-up',
      verdict: 'pass',
      checks: [{name: 'tcp', type: 'tcp', title: String, verdict: 'pass'}],
    },
    {
      service: 'fails',
      verdict: 'fail',
      checks: [
        {name: 'script', verdict: 'fail', reason: String, duration_ms: Number, details: {}, transcript: []},
      ],
    },
  ]);
});

t.test('what would count decides: degraded does, hold and error do not', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': [
      'name: degraded\nprefixes: [192.0.2.1]\ncheck: {type: script, command: "exit 1", exit_map: {1: degraded}}\n',
      'name: broken\nprefixes: [192.0.2.2]\ncheck: {type: script, command: [/nowhere/at/all]}\n',
      'name: some\nprefixes: [192.0.2.3]\nrequire: any\nchecks:\n' +
        '  - {name: one, type: script, command: "exit 2"}\n  - {name: two, type: script, command: "true"}\n',
      'name: every\nprefixes: [192.0.2.4]\nchecks:\n' +
        '  - {name: one, type: script, command: "exit 2"}\n  - {name: two, type: script, command: "true"}\n',
    ].join('---\n'),
  });
  for (const [name, code, verdict] of [
    ['degraded', 0, 'degraded'],
    ['broken', 1, 'error'],
    ['some', 0, 'pass'],
    ['every', 1, 'fail'],
  ] as const) {
    t.match(await run(['check', name], folder), {code, stdout: new RegExp(`^${name} ${verdict}\n`)}, name);
  }
});

t.test('names that are not there, and configurations that are broken', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': script('web', 1, 'true'),
    'conf.d/b.yaml': `${script('dns', 2, 'true')}nonsense: 1\n`,
  });
  t.match(await run(['check', 'wbe'], folder), {
    code: 2,
    stderr: /eip-health: there is no service "wbe": did you mean `web`\?\n$/,
  });
  t.match(await run(['check', 'dns'], folder), {
    code: 3,
    stderr:
      /^\/.*conf\.d\/b\.yaml:4:1: error: .*\neip-health: the configuration of "dns" is broken, see above\n$/,
  });
  t.match(await run(['check', 'web'], folder), {code: 0, stdout: /^web pass\n/});
  t.match(await run(['check'], folder), {code: 3, stdout: /^web pass\n/}, 'one could not be checked');
  t.match(await run(['check'], folderWith({'eip-health.yaml': 'nonsense: 1\n'})), {
    code: 3,
    stderr: /nonsense/,
  });
  t.match(await run(['check'], folderWith({})), {code: 3, stderr: /no such file/});
});

t.test('Ctrl-C ends it with exit code 0, and what it started', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': script('quick', 1, 'true'),
    'conf.d/b.yaml': `${script('slow', 2, 'sleep 50')}timeout: 60s\ninterval: 60s\n`,
  });
  const terminal = new FakeTerminal();
  const checking = run(['check'], folder, terminal);
  await terminal.said('quick pass');
  terminal.interrupt();
  const {code, stdout, stderr} = await checking;
  t.match({code, stderr}, {code: 0, stderr: ''});
  t.notMatch(stdout, 'slow');
});
