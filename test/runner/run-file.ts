import {spawn} from 'node:child_process';
import {failure, type Report, sum, TapReader} from './count.js';

export interface FileRun {
  readonly report: Report;
  readonly durationMs: number;
  /** The end of what the file wrote to standard error. */
  readonly stderr: string;
}

export interface RunOptions {
  readonly timeoutMs: number;
  /** How long a file that ran out of time may take to say where it hangs and to clean up. */
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
}

const stderrLimit = 20_000;

/**
 * Runs one compiled test file with node in a process group of its own and counts its tests. Never rejects:
 * a crash, a hang and an unexpected exit code are failed tests.
 */
export function runFile(file: string, {timeoutMs, graceMs = 5_000, signal}: RunOptions): Promise<FileRun> {
  const started = performance.now();
  const tap = new TapReader();
  let stderr = '';
  let timedOut = false;
  // tap's own limit for a block would be 30 s; the one that counts is ours, for the whole file.
  const env = {...process.env, TAP: '1', TAP_TIMEOUT: String(timeoutMs / 1000), NO_COLOR: '1'};
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    detached: true,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => killGroup(child.pid);
  const timer = setTimeout(() => {
    timedOut = true;
    // tap reports on SIGALRM which test was running, and runs the teardowns.
    child.kill('SIGALRM');
    setTimeout(kill, graceMs).unref();
  }, timeoutMs);
  const abort = () => {
    child.kill('SIGTERM');
    setTimeout(kill, graceMs).unref();
  };
  signal?.addEventListener('abort', abort, {once: true});
  if (signal?.aborted) abort();
  child.stdout.on('data', (chunk: Buffer) => tap.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-stderrLimit);
  });
  return new Promise((resolve) => {
    let end: string | null = null;
    let over = false;
    let patience: NodeJS.Timeout | undefined;
    const finish = () => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      clearTimeout(patience);
      signal?.removeEventListener('abort', abort);
      const reports = [tap.end()];
      if (timedOut) reports.push(failure(`not finished after ${timeoutMs / 1000} s`));
      else if (end && reports.every((r) => r.failed === 0)) reports.push(failure(end));
      resolve({report: sum(reports), durationMs: performance.now() - started, stderr});
    };
    child.on('error', (error) => {
      end = `could not be started: ${error.message}`;
      finish();
    });
    child.on('exit', (code, by) => {
      end = code === 0 ? null : `ended with ${by ?? `exit code ${code}`}`;
      // What the file left behind would hold its output open; what left the group is waited for no longer.
      kill();
      patience = setTimeout(finish, 1_000);
    });
    child.on('close', finish);
  });
}

/** Ends what the file may have left behind. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
}
