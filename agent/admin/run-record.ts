/**
 * How the last life ended, in `state_dir/run.json`: the next one decides by it whether what it finds installed
 * is adopted or removed (CONTRACT "Start and adoption").
 */

import {join} from 'node:path';
import {z} from 'zod';
import {readFileIfThere, writeFileAtomic} from '../io/state-file.js';
import {parsePrefix} from '../lib/prefix.js';

const schema = z.object({
  /** The kernel's boot id: after a reboot nothing that was installed is left. */
  boot_id: z.string(),
  pid: z.number(),
  version: z.string(),
  /** `running` until the process stops; what is found as `running` at start was a crash. */
  stop: z.enum(['running', 'withdraw', 'keep', 'restart']),
  /** ISO 8601. */
  at: z.string(),
  /** What it left on the interface on purpose. */
  addresses: z.array(z.string().transform(parsePrefix)).optional(),
});

export type RunRecord = Readonly<z.infer<typeof schema>>;

/** null when there is none, or none that can be read as such: then nothing may be adopted on its strength. */
export function readRunRecord(stateDir: string): RunRecord | null {
  try {
    return schema.parse(JSON.parse(readFileIfThere(fileOf(stateDir)) ?? 'null'));
  } catch {
    return null;
  }
}

/** Throws when it cannot be written; the old record is then still there. */
export function writeRunRecord(stateDir: string, record: RunRecord): void {
  writeFileAtomic(fileOf(stateDir), `${JSON.stringify(record)}\n`);
}

/**
 * Whether what is installed at start may stay until the services have settled. `last` is the record of the life
 * before, `bootId` this boot's.
 */
export function mayAdopt(last: RunRecord | null, bootId: string, onCrash: 'withdraw' | 'adopt'): boolean {
  if (last === null) return onCrash === 'adopt';
  if (last.boot_id !== bootId) return false;
  if (last.stop === 'running') return onCrash === 'adopt';
  return last.stop === 'keep' || last.stop === 'restart';
}

/** Differs after every boot of the machine. Throws where /proc is not mounted. */
export function readBootId(): string {
  const file = '/proc/sys/kernel/random/boot_id';
  const text = readFileIfThere(file);
  if (text === null) throw new Error(`${file} is missing: is /proc mounted?`);
  return text.trim();
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'run.json');
}
