/**
 * ExaBGP as an announcer, with eip-health as one of its processes: lines go out on standard output, ExaBGP answers each
 * on standard input. `installed` and `removed`: ExaBGP has acknowledged it; its sessions are its own. Each line goes out
 * once. ExaBGP keeps what a process told it when that process dies, so what was told is in a journal for the next life.
 */

import {type ExabgpConfig, exabgpNextHop, noExabgpNextHop, unsupportedByExabgp} from '../config/exabgp.js';
import {ExabgpClient} from '../control/exabgp-client.js';
import {announceLine, withdrawLine} from '../control/exabgp-protocol.js';
import type {Journal} from '../io/journal.js';
import type {OpenLinePipe} from '../io/line-pipe.js';
import {backoffMs} from '../lib/backoff.js';
import {remember} from '../lib/collections.js';
import {parsePrefix} from '../lib/prefix.js';
import type {
  Announcer,
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  Json,
  Prefix,
  Route,
} from '../types.js';
import {oneEach} from './driven-table.js';
import {ExabgpEntry, unknownLine} from './exabgp-entry.js';

const retries = {firstMs: 100, limitMs: 30_000};
const withdrawMs = 5_000;

export interface ExabgpAnnouncerOptions {
  readonly config: ExabgpConfig;
  readonly open: OpenLinePipe;
  /** ExaBGP has ended, or let go of us. */
  readonly onEnd: () => void;
  /** The prefixes that ExaBGP was told of. */
  readonly journal: Journal;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
  readonly clock: Clock;
  readonly emit: Emit;
}

interface Said {
  readonly entry: ExabgpEntry;
  /** What ExaBGP has of it once it says `done`. */
  readonly gives: string | null;
}

export class ExabgpAnnouncer implements Announcer {
  readonly name = 'exabgp';
  readonly #options: ExabgpAnnouncerOptions;
  readonly #entries = new Map<Prefix, ExabgpEntry>();
  readonly #queue = new Set<ExabgpEntry>();
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  readonly #client: ExabgpClient<Said>;
  #isScheduled = false;
  #onEmpty: () => void = () => {};

  constructor(options: ExabgpAnnouncerOptions) {
    const {clock, onEnd, open} = options;
    this.#options = options;
    this.#client = new ExabgpClient({
      open,
      clock,
      answered: ({about, line}, answer) => this.#answered(about, line, answer),
      overdue: (sent) => this.#overdue(sent.map(({about}) => about)),
      ended: () => this.#ended(),
      closed: onEnd,
    });
  }

  async start(): Promise<void> {
    for (const text of this.#options.journal.entries()) {
      const entry = new ExabgpEntry(parsePrefix(text));
      entry.have = unknownLine;
      this.#entries.set(entry.prefix, entry);
    }
    this.#client.start();
  }

  set({adopt, items}: Desired<Route>): void {
    const wanted = oneEach(items);
    for (const [prefix, route] of wanted) {
      const entry = this.#entryOf(prefix);
      if (entry.route === route) continue;
      const obstacle = this.#obstacleTo(route);
      entry.turn(route, obstacle === null ? announceLine(route, this.#options.config) : null, obstacle);
      this.#queue.add(entry);
    }
    for (const [prefix, entry] of this.#entries) {
      if (wanted.has(prefix)) continue;
      // Of an earlier life: it may stay until its service has settled.
      if (entry.route === null && entry.have === unknownLine && adopt.has(prefix)) entry.word = 'installed';
      else if (entry.route !== null || !this.#isLeaving(entry)) {
        entry.turn(null, null, null);
        this.#queue.add(entry);
      }
    }
    this.#schedule();
  }

  /** `keep`: ExaBGP goes on announcing what it was told. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (mode === 'withdraw' && !this.#client.isOver) {
      this.set({items: [], adopt: new Set(), complete: true});
      await new Promise<void>((resolve) => {
        const cancel = this.#options.clock.after(withdrawMs, resolve);
        this.#onEmpty = () => {
          cancel();
          resolve();
        };
        this.#lookWhetherEmpty();
      });
      if (this.#entries.size > 0 && !this.#client.isOver) {
        const message = `stopped, and ExaBGP has not acknowledged the withdrawal of ${this.#entries.size} prefixes`;
        this.#options.emit({kind: 'note', level: 'error', message, fields: {announcer: this.name}});
      }
    }
    this.#client.end();
  }

  snapshot(): AnnouncerSnapshot {
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    for (const [prefix, {reason, word}] of this.#entries) {
      items.set(prefix, word);
      if (reason !== null) reasons.set(prefix, reason);
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #entryOf(prefix: Prefix): ExabgpEntry {
    return remember(this.#entries, prefix, () => new ExabgpEntry(prefix));
  }

  #isLeaving(entry: ExabgpEntry): boolean {
    return this.#queue.has(entry) || entry.isUnderWay || entry.cancelRetry !== null;
  }

  #obstacleTo(route: Route): string | null {
    const {allowed, config} = this.#options;
    if (!allowed(route.prefix)) return 'not covered by `allow`';
    const keys = unsupportedByExabgp(config, route);
    if (keys.length > 0) return `ExaBGP cannot be told ${keys.join(', ')}`;
    return exabgpNextHop(config, route) === null ? noExabgpNextHop : null;
  }

  /** Several sets of one turn are one. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (const entry of this.#queue) {
      if (!this.#client.hasRoom) return;
      this.#queue.delete(entry);
      this.#step(entry);
    }
    this.#lookWhetherEmpty();
  }

  #step(entry: ExabgpEntry): void {
    // An answer, or the end of a wait, brings it back.
    if (entry.isUnderWay || entry.cancelRetry !== null) return;
    // Its sessions are gone, or it keeps what it has: nothing can be said any more.
    if (this.#client.isOver) entry.have = null;
    if (this.#client.isOver && entry.route !== null) return;
    if (entry.target === entry.have) this.#settled(entry);
    else this.#send(entry);
  }

  #settled(entry: ExabgpEntry): void {
    const {obstacle, prefix} = entry;
    if (entry.route === null) {
      this.#entries.delete(prefix);
      this.#tell(entry, {kind: 'removed', prefix});
    } else if (obstacle !== null) this.#fail(entry, obstacle);
    else {
      entry.word = 'installed';
      entry.reason = null;
      this.#tell(entry, {kind: 'installed', prefix});
    }
  }

  #send(entry: ExabgpEntry): void {
    const {journal} = this.#options;
    const {prefix, target} = entry;
    try {
      if (target !== null && !journal.entries().has(prefix)) journal.add(prefix);
    } catch (error) {
      this.#retry(
        entry,
        `cannot note it in state_dir: ${error instanceof Error ? error.message : String(error)}`,
      );
      return;
    }
    const line = target ?? withdrawLine(prefix);
    entry.isUnderWay = true;
    this.#client.say(line, {entry, gives: target});
  }

  #overdue(said: readonly Said[]): void {
    for (const {entry} of said) {
      entry.isUnderWay = false;
      // It may have been heard all the same.
      entry.have = unknownLine;
      this.#retry(entry, 'ExaBGP does not acknowledge: it hangs, or exabgp.api.ack is off');
    }
    this.#flush();
  }

  #answered({entry, gives}: Said, line: string, answer: 'done' | 'error'): void {
    entry.isUnderWay = false;
    if (answer === 'done') this.#done(entry, gives);
    else this.#retry(entry, `ExaBGP refuses "${line}": its log says why`);
    this.#queue.add(entry);
    this.#flush();
  }

  #done(entry: ExabgpEntry, gives: string | null): void {
    const {emit, journal} = this.#options;
    const {have, owners, prefix} = entry;
    entry.have = gives;
    entry.failures = 0;
    if (gives !== null) {
      const nextHop =
        entry.route && entry.route.nextHop !== 'self' ? (/next-hop (\S+)/.exec(gives)?.[1] ?? null) : null;
      emit({kind: 'route-announced', prefix, to: this.name, nextHop, owners});
      return;
    }
    try {
      journal.remove(prefix);
    } catch {
      // The next life withdraws it once more.
    }
    if (have !== null) emit({kind: 'route-withdrawn', prefix, to: this.name, owners});
  }

  #retry(entry: ExabgpEntry, reason: string): void {
    entry.failures++;
    entry.cancelRetry = this.#options.clock.after(backoffMs(entry.failures, retries), () => {
      entry.cancelRetry = null;
      this.#queue.add(entry);
      this.#schedule();
    });
    this.#fail(entry, reason);
  }

  #fail(entry: ExabgpEntry, reason: string): void {
    const {prefix} = entry;
    const isNew = entry.reason !== reason;
    entry.word = entry.route === null ? 'withdraw-pending' : 'failed';
    entry.reason = reason;
    if (isNew) this.#options.emit({kind: 'route-failed', prefix, to: this.name, reason});
    this.#tell(entry, {kind: 'failed', prefix, reason});
  }

  /** The same outcome is told once, until `set` changes what is wanted. */
  #tell(entry: ExabgpEntry, event: AnnouncerEvent): void {
    const text = event.kind === 'failed' ? event.reason : event.kind;
    if (entry.told === text) return;
    entry.told = text;
    for (const listener of [...this.#listeners]) listener(event);
  }

  #lookWhetherEmpty(): void {
    if (this.#client.isOver || this.#entries.size === 0) this.#onEmpty();
  }

  #ended(): void {
    for (const entry of this.#entries.values()) {
      entry.stopWaiting();
      entry.isUnderWay = false;
      this.#queue.add(entry);
    }
    this.#flush();
  }
}
