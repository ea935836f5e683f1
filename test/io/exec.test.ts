import {spawnSync} from 'node:child_process';
import {getEventListeners} from 'node:events';
import {chmodSync, existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {createExec, systemExec} from '../../agent/io/exec.js';
import {spawnFailure} from '../../agent/io/spawn-failure.js';
import {findUser} from '../../agent/io/user.js';
import type {ExecOptions} from '../../agent/types.js';
import {script} from '../../checks/script.js';
import {realContext} from '../fake/check-context.js';
import {newFolder} from '../fake/folder.js';

const resources = () =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /Timeout|Process|Pipe/.test(kind))
    .sort();
/** Standard output may be a pipe. */
const atStart = resources();

const isRoot = process.getuid?.() === 0;

function run(argv: readonly string[], options: Partial<ExecOptions> = {}) {
  return systemExec.run(argv, {timeoutMs: 20_000, maxBytes: 1000, ...options});
}

const sh = (text: string, options: Partial<ExecOptions> = {}) => run(['/bin/sh', '-c', text], options);

/** Whether a process exists and has not ended: one that nobody collects yet counts as ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`never: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Like `until`, without a timer of its own. */
async function untilTurn(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isTrue() && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
}

t.test('output, exit codes and signals', async (t) => {
  t.match(await sh('echo out; echo err >&2; exit 3'), {
    outcome: 'exited',
    code: 3,
    signal: null,
    stdout: 'out\n',
    stderr: 'err\n',
    truncated: false,
    reason: 'exit code 3',
  });
  t.match(await run(['true']), {outcome: 'exited', code: 0}, 'found in PATH');
  t.match(await sh('kill -SEGV $$'), {outcome: 'signalled', code: null, reason: 'killed by SIGSEGV'});
  t.match(await sh('cat'), {outcome: 'exited', code: 0, stdout: ''}, 'nothing to read');
  t.match(
    await run(['/bin/echo', '$HOME;', "it's", '*']),
    {stdout: "$HOME; it's *\n"},
    'no shell in between',
  );
});

t.test('what cannot be started', async (t) => {
  const folder = newFolder(t, {text: 'just text\n', shebang: '#!/no/such/shell\n'});
  const file = (name: string) => join(folder, name);
  chmodSync(file('shebang'), 0o755);
  const cases: [string[], Partial<ExecOptions>, RegExp][] = [
    [[], {}, /^no command given$/],
    [['no-such-command'], {}, /^command not found: no-such-command$/],
    [[file('absent')], {}, /^command not found: .*absent$/],
    [[file('text')], {}, /^not executable: .*text: permission denied$/],
    [[folder], {}, /^not a program but a folder: /],
    [[file('shebang')], {}, /^cannot start .*shebang: the interpreter in its first line does not exist$/],
    [['/bin/true'], {cwd: file('absent')}, /^cwd: no such folder: .*absent$/],
    [['/bin/true'], {cwd: file('text')}, /^cwd: no such folder: .*text$/],
    [['/bin/true'], {user: 'no-such-user'}, /^no such user: no-such-user$/],
    [['/bin/echo', 'a\0b'], {}, /null bytes/],
  ];
  for (const [argv, options, reason] of cases) {
    t.match(await run(argv, options), {outcome: 'not-started', code: null, reason}, argv.join(' '));
  }
});

t.test('environment and folder', async (t) => {
  const exec = createExec({
    environment: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      HOME: '/root',
      API_TOKEN: 'hunter2',
      NODE_OPTIONS: '--x',
    },
    kill: () => {},
  });
  const options = {timeoutMs: 20_000, maxBytes: 1000};
  const env = await exec.run(['/usr/bin/env'], {...options, env: {A: 'x', LC_ALL: 'de'}});
  t.strictSame(env.stdout.trim().split('\n').sort(), [
    'A=x',
    'HOME=/root',
    'LC_ALL=de',
    'PATH=/usr/bin:/bin',
  ]);
  const bare = createExec({environment: {}, kill: () => {}});
  t.match(await bare.run(['env'], options), {stdout: /^PATH=.*\/usr\/bin/}, 'there is always a PATH');
  t.match(await run(['pwd'], {cwd: '/usr'}), {stdout: '/usr\n'});
});

t.test('another user', async (t) => {
  const other = {outcome: 'not-started', reason: /^running as user nobody needs root \(CAP_SETUID/} as const;
  if (!isRoot) {
    t.match(await run(['/bin/true'], {user: 'nobody'}), other);
    return;
  }
  const show = 'id -u; id -g; id -G; echo $HOME $USER';
  t.match(await sh(show, {user: 'nobody'}), {stdout: /^65534\n65534\n65534\n\/nonexistent nobody\n$/});
  t.match(await sh('id -u', {user: '65534'}), {stdout: '65534\n'}, 'by number');
  t.match(await sh('id -u', {user: 'root'}), {stdout: '0\n'}, 'ourselves');
  const folder = newFolder(t, {x: '#!/bin/sh\n'});
  chmodSync(join(folder, 'x'), 0o755);
  chmodSync(folder, 0o700);
  t.match(await run([join(folder, 'x')], {user: 'nobody'}), {
    outcome: 'not-started',
    reason: /^not executable: .* \(as user nobody\): permission denied$/,
  });
});

t.test('why a program did not start, where the system tells only a code', async (t) => {
  const nobody = {name: 'nobody', uid: 65534, gid: 65534, home: '/', shell: '/bin/sh'};
  const plain = {file: '/bin/true', cwd: undefined, user: null};
  t.match(await spawnFailure('EPERM', '', {...plain, user: nobody}), /^running as user nobody needs root/);
  t.equal(await spawnFailure('EPERM', '', plain), 'cannot start /bin/true: not permitted');
  t.equal(await spawnFailure('EAGAIN', 'spawn EAGAIN', plain), 'cannot start /bin/true: spawn EAGAIN');
});

t.test('users', async (t) => {
  const folder = newFolder(t, {
    passwd: '# comment\nweb:x:1001:1002:Web:/srv/web:/bin/bash\nbroken:x:one:2::/:\nbare:x:7:8:::\n',
  });
  const find = (name: string) => findUser(name, join(folder, 'passwd'));
  const web = {name: 'web', uid: 1001, gid: 1002, home: '/srv/web', shell: '/bin/bash'};
  t.strictSame(await find('web'), web);
  t.strictSame(await find('1001'), web);
  t.match(await find('bare'), {uid: 7, home: '/', shell: '/bin/sh'});
  t.match(await find('root'), {uid: 0}, 'getent knows those that are elsewhere');
  t.equal(await find('broken'), null);
  t.equal(await find('-s'), null);
});

t.test('floods are read and dropped', async (t) => {
  const flood = await sh('head -c 5000000 /dev/zero | tr "\\0" x; head -c 3000000 /dev/zero >&2; echo done');
  t.match(flood, {outcome: 'exited', code: 0, truncated: true});
  t.equal(flood.stdout, 'x'.repeat(1000));
  t.equal(flood.stderr.length, 1000);
  t.match(await sh('printf 1234', {maxBytes: 4}), {stdout: '1234', truncated: false}, 'exactly the limit');
  const endless = await run(['yes'], {timeoutMs: 100});
  t.match(endless, {outcome: 'timeout', truncated: true});
});

t.test('at the timeout the whole group ends', async (t) => {
  const folder = newFolder(t, {
    child: 'echo $$ >> pids; exec sleep 1000\n',
    grandchild: 'sh ./child & wait\n',
    // Holds the pipe open, too.
    stubborn: "trap '' TERM; echo $$ >> pids; while :; do sleep 0.05; done\n",
  });
  const pids = join(folder, 'pids');
  const tree = 'sh ./child & sh ./grandchild & sh ./stubborn & echo ready; wait';
  const result = await sh(tree, {timeoutMs: 400, cwd: folder});
  t.match(result, {outcome: 'timeout', reason: 'still running after 400 ms, killed', stdout: 'ready\n'});
  t.ok(result.durationMs < 400 + 500 + 1000, `${result.durationMs} ms`);
  const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
  t.equal(started.length, 3);
  // Killed they are; the kernel may need a moment.
  await until(() => !started.some(isAlive));
  t.pass('nobody is left');
});

t.test('SIGTERM first: a program can clean up', async (t) => {
  const folder = newFolder(t);
  const mark = join(folder, 'cleaned');
  const result = await sh(`trap 'touch ${mark}; exit 0' TERM; echo ready; while :; do sleep 0.01; done`, {
    timeoutMs: 300,
  });
  t.match(result, {outcome: 'timeout', code: 0, stdout: 'ready\n'});
  t.ok(existsSync(mark));
});

t.test('a process that left the group and holds the pipe does not hold the run', async (t) => {
  const folder = newFolder(t);
  const file = join(folder, 'pid');
  const away = `setsid sh -c 'echo $$ > ${file}; exec sleep 1000' & while [ ! -s ${file} ]; do sleep 0.01; done`;
  const result = await sh(`${away}; echo done`);
  const pid = Number(readFileSync(file, 'utf8'));
  t.match(result, {outcome: 'exited', code: 0, stdout: 'done\n'});
  t.ok(isAlive(pid), 'it lives on');
  process.kill(pid, 'SIGKILL');
});

t.test('aborted', async (t) => {
  const abort = new AbortController();
  const folder = newFolder(t);
  const file = join(folder, 'pid');
  const running = sh(`echo $$ > ${file}; exec sleep 1000`, {signal: abort.signal});
  await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
  abort.abort();
  t.match(await running, {outcome: 'aborted', signal: 'SIGTERM', reason: 'aborted'});
  t.notOk(isAlive(Number(readFileSync(file, 'utf8'))));
  t.match(await sh(`touch ${join(folder, 'x')}`, {signal: abort.signal}), {outcome: 'aborted'});
  t.notOk(existsSync(join(folder, 'x')), 'not even started');
  t.equal(getEventListeners(abort.signal, 'abort').length, 0);
});

t.test('what does not heed SIGTERM does not outlive us', async (t) => {
  const file = join(newFolder(t), 'pid');
  const script = `trap '' TERM; echo $$ > ${file}; while :; do sleep 1; done`;
  const program = `
    const {systemExec} = await import(${JSON.stringify(new URL('../../agent/io/exec.js', import.meta.url).href)});
    const {existsSync, readFileSync} = await import('node:fs');
    const abort = new AbortController();
    const {signal} = abort;
    void systemExec.run(['/bin/sh', '-c', ${JSON.stringify(script)}], {timeoutMs: 60_000, maxBytes: 100, signal});
    while (!existsSync('${file}') || !readFileSync('${file}', 'utf8').endsWith('\\n')) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    abort.abort();
    setImmediate(() => process.exit());
  `;
  const {status} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {timeout: 30_000});
  t.equal(status, 0);
  const pid = Number(readFileSync(file, 'utf8'));
  await until(() => !isAlive(pid));
  t.notOk(isAlive(pid));
});

t.test('what cannot be killed is told, and not started a second time', async (t) => {
  const groups: number[] = [];
  let isHung = true;
  const exec = createExec({
    environment: process.env,
    kill: (pid, signal) => {
      groups.push(-pid);
      if (!isHung) process.kill(pid, signal);
    },
  });
  const argv = ['/bin/sleep', '1000'];
  const options = {timeoutMs: 50, maxBytes: 100};
  const first = await exec.run(argv, options);
  t.match(first, {
    outcome: 'timeout',
    reason: 'still running after 50 ms, and not to be killed: it hangs in the kernel',
  });
  const [pid = 0] = groups;
  const again = {
    outcome: 'not-started',
    reason: `the run before still hangs in the kernel and cannot be killed (pid ${pid})`,
  };
  t.match(await exec.run(argv, options), again);
  t.match(await exec.run(['/bin/true'], options), {outcome: 'exited'}, 'others run');
  isHung = false;
  process.kill(pid, 'SIGKILL');
  let next = await exec.run(argv, options);
  while (next.outcome === 'not-started') {
    await new Promise((resolve) => setImmediate(resolve));
    next = await exec.run(argv, options);
  }
  t.match(next, {outcome: 'timeout', reason: /killed$/}, 'after its end it is started again');
});

t.test('many runs leave nothing behind', async (t) => {
  const {signal} = new AbortController();
  const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
  const before = listeners();
  for (let i = 0; i < 25; i++) {
    await Promise.all([sh('echo x; exit 1', {signal}), run(['no-such-command'], {signal})]);
  }
  t.equal(getEventListeners(signal, 'abort').length, 0);
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  t.equal(children, '', 'no zombies');
  t.strictSame(listeners(), before, 'no listeners on the process');
  // Pipes take a turn of the event loop to close.
  await untilTurn(() => resources().length <= atStart.length);
  t.strictSame(resources(), atStart, 'no timers, pipes or children');
});

t.test('the script check runs real commands', async (t) => {
  const folder = newFolder(t, {
    'check.sh': '#!/bin/sh\necho "WARN: $1 $LEVEL"\nexit 1\n',
    'text.sh': 'echo x\n',
  });
  chmodSync(join(folder, 'check.sh'), 0o755);
  const check = script.create({
    command: [join(folder, 'check.sh'), 'two words'],
    env: {LEVEL: 5},
    cwd: folder,
    exit_map: {1: 'degraded'},
  });
  t.match(await check.run(realContext()), {verdict: 'degraded', reason: 'WARN: two words 5'});
  const text = join(folder, 'text.sh');
  t.match(await script.create({command: [text]}).run(realContext()), {
    verdict: 'error',
    reason: `not executable: ${text}: permission denied`,
  });
  t.match(await script.create({command: 'echo one; exec sleep 1000'}).run(realContext({timeoutMs: 200})), {
    verdict: 'fail',
    reason: 'no end within 200 ms, killed: one',
  });
});
