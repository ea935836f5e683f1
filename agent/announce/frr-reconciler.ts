/**
 * Brings bgpd to the desired set and keeps it there. A pass makes its configuration the wanted one, then reads back
 * what bgpd originates, and tells what it found; passes follow each other until everything is as wanted, and look
 * again every now and then. One pass at a time: what comes meanwhile is taken up by the next one.
 */

import {type FrrConfig, routeForFrr, unsupportedByFrr} from '../config/frr.js';
import {type FrrNetwork, isOurLine} from '../control/frr-config-protocol.js';
import {FrrError} from '../control/vty-protocol.js';
import {backoffMs} from '../lib/backoff.js';
import {familyOf} from '../lib/prefix.js';
import type {AnnouncerEvent, Cancel, Clock, Desired, Emit, LogLevel, Prefix, Route} from '../types.js';
import {FrrEntry, type FrrRole} from './frr-entry.js';
import {FrrJudge} from './frr-judge.js';
import type {OperatorLines} from './frr-operator-lines.js';
import {planChanges, type WantedLine} from './frr-plan.js';
import {type FrrRouteMap, routeMapFor, unsendable} from './frr-route-map.js';
import type {FrrTable, FrrTruth} from './frr-table.js';

/** While bgpd works on what it was told. */
const polls = {firstMs: 1, limitMs: 100};
/** After FRR refused, or did not answer. */
const retries = {firstMs: 100, limitMs: 30_000};
/** Where something is not as wanted that only FRR or its operator can change. */
const looks = {firstMs: 1_000, limitMs: 10_000};
/** At everything, also at what is as wanted; sooner after a change, which may have changed more than it should. */
const lookEveryMs = 10_000;
const lookAfterChangeMs = 1_000;

export interface FrrReconcilerOptions {
  readonly config: FrrConfig;
  readonly table: FrrTable;
  readonly operatorLines: OperatorLines;
  readonly clock: Clock;
  readonly emit: Emit;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether a service announces the prefix, be it up or down: then the operator's line for it follows the service. */
  readonly managed: (prefix: Prefix) => boolean;
  readonly tell: (event: AnnouncerEvent) => void;
}

export class FrrReconciler {
  readonly #options: FrrReconcilerOptions;
  readonly #judge: FrrJudge;
  readonly #entries = new Map<Prefix, FrrEntry>();
  readonly #maps = new WeakMap<Route, FrrRouteMap>();
  #mapsAs: string | null = null;
  #desired: Desired<Route> | null = null;
  #items: ReadonlyMap<Prefix, Route> = new Map();
  /** What was wanted in this life is not left over from another one. */
  readonly #everWanted = new Set<Prefix>();
  /** Refused by FRR: not tried again before the next look at everything. */
  readonly #refused = new Map<Prefix, {readonly item: Route | undefined; readonly why: string}>();
  #isStarted = false;
  #isStopped = false;
  #isRunning = false;
  #again = false;
  #cancelTimer: Cancel = () => undefined;
  #fullLookAt = 0;
  /** Commands of a connection before this one may still be carried out, and a configuration still be loaded. */
  #isNewLink = false;
  #polls = 0;
  #failures = 0;
  #looks = 0;
  #lastFailure: string | null = null;
  #onPass: (() => void)[] = [];

  constructor(options: FrrReconcilerOptions) {
    this.#options = options;
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
    const before = this.#items;
    this.#desired = desired;
    this.#items = routeForFrr(desired.items);
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

  /** FRR can be spoken to (again): what it has is not known. */
  linkUp(): void {
    this.#options.table.forgetAll();
    this.#failures = 0;
    this.#looks = 0;
    this.#fullLookAt = 0;
    this.#isNewLink = true;
    for (const entry of this.#entries.values()) entry.graceUntil = null;
    this.kick();
  }

  /** Nobody answers (any more). */
  linkDown(): void {
    this.#options.table.forgetAll();
    // A first attempt may go by another way; later ones have their own pace.
    if (this.#failures === 0) this.kick();
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
    const {clock} = this.#options;
    this.#cancelTimer();
    if (!this.#desired) return;
    const isFull = clock.now() >= this.#fullLookAt;
    if (isFull) {
      this.#fullLookAt = clock.now() + (this.#isNewLink ? lookAfterChangeMs : lookEveryMs);
      this.#isNewLink = false;
    }
    // Removals are tried again each time.
    for (const [prefix, {item}] of this.#refused) if (isFull || !item) this.#refused.delete(prefix);
    for (const entry of this.#entries.values()) entry.isNews = false;
    let truth: FrrTruth | null = null;
    let failure: string | null = null;
    try {
      await this.#makeSo(isFull);
      truth = await this.#look(isFull);
    } catch (error) {
      if (!(error instanceof FrrError)) throw error;
      failure = error.message;
      this.#options.table.forget();
    }
    if (this.#isStopped) return;
    this.#lastFailure = failure;
    this.#judgeAll(truth, failure);
    if (failure === null && !this.#again) await this.#cleanUp();
    if (!this.#isStopped) this.#schedule(failure);
  }

  /** Rejects with `FrrError`. */
  async #makeSo(isFull: boolean): Promise<void> {
    const {table} = this.#options;
    const before = table.running;
    if (isFull || !before) {
      const running = await table.read();
      if (before) this.#sayDrift(before.networks, running.networks);
    }
    const {running} = table;
    if (!running) return;
    const {lines, maps, replaced} = planChanges({
      running,
      wanted: this.#wantedLines(running.as ?? '', running.networks),
      unwanted: (line) => this.#fate(line),
    });
    const changes = new Map(lines);
    for (const line of replaced) {
      const kept = this.#keepAside(line);
      // Without a note of it nothing takes its place; but what is down goes, whatever the disk says.
      if (!kept && this.#items.has(line.prefix)) changes.delete(line.prefix);
    }
    if (changes.size === 0) return;
    const {isWhole, refused} = await table.apply({maps, lines: changes, replaced});
    for (const [prefix, why] of refused) this.#refused.set(prefix, {item: this.#items.get(prefix), why});
    for (const [prefix, {kind}] of changes) {
      const line = table.running?.networks.get(prefix);
      if (kind === 'set' && line && !isOurLine(line)) this.#options.operatorLines.drop(prefix);
    }
    if (!isWhole) this.#again = true;
  }

  /** What can be told to FRR; the rest gets to know its obstacle. */
  #wantedLines(as: string, networks: ReadonlyMap<Prefix, FrrNetwork>): ReadonlyMap<Prefix, WantedLine> {
    const {allowed, config, managed, operatorLines} = this.#options;
    const wanted = new Map<Prefix, WantedLine>();
    for (const [prefix, item] of this.#items) {
      const entry = this.#entryOf(prefix, 'wanted');
      const keys = unsupportedByFrr(config, item);
      const refused = this.#refused.get(prefix);
      entry.obstacle = allowed(prefix) ? null : 'not covered by `allow`';
      if (keys.length > 0) entry.obstacle ??= untold(keys, config);
      if (refused && refused.item === item) entry.obstacle ??= refused.why;
      const map = this.#mapOf(item, as);
      entry.obstacle ??= unsendable(map);
      if (entry.obstacle !== null) continue;
      if (!config.onlyConfigured) {
        wanted.set(prefix, {kind: 'ours', map});
        continue;
      }
      const present = networks.get(prefix);
      const line = present && !isOurLine(present) ? present : operatorLines.all().get(prefix);
      if (line) wanted.set(prefix, {kind: 'operator', line});
      else entry.obstacle = `FRR's own configuration has no "network ${prefix}", and only_configured is set`;
    }
    // What is of no service any more is given back as it was.
    for (const [prefix, line] of operatorLines.all()) {
      if (!this.#items.has(prefix) && !managed(prefix)) wanted.set(prefix, {kind: 'operator', line});
    }
    return wanted;
  }

  #mapOf(item: Route, as: string): FrrRouteMap {
    const known = this.#mapsAs === as ? this.#maps.get(item) : undefined;
    if (known) return known;
    this.#mapsAs = as;
    const map = routeMapFor(item, as);
    this.#maps.set(item, map);
    return map;
  }

  /** What becomes of a line that is not wanted. */
  #fate(line: FrrNetwork): 'stays' | 'goes' {
    const {allowed, managed} = this.#options;
    const {prefix} = line;
    const {adopt, complete} = this.#desired ?? {adopt: new Set<Prefix>(), complete: true};
    const isOurs = isOurLine(line);
    if (!isOurs && !managed(prefix)) return 'stays';
    // The operator's own line has announced the prefix until now: it does so until every service has settled.
    const mayStay = isOurs ? adopt.has(prefix) && allowed(prefix) : !complete;
    const stays = mayStay && !this.#everWanted.has(prefix);
    const isWanted = this.#items.has(prefix);
    if (!isWanted) {
      const known = this.#entries.get(prefix);
      const entry = this.#entryOf(prefix, stays ? 'kept' : 'unwanted');
      if (!stays && entry.role === 'kept') entry.turn('unwanted');
      if (!known && !stays) {
        const what = isOurs ? 'left over, and of no service that is up' : 'its service is not up';
        this.#note('info', `withdrawing ${prefix}: ${what}`);
      }
      entry.isNews = false;
    }
    return stays ? 'stays' : 'goes';
  }

  /** Answers whether it is written down. */
  #keepAside(line: FrrNetwork): boolean {
    try {
      this.#options.operatorLines.keep(line);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const {prefix, text} = line;
      this.#note('error', `the journal of the operator's lines cannot be written: ${why}: "${text}"`, [
        prefix,
      ]);
      const entry = this.#entries.get(prefix);
      if (entry?.role === 'wanted')
        entry.obstacle = `the operator's line for it cannot be kept aside: ${why}`;
      return false;
    }
  }

  #sayDrift(before: ReadonlyMap<Prefix, FrrNetwork>, now: ReadonlyMap<Prefix, FrrNetwork>): void {
    const moved = [...before.values()].filter(
      (line) => this.#items.has(line.prefix) && now.get(line.prefix)?.text !== line.text,
    );
    this.#say(
      moved.map(({prefix}) => prefix),
      (what) => `the line of FRR for ${what} was changed by something else: doing it again`,
    );
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

  #judgeAll(truth: FrrTruth | null, failure: string | null): void {
    const {managed, table} = this.#options;
    const lost: Prefix[] = [];
    for (const [prefix, entry] of this.#entries) {
      const path = truth?.paths.get(prefix);
      if (entry.isNews || (truth && path === undefined)) continue;
      const line = table.running?.networks.get(prefix);
      const refused = this.#refused.get(prefix);
      const isRefused = refused !== undefined && refused.item === this.#items.get(prefix);
      const verdict = this.#judge.judge(prefix, entry, {
        path,
        failure,
        established: truth?.established[familyOf(prefix)] ?? 0,
        obstacle: entry.role === 'kept' ? null : (entry.obstacle ?? (isRefused ? refused.why : null)),
        isGivenBack: line !== undefined && !isOurLine(line) && !managed(prefix),
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

function untold(keys: readonly string[], {onlyConfigured}: FrrConfig): string {
  return onlyConfigured
    ? `only_configured announces FRR's own lines as they are, without ${keys.join(', ')}`
    : `FRR cannot be told ${keys.join(', ')} of a single route`;
}
