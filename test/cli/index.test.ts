import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import t from 'tap';
import {version} from '../../agent/io/version.js';
import {cleanUp, folder, install, run, start} from './command-line.js';

t.teardown(cleanUp);

t.test('wrong usage is exit code 2, with what was probably meant', async (t) => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^Usage: eip-health \[options\] \[command\]\n/],
    [['statsu'], /^eip-health: unknown command 'statsu'\n\(Did you mean status\?\)\n/],
    [['status', '--jsn'], /^eip-health: unknown option '--jsn'\n\(Did you mean --json\?\)\n/],
    [['status', 'a', 'b'], /^eip-health: too many arguments/],
    [['--config'], /argument missing/],
    [['run', '--record'], /argument missing/],
    [['run', '--dry-run', 'half'], /argument 'half' is invalid/],
  ];
  for (const [args, expected] of cases) {
    const {code, stdout, stderr} = await run(args);
    t.match(stderr, expected, args.join(' '));
    t.match({code, stdout}, {code: 2, stdout: ''}, args.join(' '));
  }
});

t.test('every command has help with an example', async (t) => {
  const {code, stdout} = await run(['--help']);
  t.equal(code, 0);
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map(([, name]) => name ?? '');
  t.strictSame(commands, [
    ...['validate', 'check'],
    ...['run', 'reload', 'stop', 'watchdog', 'withdraw'],
    ...['status', 'peers', 'routes'],
    ...['drain', 'enable', 'disable', 'force-up', 'vip', 'peer'],
    'version',
  ]);
  for (const command of commands) {
    const help = await run(['help', command]);
    t.equal(help.code, 0);
    t.match(help.stdout, new RegExp(`^Usage: eip-health ${command} `));
    t.match(help.stdout, /--config <file>/);
    t.match(help.stdout, /--json/);
    t.match(help.stdout, new RegExp(`\\nExamples:\\n.*eip-health ${command}`));
    t.same((await run([command, '--help'])).stdout, help.stdout);
  }
});

t.test('help, of commands within commands too, and of none', async (t) => {
  t.same((await run(['help'])).stdout, (await run(['--help'])).stdout);
  t.match(await run(['help', 'peer', 'drain']), {code: 0, stdout: /^Usage: eip-health peer drain /});
  for (const [args, expected] of [
    [['statsu'], /^eip-health: there is no command "statsu": did you mean `status`\?\n$/],
    [['peer', 'drian'], /^eip-health: there is no command "peer drian": did you mean `drain`\?\n$/],
    [['nothing'], /^eip-health: there is no command "nothing": there are validate, check, run, .* more\n$/],
  ] as const) {
    t.match(await run(['help', ...args]), {code: 2, stdout: '', stderr: expected});
  }
});

t.test('what is wrong with a command is said with how that one is used', async (t) => {
  for (const [args, expected] of [
    [['drain', '--bogus'], '(eip-health drain --help shows how to use it)\n'],
    [['peer', 'drain', '--bogus'], '(eip-health peer drain --help shows how to use it)\n'],
    [['drain', 'web', '--for', '0'], /argument '0' is invalid\. write at least 1s\n/],
    [['drain', 'web', '--reason', ' '], /argument ' ' is invalid\. write why, or leave it out\n/],
    [['drain', 'web', '--reason', 'x'.repeat(201)], /is invalid\. write at most 200 characters\n/],
  ] as const) {
    t.match(await run(args), {code: 2, stdout: '', stderr: expected}, args.join(' '));
  }
});

t.test('version, for people and for scripts, with --json on either side', async (t) => {
  t.same(await run(['version']), {code: 0, stdout: `eip-health ${version}\n`, stderr: ''});
  t.same(await run(['--version']), {code: 0, stdout: `${version}\n`, stderr: ''});
  for (const args of [
    ['version', '--json'],
    ['--json', 'version'],
  ]) {
    t.same(JSON.parse((await run(args)).stdout), {version, node: process.versions.node});
  }
});

t.test('the program itself: its output, its errors, its exit code', async (t) => {
  t.same(await start(['version']).ended, {code: 0, stdout: `eip-health ${version}\n`, stderr: ''});
  t.match(await start(['statsu']).ended, {code: 2, stdout: '', stderr: /unknown command 'statsu'/});
});

t.test('without what the build makes, the program says how to build it', async (t) => {
  const place = join(folder, 'unbuilt');
  const {status, stderr} = spawnSync(install(place, null), ['status'], {encoding: 'utf8'});
  t.equal(status, 1);
  t.equal(stderr, `eip-health is not built yet: run "npm ci && npm run build" in ${place}/\n`);
});
