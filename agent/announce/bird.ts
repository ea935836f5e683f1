/**
 * BIRD as an announcer: eip-health decides, BIRD speaks BGP. `installed`: BIRD exports the prefix to a session that is
 * established, or would if there were one; `removed`: it goes by a configuration without it, and exports it to none, or
 * there is no BIRD, and one that starts will go by such a configuration.
 */

import {type BirdConfig, type BirdPart, birdParts} from '../config/bird.js';
import {BirdClient} from '../control/bird-client.js';
import type {OwnedFiles} from '../io/owned-file.js';
import type {UnixConnector} from '../io/text-stream.js';
import {familyOf} from '../lib/prefix.js';
import {printable} from '../lib/printable.js';
import type {Desired, LogLevel, Prefix, Route} from '../types.js';
import {BirdFiles} from './bird-files.js';
import {BirdReconciler} from './bird-reconciler.js';
import {BirdSwitches} from './bird-switches.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';

export interface BirdAnnouncerOptions extends DrivenOptions {
  readonly config: BirdConfig;
  readonly connect: UnixConnector;
  readonly files: OwnedFiles;
  /** The last gate: asked for every prefix before BIRD is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
}

export class BirdAnnouncer extends DrivenAnnouncer<'bird'> {
  constructor(options: BirdAnnouncerOptions) {
    super('bird', options, (tell) =>
      birdParts(options.config).map((part) => new Daemon(part, options, tell)),
    );
  }
}

/** One BIRD: of 1.6 there is one for each family. */
class Daemon implements DrivenPart {
  readonly title = 'BIRD';
  readonly #part: BirdPart;
  readonly #client: BirdClient;
  readonly #means: BirdFiles | BirdSwitches;
  readonly #reconciler: BirdReconciler;
  readonly #notes: DrivenNotes;
  #saidDown: string | null = null;

  constructor(part: BirdPart, options: BirdAnnouncerOptions, tell: Tell) {
    const {clock, config, emit, files} = options;
    this.#part = part;
    this.#notes = new DrivenNotes(emit, {announcer: 'bird', socket: part.socket});
    const client = new BirdClient({
      ...options,
      path: part.socket,
      onUp: ({text}) => {
        this.#saidDown = null;
        this.note('info', `BIRD ${text} answers at ${part.socket}`);
        this.#reconciler.linkUp();
      },
      onDown: (reason) => this.#onDown(reason),
      onSpontaneous: (text) => {
        this.note('warn', `BIRD says: ${printable(text)}`);
        this.#reconciler.lostTrack();
      },
    });
    const means =
      config.form === 'protocol'
        ? new BirdSwitches(config, client, clock)
        : new BirdFiles({config, part, client, files, clock});
    this.#client = client;
    this.#means = means;
    this.#reconciler = new BirdReconciler({
      ...options,
      client,
      means,
      tell,
      takesOver: () => means instanceof BirdFiles && means.takesOver,
    });
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

  /** Reads what was written before, and begins to connect. */
  async start(): Promise<void> {
    await this.#means.load();
    this.#client.start();
    this.#reconciler.passes.start();
  }

  set(desired: Desired<Route>): void {
    const items = desired.items.filter(({prefix}) => this.#part.families.includes(familyOf(prefix)));
    this.#reconciler.set({...desired, items});
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
