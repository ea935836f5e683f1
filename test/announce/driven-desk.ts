/** What the desks of all announcers that drive another daemon have in common: a folder, a clock, what was told. */

import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Test} from 'tap';
import {type Journal, openJournal} from '../../agent/io/journal.js';
import {connectUnix, type UnixConnector} from '../../agent/io/text-stream.js';
import type {AgentEvent, Announcer, Clock, Desired, Route} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';

/** How questions and answers are counted on the wire of a daemon. */
export interface Wire {
  /** It says something before it is asked. */
  readonly greets: boolean;
  readonly questionsIn: (text: string) => number;
  /** For each connection a counter of its own. */
  readonly answerCounter: () => (text: string) => number;
  readonly hangs: (path: string) => boolean;
}

const shortMs = 300;

export abstract class DrivenDesk {
  readonly folder: string;
  /** Stands still until it is moved. */
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly log: string[] = [];
  /** Stands in for the disk until it is null again. */
  diskFault: string | null = null;
  /** The system's answer to a connection that is begun: `EACCES`; until it is null again. */
  linkFault: string | null = null;
  readonly #given: Clock | null;
  #shortTimers = 0;
  #isOver = false;

  abstract readonly announcer: Announcer;

  /** `given`: another clock than the desk's own. */
  constructor(name: string, given: Clock | undefined) {
    this.folder = mkdtempSync(join(tmpdir(), `eip-${name}-`));
    this.#given = given ?? null;
  }

  /** Whether something is under way that ends without time passing. */
  protected abstract isBusy(): boolean;

  /** The announcer has stopped: the daemons end. Throws where one was told what it does not know. */
  protected abstract close(): Promise<void>;

  /** Everything ends; fails the test where a daemon was told what it does not know. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.announcer.stop('keep');
    await this.close();
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  /** `set`, and everything that follows from it within a second. */
  async have(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): Promise<void> {
    this.set(items, rest);
    await this.quiet();
  }

  /** Lets happen what happens without much time passing: answers, files, timers of less than a second. */
  async quiet(): Promise<void> {
    // On a busy machine what is written to a socket may take some turns to be read.
    for (let still = 0; still < 15; ) {
      await settle();
      if (this.isBusy() || this.#shortTimers > 0) still = 0;
      else if (this.advanceShortly()) still = 0;
      else still++;
    }
  }

  /** Moves the clock to the next timer, if that is soon. */
  protected advanceShortly(): boolean {
    const next = this.clock.nextIn;
    if (next === null || next > shortMs) return false;
    this.clock.advance(next);
    return true;
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

  /** Stops the announcer, letting time pass until it has. */
  async stopping(mode: 'withdraw' | 'keep'): Promise<void> {
    let isOver = false;
    const stopped = this.announcer.stop(mode).then(() => {
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
  status(announcer: Announcer = this.announcer): readonly string[] {
    const {items, reasons} = announcer.snapshot();
    return [...items].map(([prefix, word]) => {
      const reason = reasons.get(prefix);
      return `${prefix} ${String(word)}${reason === undefined ? '' : `: ${this.#short(reason)}`}`;
    });
  }

  /** A journal in the folder, on a disk that may have faults. */
  protected journal(name: string): Journal {
    const journal = openJournal(join(this.folder, name), 'boot');
    return {
      ...journal,
      add: (entry) => {
        if (this.diskFault !== null) throw new Error(this.diskFault);
        journal.add(entry);
      },
    };
  }

  /** What every announcer of the desk is given. */
  protected get surroundings(): {clock: Clock; emit: (event: AgentEvent) => void; random: () => number} {
    return {
      clock: this.#announcersClock,
      emit: (event) => this.log.push(...this.#describe(event)),
      random: () => 1,
    };
  }

  /** Has what it tells written down. */
  protected heard<A extends Announcer>(announcer: A): A {
    announcer.on((event) => {
      const why = event.kind === 'failed' ? `: ${this.#short(event.reason)}` : '';
      this.events.push(`${event.kind} ${event.prefix}${why}`);
    });
    return announcer;
  }

  /** Real connections, over which it is counted what is still to be answered; who hangs is not waited for. */
  protected connector({answerCounter, greets, hangs, questionsIn}: Wire): {
    readonly connect: UnixConnector;
    readonly isAnswerDue: () => boolean;
  } {
    const links = new Set<{readonly path: string; due: number}>();
    const connect: UnixConnector = (path, handlers) => {
      const {linkFault} = this;
      if (linkFault !== null) {
        setImmediate(() => handlers.closed(linkFault));
        return {write: () => undefined, destroy: () => undefined};
      }
      const link = {path, due: 1};
      links.add(link);
      const count = answerCounter();
      const answered = (answers: number) => {
        link.due = Math.max(0, link.due - answers);
      };
      const over = () => links.delete(link);
      const stream = connectUnix(path, {
        opened: () => {
          if (hangs(path)) answered(link.due);
          else if (!greets) answered(1);
          handlers.opened();
        },
        data: (text) => {
          handlers.data(text);
          answered(count(text));
        },
        closed: (code) => {
          over();
          handlers.closed(code);
        },
      });
      return {
        write: (text) => {
          if (!hangs(path)) link.due += questionsIn(text);
          stream.write(text);
        },
        destroy: () => {
          over();
          stream.destroy();
        },
      };
    };
    // What was asked of a daemon that hangs is answered when it wakes up.
    return {connect, isAnswerDue: () => [...links].some(({due, path}) => due > 0 && !hangs(path))};
  }

  readonly #announcersClock: Clock = {
    now: () => this.#clock.now(),
    wallMs: () => this.#clock.wallMs(),
    after: (ms, fn) => {
      // On the desk's own clock a timer is no reason to wait: `quiet` moves it.
      const isShort = this.#given !== null && ms <= shortMs;
      if (isShort) this.#shortTimers++;
      let isOver = false;
      const over = () => {
        if (isShort && !isOver) this.#shortTimers--;
        isOver = true;
      };
      const cancel = this.#clock.after(ms, () => {
        over();
        fn();
      });
      return () => {
        over();
        cancel();
      };
    },
  };

  get #clock(): Clock {
    return this.#given ?? this.clock;
  }

  #short(text: string): string {
    return text.replaceAll(this.folder, 'DIR');
  }

  #describe(event: AgentEvent): string[] {
    switch (event.kind) {
      case 'note':
        return [`${event.level}: ${this.#short(event.message)}`];
      case 'route-announced':
        return [`announced ${event.prefix}${event.nextHop === null ? '' : ` next hop ${event.nextHop}`}`];
      case 'route-withdrawn':
        return [`withdrawn ${event.prefix}`];
      case 'route-failed':
        return [`failed ${event.prefix}: ${this.#short(event.reason)}`];
      default:
        return [event.kind];
    }
  }
}

/** A desk for one test, over with it. */
export function over<D extends DrivenDesk>(t: Test, desk: D): D {
  t.teardown(() => desk.end());
  return desk;
}
