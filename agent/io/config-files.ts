/** Reading configuration from disk: only regular files of reasonable size that hold UTF-8 text. */

import {readdirSync, readFileSync, statSync} from 'node:fs';

const maxBytes = 32 * 1024 * 1024;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links go in a circle',
  ENAMETOOLONG: 'the name is too long',
};

/** The text of a file. Throws an Error that says which file cannot be read, and why. */
export function readConfigText(path: string): string {
  return attempt(path, () => {
    // Opening a FIFO or a device could wait for ever.
    const stats = statSync(path);
    if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a folder' : 'it is no regular file');
    if (stats.size > maxBytes) throw new Error(`it has more than ${maxBytes >> 20} MiB`);
    const bytes = readFileSync(path);
    try {
      return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
    } catch {
      throw new Error('it is no UTF-8 text');
    }
  });
}

/** The names in a folder; null when it does not exist. Throws like `readConfigText`. */
export function listFolder(path: string): readonly string[] | null {
  return attempt(path, () => {
    try {
      return readdirSync(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  });
}

/** The permission bits of a file; null where they cannot be known. */
export function fileMode(path: string): number | null {
  const stats = statSync(path, {throwIfNoEntry: false});
  return stats ? stats.mode & 0o7777 : null;
}

/** Whether something has this name, readable or not. */
export function exists(path: string): boolean {
  try {
    return statSync(path, {throwIfNoEntry: false}) !== undefined;
  } catch {
    return true;
  }
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot read ${path}: ${reasons[codeOf(error)] ?? message}`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
