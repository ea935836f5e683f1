/** The two things a Map is asked for again and again. */

interface MapLike<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

/** The value at `key`, made and kept when there is none yet. */
export function remember<Key, Value>(map: MapLike<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Appends to the list at `key`. */
export function pushTo<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  remember(map, key, () => []).push(value);
}

class Complement<Item> extends Set<Item> {
  override has(item: Item): boolean {
    return !super.has(item);
  }
}

/** A set that has everything but these. Only `has` can be asked of it. */
export function allBut<Item>(items: Iterable<Item>): ReadonlySet<Item> {
  return new Complement(items);
}
