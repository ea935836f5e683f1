/**
 * A set of texts that outlives this process but not the boot: what was done to the kernel and must be undone
 * by the next life if this one is killed. Each change is one appended line, handed to the kernel before the call
 * returns; a power cut may lose it, but then what it stands for is gone as well.
 */

import {appendFileSync} from 'node:fs';
import {readFileIfThere, writeFileAtomic} from './state-file.js';

export interface Journal {
  entries(): ReadonlySet<string>;
  /** Throws when it cannot be written: then do not do what was to be noted. */
  add(entry: string): void;
  /** Throws when it cannot be written; the entry is then still there. */
  remove(entry: string): void;
}

/**
 * Reads what is left of this boot; of another boot (or damaged) nothing is. The file is made with the first entry.
 * Entries are single lines. Throws when the file is there and cannot be read.
 */
export function openJournal(path: string, bootId: string): Journal {
  const header = `boot ${bootId}`;
  const entries = entriesOf(readFileIfThere(path) ?? '', header);
  let isStarted = false;

  /** The first write of a life replaces the file, which makes it short again. */
  function write(line: string): void {
    if (isStarted) {
      appendFileSync(path, line);
      return;
    }
    writeFileAtomic(path, [header, ...[...entries].map((entry) => `+${entry}`), line].join('\n'), 0o600);
    isStarted = true;
  }

  return {
    entries: () => entries,
    add(entry) {
      if (/[\n\r]/.test(entry)) throw new Error('an entry of a journal is a single line');
      if (entries.has(entry)) return;
      write(`+${entry}\n`);
      entries.add(entry);
    },
    remove(entry) {
      if (!entries.has(entry)) return;
      write(`-${entry}\n`);
      entries.delete(entry);
    },
  };
}

function entriesOf(text: string, header: string): Set<string> {
  const entries = new Set<string>();
  // What stands behind the last line end was cut off in the middle of writing, before the deed it announced.
  const [first, ...lines] = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  if (first !== header) return entries;
  for (const line of lines) {
    if (line.startsWith('+')) entries.add(line.slice(1));
    else if (line.startsWith('-')) entries.delete(line.slice(1));
  }
  return entries;
}
