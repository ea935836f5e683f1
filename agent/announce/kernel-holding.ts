import type {Prefix, ServiceName} from '../types.js';

/** `foreign`: there, but not marked as ours; it counts as installed and is never removed. */
export type Presence = 'absent' | 'ours' | 'foreign';

/** One kind of thing in the kernel (addresses, host routes): what is there by prefix, and how it is changed. */
export interface Holding<Item extends {readonly prefix: Prefix}> {
  /** What one or several of them are called: `address`, `addresses`. */
  readonly nouns: readonly [string, string];
  presence(prefix: Prefix): Presence;
  /** Everything of ours. */
  ours(): Iterable<Prefix>;
  /** Whether the item is anything for the kernel at all. */
  concerns(item: Item): boolean;
  /** Why nothing can be put there now; null when it can. */
  obstacle(): string | null;
  /**
   * Resolves when the kernel has acknowledged; `presence` then knows, unless the kernel still works on it.
   * Rejects with `SystemError`; `EEXIST` when something is in the way.
   */
  add(prefix: Prefix): Promise<void>;
  remove(prefix: Prefix): Promise<void>;
  /** Where it goes, for messages: `lo`, `table 254`. */
  readonly place: string;
  readonly emit: {
    added(prefix: Prefix, owners: readonly ServiceName[]): void;
    removed(prefix: Prefix, owners: readonly ServiceName[]): void;
    failed(prefix: Prefix, reason: string): void;
  };
}
