import t from 'tap';
import {z} from 'zod';
import type {ExecResult} from '../../agent/types.js';
import {checkTypes, createCheck} from '../../checks/index.js';
import {type ScriptOptions, script} from '../../checks/script.js';
import {fakeContext} from '../fake/check-context.js';
import {FakeExec} from '../fake/exec.js';

t.test('verdicts and reasons', async (t) => {
  const cases: [string, Partial<ScriptOptions>, Partial<ExecResult>, string, string][] = [
    ['silent', {}, {}, 'pass', 'exit code 0 in 5 ms'],
    ['says so', {}, {stdout: '\nOK: all fine\nmore\n'}, 'pass', 'OK: all fine'],
    ['fails', {}, {code: 2, stdout: 'CRITICAL\n', stderr: 'x'}, 'fail', 'CRITICAL'],
    ['warns on stderr', {}, {code: 1, stderr: 'slow\n'}, 'degraded', 'slow'],
    [
      '1 under a map of its own',
      {exit_map: {0: 'pass', '*': 'fail'}},
      {code: 1},
      'fail',
      'exit code 1 in 5 ms',
    ],
    ['1 without a word about it', {exit_map: {3: 'hold'}}, {code: 1}, 'fail', 'exit code 1 in 5 ms'],
    ['fails on stderr', {}, {code: 2, stderr: 'no route\n'}, 'fail', 'no route'],
    ['fails silently', {}, {code: 7}, 'fail', 'exit code 7 in 5 ms'],
    ['mapped', {exit_map: {1: 'degraded'}}, {code: 1}, 'degraded', 'exit code 1 in 5 ms'],
    ['rest', {exit_map: {1: 'degraded'}}, {code: 2}, 'fail', 'exit code 2 in 5 ms'],
    ['zero stays', {exit_map: {'*': 'hold'}}, {code: 0}, 'pass', 'exit code 0 in 5 ms'],
    ['star', {exit_map: {0: 'pass', '*': 'hold'}}, {code: 9}, 'hold', 'exit code 9 in 5 ms'],
    ['signal', {}, {outcome: 'signalled', code: null, signal: 'SIGSEGV'}, 'fail', 'killed by SIGSEGV'],
    [
      'signal after words',
      {},
      {outcome: 'signalled', code: null, signal: 'SIGBUS', stdout: 'hm'},
      'fail',
      'killed by SIGBUS: hm',
    ],
    ['timeout', {}, {outcome: 'timeout', code: null}, 'fail', 'no end within 1000 ms, killed'],
    ['aborted', {}, {outcome: 'aborted', code: null}, 'hold', 'aborted'],
    [
      'missing',
      {exit_map: {'*': 'pass'}},
      {outcome: 'not-started', code: null, reason: 'command not found: x'},
      'error',
      'command not found: x',
    ],
  ];
  for (const [name, options, result, verdict, reason] of cases) {
    const check = script.create(script.schema.parse({command: ['/x'], ...options}));
    const found = await check.run(fakeContext({exec: new FakeExec({'/x': result})}));
    t.strictSame([found.verdict, found.reason], [verdict, reason], name);
  }
});

t.test('a shell that does not find the command', async (t) => {
  const verdict = async (options: ScriptOptions, code: number) => {
    const exec = new FakeExec({'/bin/sh -c x': {code}, '/x': {code}});
    return (await script.create(options).run(fakeContext({exec}))).verdict;
  };
  t.equal(await verdict({command: 'x'}, 127), 'error');
  t.equal(await verdict({command: 'x'}, 126), 'error');
  t.equal(await verdict({command: 'x', exit_map: {1: 'degraded'}}, 127), 'error');
  t.equal(await verdict({command: 'x', exit_map: {'*': 'hold'}}, 127), 'hold', 'who maps all means all');
  t.equal(await verdict({command: 'x', exit_map: {127: 'pass'}}, 127), 'pass');
  t.equal(await verdict({command: ['/x']}, 127), 'fail', 'without a shell it is a code like others');
});

t.test('every key reaches the command', async (t) => {
  const exec = new FakeExec({'/usr/bin/dig +short 53 a b': {}, '/bin/sh -c dig | grep x': {}});
  const ctx = fakeContext({exec, timeoutMs: 800});
  const list: ScriptOptions = {
    command: ['/usr/bin/dig', '+short', 53, 'a b'],
    user: 'nobody',
    env: {A: 'x', B: 1, C: true},
    cwd: '/tmp',
    output_limit: '1KiB',
  };
  const check = script.create(script.schema.parse(list));
  await check.run(ctx);
  const line = script.create({command: 'dig | grep x', user: 65534});
  await line.run(ctx);
  t.strictSame(exec.calls, [
    {
      argv: ['/usr/bin/dig', '+short', '53', 'a b'],
      options: {
        timeoutMs: 800,
        maxBytes: 1024,
        signal: ctx.signal,
        user: 'nobody',
        env: {A: 'x', B: '1', C: 'true'},
        cwd: '/tmp',
      },
    },
    {
      argv: ['/bin/sh', '-c', 'dig | grep x'],
      options: {timeoutMs: 800, maxBytes: 65_536, signal: ctx.signal, user: '65534', env: {}, cwd: '/'},
    },
  ]);
  t.equal(check.title, "/usr/bin/dig +short 53 'a b'");
  t.equal(line.title, 'dig | grep x');
});

t.test('details and transcript', async (t) => {
  const exec = new FakeExec({'/x': {code: 1, stdout: 'a\nb\n', stderr: '\x1b[31mc', truncated: true}});
  const result = await script.create({command: ['/x']}).run(fakeContext({exec}));
  t.strictSame(result.details, {exit_code: 1, signal: null, output_truncated: true});
  t.strictSame(result.transcript, [
    '$ /x',
    '| a',
    '| b',
    '2| \\x1b[31mc',
    '… more output, not kept',
    '* exit code 1',
  ]);
});

t.test('passwords do not show', async (t) => {
  const options: ScriptOptions = {
    command: ['/usr/bin/curl', '--password=hunter2', 'http://a:hunter2@x/'],
    env: {DB_PASSWORD: 'hunter2', PLAIN: 'seen'},
  };
  const argv = options.command;
  const exec = new FakeExec({[Array.isArray(argv) ? argv.join(' ') : argv]: {stdout: 'token=hunter2\n'}});
  const check = script.create(options);
  t.notMatch(JSON.stringify([check.title, await check.run(fakeContext({exec}))]), /hunter2/);
  const printed = script.withoutSecrets?.(options);
  t.notMatch(JSON.stringify(printed), /hunter2/);
  t.match(printed, {env: {PLAIN: 'seen'}});
  t.ok(script.schema.safeParse(printed).success);
  t.strictSame(script.withoutSecrets?.({command: 'x token=hunter2'}), {command: 'x token=[secret]'});
});

t.test('options that are wrong', (t) => {
  t.ok(script.schema instanceof z.ZodObject);
  const cases: [object, RegExp][] = [
    [{}, /must be a list like/],
    [{command: []}, /must name a program/],
    [{command: ''}, /must not be empty/],
    [{command: ['/x'], exit_map: {x: 'pass'}}, /0 to 255/],
    [{command: ['/x'], exit_map: {256: 'pass'}}, /0 to 255/],
    [{command: ['/x'], exit_map: {1: 'up'}}, /pass/],
    [{command: ['/x'], cwd: 'tmp'}, /absolute path/],
    [{command: ['/x'], env: {'A-B': 'x'}}, /environment variable/],
    [{command: ['/x'], output_limit: 0}, /size of at most/],
    [{command: ['/x'], user: -1}, /user/],
    [{command: ['/x'], timeout: 1}, /timeout/],
  ];
  for (const [options, message] of cases) {
    const result = script.schema.safeParse(options);
    t.notOk(result.success, JSON.stringify(options));
    t.match(JSON.stringify(result.error?.issues), message);
  }
  t.end();
});

t.test('the table of check types', (t) => {
  t.strictSame([...checkTypes.keys()], ['http', 'tcp', 'ipvs', 'script']);
  for (const [name, checkType] of checkTypes) t.equal(checkType.type, name);
  t.equal(createCheck('tcp', {host: 'x', port: 1}).title, 'tcp x:1');
  t.throws(() => createCheck('icmp', {}), /no check type "icmp": there are http, tcp, ipvs, script/);
  t.throws(() => createCheck('tcp', {host: 'x'}));
  t.end();
});
