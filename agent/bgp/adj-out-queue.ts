/** Something that stands in one queue at most. */
export interface Queued<Self extends Queued<Self>> {
  queue: Queue<Self> | null;
}

/** Gaps that are tolerated before a queue is written anew. */
const MAX_GAPS = 64;

/**
 * First in, first out, and out of the middle at no cost: what was removed leaves a gap, which is passed over later.
 * A hundred thousand prefixes go through it when a session comes up, hence an array and no Set.
 */
export class Queue<Item extends Queued<Item>> {
  #items: Item[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts an item at the end; it leaves the queue it stood in before. */
  push(item: Item): void {
    item.queue?.remove(item);
    item.queue = this;
    this.#items.push(item);
    this.#size++;
    if (this.#items.length - this.#head > 2 * this.#size + MAX_GAPS) this.#close();
  }

  remove(item: Item): void {
    if (item.queue !== this) return;
    item.queue = null;
    this.#size--;
  }

  /** The first item, taken out; undefined when there is none. */
  shift(): Item | undefined {
    while (this.#head < this.#items.length) {
      const item = this.#items[this.#head++];
      if (item?.queue !== this) continue;
      this.remove(item);
      return item;
    }
    this.#items = [];
    this.#head = 0;
    return undefined;
  }

  #close(): void {
    // One that was removed and came back has a gap and a place: the first of them serves.
    this.#items = [...new Set(this.#items.slice(this.#head).filter((item) => item.queue === this))];
    this.#head = 0;
  }
}
