/** A BIRD announcer on real files and real unix sockets, before fakes of BIRD, and on a clock of its own. */

import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Test} from 'tap';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {type BirdConfig, birdDefaults} from '../../agent/config/bird.js';
import {type OwnedFiles, ownedFiles} from '../../agent/io/owned-file.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Clock, Desired, IpFamily, Prefix, Route} from '../../agent/types.js';
import {FakeBird, type FakeBirdOptions, type Include} from '../fake/bird.js';
import {settle} from '../fake/clock.js';
import {DrivenDesk, over} from './driven-desk.js';

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

export class Desk extends DrivenDesk {
  readonly config: BirdConfig;
  readonly announcer: BirdAnnouncer;
  readonly birds: FakeBird[] = [];
  /** Calls of `replace`. */
  writes = 0;
  /** Runs after a file was written, before BIRD hears of it. */
  afterWrite: () => void = () => undefined;
  readonly #options: DeskOptions;
  /** Files that are being read or written. */
  #onDisk = 0;
  readonly #wire = this.connector({
    greets: true,
    questionsIn: () => 1,
    answerCounter: () => {
      let rest = '';
      return (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        return lines.filter((line) => /^\d{4} /.test(line)).length;
      };
    },
    hangs: (path) => this.birds.some(({isHanging, socket}) => isHanging && socket === path),
  });

  constructor(options: DeskOptions = {}) {
    super('bird', options.clock);
    this.#options = options;
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

  protected async close(): Promise<void> {
    for (const bird of this.birds) await bird.stop();
    rmSync(this.folder, {recursive: true});
    const [unknown] = this.birds.flatMap((bird) => bird.unknown);
    if (unknown !== undefined) throw new Error(`BIRD was sent "${unknown}"`);
  }

  protected isBusy(): boolean {
    return this.#onDisk > 0 || this.#wire.isAnswerDue();
  }

  /** A further life of the agent, with the same configuration. */
  newAnnouncer(): BirdAnnouncer {
    const {allowed = () => true} = this.#options;
    const {config} = this;
    const {connect} = this.#wire;
    return this.heard(
      new BirdAnnouncer({...this.surroundings, config, connect, files: this.#files, allowed}),
    );
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

  override set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.events.length = 0;
    super.set(items, rest);
  }

  /** Lets things happen, short timers too, until something is so. */
  async during(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (!this.isBusy()) this.advanceShortly();
      await settle();
    }
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
    this.#onDisk++;
    return work.finally(() => this.#onDisk--);
  }
}

/** A desk for one test, over with it. */
export function newDesk(t: Test, options: DeskOptions = {}): Desk {
  return over(t, new Desk(options));
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
