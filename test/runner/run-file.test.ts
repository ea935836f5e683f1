import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {waitFor} from '../lab/wait.js';
import {describeFailure} from './print.js';
import {runFile} from './run-file.js';

/** A program that prints TAP itself: what is tested here is the runner, not tap. */
async function run(body: string, timeoutMs = 60_000, graceMs = 5_000) {
  const file = join(t.testdir(), 'sample.mjs');
  await writeFile(file, body);
  return runFile(file, {timeoutMs, graceMs});
}

/** The state letter of a process in Linux; null: there is none. */
async function stateOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat === null ? null : (/\) (\S)/.exec(stat)?.[1] ?? null);
}

const passing = 'console.log("TAP version 14\\nok 1 - fine\\n1..1")';

t.test('a file that passes', async (t) => {
  const {report, durationMs} = await run(passing);
  t.match(report, {passed: 1, failed: 0, skipped: 0});
  t.ok(durationMs > 0);
});

t.test('a failed assertion is counted once, although the exit code says it too', async (t) => {
  const {report} = await run('console.log("TAP version 14\\nnot ok 1 - bad\\n1..1"); process.exitCode = 1');
  t.match(report, {passed: 0, failed: 1, failures: [{name: 'bad'}]});
});

t.test('a crash behind a passing test is a failure, and its standard error is kept', async (t) => {
  const {report, stderr} = await run(`${passing}; setImmediate(() => { throw new Error('oops') })`);
  t.match(report, {passed: 1, failed: 1, failures: [{name: 'ended with exit code 1'}]});
  t.match(stderr, /oops/);
});

t.test('a file that kills itself is a failure', async (t) => {
  const {report} = await run(`${passing}; setImmediate(() => process.kill(process.pid, 'SIGKILL'))`);
  t.match(report, {failed: 1, failures: [{name: 'ended with SIGKILL'}]});
});

t.test('a file that hangs is ended, with the children it made', async (t) => {
  const body = `
    import {spawn} from 'node:child_process';
    process.on('SIGALRM', () => {});
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {stdio: 'inherit'});
    console.error('child', child.pid);
    setInterval(() => {}, 1000);`;
  const {report, stderr} = await run(body, 700, 100);
  t.ok(report.failures.some(({name}) => name === 'not finished after 0.7 s'));
  const child = Number(/child (\d+)/.exec(stderr)?.[1]);
  t.ok(child > 0, 'the child was there');
  await waitFor(
    'the child to be gone',
    () => stateOf(child),
    (state) => state === null || state === 'Z',
  );
});

t.test('a file that is not there is a failure', async (t) => {
  const {report, stderr} = await runFile('/nowhere/at-all.test.js', {timeoutMs: 60_000});
  t.match(report, {passed: 0, failed: 1});
  t.match(stderr, /Cannot find module/);
});

t.test('a failure is printed with its place and without the noise', (t) => {
  const text = describeFailure({
    name: 'a > should be equal',
    diagnostics: {
      at: {fileName: 'test/a.test.ts', lineNumber: 3, columnNumber: 5},
      source: 'many\nlines',
      diff: '-2\n+1\n',
      found: 1,
    },
  });
  t.equal(
    text,
    '  not ok  a > should be equal\n    at test/a.test.ts:3:5\n    diff:\n      -2\n      +1\n    found: 1',
  );
  t.end();
});
