/** A lock on a file that the kernel holds for this process and gives up when it ends, however it ends. */

import {closeSync, ftruncateSync, openSync, readFileSync, writeSync} from 'node:fs';
import {createRequire} from 'node:module';
import {constants} from 'node:os';
import {errnoName} from './native.js';

// <sys/file.h>: exclusive, and an answer instead of waiting.
const LOCK_EX = 2;
const LOCK_NB = 4;

export type FileLock =
  /** `release` may be called once. */
  | {readonly held: true; release(): void}
  /** `owner` is what the holder wrote into the file. */
  | {readonly held: false; readonly owner: string};

/**
 * Takes the lock with flock(2) and writes `owner` into the file. Neither a left-over file nor a number that another
 * process has by now can mislead it, and it holds between containers that share the folder. The file stays when the
 * lock is released: taking it away would let two processes lock two files of one name.
 * Throws when the file cannot be opened or written, or the machine has no flock.
 */
export function lockFile(path: string, owner: string): FileLock {
  // 'a+' creates and never truncates: until the lock is ours the content is another's. Closed on exec, so that a
  // script that outlives us does not hold it.
  const fd = openSync(path, 'a+', 0o644);
  let held = false;
  try {
    const errno = flock(fd, LOCK_EX | LOCK_NB);
    if (errno === constants.errno.EWOULDBLOCK) return {held, owner: readFileSync(path, 'utf8')};
    if (errno !== 0) throw new Error(`flock ${path}: ${errnoName(errno)}`);
    ftruncateSync(fd, 0);
    writeSync(fd, owner);
    held = true;
    return {held, release: () => release(fd)};
  } finally {
    if (!held) closeSync(fd);
  }
}

function release(fd: number): void {
  ftruncateSync(fd, 0);
  closeSync(fd);
}

let bound: {flock: (fd: number, operation: number) => number; errno: () => number} | undefined;

/** 0, or the errno. */
function flock(fd: number, operation: number): number {
  if (!bound) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi').default;
    bound = {flock: koffi.load(null).func('int flock(int, int)'), errno: () => koffi.errno()};
  }
  return bound.flock(fd, operation) === 0 ? 0 : bound.errno();
}
