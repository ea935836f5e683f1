/**
 * Brings bgpd to the desired set and keeps it there. A pass makes its configuration the wanted one, then reads back
 * what bgpd originates, and tells what it found; passes follow each other until everything is as wanted, and look
 * again every now and then. One pass at a time: what comes meanwhile is taken up by the next one.
 */

import {type FrrNetwork, isOurLine} from '../control/frr-config-protocol.js';
import {FrrError, NoBgpError} from '../control/vty-protocol.js';
import {backoffMs} from '../lib/backoff.js';
import {familyOf} from '../lib/prefix.js';
import type {AnnouncerEvent, Cancel, Clock, Desired, Emit, LogLevel, Prefix, Route} from '../types.js';
import {FrrEntry, type FrrRole} from './frr-entry.js';
import {FrrIntent, type FrrIntentOptions} from './frr-intent.js';
import {FrrJudge} from './frr-judge.js';
import {planChanges} from './frr-plan.js';
import type {FrrTable, FrrTruth} from './frr-table.js';

/** So long bgpd lets every change lie before it looks at it (bgpd/bgp_route.c: `spec.hold`), and a little more. */
const holdMs = 52;
/** While bgpd works on what it was told. */
const polls = {firstMs: 2, limitMs: 100};
/** After FRR refused, or did not answer. */
const retries = {firstMs: 100, limitMs: 30_000};
/** Where something is not as wanted that only FRR or its operator can change. */
const looks = {firstMs: 1_000, limitMs: 10_000};
/** At everything, also at what is as wanted; sooner after a change, which may have changed more than it should. */
const lookEveryMs = 10_000;
const lookAfterChangeMs = 1_000;

export interface FrrReconcilerOptions extends FrrIntentOptions {
  readonly table: FrrTable;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly tell: (event: AnnouncerEvent) => void;
}

interface Made {
  /** Wanted, and not possible: why. */
  readonly obstacles: ReadonlyMap<Prefix, string>;
  readonly hasChanged: boolean;
}

const nothingSeen: FrrTruth = {paths: new Map(), established: {ipv4: 0, ipv6: 0}};

export class FrrReconciler {
  readonly #options: FrrReconcilerOptions;
  readonly #intent: FrrIntent;
  readonly #judge: FrrJudge;
  readonly #entries = new Map<Prefix, FrrEntry>();
  #isStarted = false;
  #isStopped = false;
  #isRunning = false;
  #hasDesired = false;
  #again = false;
  #cancelTimer: Cancel = () => undefined;
  #fullLookAt = 0;
  /** What FRR refused is not tried again before. */
  #refusalsUntil = 0;
  /** Before that there is nothing to be seen of what was told last. */
  #heldUntil = 0;
  /** Commands of a connection before this one may still be carried out, and a configuration still be loaded. */
  #isNewLink = false;
  /** Since the pass began that is under way. */
  #hasLinkChanged = false;
  #polls = 0;
  #failures = 0;
  #looks = 0;
  #lastFailure: string | null = null;
  #onPass: (() => void)[] = [];

  constructor(options: FrrReconcilerOptions) {
    this.#options = options;
    this.#intent = new FrrIntent(options);
    this.#judge = new FrrJudge(options);
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

  get entries(): ReadonlyMap<Prefix, FrrEntry> {
    return this.#entries;
  }

  /** Why the last pass did not do what it was to; null when it did. */
  get failure(): string | null {
    return this.#lastFailure;
  }

  set(desired: Desired<Route>): void {
    if (this.#isStopped) return;
    const {unwanted, wanted} = this.#intent.take(desired);
    for (const {owners, prefix} of wanted) {
      const entry = this.#entryOf(prefix, 'wanted');
      entry.owners = owners;
      entry.turn('wanted');
    }
    for (const prefix of unwanted) this.#entryOf(prefix, 'unwanted').turn('unwanted');
    this.#hasDesired = true;
    this.#polls = 0;
    this.#looks = 0;
    this.#fullLookAt = Math.min(this.#fullLookAt, this.#options.clock.now() + lookAfterChangeMs);
    this.kick();
  }

  /** FRR can be spoken to (again): what it has is not known. */
  linkUp(): void {
    this.#hasLinkChanged = true;
    this.#options.table.forgetAll();
    this.#failures = 0;
    this.#looks = 0;
    this.#fullLookAt = 0;
    this.#refusalsUntil = 0;
    this.#isNewLink = true;
    for (const entry of this.#entries.values()) entry.graceUntil = null;
    this.kick();
  }

  /** bgpd is gone, or the way to it. */
  linkDown(): void {
    this.#hasLinkChanged = true;
    this.#options.table.forgetAll();
    this.kick();
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
    const {clock, table} = this.#options;
    this.#cancelTimer();
    this.#hasLinkChanged = false;
    if (!this.#hasDesired) return;
    const isFull = clock.now() >= this.#fullLookAt;
    if (isFull) {
      this.#fullLookAt = clock.now() + (this.#isNewLink ? lookAfterChangeMs : lookEveryMs);
      this.#isNewLink = false;
    }
    if (clock.now() >= this.#refusalsUntil) {
      this.#refusalsUntil = clock.now() + lookEveryMs;
      this.#intent.forgetRefusals();
    }
    for (const entry of this.#entries.values()) entry.isNews = false;
    let obstacles: ReadonlyMap<Prefix, string> = new Map();
    let isHeld = false;
    let truth: FrrTruth | null = null;
    let failure: string | null = null;
    try {
      const made = await this.#makeSo(isFull);
      obstacles = made.obstacles;
      if (made.hasChanged) this.#heldUntil = clock.now() + holdMs;
      isHeld = clock.now() < this.#heldUntil;
      truth = isHeld ? nothingSeen : await this.#look(isFull);
      if (isHeld && isFull) this.#fullLookAt = clock.now() + lookAfterChangeMs;
    } catch (error) {
      if (!(error instanceof FrrError)) throw error;
      // The next pass goes another way.
      if (this.#hasLinkChanged && !this.#isStopped) return;
      failure = error.message;
      table.forget();
      if (error instanceof NoBgpError) truth = this.#nothing();
      obstacles = new Map(this.#wanted().map((prefix) => [prefix, error.message]));
    }
    if (this.#isStopped) return;
    this.#lastFailure = truth ? null : failure;
    this.#judgeAll(truth, this.#lastFailure, obstacles);
    if (failure === null && !isHeld && !this.#again) await this.#cleanUp();
    if (!this.#isStopped) this.#schedule(failure);
  }

  /** Answers what cannot be done for which prefix. Rejects with `FrrError`. */
  async #makeSo(isFull: boolean): Promise<Made> {
    const {operatorLines, table} = this.#options;
    const before = table.running;
    const isFresh = isFull || !before;
    if (isFresh) {
      const {networks} = await table.read();
      if (before) this.#sayDrift(before.networks, networks);
    }
    const {running} = table;
    if (!running) return {obstacles: new Map(), hasChanged: false};
    const wishes = this.#intent.wishes(running);
    const obstacles = new Map(wishes.obstacles);
    const plan = planChanges({running, wanted: wishes.lines, unwanted: (line) => this.#decide(line)});
    const lines = new Map(plan.lines);
    for (const line of plan.replaced) {
      const problem = this.#keepAside(line);
      // Without a note of it nothing takes its place; but what is down goes, whatever the disk says.
      if (problem === null || !this.#intent.isWanted(line.prefix)) continue;
      lines.delete(line.prefix);
      obstacles.set(line.prefix, problem);
    }
    if (lines.size === 0) return {obstacles, hasChanged: false};
    const {isWhole, refused} = await table.apply({...plan, lines}, isFresh);
    for (const [prefix, why] of refused) {
      this.#intent.refuse(prefix, why);
      obstacles.set(prefix, why);
    }
    for (const prefix of lines.keys()) {
      const line = table.running?.networks.get(prefix);
      if (line && !isOurLine(line)) operatorLines.drop(prefix);
    }
    // What was refused may have been done in part: the next pass finds it, and does not try it again.
    if (!isWhole || [...refused.keys()].some((prefix) => this.#intent.isWanted(prefix))) this.#again = true;
    return {obstacles, hasChanged: refused.size < lines.size};
  }

  /** What becomes of a line that nobody wants there; from now on it is watched. */
  #decide(line: FrrNetwork): 'stays' | 'goes' {
    const {prefix} = line;
    const fate = this.#intent.fateOf(line);
    const isOurs = isOurLine(line);
    if (this.#intent.isWanted(prefix) || (fate === 'stays' && !this.#mayGo(line))) return fate;
    const isNew = fate === 'goes' && (this.#entries.get(prefix)?.role ?? 'kept') === 'kept';
    const entry = this.#entryOf(prefix, fate === 'stays' ? 'kept' : 'unwanted');
    if (isNew) entry.turn('unwanted');
    entry.isNews = false;
    if (isNew) {
      const why = isOurs ? 'left over, and of no service that is up' : 'its service is not up';
      this.#note('info', `withdrawing ${prefix}: ${why}`);
    }
    return fate;
  }

  /** Whether the line is there at our discretion: ours, or the operator's for a service of ours. */
  #mayGo(line: FrrNetwork): boolean {
    return isOurLine(line) || this.#options.managed(line.prefix);
  }

  /** Answers what is wrong, null when it is written down. */
  #keepAside(line: FrrNetwork): string | null {
    const {prefix, text} = line;
    try {
      this.#options.operatorLines.keep(line);
      return null;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#intent.isWanted(prefix)) {
        const message = `the operator's line "${text}" goes without a note of it in the journal: ${why}`;
        this.#note('error', message, [prefix]);
      }
      return `the operator's line "${text}" cannot be kept aside: ${why}`;
    }
  }

  #sayDrift(before: ReadonlyMap<Prefix, FrrNetwork>, now: ReadonlyMap<Prefix, FrrNetwork>): void {
    const moved = [...before.values()].filter(
      ({prefix, text}) => this.#intent.isWanted(prefix) && now.get(prefix)?.text !== text,
    );
    this.#say(
      moved.map(({prefix}) => prefix),
      (what) => `the line of FRR for ${what} was changed by something else: doing it again`,
    );
  }

  /** No BGP announces nothing. */
  #nothing(): FrrTruth {
    const paths = new Map([...this.#entries.keys()].map((prefix) => [prefix, null]));
    return {paths, established: {ipv4: 0, ipv6: 0}};
  }

  #wanted(): readonly Prefix[] {
    return [...this.#entries.keys()].filter((prefix) => this.#intent.isWanted(prefix));
  }

  /** Rejects with `FrrError`. */
  async #look(isFull: boolean): Promise<FrrTruth> {
    const prefixes = [...this.#entries.keys()].filter(
      (prefix) => isFull || !this.#entries.get(prefix)?.isSettled,
    );
    const truth = await this.#options.table.look(prefixes, () => this.#again || this.#isStopped);
    // Cut short by news: to be done again.
    if (isFull && truth.paths.size < prefixes.length) this.#fullLookAt = 0;
    return truth;
  }

  #judgeAll(truth: FrrTruth | null, failure: string | null, obstacles: ReadonlyMap<Prefix, string>): void {
    const {table} = this.#options;
    const lost: Prefix[] = [];
    for (const [prefix, entry] of this.#entries) {
      const path = truth?.paths.get(prefix);
      const isBarred = entry.role === 'wanted' && obstacles.has(prefix);
      if (entry.isNews || (truth && path === undefined && !isBarred)) continue;
      const line = table.running?.networks.get(prefix);
      const verdict = this.#judge.judge(prefix, entry, {
        path,
        failure,
        established: truth?.established[familyOf(prefix)] ?? 0,
        obstacle: obstacles.get(prefix) ?? null,
        isGivenBack: line !== undefined && !this.#mayGo(line),
      });
      if (verdict === 'gone') this.#entries.delete(prefix);
      if (verdict !== 'lost') continue;
      lost.push(prefix);
      entry.turn('wanted');
      entry.word = 'pending';
    }
    if (lost.length === 0) return;
    this.#say(lost, (what) => `bgpd no longer originates ${what}: telling it again`);
    table.forget();
    this.#polls = 0;
    this.#again = true;
  }

  /** Nobody waits for this: it is tried again with the next change. */
  async #cleanUp(): Promise<void> {
    try {
      await this.#options.table.cleanUp();
    } catch (error) {
      if (!(error instanceof FrrError)) throw error;
      this.#note('warn', `route-maps of ours stay in FRR: ${error.message}`);
    }
  }

  #schedule(failure: string | null): void {
    const {clock} = this.#options;
    const now = clock.now();
    const open = [...this.#entries.values()].filter((entry) => !entry.isSettled && entry.role !== 'kept');
    // A failure that no prefix shows is said by itself.
    if (failure !== null && open.length === 0 && this.#failures === 0) this.#note('warn', failure);
    if (failure === null) this.#failures = 0;
    if (this.#again) return;
    let waitMs = Math.max(0, this.#fullLookAt - now);
    if (failure !== null) waitMs = Math.min(waitMs, backoffMs(++this.#failures, retries));
    else if (now < this.#heldUntil) waitMs = Math.min(waitMs, this.#heldUntil - now);
    else if (open.some(({graceUntil}) => graceUntil !== null && now < graceUntil)) {
      waitMs = Math.min(waitMs, backoffMs(++this.#polls, polls));
    } else if (open.length > 0) waitMs = Math.min(waitMs, backoffMs(++this.#looks, looks));
    this.#cancelTimer = clock.after(waitMs, () => this.kick());
  }

  #entryOf(prefix: Prefix, role: FrrRole): FrrEntry {
    let entry = this.#entries.get(prefix);
    if (!entry) {
      entry = new FrrEntry(role);
      this.#entries.set(prefix, entry);
    }
    return entry;
  }

  #say(prefixes: readonly Prefix[], message: (what: string) => string): void {
    const [first] = prefixes;
    if (first === undefined) return;
    const what = prefixes.length === 1 ? first : `${prefixes.length} prefixes`;
    this.#note('warn', message(what), prefixes.slice(0, 20));
  }

  #note(level: LogLevel, message: string, prefixes?: readonly Prefix[]): void {
    const fields = {announcer: 'frr', ...(prefixes ? {prefixes} : {})};
    this.#options.emit({kind: 'note', level, message, fields});
  }
}
