/** Small files that must last: read whole, replaced whole. Synchronous, for the moments of start and stop. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';

/** null when there is no such file. Throws when it is there and cannot be read. */
export function readFileIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Replaces a file so that a reader, also one after a power cut, sees the old text or the new one and nothing between.
 * Throws when it cannot be written; the old file is then still there.
 */
export function writeFileAtomic(path: string, text: string, mode = 0o644): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    withDescriptor(temporary, 'w', mode, (fd) => {
      writeFileSync(fd, text);
      fsyncSync(fd);
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  }
  // The new name is on the disk only with its folder.
  withDescriptor(dirname(path), 'r', mode, fsyncSync);
}

/** Removes what `writeFileAtomic` left in a folder when it was killed. Nobody may be writing there. Never throws. */
export function removeLeftovers(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (/\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), {force: true});
    }
  } catch {
    // They are only in the way of who looks at the folder.
  }
}

/** Removes a file; fine when it is not there. Throws the system's error. */
export function removeFile(path: string): void {
  rmSync(path, {force: true});
}

function withDescriptor(path: string, flags: string, mode: number, use: (fd: number) => void): void {
  const fd = openSync(path, flags, mode);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder and those above it; fine when it is there. Throws the system's error. */
export function makeFolder(path: string): void {
  // Not with `recursive`: on file systems that refuse (read-only, /proc) that reports another error, or never returns.
  try {
    mkdirSync(path, {mode: 0o755});
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path && !existsSync(dirname(path))) {
      makeFolder(dirname(path));
      makeFolder(path);
    } else if (code !== 'EEXIST' || !statSync(path).isDirectory()) {
      throw error;
    }
  }
}
