import {userInfo} from 'node:os';
import {InvalidArgumentError} from 'commander';
import {awaitStateLock, LockHeldError} from '../admin/lock.js';
import {openAdminStore} from '../admin/store.js';
import {ApiError} from '../api/protocol.js';
import {loadConfig} from '../config/load.js';
import type {Config} from '../config/types.js';
import {systemClock as clock} from '../io/clock.js';
import {makeFolder} from '../io/state-file.js';
import {parseDuration} from '../lib/duration.js';
import type {JsonObject} from '../types.js';
import type {Invocation} from './command.js';
import {askDaemon} from './daemon.js';
import {CommandError, exitCode, notPermitted} from './outcome.js';
import {problemLines} from './problems.js';

/** What is said where no daemon has heard of it. */
export const laterLine = 'no daemon runs: this counts from its next start\n';

/** Does what a daemon would have done; called as the holder of the lock. */
export type Note<Answer> = (
  config: Config,
  store: ReturnType<typeof openAdminStore>,
) => Answer | Promise<Answer>;

/** As long as the daemon takes. */
const maxReason = 200;

/** A round of the watchdog is over by then. */
const lockMs = 5000;

/**
 * Gives an order that lasts: to the daemon, or, where none runs, to `note`, which finds what is kept in `state_dir` under
 * its lock. Rejects with `CommandError`.
 */
export async function giveOrder<Answer>(
  called: Invocation,
  command: string,
  args: JsonObject,
  note: Note<Answer>,
): Promise<{readonly answer: Answer; readonly isLater: boolean}> {
  try {
    return {answer: (await askDaemon(called, command, args)) as unknown as Answer, isLater: false};
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== exitCode.noDaemon) throw error;
    return {answer: await withoutDaemon(called, note), isLater: true};
  }
}

async function withoutDaemon<Answer>(
  {configFile, terminal}: Invocation,
  note: Note<Answer>,
): Promise<Answer> {
  const {config, problems} = loadConfig({configFile});
  if (config === null) {
    terminal.err(problemLines(problems, terminal.errColor));
    throw new CommandError(exitCode.config, 'the configuration is broken: nothing was changed');
  }
  try {
    makeFolder(config.stateDir);
    const lock = await awaitStateLock(config.stateDir, clock, lockMs);
    try {
      return await note(config, openAdminStore(config.stateDir));
    } finally {
      lock.release();
    }
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): unknown {
  if (error instanceof ApiError) return new CommandError(error.code, error.message);
  if (error instanceof LockHeldError) {
    return new CommandError(exitCode.noDaemon, `${error.message.split(':')[0]}, and does not answer`);
  }
  if (!(error instanceof Error)) return error;
  return notPermitted(error) ?? new CommandError(exitCode.no, error.message);
}

/** For commander, as are the next ones: milliseconds, at least a second. */
export function duration(text: string): number {
  const ms = anyDuration(text);
  if (ms < 1000) throw new InvalidArgumentError('write at least 1s');
  return ms;
}

/** Milliseconds, also none. */
export function anyDuration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** Words for people. */
export function reason(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('write why, or leave it out');
  if (text.length > maxReason) throw new InvalidArgumentError(`write at most ${maxReason} characters`);
  return text;
}

/** Whom the log is to name: who has become root by sudo, not root. */
export function whoCalls(): string {
  const {SUDO_USER} = process.env;
  if (SUDO_USER !== undefined && /^[\w.-]{1,64}$/.test(SUDO_USER)) return SUDO_USER;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
