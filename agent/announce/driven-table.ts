/** What is wanted of one daemon that is driven, and what is known of every prefix that it has to do with. */

import {remember} from '../lib/collections.js';
import type {Desired, Prefix, Route} from '../types.js';
import {DrivenEntry, type DrivenRole} from './driven-entry.js';

export class DrivenTable {
  readonly entries = new Map<Prefix, DrivenEntry>();
  /** What was wanted in this life is not left over from another one. */
  readonly #everWanted = new Set<Prefix>();
  #items: ReadonlyMap<Prefix, Route> = new Map();
  #desired: Desired<Route> | null = null;

  /** Null before the first `take`: then nobody knows what is wanted. */
  get desired(): Desired<Route> | null {
    return this.#desired;
  }

  /** One for each prefix. */
  get items(): ReadonlyMap<Prefix, Route> {
    return this.#items;
  }

  /** Takes the whole set. The entries of what is new, different or no longer wanted are turned. */
  take(desired: Desired<Route>): void {
    const before = this.#items;
    this.#desired = desired;
    this.#items = oneEach(desired.items);
    for (const [prefix, item] of this.#items) {
      this.#everWanted.add(prefix);
      if (before.get(prefix) === item) continue;
      const entry = this.entryOf(prefix, 'wanted');
      entry.owners = item.owners;
      entry.turn('wanted');
    }
    for (const prefix of before.keys()) {
      if (!this.#items.has(prefix)) this.entryOf(prefix, 'unwanted').turn('unwanted');
    }
  }

  isWanted(prefix: Prefix): boolean {
    return this.#items.has(prefix);
  }

  wasEverWanted(prefix: Prefix): boolean {
    return this.#everWanted.has(prefix);
  }

  /** The prefix's entry, made in this role where there is none. */
  entryOf(prefix: Prefix, role: DrivenRole): DrivenEntry {
    return remember(this.entries, prefix, () => new DrivenEntry(role));
  }

  /** A pass begins: what it finds is about everything that is known now. */
  beginPass(): void {
    for (const entry of this.entries.values()) entry.isNews = false;
  }

  /** What is to be looked at: everything, or what may not be as wanted yet. */
  toLookAt(isFull: boolean): readonly Prefix[] {
    return [...this.entries].flatMap(([prefix, entry]) => (isFull || !entry.isSettled ? [prefix] : []));
  }

  /** What may have something left to happen. */
  open(): readonly DrivenEntry[] {
    return [...this.entries.values()].filter((entry) => !entry.isSettled && entry.role !== 'kept');
  }
}

/** Of several routes of a prefix the one that is for all peers: other daemons' sessions have no names of ours. */
export function oneEach(items: readonly Route[]): Map<Prefix, Route> {
  const map = new Map<Prefix, Route>();
  for (const item of items) {
    const known = map.get(item.prefix);
    if (!known || (known.peers !== null && item.peers === null)) map.set(item.prefix, item);
  }
  return map;
}
