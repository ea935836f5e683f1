import {watch as fsWatch, statSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {basename, dirname, join, relative, resolve, sep} from 'node:path';
import type {Cancel, Files} from '../types.js';

/** How often to look where the kernel has no watch left to give (inotify limits), and while nothing can be watched. */
const pollMs = 1000;

export const systemFiles: Files = {
  async readText(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
  },

  /** `onChange` may also come when nothing changed that matters: look, and do not count. */
  watch: (path, onChange) => new FileWatch(resolve(path), onChange).cancel,
};

function isAbsence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/**
 * Watches the folder of a file, because a watch on a file ends with it; while that folder does not
 * exist, the nearest one above, until the way down to the file is there.
 */
class FileWatch {
  readonly cancel: Cancel;
  readonly #path: string;
  readonly #onChange: () => void;
  #close: () => void = () => undefined;
  #isCancelled = false;

  constructor(path: string, onChange: () => void) {
    this.#path = path;
    this.#onChange = onChange;
    this.cancel = () => {
      this.#isCancelled = true;
      this.#close();
    };
    this.#arm();
  }

  #arm(): void {
    this.#close();
    if (this.#isCancelled) return;
    const folder = nearestFolder(dirname(this.#path));
    /** What below `folder` leads to the file. */
    const [next = ''] = relative(folder, this.#path).split(sep);
    try {
      const watcher = fsWatch(folder, {persistent: false}, (_event, name) => {
        // The folder's own removal is told by its own name, and some events by none.
        if (name !== null && name !== next && name !== basename(folder)) return;
        if (!isFolder(folder) || join(folder, next) !== this.#path) this.#arm();
        this.#onChange();
      });
      watcher.on('error', () => this.#poll());
      this.#close = () => watcher.close();
    } catch {
      this.#poll();
      return;
    }
    // What came between looking for the folder and watching it.
    if (nearestFolder(dirname(this.#path)) !== folder) {
      this.#arm();
      this.#onChange();
    }
  }

  #poll(): void {
    this.#close();
    if (this.#isCancelled) return;
    const timer = setTimeout(() => {
      this.#arm();
      this.#onChange();
    }, pollMs);
    timer.unref();
    this.#close = () => clearTimeout(timer);
  }
}

function nearestFolder(path: string): string {
  return isFolder(path) || path === dirname(path) ? path : nearestFolder(dirname(path));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
