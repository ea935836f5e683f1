/** Files that are ours wholly and that other daemons read: replaced in one step, so that nobody reads half of one. */

import {type FileHandle, lstat, open, readFile, realpath, rename, rm} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';

export interface OwnedFiles {
  /** The text; null where there is no such file. Rejects with the system's error on every other failure. */
  read(path: string): Promise<string | null>;
  /**
   * Replaces the text, making the file where there is none. Keeps its mode and owner. Rejects with the system's error;
   * the old text is then still there.
   */
  replace(path: string, text: string): Promise<void>;
}

const newFileMode = 0o644;
/** What file systems give space by; a text that needs no more of them than the one before fits on a full disk. */
const blockBytes = 4096;

export const ownedFiles: OwnedFiles = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  },

  async replace(path, text) {
    const {target, old} = await find(path);
    // A name that no include of `*` or `*.conf` takes.
    const temporary = join(dirname(target), `.${basename(target)}.eip-health.tmp`);
    try {
      await write(await create(temporary), text, old);
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, {force: true}).catch(() => undefined);
      const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
      if (!isFull || !old || blocksOf(Buffer.byteLength(text)) > blocksOf(old.size)) throw error;
      // A full disk must not keep a dead service announced: not in one step, but in the space that is there.
      await overwrite(target, text);
      return;
    }
    // The name is durable with its folder; readers see it already, and do not wait for that.
    void syncFolder(dirname(target));
  },
};

interface FileState {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
}

/** The file itself where the path is a symbolic link, which stays one; and what is there now. */
async function find(path: string): Promise<{readonly target: string; readonly old: FileState | null}> {
  try {
    const old = await lstat(path);
    if (!old.isSymbolicLink()) return {target: path, old};
    const target = await realpath(path);
    return {target, old: await lstat(target)};
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {target: path, old: null};
    throw error;
  }
}

/** Never follows or reuses what lies there: an earlier life may have left it. */
async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', newFileMode);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    await rm(path);
    return open(path, 'wx', newFileMode);
  }
}

async function write(file: FileHandle, text: string, old: FileState | null): Promise<void> {
  try {
    // Also against a umask that would keep the other daemon from reading it.
    await file.chmod(old ? old.mode & 0o7777 : newFileMode);
    if (old && (old.uid !== process.getuid?.() || old.gid !== process.getgid?.())) {
      await file.chown(old.uid, old.gid).catch(() => undefined);
    }
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function overwrite(path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const file = await open(path, 'r+');
  try {
    await file.writeFile(bytes);
    await file.truncate(bytes.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Some file systems sync no folders. The file is in place.
  }
}

function blocksOf(bytes: number): number {
  return Math.ceil(bytes / blockBytes);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
