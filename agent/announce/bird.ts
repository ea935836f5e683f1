/**
 * BIRD as an announcer: eip-health decides, BIRD speaks BGP. `installed`: BIRD exports the prefix to a session that is
 * established; `removed`: it goes by a configuration without it, and exports it to none.
 */

import {type BirdConfig, type BirdPart, birdParts} from '../config/bird.js';
import {BirdClient} from '../control/bird-client.js';
import type {OwnedFiles} from '../io/owned-file.js';
import type {UnixConnector} from '../io/text-stream.js';
import {familyOf} from '../lib/prefix.js';
import {printable} from '../lib/printable.js';
import type {
  Announcer,
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  Json,
  LogLevel,
  Prefix,
  Route,
} from '../types.js';
import type {BirdEntry} from './bird-entry.js';
import {BirdFiles} from './bird-files.js';
import {BirdReconciler} from './bird-reconciler.js';
import {BirdSwitches} from './bird-switches.js';

export interface BirdAnnouncerOptions {
  readonly config: BirdConfig;
  readonly connect: UnixConnector;
  readonly files: OwnedFiles;
  /** The last gate: asked for every prefix before BIRD is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** So long the last withdrawals may take when stopping. */
const withdrawMs = 5_000;

export class BirdAnnouncer implements Announcer {
  readonly name = 'bird';
  readonly #options: BirdAnnouncerOptions;
  readonly #daemons: readonly Daemon[];
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();

  constructor(options: BirdAnnouncerOptions) {
    this.#options = options;
    const tell = (event: AnnouncerEvent) => {
      for (const listener of [...this.#listeners]) listener(event);
    };
    this.#daemons = birdParts(options.config).map((part) => new Daemon(part, options, tell));
  }

  /** Reads what was written before, and begins to connect. Waits for no BIRD. */
  async start(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.start()));
  }

  set(desired: Desired<Route>): void {
    for (const daemon of this.#daemons) {
      const items = desired.items.filter(({prefix}) => daemon.part.families.includes(familyOf(prefix)));
      daemon.reconciler.set({...desired, items});
    }
  }

  /** `withdraw`: every list is empty in BIRD, unless that takes more than some seconds. `keep`: all stays. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (mode === 'withdraw') {
      this.set({items: [], adopt: new Set(), complete: true});
      await this.#atMost(withdrawMs, Promise.all(this.#daemons.map((daemon) => daemon.isEmpty())));
    }
    for (const daemon of this.#daemons) daemon.stop(mode);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.idle()));
  }

  snapshot(): AnnouncerSnapshot {
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    for (const {reconciler} of this.#daemons) {
      for (const [prefix, {word, reason}] of reconciler.entries) {
        items.set(prefix, word);
        if (reason !== null) reasons.set(prefix, reason);
      }
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      void work.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

/** Whether something is on its way in or out. What an earlier life left and may stay is not. */
function hasOpen(entries: Iterable<BirdEntry>): boolean {
  return [...entries].some(
    ({role, word}) => role !== 'kept' && (word === 'pending' || word === 'withdraw-pending'),
  );
}

/** One BIRD: of 1.6 there is one for each family. */
class Daemon {
  readonly reconciler: BirdReconciler;
  readonly #client: BirdClient;
  readonly #means: BirdFiles | BirdSwitches;
  readonly #emit: Emit;
  #saidDown: string | null = null;

  constructor(
    readonly part: BirdPart,
    options: BirdAnnouncerOptions,
    tell: (event: AnnouncerEvent) => void,
  ) {
    const {clock, config, connect, files, random} = options;
    this.#emit = options.emit;
    const client = new BirdClient({
      path: part.socket,
      connect,
      clock,
      ...(random ? {random} : {}),
      onUp: ({text}) => {
        this.#saidDown = null;
        this.#note('info', `BIRD ${text} answers at ${part.socket}`);
        this.reconciler.linkUp();
      },
      onDown: (reason) => this.#onDown(reason),
      onSpontaneous: (text) => {
        this.#note('warn', `BIRD says: ${printable(text)}`);
        this.reconciler.lostTrack();
      },
    });
    const means =
      config.form === 'protocol'
        ? new BirdSwitches(config, client, clock)
        : new BirdFiles({config, part, client, files, clock});
    this.#client = client;
    this.#means = means;
    this.reconciler = new BirdReconciler({
      ...options,
      client,
      means,
      tell,
      takesOver: () => means instanceof BirdFiles && means.takesOver,
    });
  }

  async start(): Promise<void> {
    await this.#means.load();
    this.#client.start();
    this.reconciler.start();
  }

  /** Resolves once nothing is left to withdraw, or there is no BIRD that could announce anything. */
  async isEmpty(): Promise<void> {
    const {reconciler} = this;
    do await reconciler.nextPass();
    while ((reconciler.entries.size > 0 || reconciler.failure !== null) && !this.#client.isAbsent);
  }

  async idle(): Promise<void> {
    const {reconciler} = this;
    reconciler.kick();
    do await reconciler.nextPass();
    while ((reconciler.failure !== null || hasOpen(reconciler.entries.values())) && !this.#client.isAbsent);
  }

  stop(mode: 'withdraw' | 'keep'): void {
    this.reconciler.stop();
    this.#client.stop();
    const {entries, failure} = this.reconciler;
    if (mode === 'withdraw' && entries.size > 0) {
      const [first = ''] = entries.keys();
      const what = entries.size === 1 ? first : `${entries.size} prefixes`;
      const why = failure ?? entries.values().next().value?.reason ?? 'it took too long';
      this.#note('error', `stopped, and BIRD may still announce ${what}: ${why}`);
    }
  }

  #onDown(reason: string): void {
    if (reason === this.#saidDown) return;
    this.#saidDown = reason;
    this.#note('warn', reason);
    this.reconciler.kick();
  }

  #note(level: LogLevel, message: string): void {
    this.#emit({kind: 'note', level, message, fields: {announcer: 'bird', socket: this.part.socket}});
  }
}
