/** A GoBGP announcer before a fake of gobgpd and its command, on a clock that stands still until it is moved. */

import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Test} from 'tap';
import {GobgpAnnouncer} from '../../agent/announce/gobgp.js';
import {type GobgpConfig, gobgpDefaults} from '../../agent/config/gobgp.js';
import {openJournal} from '../../agent/io/journal.js';
import type {AgentEvent, Desired, Prefix, Route} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeGobgp} from '../fake/gobgp.js';

export interface DeskOptions {
  readonly config?: Partial<GobgpConfig>;
  readonly allowed?: (prefix: Prefix) => boolean;
  readonly prepare?: (gobgp: FakeGobgp) => void;
}

export class Desk {
  readonly folder = mkdtempSync(join(tmpdir(), 'eip-gobgp-'));
  readonly clock = new FakeClock();
  readonly gobgp = new FakeGobgp(this.clock);
  readonly events: string[] = [];
  readonly log: string[] = [];
  readonly announcer: GobgpAnnouncer;
  /** Stands in for the disk until it is null again. */
  diskFault: string | null = null;
  readonly #options: DeskOptions;
  #isOver = false;

  constructor(options: DeskOptions = {}) {
    this.#options = options;
    options.prepare?.(this.gobgp);
    this.announcer = this.newAnnouncer();
  }

  /** A further life of the agent, with the same journal. */
  newAnnouncer(): GobgpAnnouncer {
    const journal = openJournal(join(this.folder, 'gobgp.journal'), 'boot');
    const announcer = new GobgpAnnouncer({
      config: {...gobgpDefaults, ...this.#options.config},
      connect: this.gobgp.connect,
      exec: this.gobgp.exec,
      journal: {
        ...journal,
        add: (entry) => {
          if (this.diskFault !== null) throw new Error(this.diskFault);
          journal.add(entry);
        },
      },
      allowed: this.#options.allowed ?? (() => true),
      clock: this.clock,
      emit: (event) => this.log.push(...describe(event)),
      random: () => 1,
    });
    announcer.on((event) =>
      this.events.push(`${event.kind} ${event.prefix}${event.kind === 'failed' ? `: ${event.reason}` : ''}`),
    );
    return announcer;
  }

  journalled(): readonly string[] {
    return [...openJournal(join(this.folder, 'gobgp.journal'), 'boot').entries()];
  }

  /** Fails the test where gobgpd was told what it does not know. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.announcer.stop('keep');
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.gobgp.unknown;
    if (unknown !== undefined) throw new Error(`gobgp was told "${unknown}"`);
  }

  async start(): Promise<void> {
    await this.announcer.start();
    await this.quiet();
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  /** `set`, and everything that follows from it within a moment. */
  async have(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): Promise<void> {
    this.set(items, rest);
    await this.quiet();
  }

  /** Lets happen what happens without time passing, and what takes less than a third of a second. */
  async quiet(): Promise<void> {
    for (let still = 0; still < 6; ) {
      await settle();
      const next = this.clock.nextIn;
      if (next !== null && next <= shortMs) this.clock.advance(next);
      still = this.gobgp.running > 0 || (next !== null && next <= shortMs) ? 0 : still + 1;
      // A command without an answer ends when time passes.
      if (this.gobgp.waiting > 0 && this.gobgp.waiting === this.gobgp.running) return;
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

  /** Stops an announcer, letting time pass until it has. */
  async stopping(mode: 'withdraw' | 'keep', announcer = this.announcer): Promise<void> {
    let isOver = false;
    const stopped = announcer.stop(mode).then(() => {
      isOver = true;
    });
    await this.quiet();
    while (!isOver) {
      this.clock.advance(this.clock.nextIn ?? 0);
      await this.quiet();
    }
    await stopped;
  }

  /** What `status` shows, `10.0.0.1/32 announced`. */
  status(announcer = this.announcer): readonly string[] {
    const {items, reasons} = announcer.snapshot();
    return [...items].map(([prefix, word]) => {
      const reason = reasons.get(prefix);
      return `${prefix} ${String(word)}${reason === undefined ? '' : `: ${reason}`}`;
    });
  }
}

const shortMs = 300;

/** A desk for one test, over with it. */
export function newDesk(t: Test, options: DeskOptions = {}): Desk {
  const desk = new Desk(options);
  t.teardown(() => desk.end());
  return desk;
}

function describe(event: AgentEvent): string[] {
  switch (event.kind) {
    case 'note':
      return [`${event.level}: ${event.message}`];
    case 'route-announced':
      return [`announced ${event.prefix}${event.nextHop === null ? '' : ` next hop ${event.nextHop}`}`];
    case 'route-withdrawn':
      return [`withdrawn ${event.prefix}`];
    case 'route-failed':
      return [`failed ${event.prefix}: ${event.reason}`];
    default:
      return [event.kind];
  }
}
