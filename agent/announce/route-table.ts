import type {Prefix, Route} from '../types.js';

/**
 * The desired routes by prefix, brought up to date by what differs from the set before: mostly very little, in lists
 * that are mostly the same objects in the same order.
 */
export class RouteTable {
  readonly #routes = new Map<Prefix, readonly Route[]>();
  #items: readonly Route[] = [];

  /** Takes the whole set and gives the prefixes of which something changed. */
  set(items: readonly Route[]): ReadonlySet<Prefix> {
    const {added, removed} = difference(this.#items, items);
    this.#items = items;
    const touched = new Set<Prefix>();
    const gone = new Set(removed);
    for (const {prefix} of removed) touched.add(prefix);
    for (const prefix of touched) {
      const left = this.of(prefix).filter((route) => !gone.has(route));
      if (left.length > 0) this.#routes.set(prefix, left);
      else this.#routes.delete(prefix);
    }
    for (const route of added) {
      const before = this.#routes.get(route.prefix);
      this.#routes.set(route.prefix, before ? [...before, route] : [route]);
      touched.add(route.prefix);
    }
    return touched;
  }

  of(prefix: Prefix): readonly Route[] {
    return this.#routes.get(prefix) ?? [];
  }

  has(prefix: Prefix): boolean {
    return this.#routes.has(prefix);
  }

  prefixes(): Iterable<Prefix> {
    return this.#routes.keys();
  }
}

/** What one list has and the other has not, by identity; an item that only moved may be in both answers. */
export function difference<Item>(
  before: readonly Item[],
  after: readonly Item[],
): {readonly added: Item[]; readonly removed: Item[]} {
  const added: Item[] = [];
  const removed: Item[] = [];
  let [i, j] = [0, 0];
  while (i < before.length && j < after.length) {
    const [old, now] = [before[i], after[j]];
    if (old === now) {
      i++;
      j++;
    } else if (old !== undefined && before[i + 1] === now) {
      removed.push(old);
      i++;
    } else if (now !== undefined && after[j + 1] === old) {
      added.push(now);
      j++;
    } else {
      if (old !== undefined) removed.push(old);
      if (now !== undefined) added.push(now);
      i++;
      j++;
    }
  }
  removed.push(...before.slice(i));
  added.push(...after.slice(j));
  return {added, removed};
}
