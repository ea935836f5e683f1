import {join} from 'node:path';
import {readFileIfThere, writeFileAtomic} from '../io/state-file.js';
import {parseAddress} from '../lib/prefix.js';
import type {IpAddress} from '../types.js';

/** The router id that was chosen in an earlier life; null when there is none that can be read. */
export function readRouterId(stateDir: string): IpAddress | null {
  try {
    return parseAddress((readFileIfThere(fileOf(stateDir)) ?? '').trim());
  } catch {
    return null;
  }
}

/** Keeps a chosen router id, so that it does not change when interfaces come and go. Throws when it cannot be written. */
export function writeRouterId(stateDir: string, id: IpAddress): void {
  writeFileAtomic(fileOf(stateDir), `${id}\n`);
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'router-id');
}
