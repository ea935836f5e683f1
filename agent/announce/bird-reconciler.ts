/**
 * Brings one BIRD to the desired set and keeps it there. A pass makes BIRD go by what is wanted, then reads back what
 * BIRD exports, and tells what it found; passes follow each other until everything is as wanted, and look again every
 * now and then. One pass at a time: what comes meanwhile is taken up by the next one.
 */

import {type BirdConfig, unsupportedAttributes, unsupportedPrefix} from '../config/bird.js';
import type {BirdClient} from '../control/bird-client.js';
import {BirdError} from '../control/bird-protocol.js';
import {backoffMs} from '../lib/backoff.js';
import type {AnnouncerEvent, Cancel, Clock, Desired, Emit, LogLevel, Prefix, Route} from '../types.js';
import {BirdEntry, type BirdRole} from './bird-entry.js';
import {BirdJudge} from './bird-judge.js';
import type {Applied, BirdMeans} from './bird-means.js';
import {type BirdTruth, readTruth} from './bird-truth.js';

/** While BIRD works on what it was told. */
const polls = {firstMs: 1, limitMs: 100};
/** After BIRD, or the disk, refused. */
const retries = {firstMs: 100, limitMs: 30_000};
/** Where something is not as wanted that only BIRD or its operator can change. */
const looks = {firstMs: 1_000, limitMs: 10_000};
/** At everything, also at what is as wanted; sooner after a change, which may have changed more than it should. */
const lookEveryMs = 10_000;
const lookAfterChangeMs = 1_000;

export interface BirdReconcilerOptions {
  readonly config: BirdConfig;
  readonly client: BirdClient;
  readonly means: BirdMeans;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Another program's list was found: it stays until everything has settled. */
  readonly takesOver: () => boolean;
  readonly tell: (event: AnnouncerEvent) => void;
}

export class BirdReconciler {
  readonly #options: BirdReconcilerOptions;
  readonly #judge: BirdJudge;
  readonly #entries = new Map<Prefix, BirdEntry>();
  #desired: Desired<Route> | null = null;
  #items = new Map<Prefix, Route>();
  /** The items that BIRD can be told of; null: to be found anew. */
  #possible: ReadonlyMap<Prefix, Route> | null = null;
  /** What was wanted in this life is not left over from another one. */
  readonly #everWanted = new Set<Prefix>();
  #isStarted = false;
  #isStopped = false;
  #isRunning = false;
  #again = false;
  #cancelTimer: Cancel = () => undefined;
  #fullLookAt = 0;
  #polls = 0;
  #failures = 0;
  #looks = 0;
  #lastFailure: string | null = null;
  #onPass: (() => void)[] = [];

  constructor(options: BirdReconcilerOptions) {
    this.#options = options;
    this.#judge = new BirdJudge({...options, givesRoutes: options.means.givesRoutes});
  }

  start(): void {
    this.#isStarted = true;
    this.kick();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#passed();
  }

  get entries(): ReadonlyMap<Prefix, BirdEntry> {
    return this.#entries;
  }

  /** Why the last pass did not do what it was to; null when it did. */
  get failure(): string | null {
    return this.#lastFailure;
  }

  set(desired: Desired<Route>): void {
    if (this.#isStopped) return;
    const before = this.#items;
    this.#desired = desired;
    this.#items = oneEach(desired.items);
    this.#possible = null;
    for (const [prefix, item] of this.#items) {
      this.#everWanted.add(prefix);
      if (before.get(prefix) === item) continue;
      const entry = this.#entryOf(prefix, 'wanted');
      entry.owners = item.owners;
      entry.turn('wanted');
    }
    for (const prefix of before.keys()) {
      if (!this.#items.has(prefix)) this.#entryOf(prefix, 'unwanted').turn('unwanted');
    }
    this.#polls = 0;
    this.#looks = 0;
    this.#fullLookAt = Math.min(this.#fullLookAt, this.#options.clock.now() + lookAfterChangeMs);
    this.kick();
  }

  /** BIRD can be spoken to (again): what it goes by is not known. */
  linkUp(): void {
    this.#options.means.forget();
    this.#failures = 0;
    this.#looks = 0;
    this.#fullLookAt = 0;
    for (const entry of this.#entries.values()) entry.graceUntil = null;
    this.kick();
  }

  /** BIRD has turned to another configuration by itself. A pass that is under way finds out. */
  lostTrack(): void {
    this.#options.means.forget();
    if (!this.#isRunning) this.kick();
  }

  /** Something happened: there may be something to do. */
  kick(): void {
    this.#again = true;
    if (this.#isRunning || !this.#isStarted || this.#isStopped) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** Resolves after the next pass, or when it is stopped. */
  nextPass(): Promise<void> {
    return new Promise((resolve) => this.#onPass.push(resolve));
  }

  async #run(): Promise<void> {
    // Several sets of one turn are one.
    await Promise.resolve();
    while (this.#again && !this.#isStopped) {
      this.#again = false;
      await this.#pass();
      this.#passed();
    }
    this.#isRunning = false;
  }

  #passed(): void {
    const waiting = this.#onPass;
    this.#onPass = [];
    for (const done of waiting) done();
  }

  async #pass(): Promise<void> {
    const {clock, means} = this.#options;
    this.#cancelTimer();
    if (!this.#desired) return;
    const isFull = clock.now() >= this.#fullLookAt;
    if (isFull) {
      this.#fullLookAt = clock.now() + lookEveryMs;
      const changed = await means.inspect();
      if (changed !== null) this.#note('warn', `${changed}: doing it again`);
    }
    for (const entry of this.#entries.values()) entry.isNews = false;
    const applied = await means.apply(
      this.#sortOut(),
      (prefix) => this.#mayStay(prefix),
      () => this.#again,
    );
    this.#takeOver(applied);
    if (this.#isStopped || (!applied.inEffect && applied.failure === null)) return;
    const {truth, failure} = await this.#look(isFull, applied.failure);
    if (this.#isStopped) return;
    this.#lastFailure = failure;
    this.#judgeAll(truth, failure, applied.obstacles);
    this.#schedule(failure);
  }

  /** What BIRD can be told of; the rest gets to know its obstacle. */
  #sortOut(): ReadonlyMap<Prefix, Route> {
    if (this.#possible) return this.#possible;
    const {allowed, config} = this.#options;
    const routes = new Map<Prefix, Route>();
    for (const [prefix, item] of this.#items) {
      const entry = this.#entryOf(prefix, 'wanted');
      const keys = unsupportedAttributes(config, item);
      entry.obstacle = allowed(prefix) ? unsupportedPrefix(config, prefix) : 'not covered by `allow`';
      if (keys.length > 0) entry.obstacle ??= `form ${config.form} cannot express ${keys.join(', ')}`;
      if (entry.obstacle === null) routes.set(prefix, item);
    }
    this.#possible = routes;
    return routes;
  }

  #takeOver({dropped, kept}: Applied): void {
    const found = (prefix: Prefix, role: BirdRole) => {
      if (this.#items.has(prefix)) return;
      const entry = this.#entryOf(prefix, role);
      if (entry.role === 'kept' && role === 'unwanted') entry.turn(role);
      entry.isNews = false;
    };
    for (const prefix of kept) found(prefix, 'kept');
    for (const prefix of dropped) found(prefix, 'unwanted');
    this.#say(dropped, 'info', (what) => `withdrawing ${what}: left over, and of no service that is up`);
  }

  async #look(
    isFull: boolean,
    before: string | null,
  ): Promise<{readonly truth: BirdTruth | null; readonly failure: string | null}> {
    const {client} = this.#options;
    if (client.downReason !== null) return {truth: null, failure: before ?? client.downReason};
    const prefixes = [...this.#entries.keys()].filter(
      (prefix) => isFull || !this.#entries.get(prefix)?.isSettled,
    );
    try {
      const truth = await readTruth(client, prefixes, () => this.#again);
      // Cut short by news: to be done again.
      if (isFull && truth.exports.size < prefixes.length) this.#fullLookAt = 0;
      return {truth, failure: before};
    } catch (error) {
      if (error instanceof BirdError) return {truth: null, failure: before ?? error.message};
      throw error;
    }
  }

  #judgeAll(truth: BirdTruth | null, failure: string | null, obstacles: ReadonlyMap<Prefix, string>): void {
    const missing: Prefix[] = [];
    const lingering: Prefix[] = [];
    for (const [prefix, entry] of this.#entries) {
      const found = truth?.exports.get(prefix);
      if (entry.isNews || (truth && found === undefined)) continue;
      const obstacle = entry.obstacle ?? obstacles.get(prefix) ?? null;
      const verdict = this.#judge.judge(prefix, entry, {truth, found, failure, obstacle});
      if (verdict === 'gone') this.#entries.delete(prefix);
      if (verdict !== 'tell again') continue;
      (entry.role === 'wanted' ? missing : lingering).push(prefix);
      entry.retell();
    }
    if (missing.length + lingering.length === 0) return;
    this.#say(missing, 'warn', (what) => `BIRD does not export ${what}: telling it again`);
    this.#say(lingering, 'warn', (what) => `BIRD still exports ${what}: telling it again`);
    this.#options.means.forget();
    this.#polls = 0;
    this.#again = true;
  }

  #mayStay(prefix: Prefix): boolean {
    const {adopt, complete} = this.#desired ?? {adopt: new Set<Prefix>(), complete: true};
    if (this.#everWanted.has(prefix) || !this.#options.allowed(prefix)) return false;
    // Who moves over from another program has no earlier life of ours that could say what to adopt.
    return adopt.has(prefix) || (adopt.size === 0 && !complete && this.#options.takesOver());
  }

  #schedule(failure: string | null): void {
    const {client, clock} = this.#options;
    const now = clock.now();
    const open = [...this.#entries.values()].filter((entry) => !entry.isSettled && entry.role !== 'kept');
    // A failure that no prefix shows is said by itself.
    if (failure !== null && open.length === 0 && this.#failures === 0 && failure !== client.downReason) {
      this.#note('warn', failure);
    }
    if (failure === null) this.#failures = 0;
    // A connection that comes back tells of itself.
    if (this.#again || (failure !== null && failure === client.downReason)) return;
    let waitMs = Math.max(0, this.#fullLookAt - now);
    if (failure !== null) waitMs = Math.min(waitMs, backoffMs(++this.#failures, retries));
    else if (open.some(({graceUntil}) => graceUntil !== null && now < graceUntil)) {
      waitMs = Math.min(waitMs, backoffMs(++this.#polls, polls));
    } else if (open.length > 0) waitMs = Math.min(waitMs, backoffMs(++this.#looks, looks));
    this.#cancelTimer = clock.after(waitMs, () => this.kick());
  }

  #entryOf(prefix: Prefix, role: BirdRole): BirdEntry {
    let entry = this.#entries.get(prefix);
    if (!entry) {
      entry = new BirdEntry(role);
      this.#entries.set(prefix, entry);
    }
    return entry;
  }

  #say(prefixes: readonly Prefix[], level: LogLevel, message: (what: string) => string): void {
    const [first] = prefixes;
    if (first === undefined) return;
    const what = prefixes.length === 1 ? first : `${prefixes.length} prefixes`;
    this.#note(level, message(what), {prefixes: prefixes.slice(0, 20)});
  }

  #note(level: LogLevel, message: string, fields: {readonly prefixes?: readonly Prefix[]} = {}): void {
    this.#options.emit({kind: 'note', level, message, fields: {announcer: 'bird', ...fields}});
  }
}

/** Of several routes of a prefix the one that is for all peers: BIRD's sessions have no names of ours. */
function oneEach(items: readonly Route[]): Map<Prefix, Route> {
  const map = new Map<Prefix, Route>();
  for (const item of items) {
    const known = map.get(item.prefix);
    if (!known || (known.peers !== null && item.peers === null)) map.set(item.prefix, item);
  }
  return map;
}
