/**
 * Reconciles one kind of thing in the kernel with the desired set, prefix by prefix: what is wanted and absent is
 * added, what is ours and unwanted is removed, what is foreign stays. The truth is what the kernel tells, never what
 * was commanded; whatever changes it, here or there, leads to another look at the prefix.
 */

import {backoffMs} from '../lib/backoff.js';
import type {
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  Installer,
  ItemWord,
  Json,
  Prefix,
  ServiceName,
} from '../types.js';
import type {Holding} from './kernel-holding.js';
import {Losses} from './kernel-losses.js';

const retries = {firstMs: 100, limitMs: 30_000};
// The kernel tells of a new IPv6 address from a work queue of its own, a moment after the acknowledgement.
const confirmMs = 100;
// So many requests are made before the event loop gets its turn.
const requestsPerTurn = 64;
// More prefixes than these are not listed in one message's fields.
const listed = 20;

export interface KernelInstallerOptions<Name extends string, Item extends {readonly prefix: Prefix}> {
  readonly name: Name;
  readonly holding: Holding<Item>;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The last gate: what is not allowed never goes into the kernel. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Reads the whole truth anew. */
  readonly look: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** The kernel refused because of a missing privilege. */
  readonly onDenied: () => void;
  /** Something is wanted: until then the kernel need not be watched for it. */
  readonly onWanted: () => void;
  readonly onStop: () => void;
}

/** What is known of one prefix that is wanted, or is still there. */
interface Entry {
  word: ItemWord;
  /** Why it is not as wanted. */
  reason: string | null;
  /** The last event told since `set` asked for one, as text; null: one is owed. */
  told: string | null;
  /** The failure that was last written to the side channel. */
  complained: string | null;
  owners: readonly ServiceName[];
  /** It was wanted in this life: when it is not any more, it is not adopted either. */
  wasWanted: boolean;
  /** It was there when last looked at. */
  wasThere: boolean;
  /** We added it and have not told so yet. */
  justAdded: boolean;
  failures: number;
  /** Nothing is tried before this is over. */
  wait: {readonly for: 'failure' | 'losses' | 'confirmation'; readonly cancel: Cancel} | null;
  readonly losses: Losses;
}

export class KernelInstaller<Name extends string, Item extends Installable> implements Installer<Item> {
  readonly name: Name;
  readonly #options: KernelInstallerOptions<Name, Item>;
  readonly #holding: Holding<Item>;
  #desired: Desired<Item> | null = null;
  #items = new Map<Prefix, Item>();
  readonly #entries = new Map<Prefix, Entry>();
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  /** Prefixes to look at, in order. */
  readonly #queue = new Set<Prefix>();
  #running: Promise<void> | null = null;
  #requests = 0;
  /** Taken away by somebody else, not yet reported. */
  #lost: Prefix[] = [];
  #storms: Prefix[] = [];
  #knowsTruth = false;
  #stopped = false;

  constructor(options: KernelInstallerOptions<Name, Item>) {
    this.name = options.name;
    this.#options = options;
    this.#holding = options.holding;
  }

  start(): Promise<void> {
    return this.#options.start();
  }

  set(desired: Desired<Item>): void {
    if (this.#stopped) return;
    const adoptedBefore = this.#desired?.adopt ?? [];
    const before = this.#items;
    this.#desired = desired;
    this.#items = byPrefix(desired.items, this.#holding);
    const others: Prefix[] = [];
    for (const [prefix, item] of this.#items) {
      if (before.get(prefix) === item) others.push(prefix);
      else this.#turn(prefix, item, before.has(prefix));
    }
    for (const prefix of before.keys()) if (!this.#items.has(prefix)) this.#turn(prefix, null, false);
    for (const prefix of adoptedBefore) {
      if (!desired.adopt.has(prefix) && !this.#items.has(prefix)) this.#turn(prefix, null, true);
    }
    if (this.#items.size > 0) this.#options.onWanted();
    // Last what did not change: `allowed` may answer differently now, and what is left over may not be adopted.
    for (const prefix of [...others, ...this.#holding.ours()]) this.#wake(prefix);
  }

  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (this.#stopped) return;
    if (mode === 'withdraw') {
      for (const entry of this.#entries.values()) stopWaiting(entry);
      this.set({items: [], adopt: new Set(), complete: true});
      // After a start that failed there is nothing to wait for: this.#running is null.
      while (this.#running !== null) await this.#running;
    }
    this.#stopped = true;
    this.#queue.clear();
    for (const entry of this.#entries.values()) stopWaiting(entry);
    this.#options.onStop();
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
      if (entry?.wait?.for === 'failure') stopWaiting(entry);
      this.#wake(prefix);
    }
  }

  /** The whole truth was read (anew). */
  recheck(): void {
    this.#knowsTruth = true;
    for (const prefix of [...this.#entries.keys(), ...this.#items.keys(), ...this.#holding.ours()]) {
      this.#wake(prefix);
    }
  }

  /** The interface went or came: what is missing now was taken by nobody, and may be tried at once. */
  linkChanged(): void {
    for (const entry of this.#entries.values()) {
      entry.wasThere = false;
      entry.failures = 0;
      stopWaiting(entry);
    }
    this.recheck();
  }

  /** An item came in, changed or went out: the next outcome is told. */
  #turn(prefix: Prefix, item: Item | null, keepsDirection: boolean): void {
    const entry = this.#entryOf(prefix);
    entry.told = null;
    if (item) {
      entry.owners = item.owners;
      entry.wasWanted = true;
    }
    if (!keepsDirection) {
      stopWaiting(entry);
      entry.failures = 0;
      entry.justAdded = false;
      entry.word = item ? 'pending' : 'withdraw-pending';
      entry.reason = null;
    }
    this.#wake(prefix);
  }

  #entryOf(prefix: Prefix): Entry {
    let entry = this.#entries.get(prefix);
    if (!entry) {
      entry = {
        word: 'pending',
        reason: null,
        told: null,
        complained: null,
        owners: [],
        wasWanted: false,
        wasThere: false,
        justAdded: false,
        failures: 0,
        wait: null,
        losses: new Losses(this.#options.clock),
      };
      this.#entries.set(prefix, entry);
    }
    return entry;
  }

  #wake(prefix: Prefix): void {
    // Before the first set nobody knows what is wanted, before the first look nobody knows what is there.
    if (this.#stopped || !this.#desired || !this.#knowsTruth) return;
    this.#queue.add(prefix);
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    for (const prefix of this.#queue) {
      this.#queue.delete(prefix);
      await this.#settle(prefix);
      if (this.#requests >= requestsPerTurn) {
        this.#requests = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    this.#requests = 0;
    this.#running = null;
    this.#reportLosses();
  }

  async #settle(prefix: Prefix): Promise<void> {
    const item = this.#items.get(prefix);
    const isThere = this.#holding.presence(prefix) === 'ours';
    // Somebody else's, or gone: nothing that was ever ours to care for.
    if (!item && !isThere && !this.#entries.has(prefix)) return;
    const entry = this.#entryOf(prefix);
    if (item && this.#holding.concerns(item) && this.#options.allowed(prefix)) {
      await this.#bringIn(prefix, entry);
      return;
    }
    if (!item && !entry.wasWanted && isThere && this.#mayStay(prefix)) {
      entry.word = 'installed';
      return;
    }
    if (!(await this.#bringOut(prefix, entry))) return;
    if (!item) {
      this.#entries.delete(prefix);
      this.#tell(entry, {kind: 'removed', prefix});
    } else if (this.#holding.concerns(item)) {
      this.#fail(prefix, entry, `${prefix} is not in the allow list`);
    } else {
      // Nothing for the kernel, so that nothing waits for it.
      entry.word = 'not-wanted';
      this.#tell(entry, {kind: 'installed', prefix});
    }
  }

  #mayStay(prefix: Prefix): boolean {
    return (this.#desired?.adopt.has(prefix) ?? false) && this.#options.allowed(prefix);
  }

  async #bringIn(prefix: Prefix, entry: Entry): Promise<void> {
    const holding = this.#holding;
    for (let looked = false; ; ) {
      const obstacle = holding.obstacle();
      if (obstacle !== null) {
        entry.wasThere = false;
        stopWaiting(entry);
        this.#fail(prefix, entry, obstacle);
        return;
      }
      const presence = holding.presence(prefix);
      if (presence !== 'absent') {
        this.#found(prefix, entry, presence);
        return;
      }
      if (entry.wasThere) this.#countLoss(prefix, entry);
      if (entry.wait) {
        if (entry.wait.for !== 'confirmation') this.#fail(prefix, entry, entry.reason ?? '');
        return;
      }
      try {
        this.#requests++;
        await holding.add(prefix);
        entry.justAdded = true;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || looked) {
          this.#retry(prefix, entry, this.#reasonOf(error));
          return;
        }
        // Somebody was faster: events are missing, or what is there is not what we would add.
        looked = true;
        await this.#options.look();
        continue;
      }
      if (holding.presence(prefix) === 'absent') this.#awaitConfirmation(prefix, entry);
    }
  }

  #found(prefix: Prefix, entry: Entry, presence: 'ours' | 'foreign'): void {
    stopWaiting(entry);
    entry.wasThere = true;
    entry.failures = 0;
    entry.reason = null;
    if (!entry.losses.isStorm) entry.complained = null;
    entry.word = presence === 'foreign' ? 'foreign' : 'installed';
    if (entry.justAdded && presence === 'ours') this.#holding.emit.added(prefix, entry.owners);
    entry.justAdded = false;
    this.#tell(entry, {kind: 'installed', prefix});
  }

  #countLoss(prefix: Prefix, entry: Entry): void {
    entry.wasThere = false;
    const wasStorm = entry.losses.isStorm;
    const waitMs = entry.losses.count();
    if (waitMs === 0) {
      this.#lost.push(prefix);
      return;
    }
    if (!wasStorm) this.#storms.push(prefix);
    entry.reason = `something else keeps removing it from ${this.#holding.place}: it is put back every 10 s`;
    this.#wait(prefix, entry, 'losses', waitMs);
  }

  #awaitConfirmation(prefix: Prefix, entry: Entry): void {
    entry.word = 'pending';
    entry.reason = null;
    stopWaiting(entry);
    const cancel = this.#options.clock.after(confirmMs, () => {
      entry.wait = null;
      void this.#confirm(prefix, entry);
    });
    entry.wait = {for: 'confirmation', cancel};
  }

  async #confirm(prefix: Prefix, entry: Entry): Promise<void> {
    await this.#options.look();
    if (
      this.#entries.get(prefix) === entry &&
      entry.justAdded &&
      this.#holding.presence(prefix) === 'absent'
    ) {
      entry.justAdded = false;
      this.#retry(prefix, entry, 'the kernel acknowledged it, but it is not there');
    }
    this.#wake(prefix);
  }

  /** Answers whether nothing of ours is there any more. */
  async #bringOut(prefix: Prefix, entry: Entry): Promise<boolean> {
    const holding = this.#holding;
    entry.wasThere = false;
    if (holding.presence(prefix) !== 'ours') {
      stopWaiting(entry);
      return true;
    }
    entry.word = 'withdraw-pending';
    if (entry.wait) return false;
    let reason = 'the kernel acknowledged its removal, but it is still there';
    try {
      this.#requests++;
      await holding.remove(prefix);
    } catch (error) {
      reason = this.#reasonOf(error);
      await this.#options.look();
    }
    if (holding.presence(prefix) === 'ours') {
      this.#retry(prefix, entry, reason);
      entry.word = 'withdraw-pending';
      return false;
    }
    entry.complained = null;
    holding.emit.removed(prefix, entry.owners);
    return true;
  }

  #retry(prefix: Prefix, entry: Entry, reason: string): void {
    entry.failures++;
    this.#wait(prefix, entry, 'failure', backoffMs(entry.failures, retries));
    this.#fail(prefix, entry, reason);
  }

  #fail(prefix: Prefix, entry: Entry, reason: string): void {
    entry.word = 'failed';
    entry.reason = reason;
    if (entry.complained !== reason) {
      entry.complained = reason;
      this.#holding.emit.failed(prefix, reason);
    }
    this.#tell(entry, {kind: 'failed', prefix, reason});
  }

  #wait(prefix: Prefix, entry: Entry, reason: 'failure' | 'losses', ms: number): void {
    stopWaiting(entry);
    const cancel = this.#options.clock.after(ms, () => {
      entry.wait = null;
      this.#wake(prefix);
    });
    entry.wait = {for: reason, cancel};
  }

  /** The same outcome is told once, until `set` asks again. */
  #tell(entry: Entry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? `failed ${event.reason}` : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    for (const listener of [...this.#listeners]) listener(event);
  }

  #reasonOf(error: unknown): string {
    if (codeOf(error) !== 'EPERM') return error instanceof Error ? error.message : String(error);
    this.#options.onDenied();
    return 'not permitted: it needs CAP_NET_ADMIN';
  }

  #reportLosses(): void {
    const {place} = this.#holding;
    const [lost, storms] = [this.#lost, this.#storms];
    this.#lost = [];
    this.#storms = [];
    this.#warn(lost, `removed from ${place} by something else`);
    this.#warn(
      storms,
      `removed from ${place} again and again by something else: put back every 10 s from now on`,
    );
  }

  #warn(prefixes: readonly Prefix[], what: string): void {
    const [first] = prefixes;
    if (first === undefined) return;
    const [one, many] = this.#holding.nouns;
    const subject = prefixes.length === 1 ? `${one} ${first} was` : `${prefixes.length} ${many} were`;
    const fields = {prefixes: prefixes.slice(0, listed)};
    this.#options.emit({kind: 'note', level: 'warn', message: `${subject} ${what}`, fields});
  }
}

interface Installable {
  readonly prefix: Prefix;
  readonly owners: readonly ServiceName[];
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

function stopWaiting(entry: Entry): void {
  entry.wait?.cancel();
  entry.wait = null;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
