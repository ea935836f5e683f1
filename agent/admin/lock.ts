/** One writer: whoever changes routes and addresses from a state_dir holds its lock (CONTRACT "One writer"). */

import {join} from 'node:path';
import {lockFile} from '../io/file-lock.js';
import {removeLeftovers} from '../io/state-file.js';
import type {Clock} from '../types.js';

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
 * What writers that were killed have left half written is removed. Throws `LockHeldError`, or the system's error when
 * the folder cannot be written.
 */
export function takeStateLock(stateDir: string): StateLock {
  const lock = lockFile(join(stateDir, 'lock'), `${process.pid}\n`);
  if (lock.held) {
    removeLeftovers(stateDir);
    return {release: lock.release};
  }
  const pid = /^(\d+)\n$/.exec(lock.owner)?.[1];
  throw new LockHeldError(pid === undefined ? null : Number(pid), stateDir);
}

const lookAgainMs = 50;

/** The same, waiting up to `ms` for one who holds it for a moment, as a round of the watchdog does. */
export async function awaitStateLock(stateDir: string, clock: Clock, ms: number): Promise<StateLock> {
  const giveUpAt = clock.now() + ms;
  for (;;) {
    try {
      return takeStateLock(stateDir);
    } catch (error) {
      if (!(error instanceof LockHeldError) || clock.now() >= giveUpAt) throw error;
    }
    await new Promise<void>((resolve) => clock.after(lookAgainMs, resolve));
  }
}
