import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {LockHeldError, takeStateLock} from '../../agent/admin/lock.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-lock-'));
t.teardown(() => rmSync(folder, {recursive: true}));
const program = join(folder, 'holder.mjs');
writeFileSync(
  program,
  `import {spawn} from 'node:child_process';
   import {takeStateLock} from ${JSON.stringify(new URL('../../agent/admin/lock.js', import.meta.url).href)};
   takeStateLock(process.argv[2]);
   // As a script of a check would be, when it outlives us.
   const child = spawn('sleep', ['60'], {detached: true, stdio: 'ignore'});
   process.stdout.write(child.pid + '\\n');
   setInterval(() => {}, 1000);
  `,
);

/** Another process that holds the lock; `child` is a process that it has started. */
async function holder(stateDir: string): Promise<{process: ChildProcess; child: number}> {
  const process_ = spawn(process.execPath, [program, stateDir], {stdio: ['ignore', 'pipe', 'inherit']});
  const child = await new Promise<number>((resolve) =>
    process_.stdout.once('data', (data: Buffer) => resolve(Number(data.toString()))),
  );
  return {process: process_, child};
}

function held(stateDir: string): LockHeldError | null {
  try {
    takeStateLock(stateDir).release();
    return null;
  } catch (error) {
    if (error instanceof LockHeldError) return error;
    throw error;
  }
}

t.test('one at a time, also within one process', async (t) => {
  const dir = mkdtempSync(join(folder, 'state-'));
  const lock = takeStateLock(dir);
  t.equal(readFileSync(join(dir, 'lock'), 'utf8'), `${process.pid}\n`);
  t.match(held(dir), {
    pid: process.pid,
    message: `another eip-health runs as pid ${process.pid} with state_dir ${dir}: `,
  });
  lock.release();
  t.equal(held(dir), null);
});

t.test('a holder is named; kill -9 gives the lock up, though what it started lives on', async (t) => {
  const dir = mkdtempSync(join(folder, 'state-'));
  const {process: other, child} = await holder(dir);
  t.teardown(() => process.kill(child));
  t.equal(held(dir)?.pid, other.pid);
  const exited = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await exited;
  t.doesNotThrow(() => process.kill(child, 0), 'the child lives');
  t.equal(held(dir), null);
});

t.test('a number left behind says nothing, though a process has it by now', async (t) => {
  const dir = mkdtempSync(join(folder, 'state-'));
  writeFileSync(join(dir, 'lock'), `${process.ppid}\n`);
  t.equal(held(dir), null);
  writeFileSync(join(dir, 'lock'), 'rubbish');
  t.equal(held(dir), null);
});

t.test('a holder that has not written its number yet is not named', async (t) => {
  const dir = mkdtempSync(join(folder, 'state-'));
  const lock = takeStateLock(dir);
  writeFileSync(join(dir, 'lock'), '');
  t.match(held(dir), {pid: null, message: /^another eip-health is starting with state_dir/});
  lock.release();
});

t.test('a folder that is not there is an error of its own', async (t) => {
  t.throws(() => takeStateLock(join(folder, 'missing')), {code: 'ENOENT'});
});
