/** An FRR announcer on real unix sockets, before a fake of bgpd and of vtysh, and on a clock of its own. */

import {rmSync} from 'node:fs';
import {join} from 'node:path';
import type {Test} from 'tap';
import {FrrAnnouncer} from '../../agent/announce/frr.js';
import {type FrrConfig, frrDefaults} from '../../agent/config/frr.js';
import {VtyAnswerReader} from '../../agent/control/vty-protocol.js';
import type {Journal} from '../../agent/io/journal.js';
import type {Clock, Exec, Prefix} from '../../agent/types.js';
import {FakeVty, type FakeVtyOptions} from '../fake/vty.js';
import {DrivenDesk, over} from './driven-desk.js';

export interface DeskOptions {
  readonly config?: Partial<FrrConfig>;
  readonly bgpd?: Partial<FakeVtyOptions>;
  /** By which way FRR is spoken to; default: its socket. */
  readonly through?: 'socket' | 'vtysh';
  /** Another clock than the desk's own, which stands still until it is moved. */
  readonly clock?: Clock;
  readonly allowed?: (prefix: Prefix) => boolean;
  readonly managed?: (prefix: Prefix) => boolean;
}

export class Desk extends DrivenDesk {
  readonly config: FrrConfig;
  readonly announcer: FrrAnnouncer;
  readonly bgpds: FakeVty[] = [];
  readonly #options: DeskOptions;
  readonly #wire = this.connector({
    greets: false,
    questionsIn: (text) => text.split('\0').length - 1,
    answerCounter: () => {
      const reader = new VtyAnswerReader();
      return (text) => reader.push(text).length;
    },
    hangs: (path) => this.bgpds.some(({isHanging, socket}) => isHanging && socket === path),
  });

  constructor(options: DeskOptions = {}) {
    super('frr', options.clock);
    this.#options = options;
    const sockets = options.through === 'vtysh' ? {vtysh: '/opt/vtysh'} : {vtySockets: this.folder};
    this.config = {...frrDefaults, ...sockets, ...options.config};
    this.announcer = this.newAnnouncer();
  }

  protected async close(): Promise<void> {
    for (const bgpd of this.bgpds) await bgpd.stop();
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.bgpds.flatMap((bgpd) => bgpd.unknown);
    if (unknown !== undefined) throw new Error(`bgpd was sent "${unknown}"`);
  }

  protected isBusy(): boolean {
    return this.#wire.isAnswerDue();
  }

  /** A further life of the agent, with the same configuration. */
  newAnnouncer(): FrrAnnouncer {
    const {allowed = () => true, managed = () => true} = this.#options;
    return this.heard(
      new FrrAnnouncer({
        ...this.surroundings,
        config: this.config,
        connect: this.#wire.connect,
        exec: this.#exec,
        journal: this.newJournal(),
        allowed,
        managed,
      }),
    );
  }

  newJournal(): Journal {
    return this.journal('frr.journal');
  }

  get socket(): string {
    return join(this.folder, 'bgpd.vty');
  }

  async startBgpd(options: Partial<FakeVtyOptions> = {}): Promise<FakeVty> {
    const bgpd = await FakeVty.start({
      dialect: 'frr',
      socket: this.socket,
      ...this.#options.bgpd,
      ...options,
    });
    this.bgpds.push(bgpd);
    return bgpd;
  }

  /** Starts bgpd, then the announcer. */
  async start(options: Partial<FakeVtyOptions> = {}): Promise<FakeVty> {
    const bgpd = await this.startBgpd(options);
    await this.announcer.start();
    await this.quiet();
    return bgpd;
  }

  readonly #exec: Exec = {
    run: async (argv, options) => {
      const bgpd = this.bgpds.at(-1);
      if (!bgpd) throw new Error('nobody told what vtysh does');
      return bgpd.vtysh.run(argv, options);
    },
  };
}

/** A desk for one test, over with it. */
export function newDesk(t: Test, options: DeskOptions = {}): Desk {
  return over(t, new Desk(options));
}
