import type {AnnouncerEvent, Cancel, Clock, Desired, Installer, Prefix} from '../types.js';

export interface DesiredSetOptions<Item extends {readonly prefix: Prefix}> {
  readonly installer: Installer<Item>;
  readonly clock: Clock;
  /** After this many milliseconds a removal counts as done for the order's sake; the installer goes on trying. */
  readonly stepTimeoutMs: number;
  /** Whether two items of one prefix mean the same: then nothing is handed over. */
  readonly isSame: (a: Item, b: Item) => boolean;
  readonly onEvent: (event: AnnouncerEvent) => void;
  /** A prefix that was taken out is gone, or given up on. */
  readonly onOut: (prefix: Prefix) => void;
}

/** What one installer is told to have, changed prefix by prefix and handed over whole. */
export class DesiredSet<Item extends {readonly prefix: Prefix}> {
  readonly #options: DesiredSetOptions<Item>;
  readonly #items = new Map<Prefix, readonly Item[]>();
  readonly #leaving = new Map<Prefix, Cancel>();
  readonly #cancel: Cancel;
  #changed = true;

  constructor(options: DesiredSetOptions<Item>) {
    this.#options = options;
    this.#cancel = options.installer.on((event) => {
      if (event.kind === 'removed') this.#out(event.prefix);
      options.onEvent(event);
    });
  }

  get name(): string {
    return this.#options.installer.name;
  }

  /** Whether the prefix is in the desired set. */
  has(prefix: Prefix): boolean {
    return this.#items.has(prefix);
  }

  /** Whether the prefix is neither wanted nor on its way out. */
  isOut(prefix: Prefix): boolean {
    return !this.#items.has(prefix) && !this.#leaving.has(prefix);
  }

  get isEmpty(): boolean {
    return this.#items.size === 0 && this.#leaving.size === 0;
  }

  /** Whether something is on its way out. */
  get isMoving(): boolean {
    return this.#leaving.size > 0;
  }

  prefixes(): Iterable<Prefix> {
    return this.#items.keys();
  }

  put(prefix: Prefix, items: readonly Item[]): void {
    const now = this.#items.get(prefix);
    if (now?.length === items.length && items.every((item, i) => this.#isSame(item, now[i]))) return;
    this.#leaving.get(prefix)?.();
    this.#leaving.delete(prefix);
    this.#items.set(prefix, items);
    this.#changed = true;
  }

  takeOut(prefix: Prefix): void {
    if (!this.#items.delete(prefix)) return;
    this.#changed = true;
    this.#leave(prefix);
  }

  /** What was adopted is so no more: if it is there, it counts as on its way out until the installer says that it is gone. */
  letGo(prefixes: readonly Prefix[]): void {
    this.#changed = true;
    const {items} = this.#options.installer.snapshot();
    for (const prefix of prefixes) if (items.has(prefix) && this.isOut(prefix)) this.#leave(prefix);
  }

  /** The next `flush` hands the set over even if no item changed: what goes with it did. */
  touch(): void {
    this.#changed = true;
  }

  /** Hands the whole set over if it changed since the last time; true if it did. */
  flush(rest: Omit<Desired<Item>, 'items'>): boolean {
    if (!this.#changed) return false;
    this.#changed = false;
    this.#options.installer.set({...rest, items: [...this.#items.values()].flat()});
    return true;
  }

  stop(): void {
    this.#cancel();
    for (const cancel of this.#leaving.values()) cancel();
  }

  #isSame(item: Item, before: Item | undefined): boolean {
    return before !== undefined && this.#options.isSame(item, before);
  }

  #leave(prefix: Prefix): void {
    const {clock, stepTimeoutMs} = this.#options;
    this.#leaving.set(
      prefix,
      clock.after(stepTimeoutMs, () => this.#out(prefix)),
    );
  }

  #out(prefix: Prefix): void {
    const cancel = this.#leaving.get(prefix);
    if (!cancel) return;
    cancel();
    this.#leaving.delete(prefix);
    this.#options.onOut(prefix);
  }
}
