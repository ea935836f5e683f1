/**
 * Brings one BIRD to the desired set and keeps it there. A pass makes BIRD go by what is wanted, then reads back what
 * BIRD exports, and tells what it found; passes follow each other until everything is as wanted, and look again every
 * now and then. One pass at a time: what comes meanwhile is taken up by the next one.
 */

import {type BirdConfig, unsupportedAttributes, unsupportedPrefix} from '../config/bird.js';
import type {BirdClient} from '../control/bird-client.js';
import {BirdError} from '../control/bird-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {Desired, IpFamily, Prefix, Route} from '../types.js';
import {BirdJudge} from './bird-judge.js';
import type {Applied, BirdMeans} from './bird-means.js';
import {type BirdTruth, readTruth} from './bird-truth.js';
import {DrivenNotes, type DrivenOptions, type Tell} from './driven.js';
import type {DrivenEntry, DrivenRole} from './driven-entry.js';
import {DrivenOutcomes} from './driven-outcomes.js';
import {DrivenPace} from './driven-pace.js';
import {Passes} from './driven-passes.js';
import {DrivenTable} from './driven-table.js';

/** While BIRD works on what it was told. */
const polls = {firstMs: 1, limitMs: 100};

export interface BirdReconcilerOptions extends DrivenOptions {
  readonly config: BirdConfig;
  readonly client: BirdClient;
  /** Of BIRD 1.6 there is one for each. */
  readonly families: readonly IpFamily[];
  readonly means: BirdMeans;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Another program's list was found: it stays until everything has settled. */
  readonly takesOver: () => boolean;
  readonly tell: Tell;
}

interface Look {
  readonly truth: BirdTruth | null;
  readonly failure: string | null;
}

/** What of the desired set BIRD can be told of, and why it cannot be told of the rest. */
interface Sorted {
  readonly routes: ReadonlyMap<Prefix, Route>;
  readonly obstacles: ReadonlyMap<Prefix, string>;
}

export class BirdReconciler {
  readonly passes: Passes;
  readonly #options: BirdReconcilerOptions;
  readonly #table = new DrivenTable();
  readonly #pace: DrivenPace;
  readonly #judge: BirdJudge;
  readonly #notes: DrivenNotes;
  /** null: to be found anew. */
  #sorted: Sorted | null = null;
  #lastFailure: string | null = null;

  constructor(options: BirdReconcilerOptions) {
    const {clock, emit, means} = options;
    this.#options = options;
    this.passes = new Passes(clock, () => this.#pass());
    this.#pace = new DrivenPace(clock, polls);
    this.#judge = new BirdJudge(new DrivenOutcomes({...options, name: 'bird'}), means.givesRoutes);
    this.#notes = new DrivenNotes(emit, {announcer: 'bird'});
  }

  get entries(): ReadonlyMap<Prefix, DrivenEntry> {
    return this.#table.entries;
  }

  /** Why the last pass did not do what it was to; null when it did. */
  get failure(): string | null {
    return this.#lastFailure;
  }

  set(desired: Desired<Route>): void {
    if (this.passes.isStopped) return;
    const items = desired.items.filter(({prefix}) => this.#options.families.includes(familyOf(prefix)));
    this.#table.take({...desired, items});
    this.#sorted = null;
    this.#pace.changed();
    this.passes.kick();
  }

  /** BIRD can be spoken to (again): what it goes by is not known. */
  linkUp(): void {
    this.#options.means.forget();
    this.#pace.restarted();
    for (const entry of this.entries.values()) entry.graceUntil = null;
    this.passes.kick();
  }

  /** BIRD has turned to another configuration by itself. A pass that is under way finds out. */
  lostTrack(): void {
    this.#options.means.forget();
    if (!this.passes.isRunning) this.passes.kick();
  }

  async #pass(): Promise<void> {
    const {means} = this.#options;
    if (!this.#table.desired) return;
    const isFull = this.#pace.takeFullLook();
    if (isFull) {
      const changed = await means.inspect();
      if (changed !== null) this.#notes.note('warn', `${changed}: doing it again`);
    }
    this.#table.beginPass();
    this.#sorted ??= this.#sortOut();
    const {obstacles, routes} = this.#sorted;
    const applied = await means.apply(
      routes,
      (prefix) => this.#mayStay(prefix),
      () => this.passes.hasNews,
    );
    this.#takeOver(applied);
    if (this.passes.isStopped || (!applied.inEffect && applied.failure === null)) return;
    const look = await this.#look(isFull, applied.failure);
    if (this.passes.isStopped) return;
    this.#lastFailure = look.failure;
    this.#judgeAll(look, new Map([...applied.obstacles, ...obstacles]), applied.isPrepared);
    this.#schedule(look.failure);
  }

  #sortOut(): Sorted {
    const {allowed, config} = this.#options;
    const routes = new Map<Prefix, Route>();
    const obstacles = new Map<Prefix, string>();
    for (const [prefix, item] of this.#table.items) {
      const keys = unsupportedAttributes(config, item);
      const unsaid = keys.length > 0 ? `form ${config.form} cannot express ${keys.join(', ')}` : null;
      const obstacle = allowed(prefix) ? unsupportedPrefix(config, prefix) : 'not covered by `allow`';
      const why = obstacle ?? unsaid;
      if (why === null) routes.set(prefix, item);
      else obstacles.set(prefix, why);
    }
    return {routes, obstacles};
  }

  #takeOver({dropped, kept}: Applied): void {
    const found = (prefix: Prefix, role: DrivenRole) => {
      if (this.#table.isWanted(prefix)) return;
      const entry = this.#table.entryOf(prefix, role);
      if (entry.role === 'kept' && role === 'unwanted') entry.turn(role);
      entry.isNews = false;
    };
    for (const prefix of kept) found(prefix, 'kept');
    for (const prefix of dropped) found(prefix, 'unwanted');
    this.#notes.about(
      dropped,
      'info',
      (what) => `withdrawing ${what}: left over, and of no service that is up`,
    );
  }

  async #look(isFull: boolean, before: string | null): Promise<Look> {
    const {client} = this.#options;
    if (client.downReason !== null) return {truth: null, failure: before ?? client.downReason};
    const prefixes = this.#table.toLookAt(isFull);
    try {
      const truth = await readTruth(client, prefixes, () => this.passes.hasNews);
      // Cut short by news: to be done again.
      if (isFull && truth.exports.size < prefixes.length) this.#pace.lookAgainIn(0);
      return {truth, failure: before};
    } catch (error) {
      if (error instanceof BirdError) return {truth: null, failure: before ?? error.message};
      throw error;
    }
  }

  #judgeAll({truth, failure}: Look, obstacles: ReadonlyMap<Prefix, string>, isPrepared: boolean): void {
    const missing: Prefix[] = [];
    const lingering: Prefix[] = [];
    const isGone = isPrepared && this.#options.client.isAbsent;
    for (const [prefix, entry] of this.entries) {
      const found = truth?.exports.get(prefix);
      if (entry.isNews || (truth && found === undefined)) continue;
      const obstacle = obstacles.get(prefix) ?? null;
      const verdict = this.#judge.judge(prefix, entry, {truth, found, failure, obstacle, isGone});
      if (verdict === 'gone') this.#table.entries.delete(prefix);
      if (verdict !== 'tell again') continue;
      (entry.role === 'wanted' ? missing : lingering).push(prefix);
      entry.retell();
    }
    if (missing.length + lingering.length === 0) return;
    this.#notes.about(missing, 'warn', (what) => `BIRD does not export ${what}: telling it again`);
    this.#notes.about(lingering, 'warn', (what) => `BIRD still exports ${what}: telling it again`);
    this.#options.means.forget();
    this.#pace.retold();
    this.passes.kick();
  }

  #mayStay(prefix: Prefix): boolean {
    const {adopt, complete} = this.#table.desired ?? {adopt: new Set<Prefix>(), complete: true};
    if (this.#table.wasEverWanted(prefix) || !this.#options.allowed(prefix)) return false;
    // Who moves over from another program has no earlier life of ours that could say what to adopt.
    return adopt.has(prefix) || (adopt.size === 0 && !complete && this.#options.takesOver());
  }

  #schedule(failure: string | null): void {
    const {client} = this.#options;
    const open = this.#table.open();
    const isOfLink = failure !== null && failure === client.downReason;
    // A failure that no prefix shows is said by itself.
    if (failure !== null && open.length === 0 && !this.#pace.isFailing && !isOfLink) {
      this.#notes.note('warn', failure);
    }
    if (failure === null) this.#pace.succeeded();
    // A connection that comes back tells of itself.
    if (this.passes.hasNews || isOfLink) return;
    this.passes.kickAfter(this.#pace.waitMs(open, failure !== null));
  }
}
