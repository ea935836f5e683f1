/**
 * The operator's own `network` lines that had to give way: written to the journal before they are taken out of the
 * running configuration, so that a later life still can put them back.
 */

import {type FrrNetwork, parseNetwork} from '../control/frr-config-protocol.js';
import type {Journal} from '../io/journal.js';
import type {Prefix} from '../types.js';

export class OperatorLines {
  readonly #journal: Journal;
  readonly #lines = new Map<Prefix, FrrNetwork>();
  /** Known to this life only. */
  readonly #unwritten = new Set<Prefix>();

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const entry of journal.entries()) {
      const line = parseNetwork(entry);
      if (line) this.#lines.set(line.prefix, line);
    }
  }

  all(): ReadonlyMap<Prefix, FrrNetwork> {
    return this.#lines;
  }

  /** Throws where the journal cannot be written: then only this life knows of the line. */
  keep(line: FrrNetwork): void {
    const {prefix, text} = line;
    const before = this.#lines.get(prefix);
    if (before?.text === text && !this.#unwritten.has(prefix)) return;
    this.#lines.set(prefix, line);
    this.#unwritten.add(prefix);
    this.#journal.add(text);
    this.#unwritten.delete(prefix);
    if (before && before.text !== text) this.#forget(before);
  }

  /** It is back where it was. */
  drop(prefix: Prefix): void {
    const line = this.#lines.get(prefix);
    if (!line) return;
    this.#lines.delete(prefix);
    this.#forget(line);
  }

  #forget({text}: FrrNetwork): void {
    try {
      this.#journal.remove(text);
    } catch {
      // An entry too many: a later life finds the line in the running configuration, and leaves it as it is.
    }
  }
}
