/**
 * Reconciles one kind of thing in the kernel with the desired set, prefix by prefix: what is wanted and absent is
 * added, what is ours and unwanted is removed, what is foreign stays. The truth is what the kernel tells, never what
 * was commanded; whatever changes it, here or there, leads to another look at the prefix.
 */

import {remember} from '../lib/collections.js';
import type {
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Installer,
  Json,
  Prefix,
  ServiceName,
} from '../types.js';
import {KernelEntry} from './kernel-entry.js';
import type {Holding} from './kernel-holding.js';
import {KernelReconciler, type KernelReconcilerOptions} from './kernel-reconciler.js';

// So many requests are made before the event loop gets its turn.
const requestsPerTurn = 64;

interface Installable {
  readonly prefix: Prefix;
  readonly owners: readonly ServiceName[];
}

export interface KernelInstallerOptions<Name extends string, Item extends Installable>
  extends Omit<KernelReconcilerOptions<Item>, 'wake' | 'tell'> {
  readonly name: Name;
  readonly clock: Clock;
  /** The last gate: what is not allowed never goes into the kernel. */
  readonly allowed: (prefix: Prefix) => boolean;
  readonly start: () => Promise<void>;
  /** Takes in what the kernel has told so far. */
  readonly refresh: () => void;
  /** Something is wanted: until then the kernel need not be watched for it. */
  readonly onWanted: () => void;
  readonly onStop: () => void;
}

export class KernelInstaller<Name extends string, Item extends Installable> implements Installer<Item> {
  readonly name: Name;
  readonly #options: KernelInstallerOptions<Name, Item>;
  readonly #holding: Holding<Item>;
  readonly #reconciler: KernelReconciler<Item>;
  #desired: Desired<Item> | null = null;
  #items = new Map<Prefix, Item>();
  readonly #entries = new Map<Prefix, KernelEntry>();
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  /** Prefixes to look at, in order. */
  readonly #queue = new Set<Prefix>();
  /** Told together, once a turn: whoever hears of a thousand prefixes acts on them at once. */
  readonly #untold = new Map<Prefix, AnnouncerEvent>();
  #running: Promise<void> | null = null;
  #knowsTruth = false;
  #stopped = false;

  constructor(options: KernelInstallerOptions<Name, Item>) {
    this.name = options.name;
    this.#options = options;
    this.#holding = options.holding;
    this.#reconciler = new KernelReconciler({
      ...options,
      wake: (prefix) => this.#wake(prefix),
      tell: (entry, event) => this.#tell(entry, event),
    });
  }

  start(): Promise<void> {
    return this.#options.start();
  }

  set(desired: Desired<Item>): void {
    if (this.#stopped) return;
    const before = {items: this.#items, adopt: this.#desired?.adopt ?? []};
    this.#desired = desired;
    this.#items = byPrefix(desired.items, this.#holding);
    const unchanged: Prefix[] = [];
    for (const [prefix, item] of this.#items) {
      const old = before.items.get(prefix);
      if (old === item) {
        unchanged.push(prefix);
        continue;
      }
      const entry = this.#owed(prefix);
      entry.owners = item.owners;
      entry.wasWanted = true;
      if (!old) entry.turn(true);
    }
    for (const prefix of before.items.keys()) {
      if (!this.#items.has(prefix)) this.#owed(prefix).turn(false);
    }
    for (const prefix of before.adopt) {
      if (!desired.adopt.has(prefix) && !this.#items.has(prefix)) this.#owed(prefix);
    }
    if (this.#items.size > 0) this.#options.onWanted();
    // Last what did not change: `allowed` may answer differently now, and what is left over may not be adopted.
    for (const prefix of [...unchanged, ...this.#holding.ours()]) this.#wake(prefix);
  }

  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (this.#stopped) return;
    if (mode === 'withdraw') {
      for (const entry of this.#entries.values()) entry.stopWaiting();
      this.set({items: [], adopt: new Set(), complete: true});
      while (this.#running !== null) await this.#running;
    }
    this.#stopped = true;
    this.#queue.clear();
    for (const entry of this.#entries.values()) entry.stopWaiting();
    this.#options.onStop();
  }

  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  snapshot(): AnnouncerSnapshot {
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    for (const [prefix, {word, reason}] of this.#entries) {
      items.set(prefix, word);
      if (reason !== null) reasons.set(prefix, reason);
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The kernel told something about these prefixes. */
  changed(prefixes: Iterable<Prefix>): void {
    for (const prefix of prefixes) {
      const entry = this.#entries.get(prefix);
      // What was in the way may have gone.
      if (entry?.waitsFor === 'failure') entry.stopWaiting();
      this.#wake(prefix);
    }
  }

  /** The whole truth was read (anew). */
  recheck(): void {
    this.#knowsTruth = true;
    for (const prefix of [...this.#entries.keys(), ...this.#holding.ours()]) this.#wake(prefix);
  }

  /** The interface went or came: what is missing now was taken by nobody, and may be tried at once. */
  linkChanged(): void {
    for (const [prefix, entry] of this.#entries) {
      entry.wasThere = false;
      entry.failures = 0;
      entry.stopWaiting();
      this.#wake(prefix);
    }
  }

  /** The entry of a prefix whose next outcome is to be told; it is looked at. */
  #owed(prefix: Prefix): KernelEntry {
    const entry = this.#entryOf(prefix);
    entry.told = null;
    // What came out before is an answer to an older question.
    this.#untold.delete(prefix);
    this.#wake(prefix);
    return entry;
  }

  #entryOf(prefix: Prefix): KernelEntry {
    return remember(this.#entries, prefix, () => new KernelEntry(prefix, this.#options.clock));
  }

  #wake(prefix: Prefix): void {
    // Before the first set nobody knows what is wanted, before the first look nobody knows what is there.
    if (this.#stopped || !this.#desired || !this.#knowsTruth) return;
    this.#queue.add(prefix);
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    let until = this.#reconciler.requests + requestsPerTurn;
    this.#options.refresh();
    for (const prefix of this.#queue) {
      this.#queue.delete(prefix);
      await this.#settle(prefix);
      if (this.#reconciler.requests < until) continue;
      until += requestsPerTurn;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = null;
    this.#tellAll();
    this.#reconciler.reportLosses();
  }

  async #settle(prefix: Prefix): Promise<void> {
    const item = this.#items.get(prefix);
    const isOurs = this.#holding.presence(prefix) === 'ours';
    // Somebody else's, or gone: never ours to care for.
    if (!item && !isOurs && !this.#entries.has(prefix)) return;
    const entry = this.#entryOf(prefix);
    if (item && this.#holding.concerns(item) && this.#options.allowed(prefix)) {
      await this.#reconciler.bringIn(entry);
      return;
    }
    if (!item && isOurs && this.#mayStay(entry)) {
      entry.word = 'installed';
      return;
    }
    const isOut = await this.#reconciler.bringOut(entry);
    // Meanwhile it may be wanted again: then it waits in the queue.
    if (!isOut || this.#items.get(prefix) !== item) return;
    if (!item) {
      this.#entries.delete(prefix);
      this.#tell(entry, {kind: 'removed', prefix});
    } else if (this.#holding.concerns(item)) {
      this.#reconciler.fail(entry, `${prefix} is not in the allow list`);
    } else {
      // Nothing for the kernel: whoever waits for it need not.
      entry.word = 'not-wanted';
      this.#tell(entry, {kind: 'installed', prefix});
    }
  }

  /** Whether a leftover of an earlier life waits for its service to settle. */
  #mayStay({prefix, wasWanted}: KernelEntry): boolean {
    return !wasWanted && (this.#desired?.adopt.has(prefix) ?? false) && this.#options.allowed(prefix);
  }

  /** The same outcome is told once, until `set` asks again. */
  #tell(entry: KernelEntry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? `failed ${event.reason}` : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    if (this.#untold.size === 0) setImmediate(() => this.#tellAll());
    this.#untold.delete(event.prefix);
    this.#untold.set(event.prefix, event);
  }

  #tellAll(): void {
    const events = [...this.#untold.values()];
    this.#untold.clear();
    for (const event of events) for (const listener of [...this.#listeners]) listener(event);
  }
}

/** Of several items of one prefix the one that concerns the kernel. */
function byPrefix<Item extends Installable>(
  items: readonly Item[],
  holding: Holding<Item>,
): Map<Prefix, Item> {
  const map = new Map<Prefix, Item>();
  for (const item of items) {
    const known = map.get(item.prefix);
    if (!known || (!holding.concerns(known) && holding.concerns(item))) map.set(item.prefix, item);
  }
  return map;
}
