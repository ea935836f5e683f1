/** One writer: whoever changes routes and addresses from a state_dir holds its lock (CONTRACT "One writer"). */

import {join} from 'node:path';
import {lockFile} from '../io/file-lock.js';

export interface StateLock {
  release(): void;
}

/** Another process holds the lock. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';

  constructor(
    /** null when the holder did not say (it is just starting). */
    readonly pid: number | null,
    stateDir: string,
  ) {
    super(
      `another eip-health ${pid === null ? 'is starting' : `runs as pid ${pid}`} with state_dir ${stateDir}: ` +
        'stop it first, or give this one a state_dir of its own',
    );
  }
}

/**
 * Takes the lock of `stateDir`, which exists. It lasts until `release` or the end of this process, however it ends.
 * Throws `LockHeldError`, or the system's error when the folder cannot be written.
 */
export function takeStateLock(stateDir: string): StateLock {
  const lock = lockFile(join(stateDir, 'lock'), `${process.pid}\n`);
  if (lock.held) return {release: lock.release};
  const pid = /^(\d+)\n$/.exec(lock.owner)?.[1];
  throw new LockHeldError(pid === undefined ? null : Number(pid), stateDir);
}
