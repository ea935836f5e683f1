import {statSync} from 'node:fs';

/**
 * When the file was last changed, milliseconds since the epoch; null when there is none. One that cannot be looked at
 * may well be there: `unknown`.
 */
export function presenceOf(path: string): number | 'unknown' | null {
  try {
    return statSync(path, {throwIfNoEntry: false})?.mtimeMs ?? null;
  } catch {
    return 'unknown';
  }
}
