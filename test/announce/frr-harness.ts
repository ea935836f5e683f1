/** An FRR announcer on real unix sockets, before a fake of bgpd and of vtysh, and on a clock of its own. */

import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Test} from 'tap';
import {FrrAnnouncer} from '../../agent/announce/frr.js';
import {type FrrConfig, frrDefaults} from '../../agent/config/frr.js';
import {VtyAnswerReader} from '../../agent/control/vty-protocol.js';
import {type Journal, openJournal} from '../../agent/io/journal.js';
import {connectUnix, type UnixConnector} from '../../agent/io/text-stream.js';
import type {AgentEvent, Clock, Desired, Exec, Prefix, Route} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeVty, type FakeVtyOptions} from '../fake/vty.js';

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

export class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), 'eip-frr-'));
  readonly config: FrrConfig;
  readonly announcer: FrrAnnouncer;
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly log: string[] = [];
  readonly bgpds: FakeVty[] = [];
  /** Stands in for the disk until it is null again. */
  diskFault: string | null = null;
  /** The system's answer to a connection that is begun: `EACCES`; until it is null again. */
  linkFault: string | null = null;
  readonly #options: DeskOptions;
  #shortTimers = 0;
  /** Connections, and how many answers are still to come over each. */
  readonly #links = new Set<{readonly path: string; open: number}>();
  #isOver = false;

  constructor(options: DeskOptions = {}) {
    this.#options = options;
    const sockets = options.through === 'vtysh' ? {vtysh: '/opt/vtysh'} : {vtySockets: this.folder};
    this.config = {...frrDefaults, ...sockets, ...options.config};
    this.announcer = this.newAnnouncer();
  }

  /** Everything ends; fails the test where bgpd was sent what it does not know. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.announcer.stop('keep');
    for (const bgpd of this.bgpds) await bgpd.stop();
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.bgpds.flatMap((bgpd) => bgpd.unknown);
    if (unknown !== undefined) throw new Error(`bgpd was sent "${unknown}"`);
  }

  /** A further life of the agent, with the same configuration. */
  newAnnouncer(): FrrAnnouncer {
    const announcer = new FrrAnnouncer({
      config: this.config,
      connect: this.#connect,
      exec: this.#exec,
      journal: this.newJournal(),
      clock: this.#clock,
      allowed: this.#options.allowed ?? (() => true),
      managed: this.#options.managed ?? (() => true),
      emit: (event) => this.log.push(...describe(event, this.folder)),
      random: () => 1,
    });
    announcer.on((event) =>
      this.events.push(
        `${event.kind} ${event.prefix}${event.kind === 'failed' ? `: ${this.#short(event.reason)}` : ''}`,
      ),
    );
    return announcer;
  }

  newJournal(): Journal {
    const journal = openJournal(join(this.folder, 'frr.journal'), 'boot');
    return {
      ...journal,
      add: (entry) => {
        if (this.diskFault !== null) throw new Error(this.diskFault);
        journal.add(entry);
      },
    };
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

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  /** `set`, and everything that follows from it within a second. */
  async have(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): Promise<void> {
    this.set(items, rest);
    await this.quiet();
  }

  /** Lets happen what happens without much time passing: answers, timers of less than a second. */
  async quiet(): Promise<void> {
    for (let still = 0; still < 4; ) {
      await settle();
      const next = this.clock.nextIn;
      if (this.#isAnswerDue() || this.#shortTimers > 0) still = 0;
      else if (next !== null && next <= shortMs) {
        this.clock.advance(next);
        still = 0;
      } else still++;
    }
  }

  /** Lets time pass, and what happens in it happen. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    await this.quiet();
    for (
      let next = this.clock.nextIn;
      next !== null && this.clock.now() + next <= end;
      next = this.clock.nextIn
    ) {
      this.clock.advance(next);
      await this.quiet();
    }
    if (this.clock.now() < end) this.clock.advance(end - this.clock.now());
    await this.quiet();
  }

  /** What `status` shows, `10.0.0.1/32 announced`. */
  status(): readonly string[] {
    const {items, reasons} = this.announcer.snapshot();
    return [...items].map(([prefix, word]) => {
      const reason = reasons.get(prefix);
      return `${prefix} ${String(word)}${reason === undefined ? '' : `: ${this.#short(reason)}`}`;
    });
  }

  #short(text: string): string {
    return text.replaceAll(this.folder, 'DIR');
  }

  readonly #clock: Clock = {
    now: () => this.#realClock.now(),
    wallMs: () => this.#realClock.wallMs(),
    after: (ms, fn) => {
      // On the desk's own clock a timer is no reason to wait: `quiet` moves it.
      const isShort = this.#realClock !== this.clock && ms <= shortMs;
      if (isShort) this.#shortTimers++;
      let isOver = false;
      const over = () => {
        if (isShort && !isOver) this.#shortTimers--;
        isOver = true;
      };
      const cancel = this.#realClock.after(ms, () => {
        over();
        fn();
      });
      return () => {
        over();
        cancel();
      };
    },
  };

  get #realClock(): Clock {
    return this.#options.clock ?? this.clock;
  }

  readonly #exec: Exec = {
    run: async (argv, options) => {
      const bgpd = this.bgpds.at(-1);
      if (!bgpd) throw new Error('nobody told what vtysh does');
      return bgpd.vtysh.run(argv, options);
    },
  };

  /** What was asked of a daemon that hangs is answered when it wakes up. */
  #isAnswerDue(): boolean {
    return [...this.#links].some(
      ({open, path}) => open > 0 && !this.bgpds.some(({isHanging, socket}) => isHanging && socket === path),
    );
  }

  /** Counts what is still to be answered, so that `quiet` can wait for it; a bgpd that hangs is not waited for. */
  readonly #connect: UnixConnector = (path, handlers) => {
    const {linkFault} = this;
    if (linkFault !== null) {
      setImmediate(() => handlers.closed(linkFault));
      return {write: () => undefined, destroy: () => undefined};
    }
    const link = {path, open: 1};
    this.#links.add(link);
    const reader = new VtyAnswerReader();
    const answered = (count: number) => {
      link.open -= Math.min(link.open, count);
    };
    const hangs = () => this.bgpds.some((bgpd) => bgpd.isHanging && bgpd.socket === path);
    const stream = connectUnix(path, {
      opened: () => {
        handlers.opened();
        answered(hangs() ? link.open : 1);
      },
      data: (text) => {
        const {length} = reader.push(text);
        handlers.data(text);
        answered(length);
      },
      closed: (code) => {
        answered(link.open);
        handlers.closed(code);
      },
    });
    return {
      write: (text) => {
        const count = text.split('\0').length - 1;
        if (!hangs()) {
          link.open += count;
        }
        stream.write(text);
      },
      destroy: () => {
        answered(link.open);
        stream.destroy();
      },
    };
  };
}

const shortMs = 300;

/** A desk for one test, over with it. */
export function newDesk(t: Test, options: DeskOptions = {}): Desk {
  const desk = new Desk(options);
  t.teardown(() => desk.end());
  return desk;
}

function describe(event: AgentEvent, folder: string): string[] {
  switch (event.kind) {
    case 'note':
      return [`${event.level}: ${event.message.replaceAll(folder, 'DIR')}`];
    case 'route-announced':
      return [`announced ${event.prefix}`];
    case 'route-withdrawn':
      return [`withdrawn ${event.prefix}`];
    case 'route-failed':
      return [`failed ${event.prefix}: ${event.reason.replaceAll(folder, 'DIR')}`];
    default:
      return [event.kind];
  }
}
