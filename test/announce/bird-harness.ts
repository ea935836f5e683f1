/** A BIRD announcer on real files and real unix sockets, before fakes of BIRD, and on a clock of its own. */

import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Test} from 'tap';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {type BirdConfig, birdDefaults} from '../../agent/config/bird.js';
import {type OwnedFiles, ownedFiles} from '../../agent/io/owned-file.js';
import {connectUnix, type UnixConnector} from '../../agent/io/text-stream.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Clock, Desired, IpFamily, Prefix, Route} from '../../agent/types.js';
import {FakeBird, type FakeBirdOptions, type Include} from '../fake/bird.js';
import {FakeClock, settle} from '../fake/clock.js';

export interface DeskOptions {
  readonly config?: Partial<BirdConfig>;
  readonly version?: string;
  readonly bird?: Partial<FakeBirdOptions>;
  /** Of BIRD 1.6, which is two daemons, what bird6 has. */
  readonly bird6?: Partial<FakeBirdOptions>;
  /** Another clock than the desk's own, which stands still until it is moved. */
  readonly clock?: Clock;
  readonly allowed?: (prefix: Prefix) => boolean;
  /** BIRD 1.6 with bird6. */
  readonly isOne?: boolean;
}

export class Desk {
  readonly folder: string;
  readonly config: BirdConfig;
  readonly announcer: BirdAnnouncer;
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly log: string[] = [];
  readonly birds: FakeBird[] = [];
  /** Stands in for the disk until it is null again. */
  diskFault: string | null = null;
  /** The system's answer to a connection that is begun: `EACCES`; until it is null again. */
  linkFault: string | null = null;
  /** Calls of `replace`. */
  writes = 0;
  /** Runs after a file was written, before BIRD hears of it. */
  afterWrite: () => void = () => undefined;
  readonly #options: DeskOptions;
  #busy = 0;
  #shortTimers = 0;
  /** Connections, and how many answers are still to come over each. */
  readonly #links = new Set<{readonly path: string; open: number}>();

  #isOver = false;

  constructor(options: DeskOptions = {}) {
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'eip-bird-'));
    this.config = {
      ...birdDefaults,
      dummy: parsePrefix(birdDefaults.dummy),
      dummy6: parsePrefix(birdDefaults.dummy6),
      socket: this.path('bird.ctl'),
      socket6: null,
      file: this.path('anycast.conf'),
      file6: null,
      confirmTimeoutMs: null,
      ...options.config,
      ...(options.isOne ? {socket6: this.path('bird6.ctl'), file6: this.path('anycast6.conf')} : {}),
    };
    this.announcer = this.newAnnouncer();
  }

  /** Everything ends; fails the test where BIRD was sent what it does not know. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.announcer.stop('keep');
    for (const bird of this.birds) await bird.stop();
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.birds.flatMap((bird) => bird.unknown);
    if (unknown !== undefined) throw new Error(`BIRD was sent "${unknown}"`);
  }

  /** A further life of the agent, with the same configuration. */
  newAnnouncer(): BirdAnnouncer {
    const announcer = new BirdAnnouncer({
      config: this.config,
      connect: this.#connect,
      files: this.#files,
      clock: this.#clock,
      allowed: this.#options.allowed ?? (() => true),
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

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name = 'anycast.conf'): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  /** Starts a BIRD whose bird.conf includes what the announcer writes. */
  async startBird(options: Partial<FakeBirdOptions> = {}): Promise<FakeBird> {
    const {family, version = this.#options.version ?? '2.0.12'} = options;
    const bird = await FakeBird.start({
      version,
      socket: this.config.socket,
      includes: this.includes().filter((include) => family === undefined || isOf(include, family)),
      ...this.#options.bird,
      ...options,
    });
    this.birds.push(bird);
    return bird;
  }

  includes(): readonly Include[] {
    const {file, file6, form, variable, variable6} = this.config;
    if (file === null || form === 'protocol') return [];
    if (form === 'function') return [{form, path: file, name: this.config.function}];
    if (form === 'static') {
      const six: Include[] = file6 === null ? [] : [{form, path: file6, family: 'ipv6'}];
      return [{form, path: file, family: 'ipv4'}, ...six];
    }
    if (this.#isFour) return [{form: 'define', path: file, names: [variable]}];
    if (file6 === null) return [{form: 'define', path: file, names: [variable, variable6]}];
    return [
      {form: 'define', path: file, names: [variable]},
      {form: 'define', path: file6, names: [variable6]},
    ];
  }

  /** BIRD 1.6 without bird6. */
  get #isFour(): boolean {
    return (this.#options.version ?? '').startsWith('1.') && this.config.socket6 === null;
  }

  /** Starts the announcer beside a BIRD that reads the empty lists of a host that was set up for it. */
  async start(options: Partial<FakeBirdOptions> = {}): Promise<FakeBird> {
    for (const include of this.includes()) {
      if (include.form === 'define') {
        writeFileSync(
          include.path,
          include.names.map((name) => `define ${name} = [ ${dummyOf(name)} ];\n`).join(''),
        );
      } else if (include.form === 'function') {
        writeFileSync(include.path, `function ${include.name}()\n{\n\treturn false;\n}\n`);
      } else writeFileSync(include.path, '');
    }
    const four: Partial<FakeBirdOptions> = this.config.socket6 === null ? {} : {family: 'ipv4'};
    const bird = await this.startBird({...four, ...options});
    if (this.config.socket6 !== null) {
      const socket = this.config.socket6;
      await this.startBird({family: 'ipv6', socket, routes: [], ...this.#options.bird6});
    }
    await this.announcer.start();
    await this.quiet();
    return bird;
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.events.length = 0;
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  /** `set`, and everything that follows from it within a second. */
  async have(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): Promise<void> {
    this.set(items, rest);
    await this.quiet();
  }

  /** Lets happen what happens without much time passing: answers, files, timers of less than a second. */
  async quiet(): Promise<void> {
    for (let still = 0; still < 4; ) {
      await settle();
      const next = this.clock.nextIn;
      if (this.#busy > 0 || this.#isAnswerDue() || this.#shortTimers > 0) still = 0;
      else if (next !== null && next <= shortMs) {
        this.clock.advance(next);
        still = 0;
      } else still++;
    }
  }

  /** Lets things happen, short timers too, until something is so. */
  async during(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const next = this.clock.nextIn;
      if (this.#busy === 0 && !this.#isAnswerDue() && next !== null && next <= shortMs)
        this.clock.advance(next);
      await settle();
    }
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

  readonly #files: OwnedFiles = {
    read: (path) => this.#during(ownedFiles.read(path)),
    replace: async (path, text) => {
      this.writes++;
      if (this.diskFault !== null)
        throw Object.assign(new Error(this.diskFault), {code: this.diskFault.split(':')[0]});
      await this.#during(ownedFiles.replace(path, text));
      this.afterWrite();
    },
  };

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#busy++;
    return work.finally(() => this.#busy--);
  }

  /** What was asked of a daemon that hangs is answered when it wakes up. */
  #isAnswerDue(): boolean {
    return [...this.#links].some(
      ({open, path}) => open > 0 && !this.birds.some(({isHanging, socket}) => isHanging && socket === path),
    );
  }

  /** Counts what is still to be answered, so that `quiet` can wait for it; a BIRD that hangs is not waited for. */
  readonly #connect: UnixConnector = (path, handlers) => {
    const {linkFault} = this;
    if (linkFault !== null) {
      setImmediate(() => handlers.closed(linkFault));
      return {write: () => undefined, destroy: () => undefined};
    }
    const link = {path, open: 1};
    this.#links.add(link);
    let rest = '';
    const answered = (count: number) => {
      link.open -= Math.min(link.open, count);
    };
    const hangs = () => this.birds.some((bird) => bird.isHanging && bird.socket === path);
    const stream = connectUnix(path, {
      opened: () => {
        if (hangs()) answered(link.open);
        handlers.opened();
      },
      data: (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        handlers.data(text);
        answered(lines.filter((line) => /^\d{4} /.test(line)).length);
      },
      closed: (code) => {
        answered(link.open);
        handlers.closed(code);
      },
    });
    return {
      write: (text) => {
        if (!hangs()) {
          link.open++;
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

function isOf(include: Include, family: IpFamily): boolean {
  if (include.form === 'static') return include.family === family;
  return (
    include.form === 'define' && include.names.some((name) => name.includes('6') === (family === 'ipv6'))
  );
}

function dummyOf(name: string): string {
  return name.includes('6') ? birdDefaults.dummy6 : birdDefaults.dummy;
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
