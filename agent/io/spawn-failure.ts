import {access, constants, stat} from 'node:fs/promises';
import type {User} from './user.js';

/** What was to be started. */
export interface Command {
  readonly file: string;
  readonly cwd: string | undefined;
  readonly user: User | null;
}

/**
 * Why a program could not be started, in words for an operator: the system answers "no such file" alike for
 * the program, its interpreter and the folder it is to run in.
 */
export async function spawnFailure(code: string, message: string, command: Command): Promise<string> {
  const {file, cwd, user} = command;
  const isPath = file.includes('/');
  if (cwd !== undefined && !(await isFolder(cwd))) return `cwd: no such folder: ${cwd}`;
  const as = user === null ? '' : ` (as user ${user.name})`;
  switch (code) {
    case 'ENOENT':
      if (!isPath) return `command not found: ${file}`;
      return (await exists(file))
        ? `cannot start ${file}: the interpreter in its first line does not exist`
        : `command not found: ${file}`;
    case 'EACCES':
      if (isPath && (await isFolder(file))) return `not a program but a folder: ${file}`;
      return `not executable: ${file}${as}: permission denied`;
    case 'EPERM':
      if (user) return `running as user ${user.name} needs root (CAP_SETUID and CAP_SETGID)`;
      return `cannot start ${file}: not permitted`;
    default:
      return `cannot start ${file}${as}: ${message || code}`;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
