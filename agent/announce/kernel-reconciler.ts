/** Brings single prefixes into the kernel and out of it, with everything that may go wrong on the way. */

import {backoffMs} from '../lib/backoff.js';
import type {AnnouncerEvent, Emit, Prefix} from '../types.js';
import type {KernelEntry} from './kernel-entry.js';
import type {Holding, Presence} from './kernel-holding.js';

const retries = {firstMs: 100, limitMs: 30_000};
// The kernel tells of a new IPv6 address from a work queue of its own, a moment after the acknowledgement.
const confirmMs = 100;
// More prefixes than these are not listed in one message's fields.
const listed = 20;

export interface KernelReconcilerOptions<Item extends {readonly prefix: Prefix}> {
  readonly holding: Holding<Item>;
  readonly emit: Emit;
  /** Reads the whole truth anew; never rejects. */
  readonly look: () => Promise<void>;
  /** The kernel refused because of a missing privilege. */
  readonly onDenied: () => void;
  /** A wait is over: look at the prefix again. */
  readonly wake: (prefix: Prefix) => void;
  /** How it came out; may be the same again and again. */
  readonly tell: (entry: KernelEntry, event: AnnouncerEvent) => void;
}

export class KernelReconciler<Item extends {readonly prefix: Prefix}> {
  /** Requests made so far. */
  requests = 0;
  readonly #options: KernelReconcilerOptions<Item>;
  readonly #holding: Holding<Item>;
  /** Taken away by somebody else, not yet reported. */
  #lost: Prefix[] = [];
  #storms: Prefix[] = [];

  constructor(options: KernelReconcilerOptions<Item>) {
    this.#options = options;
    this.#holding = options.holding;
  }

  async bringIn(entry: KernelEntry): Promise<void> {
    const {prefix} = entry;
    const holding = this.#holding;
    for (let looked = false; ; ) {
      const obstacle = holding.obstacle();
      if (obstacle !== null) {
        entry.wasThere = false;
        entry.stopWaiting();
        this.fail(entry, obstacle);
        return;
      }
      const presence = holding.presence(prefix);
      if (presence !== 'absent') {
        this.#found(entry, presence);
        return;
      }
      if (entry.wasThere) this.#countLoss(entry);
      if (entry.waitsFor !== null) {
        if (entry.waitsFor !== 'confirmation') this.fail(entry, entry.reason ?? '');
        return;
      }
      try {
        this.requests++;
        await holding.add(prefix);
        entry.justAdded = true;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || looked) {
          this.#retry(entry, this.#reasonOf(error));
          return;
        }
        // Somebody was faster: events are missing, or what is there is not what we would add.
        looked = true;
        await this.#options.look();
        continue;
      }
      if (holding.presence(prefix) === 'absent') {
        entry.word = 'pending';
        entry.reason = null;
        entry.wait('confirmation', confirmMs, () => void this.#confirm(entry));
      }
    }
  }

  /** Answers whether nothing of ours is there any more; if not, it is tried again. */
  async bringOut(entry: KernelEntry): Promise<boolean> {
    const {prefix} = entry;
    const holding = this.#holding;
    entry.wasThere = false;
    if (entry.justAdded && holding.presence(prefix) !== 'ours') await this.#options.look();
    entry.justAdded = false;
    if (holding.presence(prefix) !== 'ours') {
      entry.stopWaiting();
      return true;
    }
    entry.word = 'withdraw-pending';
    if (entry.waitsFor !== null) return false;
    let reason = 'the kernel acknowledged its removal, but it is still there';
    try {
      this.requests++;
      await holding.remove(prefix);
    } catch (error) {
      reason = this.#reasonOf(error);
    }
    // The event may be lost, or it had gone before.
    if (holding.presence(prefix) === 'ours') await this.#options.look();
    if (holding.presence(prefix) === 'ours') {
      this.#retry(entry, reason);
      entry.word = 'withdraw-pending';
      return false;
    }
    entry.complained = null;
    holding.emit.removed(prefix, entry.owners);
    return true;
  }

  fail(entry: KernelEntry, reason: string): void {
    entry.word = 'failed';
    entry.reason = reason;
    if (entry.complained !== reason) {
      entry.complained = reason;
      this.#holding.emit.failed(entry.prefix, reason);
    }
    this.#options.tell(entry, {kind: 'failed', prefix: entry.prefix, reason});
  }

  /** One message for all that was lost since the last one. */
  reportLosses(): void {
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

  #found(entry: KernelEntry, presence: Exclude<Presence, 'absent'>): void {
    const {prefix} = entry;
    entry.stopWaiting();
    entry.wasThere = true;
    entry.failures = 0;
    entry.reason = null;
    // In a storm the same failure comes every 10 s: it was written down once.
    if (!entry.losses.isStorm) entry.complained = null;
    entry.word = presence === 'foreign' ? 'foreign' : 'installed';
    if (entry.justAdded && presence === 'ours') this.#holding.emit.added(prefix, entry.owners);
    entry.justAdded = false;
    this.#options.tell(entry, {kind: 'installed', prefix});
  }

  #countLoss(entry: KernelEntry): void {
    entry.wasThere = false;
    const wasStorm = entry.losses.isStorm;
    const waitMs = entry.losses.count();
    if (waitMs === 0) {
      this.#lost.push(entry.prefix);
      return;
    }
    if (!wasStorm) this.#storms.push(entry.prefix);
    entry.reason = `something else keeps removing it from ${this.#holding.place}: it is put back every 10 s`;
    this.#wakeAfter(entry, 'losses', waitMs);
  }

  async #confirm(entry: KernelEntry): Promise<void> {
    await this.#options.look();
    // If it was found, or is not wanted any more, somebody looks at it anyway.
    if (entry.waitsFor !== 'confirmation' || this.#holding.presence(entry.prefix) !== 'absent') return;
    entry.justAdded = false;
    this.#retry(entry, 'the kernel acknowledged it, but it is not there');
  }

  #retry(entry: KernelEntry, reason: string): void {
    entry.failures++;
    this.#wakeAfter(entry, 'failure', backoffMs(entry.failures, retries));
    this.fail(entry, reason);
  }

  #wakeAfter(entry: KernelEntry, reason: 'failure' | 'losses', ms: number): void {
    entry.wait(reason, ms, () => {
      entry.stopWaiting();
      this.#options.wake(entry.prefix);
    });
  }

  #reasonOf(error: unknown): string {
    if (codeOf(error) !== 'EPERM') return error instanceof Error ? error.message : String(error);
    this.#options.onDenied();
    return 'not permitted: it needs CAP_NET_ADMIN';
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
