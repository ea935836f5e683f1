/**
 * Files that BIRD's configuration includes: written as a whole, then BIRD reads its configuration again. A text that
 * BIRD refuses does not stay in its way: the one before comes back, so that a restart of BIRD finds what it can read.
 */

import type {BirdConfig, BirdPart} from '../config/bird.js';
import {type BirdClient, BirdLinkError} from '../control/bird-client.js';
import {BirdError, type BirdVersion} from '../control/bird-protocol.js';
import {parseLocalAs} from '../control/bird-show-protocol.js';
import type {OwnedFiles} from '../io/owned-file.js';
import {familyOf} from '../lib/prefix.js';
import type {Clock, Prefix, Route} from '../types.js';
import {configure, refusal} from './bird-configure.js';
import type {Applied, BirdMeans} from './bird-means.js';
import {
  hasTypedFunctions,
  isOurText,
  renderText,
  type Said,
  saidIn,
  say,
  wantsTypedFunctions,
} from './bird-text.js';

/** So often in a row a configuration waits for what else is to come. */
const postponedAtMost = 3;

export interface BirdFilesOptions {
  readonly config: BirdConfig;
  readonly part: BirdPart;
  readonly client: BirdClient;
  readonly files: OwnedFiles;
  readonly clock: Clock;
}

export class BirdFiles implements BirdMeans {
  readonly givesRoutes: boolean;
  readonly #options: BirdFilesOptions;
  /** What lies on the disk; null: no file. A path that is absent here could not be read. */
  readonly #onDisk = new Map<string, string | null>();
  /** What BIRD took last, or what was there before us. */
  readonly #good = new Map<string, string>();
  /** What was let out before this life, and is not wanted yet. */
  readonly #found = new Map<Prefix, Said>();
  /** What BIRD has taken, of all files together; null: not known. */
  #loaded: string | null = null;
  #foundOthers = false;
  #postponed = 0;
  #version: BirdVersion | null = null;
  #typedFunctions = false;
  #localAs: readonly number[] = [];

  constructor(options: BirdFilesOptions) {
    this.#options = options;
    this.givesRoutes = options.config.form === 'static';
  }

  /** Another program than eip-health wrote what was found, and it let something out. */
  get takesOver(): boolean {
    return this.#foundOthers;
  }

  async load(): Promise<void> {
    const {config, files, part} = this.#options;
    for (const {path, families} of part.files) {
      const text = await files.read(path).catch(() => undefined);
      if (text === undefined) continue;
      this.#onDisk.set(path, text);
      if (text === null) continue;
      this.#good.set(path, text);
      const said = saidIn(text, families, config);
      for (const one of said) this.#found.set(one.prefix, one);
      if (said.length > 0 && !isOurText(text)) this.#foundOthers = true;
      if (hasTypedFunctions(text)) this.#typedFunctions = true;
    }
  }

  forget(): void {
    this.#loaded = null;
  }

  async inspect(): Promise<string | null> {
    const {files, part} = this.#options;
    const changes: string[] = [];
    for (const {path} of part.files) {
      const text = await files.read(path).catch(() => undefined);
      if (text === undefined || text === this.#onDisk.get(path)) continue;
      this.#onDisk.set(path, text);
      changes.push(`${path} was ${text === null ? 'removed' : 'changed'} by something else`);
    }
    if (changes.length === 0) return null;
    this.forget();
    return changes.join(', ');
  }

  async apply(
    routes: ReadonlyMap<Prefix, Route>,
    mayStay: (prefix: Prefix) => boolean,
    hasNews: () => boolean,
  ): Promise<Applied> {
    const {client} = this.#options;
    this.#version = client.version ?? this.#version;
    const kept: Said[] = [];
    const dropped: Prefix[] = [];
    for (const [prefix, said] of this.#found) {
      if (routes.has(prefix)) this.#found.delete(prefix);
      else if (mayStay(prefix)) kept.push(said);
      else {
        this.#found.delete(prefix);
        dropped.push(prefix);
      }
    }
    const obstacles = new Map<Prefix, string>();
    const result = {kept: kept.map(({prefix}) => prefix), dropped, obstacles};
    try {
      const said = [...kept];
      for (const route of routes.values()) {
        const obstacle = await this.#obstacleTo(route);
        if (obstacle === null) said.push(this.#say(route));
        else obstacles.set(route.prefix, obstacle);
      }
      const inEffect = await this.#bringAbout(said, hasNews);
      return {...result, failure: null, inEffect, isPrepared: true};
    } catch (error) {
      if (!(error instanceof BirdError)) throw error;
      const isPrepared = error instanceof BirdLinkError;
      return {...result, failure: error.message, inEffect: false, isPrepared};
    }
  }

  /** Answers false where news came before it was done. */
  async #bringAbout(said: readonly Said[], hasNews: () => boolean): Promise<boolean> {
    const {client, clock, config, part} = this.#options;
    const typed = this.#version ? wantsTypedFunctions(this.#version) : this.#typedFunctions;
    const texts = new Map(
      part.files.map(({path, families}) => {
        const known = this.#speaksOfSix(said) ? families : families.filter((family) => family === 'ipv4');
        return [path, renderText(said, known.length > 0 ? known : families, config, typed)];
      }),
    );
    await this.#write(texts);
    if (client.downReason !== null) throw new BirdLinkError(client.downReason);
    const whole = [...texts.values()].join('\0');
    if (whole === this.#loaded) return true;
    // What came while the file was written goes out with it, as one configuration; but not for ever.
    if (hasNews() && this.#postponed < postponedAtMost) {
      this.#postponed++;
      return false;
    }
    this.#postponed = 0;
    const reason = await refusal(client);
    if (reason !== null) await this.#putBack(texts, reason);
    this.#loaded = null;
    const {confirmTimeoutMs} = config;
    if (!(await configure({client, clock, confirmTimeoutMs, hasNews}))) return false;
    this.#loaded = whole;
    for (const [path, text] of texts) this.#good.set(path, text);
    return true;
  }

  async #write(texts: ReadonlyMap<string, string>): Promise<void> {
    for (const [path, text] of texts) {
      if (this.#onDisk.get(path) === text) continue;
      try {
        await this.#options.files.replace(path, text);
      } catch (error) {
        this.#onDisk.delete(path);
        throw new BirdError(writeFailure(path, error));
      }
      this.#onDisk.set(path, text);
    }
  }

  /** BIRD refuses its configuration. If it takes it with the texts before, ours are the reason: they do not stay. */
  async #putBack(texts: ReadonlyMap<string, string>, reason: string): Promise<never> {
    const before = new Map(
      [...texts].flatMap(([path, text]) => {
        const good = this.#good.get(path);
        return good === undefined || good === text ? [] : [[path, good] as const];
      }),
    );
    if (before.size > 0) {
      await this.#write(before);
      if ((await refusal(this.#options.client)) === null) {
        const paths = [...before.keys()].join(' and ');
        throw new BirdError(`BIRD refuses what ${paths} is to say: ${reason}; it says what it did before`);
      }
      await this.#write(texts);
    }
    throw new BirdError(`BIRD refuses its configuration: ${reason}`);
  }

  #say(route: Route): Said {
    const [localAs = null] = this.#localAs.length === 1 ? this.#localAs : [];
    return say(route, this.#options.config, localAs);
  }

  /**
   * bird of 1.6 cannot read an IPv6 prefix, not even in a list that nothing uses: what must be read by a BIRD that has
   * not told its version has none, unless it had some before, or is to.
   */
  #speaksOfSix(said: readonly Said[]): boolean {
    if (this.#version) return !this.#isSingleFamily();
    const {variable6} = this.#options.config;
    return (
      this.#options.part.files.length > 1 ||
      this.#good.size === 0 ||
      [...this.#good.values()].some((text) => text.includes(variable6)) ||
      said.some(({prefix}) => familyOf(prefix) === 'ipv6')
    );
  }

  #isSingleFamily(): boolean {
    return this.#version?.major === 1 && this.#options.part.families.length > 1;
  }

  /** What this very BIRD cannot do. */
  async #obstacleTo({prefix, asPathPrepend}: Route): Promise<string | null> {
    const {attributes, form} = this.#options.config;
    if (this.#isSingleFamily() && familyOf(prefix) === 'ipv6') {
      return 'BIRD 1.6 has one family a daemon: set bird.socket6 and bird.file6 for bird6';
    }
    if (form !== 'static' || asPathPrepend === 0) return null;
    const {client} = this.#options;
    if (this.#localAs.length === 0 && client.version) {
      this.#localAs = parseLocalAs(await client.ask('show protocols all'));
    }
    if (this.#localAs.length === 1 || attributes === 'ignore') return null;
    if (this.#version?.major === 1) {
      return 'BIRD 1.6 does not pass on as_path_prepend of a static route (set bird.attributes: ignore)';
    }
    return this.#localAs.length === 0
      ? 'as_path_prepend needs the AS number of BIRD, which it has not told yet'
      : `as_path_prepend needs one AS number, and BIRD has ${this.#localAs.join(', ')}`;
  }
}

function writeFailure(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return `cannot write ${path}: its folder does not exist`;
  if (code === 'EACCES' || code === 'EPERM') {
    return `cannot write ${path}: no permission to make files in its folder`;
  }
  return `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`;
}
