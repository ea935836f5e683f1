/**
 * GoBGP as an announcer: eip-health decides, gobgpd speaks BGP. `installed`: its global RIB holds the path that we
 * added, with our attributes, and uses it; `removed`: it holds no path of its own to the prefix any more.
 */

import type {GobgpConfig} from '../config/gobgp.js';
import {GobgpClient} from '../control/gobgp-client.js';
import type {Journal} from '../io/journal.js';
import type {PortConnector} from '../io/text-stream.js';
import type {Desired, Exec, LogLevel, Prefix, Route} from '../types.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';
import {GobgpReconciler} from './gobgp-reconciler.js';

export interface GobgpAnnouncerOptions extends DrivenOptions {
  readonly config: GobgpConfig;
  readonly connect: PortConnector;
  readonly exec: Exec;
  /** The prefixes that gobgpd was told of. */
  readonly journal: Journal;
  /** The last gate: asked for every prefix before gobgpd is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
}

export class GobgpAnnouncer extends DrivenAnnouncer<'gobgp'> {
  constructor(options: GobgpAnnouncerOptions) {
    super('gobgp', options, (tell) => [new Gobgpd(options, tell)]);
  }
}

class Gobgpd implements DrivenPart {
  readonly title = 'GoBGP';
  readonly #client: GobgpClient;
  readonly #reconciler: GobgpReconciler;
  readonly #notes: DrivenNotes;
  #saidDown: string | null = null;

  constructor(options: GobgpAnnouncerOptions, tell: Tell) {
    this.#notes = new DrivenNotes(options.emit, {announcer: 'gobgp'});
    this.#client = new GobgpClient({
      ...options,
      onUp: (place) => {
        this.#saidDown = null;
        this.note('info', `gobgpd answers at ${place}`);
        this.#reconciler.linkUp();
      },
      onDown: (reason) => this.#onDown(reason),
    });
    this.#reconciler = new GobgpReconciler({...options, client: this.#client, tell});
  }

  get entries(): DrivenPart['entries'] {
    return this.#reconciler.entries;
  }

  get failure(): string | null {
    return this.#reconciler.failure;
  }

  get isAbsent(): boolean {
    return this.#client.isAbsent;
  }

  async start(): Promise<void> {
    this.#client.start();
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
    this.#client.stop();
  }

  note(level: LogLevel, message: string): void {
    this.#notes.note(level, message);
  }

  #onDown(reason: string): void {
    if (reason === this.#saidDown) return;
    this.#saidDown = reason;
    this.note('warn', reason);
    this.#reconciler.passes.kick();
  }
}
