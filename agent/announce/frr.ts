/**
 * FRR (or Quagga) as an announcer: eip-health decides, bgpd speaks BGP. Ours are exactly the `network` lines whose
 * route-map is one of ours; nothing is ever written to FRR's files. `installed`: bgpd itself originates the prefix and
 * has chosen it; `removed`: bgpd originates it no more.
 */

import type {FrrConfig} from '../config/frr.js';
import type {Journal} from '../io/journal.js';
import type {UnixConnector} from '../io/text-stream.js';
import type {Desired, Exec, LogLevel, Prefix, Route} from '../types.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';
import {OperatorLines} from './frr-operator-lines.js';
import {FrrReconciler} from './frr-reconciler.js';
import {FrrShell} from './frr-shell.js';
import {FrrTable} from './frr-table.js';

export interface FrrAnnouncerOptions extends DrivenOptions {
  readonly config: FrrConfig;
  readonly connect: UnixConnector;
  readonly exec: Exec;
  /** The operator's own lines that had to give way. */
  readonly journal: Journal;
  /** The last gate: asked for every prefix before FRR is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether a service announces the prefix, be it up or down. The operator's lines for all others are left alone. */
  readonly managed: (prefix: Prefix) => boolean;
}

export class FrrAnnouncer extends DrivenAnnouncer<'frr'> {
  constructor(options: FrrAnnouncerOptions) {
    super('frr', options, (tell) => [new Bgpd(options, tell)]);
  }
}

class Bgpd implements DrivenPart {
  readonly title = 'FRR';
  readonly #shell: FrrShell;
  readonly #reconciler: FrrReconciler;
  readonly #notes: DrivenNotes;
  #saidDown: string | null = null;
  #wasUp = false;

  constructor(options: FrrAnnouncerOptions, tell: Tell) {
    const {config, emit, journal} = options;
    this.#notes = new DrivenNotes(emit, {announcer: 'frr'});
    this.#shell = new FrrShell({
      ...options,
      onUp: (path) => {
        this.#saidDown = null;
        this.#wasUp = true;
        this.note('info', `bgpd answers at ${path}`);
        this.#reconciler.linkUp();
      },
      onDown: (reason) => this.#onDown(reason),
    });
    this.#reconciler = new FrrReconciler({
      ...options,
      table: new FrrTable(this.#shell, config),
      operatorLines: new OperatorLines(journal),
      tell,
    });
  }

  get entries(): DrivenPart['entries'] {
    return this.#reconciler.entries;
  }

  get failure(): string | null {
    return this.#reconciler.failure;
  }

  get isAbsent(): boolean {
    return this.#shell.isAbsent;
  }

  async start(): Promise<void> {
    this.#shell.start();
    this.#reconciler.passes.start();
  }

  set(desired: Desired<Route>): void {
    this.#reconciler.set(desired);
  }

  nextPass(): Promise<void> {
    return this.#reconciler.passes.next();
  }

  stop(): void {
    this.#reconciler.passes.stop();
    this.#shell.stop();
  }

  note(level: LogLevel, message: string): void {
    this.#notes.note(level, message);
  }

  #onDown(reason: string): void {
    // Every attempt that fails is told; where vtysh does its work meanwhile, nothing has changed by it.
    if (this.#wasUp) this.#reconciler.linkDown();
    this.#wasUp = false;
    if (reason === this.#saidDown) return;
    this.#saidDown = reason;
    this.note('warn', reason);
  }
}
