/**
 * FRR (or Quagga) as an announcer: eip-health decides, bgpd speaks BGP. Ours are exactly the `network` lines whose
 * route-map is one of ours; nothing is ever written to FRR's files. `installed`: bgpd itself originates the prefix and
 * has chosen it; `removed`: bgpd originates it no more.
 */

import type {FrrConfig} from '../config/frr.js';
import type {Journal} from '../io/journal.js';
import type {UnixConnector} from '../io/text-stream.js';
import type {
  Announcer,
  AnnouncerEvent,
  AnnouncerSnapshot,
  Cancel,
  Clock,
  Desired,
  Emit,
  Exec,
  Json,
  LogLevel,
  Prefix,
  Route,
} from '../types.js';
import {OperatorLines} from './frr-operator-lines.js';
import {FrrReconciler} from './frr-reconciler.js';
import {FrrShell} from './frr-shell.js';
import {FrrTable} from './frr-table.js';

export interface FrrAnnouncerOptions {
  readonly config: FrrConfig;
  readonly connect: UnixConnector;
  readonly exec: Exec;
  /** The operator's own lines that had to give way. */
  readonly journal: Journal;
  /** The last gate: asked for every prefix before FRR is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether a service announces the prefix, be it up or down. The operator's lines for all others are left alone. */
  readonly managed: (prefix: Prefix) => boolean;
  readonly clock: Clock;
  readonly emit: Emit;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** So long the last withdrawals may take when stopping. */
const withdrawMs = 5_000;

export class FrrAnnouncer implements Announcer {
  readonly name = 'frr';
  readonly #options: FrrAnnouncerOptions;
  readonly #shell: FrrShell;
  readonly #reconciler: FrrReconciler;
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  #saidDown: string | null = null;
  #wasUp = false;

  constructor(options: FrrAnnouncerOptions) {
    this.#options = options;
    const {config, journal} = options;
    this.#shell = new FrrShell({
      ...options,
      onUp: (path) => {
        this.#saidDown = null;
        this.#wasUp = true;
        this.#note('info', `bgpd answers at ${path}`);
        this.#reconciler.linkUp();
      },
      onDown: (reason) => this.#onDown(reason),
    });
    this.#reconciler = new FrrReconciler({
      ...options,
      table: new FrrTable(this.#shell, config),
      operatorLines: new OperatorLines(journal),
      tell: (event) => {
        for (const listener of [...this.#listeners]) listener(event);
      },
    });
  }

  /** Begins to connect. Waits for no FRR. */
  async start(): Promise<void> {
    this.#shell.start();
    this.#reconciler.start();
  }

  set(desired: Desired<Route>): void {
    this.#reconciler.set(desired);
  }

  /** `withdraw`: nothing of ours is left in FRR, unless that takes more than some seconds. `keep`: all stays. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (mode === 'withdraw') {
      this.set({items: [], adopt: new Set(), complete: true});
      await this.#atMost(withdrawMs, this.#isEmpty());
    }
    this.#reconciler.stop();
    this.#shell.stop();
    const {entries, failure} = this.#reconciler;
    if (mode === 'withdraw' && entries.size > 0) {
      const [first = ''] = entries.keys();
      const what = entries.size === 1 ? first : `${entries.size} prefixes`;
      const why = failure ?? entries.values().next().value?.reason ?? 'it took too long';
      this.#note('error', `stopped, and FRR may still announce ${what}: ${why}`);
    }
  }

  async idle(): Promise<void> {
    const reconciler = this.#reconciler;
    const isOpen = (): boolean =>
      [...reconciler.entries.values()].some(
        ({role, word}) => role !== 'kept' && (word === 'pending' || word === 'withdraw-pending'),
      );
    reconciler.kick();
    do await reconciler.nextPass();
    while ((reconciler.failure !== null || isOpen()) && !this.#shell.isAbsent);
  }

  snapshot(): AnnouncerSnapshot {
    const items = new Map<Prefix, Json>();
    const reasons = new Map<Prefix, string>();
    for (const [prefix, {word, reason}] of this.#reconciler.entries) {
      items.set(prefix, word);
      if (reason !== null) reasons.set(prefix, reason);
    }
    return {items, reasons};
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once nothing is left to withdraw, or there is no bgpd that could announce anything. */
  async #isEmpty(): Promise<void> {
    const {entries} = this.#reconciler;
    do await this.#reconciler.nextPass();
    while ((entries.size > 0 || this.#reconciler.failure !== null) && !this.#shell.isAbsent);
  }

  #onDown(reason: string): void {
    // Every attempt that fails is told; where vtysh does its work meanwhile, nothing has changed by it.
    if (this.#wasUp) this.#reconciler.linkDown();
    this.#wasUp = false;
    if (reason === this.#saidDown) return;
    this.#saidDown = reason;
    this.#note('warn', reason);
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

  #note(level: LogLevel, message: string): void {
    this.#options.emit({kind: 'note', level, message, fields: {announcer: 'frr'}});
  }
}
