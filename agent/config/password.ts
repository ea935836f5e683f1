import {dirname, resolve} from 'node:path';
import {Secret} from '../lib/secret.js';
import {type Keys, part, type Section} from './section.js';
import type {Value} from './value.js';

/** What reading a configuration may use of the world. */
export interface ConfigFiles {
  /** The text of a file. Throws an Error with the reason. */
  readonly readFile: (path: string) => string;
  /** The permission bits of a file, where they can be known. */
  readonly fileMode?: (path: string) => number | null;
}

export interface Password {
  readonly secret: Secret;
  readonly file: string | null;
}

export const passwordKeys = {password: part(), password_file: part()} satisfies Keys;

/** What takes passwords, and how long they may be. */
interface Limit {
  readonly bytes: number;
  readonly of: string;
}

/** The kernel's TCP_MD5SIG_MAXKEYLEN. */
const tcpMd5: Limit = {bytes: 80, of: 'TCP MD5'};

/**
 * `password` or `password_file` (relative to the main file) of a section; null: neither.
 * Messages never show any of it.
 */
export function readPassword(
  section: Section<typeof passwordKeys>,
  mainFile: string,
  files: ConfigFiles,
  limit = tcpMd5,
): Password | null {
  const inline = section.get('password');
  const fromFile = section.get('password_file');
  if (inline && fromFile) {
    fromFile.error('write `password` or `password_file`, not both');
    return null;
  }
  if (inline) {
    warnIfOpen(inline, mainFile, files);
    const written = inline.plain();
    if (typeof written === 'string') return checked(inline, written, null, limit);
    inline.error('must be text: put it in quotes');
  }
  if (fromFile) {
    const name = fromFile.plain();
    if (typeof name !== 'string' || name === '') {
      fromFile.error('must be the name of a file');
      return null;
    }
    const path = resolve(dirname(mainFile), name);
    try {
      const text = files.readFile(path);
      warnIfOpen(fromFile, path, files);
      return checked(fromFile, text.replace(/\r?\n$/, ''), path, limit);
    } catch (error) {
      fromFile.error(error instanceof Error ? error.message : `cannot read ${path}`);
    }
  }
  return null;
}

function checked(value: Value, password: string, file: string | null, limit: Limit): Password | null {
  const bytes = Buffer.byteLength(password);
  const fault =
    bytes === 0
      ? 'is empty'
      : bytes > limit.bytes
        ? `has ${bytes} bytes: ${limit.of} takes at most ${limit.bytes}`
        : /[\n\r\0]/.test(password)
          ? 'has more than one line'
          : null;
  if (fault === null) return {secret: new Secret(password), file};
  value.error(`the password ${fault}`);
  return null;
}

function warnIfOpen(value: Value, path: string, {fileMode}: ConfigFiles): void {
  const mode = fileMode?.(path) ?? null;
  if (mode === null || (mode & 0o004) === 0) return;
  value.warning(`everybody on this host can read the password in ${path}: chmod o-r`);
}
