/** How it came out with a prefix at a daemon that is driven: its word in status, its event, its log line. */

import type {AnnouncerEvent, AnnouncerName, Clock, Emit, ItemWord, Prefix} from '../types.js';
import type {DrivenEntry} from './driven-entry.js';

/** So long a daemon may work on what it was told before that counts as not done. */
const graceMs = 1_000;

export interface DrivenOutcomesOptions {
  readonly name: AnnouncerName;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly tell: (event: AnnouncerEvent) => void;
}

export class DrivenOutcomes {
  readonly #options: DrivenOutcomesOptions;

  constructor(options: DrivenOutcomesOptions) {
    this.#options = options;
  }

  /** It goes out to at least one neighbor. */
  announced(prefix: Prefix, entry: DrivenEntry, nextHop: string | null = null): void {
    const {emit, name: to} = this.#options;
    const {owners, word} = entry;
    this.#good(entry, 'announced', null);
    entry.wasRetold = false;
    entry.wasAnnounced = true;
    if (word !== 'announced') emit({kind: 'route-announced', prefix, to, nextHop, owners});
    this.#tell(entry, {kind: 'installed', prefix});
  }

  /** Nothing is wrong with the route: it goes out with the next session, and nobody is told of a failure. */
  peerDown(prefix: Prefix, entry: DrivenEntry, reason: string): void {
    const {emit, name: to} = this.#options;
    if (entry.word === 'announced') emit({kind: 'route-failed', prefix, to, reason});
    this.#good(entry, 'peer-down', reason);
    this.#tell(entry, {kind: 'installed', prefix});
  }

  /** The daemon may still be at work on it. */
  pending(entry: DrivenEntry): void {
    entry.word = 'pending';
    entry.reason = null;
  }

  fail(prefix: Prefix, entry: DrivenEntry, word: ItemWord, reason: string): void {
    entry.word = word;
    entry.reason = reason;
    if (entry.complained !== reason) {
      entry.complained = reason;
      this.#options.emit({kind: 'route-failed', prefix, to: this.#options.name, reason});
    }
    this.#tell(entry, {kind: 'failed', prefix, reason});
  }

  /** It is not wanted, and not there any more. */
  removed(prefix: Prefix, entry: DrivenEntry): void {
    this.withdrawn(prefix, entry);
    this.#tell(entry, {kind: 'removed', prefix});
  }

  /** Says, once, that what was announced is not any more. */
  withdrawn(prefix: Prefix, entry: DrivenEntry): void {
    if (!entry.wasAnnounced) return;
    entry.wasAnnounced = false;
    const {emit, name: to} = this.#options;
    emit({kind: 'route-withdrawn', prefix, to, owners: entry.owners});
  }

  isInGrace(entry: DrivenEntry): boolean {
    return entry.isInGrace(this.#options.clock.now(), graceMs);
  }

  #good(entry: DrivenEntry, word: ItemWord, reason: string | null): void {
    entry.word = word;
    entry.reason = reason;
    entry.complained = null;
    entry.graceUntil = null;
  }

  /** The same outcome is told once, until `set` asks again. */
  #tell(entry: DrivenEntry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? `failed ${event.reason}` : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    this.#options.tell(event);
  }
}
