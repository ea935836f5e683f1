import {execFileSync, spawn} from 'node:child_process';
import {closeSync, constants, openSync, readFileSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import t, {type Test} from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import type {Status} from '../../agent/events/status.js';
import {cleanUp, folderWith, program, type Running, run, start} from './command-line.js';

t.teardown(cleanUp);
// Many processes are started, perhaps on a machine that has much else to do.
t.setTimeout(120_000);

const main = 'state_dir: state\ncontrol_socket: x.sock\nrouter_id: 192.0.2.1\n';
const service = 'prefixes: [192.0.2.1]\ncheck: {type: script, command: "true"}\ninterval: 100ms\n';

/** A daemon that answers; ended with the test. */
async function daemon(t: Test, folder: string, ...args: readonly string[]): Promise<Running> {
  const running = start(['run', ...args], folder);
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.said(' starts with ');
  return running;
}

async function untilUp(folder: string): Promise<Status> {
  for (;;) {
    const status = await callDaemon(join(folder, 'x.sock'), 'status', {}, 5000).catch(() => null);
    const found = status as unknown as Status | null;
    if (found?.services.every(({state}) => state === 'up')) return found;
    await pause(20);
  }
}

function lastStop(folder: string): unknown {
  return (JSON.parse(readFileSync(join(folder, 'state/run.json'), 'utf8')) as {stop: unknown}).stop;
}

t.test('it runs until SIGTERM, logs JSON into a pipe, and records what happens', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder, '--record', 'events.jsonl');
  t.match(await untilUp(folder), {mode: 'run', services: [{name: 'web', state: 'up'}]});

  const {stdout: table, code: one} = await run(['status', 'web'], folder);
  t.equal(one, 0);
  t.match(table, /^web +up /m);
  t.match(await run(['reload'], folder), {code: 0});

  running.child.kill('SIGTERM');
  const {code, stdout} = await running.ended;
  t.equal(code, 0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.match(
    lines.find(({service}) => service === 'web'),
    {level: 'info', from: 'unknown', to: 'up', msg: /^service web up: 3 successes in a row: /},
  );
  t.match(lines.at(-1), {level: 'info', msg: 'stopped'});
  const events = readFileSync(join(folder, 'events.jsonl'), 'utf8').trimEnd().split('\n');
  t.ok(events.filter((line) => line.includes('"kind":"check-result"')).length >= 3);
  t.match(JSON.parse(events.at(-1) ?? ''), {kind: 'note', message: 'stopped'});
});

t.test('a second one with the same state_dir says who holds it, and is exit code 1', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder);
  await untilUp(folder);
  const {code, stdout} = await start(['run'], folder).ended;
  t.equal(code, 1);
  t.match(
    stdout,
    `another eip-health runs as pid ${running.child.pid} with state_dir ${join(folder, 'state')}`,
  );
  await untilUp(folder);
  running.child.kill('SIGKILL');
  await running.ended;
  const again = await daemon(t, folder);
  await untilUp(folder);
  again.child.kill('SIGINT');
  t.match(await again.ended, {code: 0});
});

t.test('what is to be recorded and cannot be is said, and stops nothing', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder, '--record', '/nowhere/events.jsonl');
  await untilUp(folder);
  running.child.kill('SIGTERM');
  const {code, stdout} = await running.ended;
  t.equal(code, 0);
  t.match(stdout, /"level":"error",.*"msg":"nothing is recorded: ENOENT: .*\/nowhere\/events\.jsonl/);
});

t.test('a start that fails leaves the record of the stop before it', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': `${main}on_stop: keep\n`,
    'conf.d/web.yaml': service,
  });
  const running = await daemon(t, folder);
  await untilUp(folder);
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
  t.match(lastStop(folder), 'keep');
  writeFileSync(join(folder, 'x.sock'), 'no socket');
  const failed = await start(['run'], folder).ended;
  t.equal(failed.code, 1);
  t.match(failed.stdout, 'x.sock is there already and is no socket');
  t.match(lastStop(folder), 'keep');
});

t.test('on_stop is what the last reload read; a broken reload is seen in the status', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder);
  await untilUp(folder);
  writeFileSync(join(folder, 'eip-health.yaml'), `${main}on_stop: keep\n`);
  t.match(await run(['reload'], folder), {code: 0, stdout: 'on_stop: withdraw -> keep\n'});
  writeFileSync(join(folder, 'eip-health.yaml'), `${main}nonsense: 1\n`);
  t.match(await run(['reload'], folder), {code: 3});
  t.match(await untilUp(folder), {config: {errors: [{line: 4, message: /nonsense/}]}});
  running.child.kill('SIGTERM');
  const {code, stdout} = await running.ended;
  t.equal(code, 0);
  t.match(stdout, 'reload: the configuration is broken, everything is kept as it was');
  t.match(stdout, 'stopping: routes and addresses stay');
  t.match(lastStop(folder), 'keep');
});

t.test('a broken main file is exit code 3, a broken service is not', async (t) => {
  const broken = folderWith({'eip-health.yaml': `${main}nonsense: 1\n`});
  t.match(await start(['run'], broken).ended, {
    code: 3,
    stdout: '',
    stderr: /eip-health\.yaml:4:1: error: .*nonsense/,
  });
  const folder = folderWith({
    'eip-health.yaml': main,
    'conf.d/a.yaml': 'prefixes: []\n',
    'conf.d/web.yaml': service,
  });
  const running = await daemon(t, folder);
  t.match(await untilUp(folder), {config: {errors: [{file: /a\.yaml$/}, {}]}, services: [{name: 'web'}]});
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
});

t.test('the exabgp block and --exabgp belong together', async (t) => {
  const alone = folderWith({'eip-health.yaml': `${main}exabgp: {}\n`, 'conf.d/web.yaml': service});
  t.match(await start(['run'], alone).ended, {code: 3, stdout: '', stderr: /block needs `run --exabgp`/});
  const without = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  t.match(await start(['run', '--exabgp'], without).ended, {
    code: 3,
    stdout: '',
    stderr: /--exabgp needs an `exabgp` block/,
  });
});

t.test('a log that nobody reads any more does not end it', async (t) => {
  const folder = folderWith({'eip-health.yaml': `${main}log: {level: debug}\n`, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder);
  running.child.stdout?.destroy();
  running.child.stderr?.destroy();
  await untilUp(folder);
  const before = await untilUp(folder);
  for (;;) {
    const after = await untilUp(folder);
    if ((after.services[0]?.checks[0]?.run ?? 0) > (before.services[0]?.checks[0]?.run ?? 0) + 5) break;
  }
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
});

t.test('a log whose reader stands still does not hold it up, not even at its end', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const fifo = join(folder, 'log');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  t.throws(
    () => {
      for (;;) writeSync(writer, 'x'.repeat(4096));
    },
    {code: 'EAGAIN'},
  );
  const blocking = openSync(fifo, constants.O_WRONLY);
  const child = spawn(program, ['run'], {cwd: folder, stdio: ['ignore', blocking, 'ignore']});
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await untilUp(folder);
  child.kill('SIGTERM');
  t.equal(await ended, 0);
  for (const fd of [reader, writer, blocking]) closeSync(fd);
});

t.test('a dry run runs beside the daemon and leaves nothing behind', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const running = await daemon(t, folder);
  await untilUp(folder);
  const dry = await daemon(t, folder, '--dry-run', '--json');
  await dry.said('service web up');
  dry.child.kill('SIGINT');
  t.match(await dry.ended, {code: 0});
  await untilUp(folder);
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
});

t.test('stop: by command, and once otherwise than the configuration says', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  for (const [options, left, said] of [
    [['--keep'], 'keep', /^stopped: addresses and routes stay, for the next start to take over\n$/],
    [['--json'], 'withdraw', /"mode": "withdraw"/],
  ] as const) {
    const running = await daemon(t, folder);
    await untilUp(folder);
    await t.rejects(callDaemon(join(folder, 'x.sock'), 'stop', {mode: 'softly'}, 5000), {code: 2});
    t.match(await run(['stop', ...options], folder), {code: 0, stdout: said}, options.join(' '));
    t.equal((await running.ended).code, 0);
    t.equal(lastStop(folder), left);
  }
  t.match(await run(['stop'], folder), {code: 5}, 'there is none');
  t.match(await run(['stop', '--keep', '--withdraw'], folder), {code: 2});
});
