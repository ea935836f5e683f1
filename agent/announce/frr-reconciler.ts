/**
 * Brings bgpd to the desired set and keeps it there. A pass makes its configuration the wanted one, then reads back
 * what bgpd originates, and tells what it found; passes follow each other until everything is as wanted, and look
 * again every now and then. One pass at a time: what comes meanwhile is taken up by the next one.
 */

import {FrrError, NoBgpError} from '../control/vty-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {Desired, Prefix, Route} from '../types.js';
import {DrivenNotes, type DrivenOptions, type Tell} from './driven.js';
import type {DrivenEntry} from './driven-entry.js';
import {DrivenOutcomes} from './driven-outcomes.js';
import {DrivenPace, lookAfterChangeMs, lookEveryMs} from './driven-pace.js';
import {Passes} from './driven-passes.js';
import {DrivenTable} from './driven-table.js';
import {FrrJudge} from './frr-judge.js';
import {FrrMaker, type FrrMakerOptions} from './frr-maker.js';
import type {FrrTruth} from './frr-table.js';

/** So long bgpd lets every change lie before it looks at it (bgpd/bgp_route.c: `spec.hold`), and a little more. */
const holdMs = 52;
/** While bgpd works on what it was told. */
const polls = {firstMs: 2, limitMs: 100};

export interface FrrReconcilerOptions extends FrrMakerOptions, DrivenOptions {
  readonly tell: Tell;
}

const nothingSeen: FrrTruth = {paths: new Map(), established: {ipv4: 0, ipv6: 0}};

export class FrrReconciler {
  readonly passes: Passes;
  readonly #options: FrrReconcilerOptions;
  readonly #wants = new DrivenTable();
  readonly #pace: DrivenPace;
  readonly #maker: FrrMaker;
  readonly #judge: FrrJudge;
  readonly #notes: DrivenNotes;
  /** What FRR refused is not tried again before. */
  #refusalsUntil = 0;
  /** Before that there is nothing to be seen of what was told last. */
  #heldUntil = 0;
  /** Commands of a connection before this one may still be carried out, and a configuration still be loaded. */
  #isNewLink = false;
  /** Since the pass began that is under way. */
  #hasLinkChanged = false;
  #lastFailure: string | null = null;

  constructor(options: FrrReconcilerOptions) {
    const {clock, emit} = options;
    this.#options = options;
    this.passes = new Passes(clock, () => this.#pass());
    this.#pace = new DrivenPace(clock, polls);
    this.#notes = new DrivenNotes(emit, {announcer: 'frr'});
    this.#maker = new FrrMaker(options, this.#wants, this.#notes);
    this.#judge = new FrrJudge(new DrivenOutcomes({...options, name: 'frr'}));
  }

  get entries(): ReadonlyMap<Prefix, DrivenEntry> {
    return this.#wants.entries;
  }

  /** Why the last pass did not do what it was to; null when it did. */
  get failure(): string | null {
    return this.#lastFailure;
  }

  set(desired: Desired<Route>): void {
    if (this.passes.isStopped) return;
    this.#wants.take(desired);
    this.#pace.changed();
    this.passes.kick();
  }

  /** FRR can be spoken to (again): what it has is not known. */
  linkUp(): void {
    this.#hasLinkChanged = true;
    this.#options.table.forgetAll();
    this.#pace.restarted();
    this.#refusalsUntil = 0;
    this.#isNewLink = true;
    for (const entry of this.entries.values()) entry.graceUntil = null;
    this.passes.kick();
  }

  /** bgpd is gone, or the way to it. */
  linkDown(): void {
    this.#hasLinkChanged = true;
    this.#options.table.forgetAll();
    this.passes.kick();
  }

  async #pass(): Promise<void> {
    const {clock, table} = this.#options;
    this.#hasLinkChanged = false;
    if (!this.#wants.desired) return;
    const isFull = this.#pace.takeFullLook(this.#isNewLink ? lookAfterChangeMs : lookEveryMs);
    if (isFull) this.#isNewLink = false;
    if (clock.now() >= this.#refusalsUntil) {
      this.#refusalsUntil = clock.now() + lookEveryMs;
      this.#maker.forgetRefusals();
    }
    this.#wants.beginPass();
    let obstacles: ReadonlyMap<Prefix, string> = new Map();
    let isHeld = false;
    let truth: FrrTruth | null = null;
    let failure: string | null = null;
    try {
      const made = await this.#maker.makeSo(isFull);
      obstacles = made.obstacles;
      if (made.isPartial) this.passes.kick();
      if (made.hasChanged) this.#heldUntil = clock.now() + holdMs;
      isHeld = clock.now() < this.#heldUntil;
      truth = isHeld ? nothingSeen : await this.#look(isFull);
      if (isHeld && isFull) this.#pace.lookAgainIn(lookAfterChangeMs);
    } catch (error) {
      if (!(error instanceof FrrError)) throw error;
      // The next pass goes another way.
      if (this.#hasLinkChanged && !this.passes.isStopped) return;
      failure = error.message;
      table.forget();
      if (error instanceof NoBgpError) truth = this.#nothing();
      obstacles = new Map([...this.#wants.items.keys()].map((prefix) => [prefix, error.message]));
    }
    if (this.passes.isStopped) return;
    this.#lastFailure = truth ? null : failure;
    this.#judgeAll(truth, this.#lastFailure, obstacles);
    if (failure === null && !isHeld && !this.passes.hasNews) await this.#cleanUp();
    if (!this.passes.isStopped) this.#schedule(failure);
  }

  /** No BGP announces nothing. */
  #nothing(): FrrTruth {
    const paths = new Map([...this.entries.keys()].map((prefix) => [prefix, null]));
    return {paths, established: {ipv4: 0, ipv6: 0}};
  }

  /** Rejects with `FrrError`. */
  async #look(isFull: boolean): Promise<FrrTruth> {
    const prefixes = this.#wants.toLookAt(isFull);
    const truth = await this.#options.table.look(
      prefixes,
      () => this.passes.hasNews || this.passes.isStopped,
    );
    // Cut short by news: to be done again.
    if (isFull && truth.paths.size < prefixes.length) this.#pace.lookAgainIn(0);
    return truth;
  }

  #judgeAll(truth: FrrTruth | null, failure: string | null, obstacles: ReadonlyMap<Prefix, string>): void {
    const lost: Prefix[] = [];
    for (const [prefix, entry] of this.entries) {
      const path = truth?.paths.get(prefix);
      const isBarred = entry.role === 'wanted' && obstacles.has(prefix);
      if (entry.isNews || (truth && path === undefined && !isBarred)) continue;
      const verdict = this.#judge.judge(prefix, entry, {
        path,
        failure,
        established: truth?.established[familyOf(prefix)] ?? 0,
        obstacle: obstacles.get(prefix) ?? null,
        isGivenBack: this.#maker.isGivenBack(prefix),
      });
      if (verdict === 'gone') this.#wants.entries.delete(prefix);
      if (verdict !== 'lost') continue;
      lost.push(prefix);
      entry.turn('wanted');
      entry.word = 'pending';
    }
    if (lost.length === 0) return;
    this.#notes.about(lost, 'warn', (what) => `bgpd no longer originates ${what}: telling it again`);
    this.#options.table.forget();
    this.#pace.retold();
    this.passes.kick();
  }

  /** Nobody waits for this: it is tried again with the next change. */
  async #cleanUp(): Promise<void> {
    try {
      await this.#options.table.cleanUp();
    } catch (error) {
      if (!(error instanceof FrrError)) throw error;
      this.#notes.note('warn', `route-maps of ours stay in FRR: ${error.message}`);
    }
  }

  #schedule(failure: string | null): void {
    const open = this.#wants.open();
    // A failure that no prefix shows is said by itself.
    if (failure !== null && open.length === 0 && !this.#pace.isFailing) this.#notes.note('warn', failure);
    if (failure === null) this.#pace.succeeded();
    if (this.passes.hasNews) return;
    this.passes.kickAfter(this.#pace.waitMs(open, failure !== null, this.#heldUntil));
  }
}
