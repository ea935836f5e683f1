/** Running other people's programs so that they can neither hold up nor outlive what asked for them. */

import {execa, type Options} from 'execa';
import type {Exec, ExecOptions, ExecResult} from '../types.js';
import {BoundedOutput} from './bounded-output.js';
import {endGroup, type Kill, killGroup} from './process-group.js';
import {spawnFailure} from './spawn-failure.js';
import {findUser, type User} from './user.js';
import {within} from './within.js';

/** Between SIGTERM and SIGKILL: half the timeout, at most this. */
const maxGraceMs = 500;
/** How long after a program's end a process that it left behind may still hold its output open. */
const drainMs = 100;

/** What a program gets of our environment: where things are and how to speak, nothing that may be secret. */
const inherited = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR)$/;
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ExecSystem {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly kill: Kill;
  /** Calls `fn` when this process is about to end. */
  readonly onExit?: (fn: () => void) => void;
}

const thisSystem: ExecSystem = {
  environment: process.env,
  kill: (pid, signal) => {
    process.kill(pid, signal);
  },
  onExit: (fn) => {
    process.once('exit', fn);
  },
};

/**
 * Runs programs in process groups of their own. With `user`, HOME, USER, LOGNAME and SHELL are that user's and
 * there are no supplementary groups. What a program starts in its group and leaves running when it ends in
 * time is left alone; at the timeout everything in the group is ended. So it is when this process ends before.
 */
export function createExec(system: ExecSystem = thisSystem): Exec {
  /** Command lines whose last run did not end even by SIGKILL, with its pid: they must not pile up. */
  const unkillable = new Map<string, number>();
  /** Groups that are to end before we do; undefined before the first run. */
  let running: Set<number> | undefined;
  const track = (): Set<number> => {
    const groups = new Set<number>();
    system.onExit?.(() => {
      for (const leader of groups) killGroup(leader, system.kill);
    });
    return groups;
  };
  return {
    async run(argv, options) {
      running ??= track();
      const start = performance.now();
      const key = JSON.stringify([argv, options.user, options.cwd]);
      const stuck = unkillable.get(key);
      let ended: Ended;
      if (options.signal?.aborted) ended = {outcome: 'aborted', reason: 'aborted'};
      else if (stuck !== undefined) {
        ended = notStarted(`the run before still hangs in the kernel and cannot be killed (pid ${stuck})`);
      } else {
        ended = await runOnce(argv, options, system, start, running, (pid, end) => {
          unkillable.set(key, pid);
          void end.then(() => unkillable.delete(key));
        }).catch((error: unknown) => notStarted(error instanceof Error ? error.message : String(error)));
      }
      return {...nothing, ...ended, durationMs: performance.now() - start};
    },
  };
}

export const systemExec: Exec = createExec();

type Ended = Pick<ExecResult, 'outcome' | 'reason'> & Partial<ExecResult>;
interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

const nothing = {code: null, signal: null, stdout: '', stderr: '', truncated: false};

async function runOnce(
  argv: readonly string[],
  options: ExecOptions,
  {environment, kill}: ExecSystem,
  start: number,
  running: Set<number>,
  onUnkillable: (pid: number, end: Promise<unknown>) => void,
): Promise<Ended> {
  const [file, ...args] = argv;
  if (file === undefined) return notStarted('no command given');
  const user = options.user === undefined ? null : await findUser(options.user);
  if (options.user !== undefined && !user) return notStarted(`no such user: ${options.user}`);

  const child = execa(file, args, {
    ...fixed,
    env: environmentOf(environment, user, options.env),
    ...(options.cwd === undefined ? {} : {cwd: options.cwd}),
    ...identityOf(user),
  });
  const pid = child.pid;
  if (pid === undefined) {
    const {code = '', originalMessage = ''} = await child;
    return notStarted(await spawnFailure(code, originalMessage, {file, cwd: options.cwd, user}));
  }

  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({code, signal}));
  });
  let exit: Exit | null = null;
  void exited.then((value) => {
    exit = value;
  });
  running.add(pid);
  const stdout = new BoundedOutput(child.stdout, options.maxBytes);
  const stderr = new BoundedOutput(child.stderr, options.maxBytes);

  const left = Math.max(0, options.timeoutMs - (performance.now() - start));
  const cause = await firstOf(exited, left, options.signal);
  if (cause !== 'exited') {
    await endGroup(pid, exited, Math.min(maxGraceMs, options.timeoutMs / 2), kill);
  }
  running.delete(pid);
  if (exit === null) {
    onUnkillable(pid, exited);
    child.unref();
  }
  // execa's promise waits for the end of the output too.
  await within(drainMs, child);
  child.stdout.destroy();
  child.stderr.destroy();

  return {
    ...outcomeOf(cause, exit, options.timeoutMs),
    stdout: stdout.text,
    stderr: stderr.text,
    truncated: stdout.isTruncated || stderr.isTruncated,
  };
}

const fixed = {
  // A process group (and session) of its own.
  detached: true,
  cleanup: false,
  reject: false,
  extendEnv: false,
  stdin: 'ignore',
  stdout: 'pipe',
  stderr: 'pipe',
  // execa's own bound kills the program; ours reads on.
  buffer: false,
} as const satisfies Options;

function outcomeOf(cause: Cause, exit: Exit | null, timeoutMs: number): Ended {
  const {code, signal} = exit ?? nothing;
  if (cause === 'aborted') return {outcome: 'aborted', reason: 'aborted', code, signal};
  if (cause === 'timeout') {
    const how = exit ? 'killed' : 'and not to be killed: it hangs in the kernel';
    return {outcome: 'timeout', reason: `still running after ${timeoutMs} ms, ${how}`, code, signal};
  }
  if (signal !== null) return {outcome: 'signalled', reason: `killed by ${signal}`, code, signal};
  return {outcome: 'exited', reason: `exit code ${code}`, code, signal};
}

function notStarted(reason: string): Ended {
  return {outcome: 'not-started', reason};
}

type Cause = 'exited' | 'timeout' | 'aborted';

function firstOf(
  exited: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Cause> {
  return new Promise((resolve) => {
    const end = (cause: Cause) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(cause);
    };
    const onAbort = () => end('aborted');
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    signal?.addEventListener('abort', onAbort);
    void exited.then(() => end('exited'));
  });
}

function environmentOf(
  ours: ExecSystem['environment'],
  user: User | null,
  given: ExecOptions['env'],
): Record<string, string> {
  const result: Record<string, string> = {PATH: defaultPath};
  for (const [name, value] of Object.entries(ours)) {
    if (value !== undefined && inherited.test(name)) result[name] = value;
  }
  if (user) {
    Object.assign(result, {HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell});
  }
  return {...result, ...given};
}

/** Nothing to change for the user we are: without root even that would be refused. */
function identityOf(user: User | null): {uid?: number; gid?: number} {
  if (!user || (user.uid === process.geteuid?.() && user.gid === process.getegid?.())) return {};
  return {uid: user.uid, gid: user.gid};
}
