/** What the announcers of all daemons that are driven (BIRD, FRR, GoBGP) have in common. */

import type {
  Announcer,
  AnnouncerEvent,
  AnnouncerName,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  Json,
  JsonObject,
  LogLevel,
  Prefix,
  Route,
} from '../types.js';
import type {DrivenEntry} from './driven-entry.js';
import type {Passes} from './driven-passes.js';

/** One daemon: what is spoken over, and what brings it to the desired set. */
export interface DrivenPart {
  /** For people: `BIRD`. */
  readonly title: string;
  readonly client: {
    start(): void;
    stop(): void;
    /** There is no such daemon that could announce anything. */
    readonly isAbsent: boolean;
  };
  readonly reconciler: {
    readonly passes: Passes;
    readonly entries: ReadonlyMap<Prefix, DrivenEntry>;
    /** Why the last pass did not do what it was to; null when it did. */
    readonly failure: string | null;
    set(desired: Desired<Route>): void;
  };
  readonly notes: DrivenNotes;
  /** Reads what is there before anything is told; waits for no daemon. Absent: nothing is. */
  readonly load?: () => Promise<void>;
}

export interface DrivenOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** In [0, 1). */
  readonly random?: () => number;
}

export type Tell = (event: AnnouncerEvent) => void;

/** So long the last withdrawals may take when stopping. */
const withdrawMs = 5_000;

export class DrivenAnnouncer<Name extends AnnouncerName> implements Announcer {
  readonly name: Name;
  readonly #clock: Clock;
  readonly #parts: readonly DrivenPart[];
  readonly #listeners = new Set<Tell>();
  #desired: Desired<Route> | null = null;

  constructor(name: Name, {clock}: DrivenOptions, parts: (tell: Tell) => readonly DrivenPart[]) {
    this.name = name;
    this.#clock = clock;
    this.#parts = parts((event) => {
      for (const listener of [...this.#listeners]) listener(event);
    });
  }

  async start(): Promise<void> {
    await Promise.all(
      this.#parts.map(async ({client, load, reconciler}) => {
        await load?.();
        client.start();
        reconciler.passes.start();
      }),
    );
  }

  set(desired: Desired<Route>): void {
    this.#desired = desired;
    for (const {reconciler} of this.#parts) reconciler.set(desired);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#parts.map((part) => rested(part, this.#desired)));
  }

  /** `withdraw`: nothing of ours is left, unless that takes more than some seconds. `keep`: all stays. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (mode === 'withdraw') {
      this.set({items: [], adopt: new Set(), complete: true});
      await this.#atMost(withdrawMs, Promise.all(this.#parts.map(emptied)));
    }
    for (const part of this.#parts) {
      part.reconciler.passes.stop();
      part.client.stop();
      if (mode === 'withdraw') sayWhatIsLeft(part);
    }
  }

  snapshot(): AnnouncerSnapshot {
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    for (const {reconciler} of this.#parts) {
      for (const [prefix, {word, reason}] of reconciler.entries) {
        items.set(prefix, word);
        if (reason !== null) reasons.set(prefix, reason);
      }
    }
    return {items, reasons};
  }

  on(listener: Tell): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      void work.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

/** Resolves once nothing is left to withdraw, as far as can be told. */
async function emptied({client, reconciler}: DrivenPart): Promise<void> {
  do await reconciler.passes.next();
  while (reconciler.entries.size > 0 || (reconciler.failure !== null && !client.isAbsent));
}

/** Resolves once a pass that has begun after this has found everything as `desired`, as far as can be told. */
async function rested({client, reconciler}: DrivenPart, desired: Desired<Route> | null): Promise<void> {
  const isOpen = (): boolean =>
    [...reconciler.entries.values()].some(
      ({role, word}) => role !== 'kept' && (word === 'pending' || word === 'withdraw-pending'),
    );
  // The same again is a reason to look.
  if (desired) reconciler.set(desired);
  do await reconciler.passes.next();
  while ((reconciler.failure !== null || isOpen()) && !client.isAbsent);
}

function sayWhatIsLeft({notes, reconciler: {entries, failure}, title}: DrivenPart): void {
  const [first] = entries;
  if (!first) return;
  const [prefix, {reason}] = first;
  const what = entries.size === 1 ? prefix : `${entries.size} prefixes`;
  const why = failure ?? reason ?? 'it took too long';
  notes.note('error', `stopped, and ${title} may still announce ${what}: ${why}`);
}

/** What is said of one daemon: about many prefixes as one, and of its connection not the same twice. */
export class DrivenNotes {
  readonly #emit: Emit;
  readonly #fields: JsonObject;
  #saidDown: string | null = null;

  constructor(emit: Emit, fields: JsonObject) {
    this.#emit = emit;
    this.#fields = fields;
  }

  note(level: LogLevel, message: string, prefixes?: readonly Prefix[]): void {
    const fields = {...this.#fields, ...(prefixes ? {prefixes: prefixes.slice(0, 20)} : {})};
    this.#emit({kind: 'note', level, message, fields});
  }

  /** It answers. */
  up(message: string): void {
    this.#saidDown = null;
    this.note('info', message);
  }

  /** It does not; every attempt may be told. Answers whether the reason is a new one. */
  down(reason: string): boolean {
    if (reason === this.#saidDown) return false;
    this.#saidDown = reason;
    this.note('warn', reason);
    return true;
  }

  /** `message` is given the prefix, or how many there are; nothing is said of none. */
  about(prefixes: readonly Prefix[], level: LogLevel, message: (what: string) => string): void {
    const [first] = prefixes;
    if (first === undefined) return;
    this.note(level, message(prefixes.length === 1 ? first : `${prefixes.length} prefixes`), prefixes);
  }
}
