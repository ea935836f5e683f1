import {isDeepStrictEqual} from 'node:util';

/** One key that is different. Secrets are never shown. */
export interface Change {
  readonly key: string;
  /** `90s -> 9s`, `changed`, `+192.0.2.2/32 -192.0.2.1/32`. */
  readonly what: string;
}

/** Nothing when both are equal; a value that comes or goes as a whole is told by the key above it. */
export function changeOf(key: string, from: unknown, to: unknown): readonly Change[] {
  if (isDeepStrictEqual(from, to) || from === undefined || to === undefined) return [];
  const isSimple = [from, to].every((value) => value === null || typeof value !== 'object');
  return [{key, what: isSimple ? `${from ?? 'none'} -> ${to ?? 'none'}` : 'changed'}];
}
