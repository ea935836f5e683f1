/** A GoBGP announcer before a fake of gobgpd and its command, on a clock that stands still until it is moved. */

import {rmSync} from 'node:fs';
import {join} from 'node:path';
import type {Test} from 'tap';
import {GobgpAnnouncer} from '../../agent/announce/gobgp.js';
import {type GobgpConfig, gobgpDefaults} from '../../agent/config/gobgp.js';
import {openJournal} from '../../agent/io/journal.js';
import type {Prefix} from '../../agent/types.js';
import {FakeGobgp} from '../fake/gobgp.js';
import {DrivenDesk, over} from './driven-desk.js';

export interface DeskOptions {
  readonly config?: Partial<GobgpConfig>;
  readonly allowed?: (prefix: Prefix) => boolean;
  readonly prepare?: (gobgp: FakeGobgp) => void;
}

export class Desk extends DrivenDesk {
  readonly gobgp = new FakeGobgp(this.clock);
  readonly announcer: GobgpAnnouncer;
  readonly #options: DeskOptions;

  constructor(options: DeskOptions = {}) {
    super('gobgp', undefined);
    this.#options = options;
    options.prepare?.(this.gobgp);
    this.announcer = this.newAnnouncer();
  }

  protected async close(): Promise<void> {
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.gobgp.unknown;
    if (unknown !== undefined) throw new Error(`gobgp was told "${unknown}"`);
  }

  protected isBusy(): boolean {
    return this.gobgp.running > this.gobgp.waiting;
  }

  /** A further life of the agent, with the same journal. */
  newAnnouncer(): GobgpAnnouncer {
    const {allowed = () => true, config} = this.#options;
    const {connect, exec} = this.gobgp;
    return this.heard(
      new GobgpAnnouncer({
        ...this.surroundings,
        config: {...gobgpDefaults, ...config},
        connect,
        exec,
        journal: this.journal('gobgp.journal'),
        allowed,
      }),
    );
  }

  journalled(): readonly string[] {
    return [...openJournal(join(this.folder, 'gobgp.journal'), 'boot').entries()];
  }

  async start(): Promise<void> {
    await this.announcer.start();
    await this.quiet();
  }
}

/** A desk for one test, over with it. */
export function newDesk(t: Test, options: DeskOptions = {}): Desk {
  return over(t, new Desk(options));
}
