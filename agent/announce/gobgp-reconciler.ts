/**
 * Brings gobgpd to the desired set and keeps it there. A pass tells it what changed, withdrawals first, reads back what
 * its global RIB holds, and tells what it found. What of ours is in there is known by the journal: GoBGP does not say
 * who added a path, and forgets all of them when it ends.
 */

import {gobgpNextHop} from '../config/gobgp.js';
import {attributesOf, GobgpError, type GobgpPath, type GobgpSessions} from '../control/gobgp-protocol.js';
import {familyOf, parsePrefix} from '../lib/prefix.js';
import type {Desired, Prefix, Route} from '../types.js';
import {DrivenNotes, type DrivenOptions, type Tell} from './driven.js';
import type {DrivenEntry} from './driven-entry.js';
import {DrivenOutcomes} from './driven-outcomes.js';
import {DrivenPace} from './driven-pace.js';
import {Passes} from './driven-passes.js';
import {DrivenTable} from './driven-table.js';
import {GobgpJudge} from './gobgp-judge.js';
import {GobgpMaker, type GobgpMakerOptions} from './gobgp-maker.js';

export interface GobgpReconcilerOptions extends GobgpMakerOptions, DrivenOptions {
  readonly tell: Tell;
}

interface Look {
  readonly paths: ReadonlyMap<Prefix, readonly GobgpPath[]>;
  readonly failure: string | null;
}

/** GoBGP does what it is told before it answers: there is nothing to wait for. */
const polls = {firstMs: 100, limitMs: 1_000};

export class GobgpReconciler {
  readonly passes: Passes;
  readonly #options: GobgpReconcilerOptions;
  readonly #table = new DrivenTable();
  readonly #pace: DrivenPace;
  readonly #maker: GobgpMaker;
  readonly #judge: GobgpJudge;
  readonly #notes: DrivenNotes;
  #as: number | null = null;
  #sessions: GobgpSessions | null = null;
  #failure: string | null = null;

  constructor(options: GobgpReconcilerOptions) {
    const {clock, emit} = options;
    this.#options = options;
    this.passes = new Passes(clock, () => this.#pass());
    this.#pace = new DrivenPace(clock, polls);
    this.#maker = new GobgpMaker(options, this.#table);
    this.#judge = new GobgpJudge(new DrivenOutcomes({...options, name: 'gobgp'}));
    this.#notes = new DrivenNotes(emit, {announcer: 'gobgp'});
  }

  get entries(): ReadonlyMap<Prefix, DrivenEntry> {
    return this.#table.entries;
  }

  /** Why the last pass did not do what it was to; null when it did. */
  get failure(): string | null {
    return this.#failure;
  }

  set(desired: Desired<Route>): void {
    if (this.passes.isStopped) return;
    this.#table.take(desired);
    this.#pace.changed();
    this.passes.kick();
  }

  /** gobgpd answers (again): what it has is not known. */
  linkUp(): void {
    this.#as = null;
    this.#sessions = null;
    this.#maker.forgetAll();
    this.#pace.restarted();
    for (const entry of this.entries.values()) entry.wasRetold = false;
    this.passes.kick();
  }

  async #pass(): Promise<void> {
    const {client} = this.#options;
    if (!this.#table.desired) return;
    if (!client.isKnown) {
      // It will tell whether there is a gobgpd.
      this.#failure = client.downReason;
      return;
    }
    const isFull = this.#pace.takeFullLook();
    this.#sortOutLeftovers();
    this.#table.beginPass();
    const {paths, failure} = await this.#makeSo(isFull).catch((error: unknown): Look => {
      if (!(error instanceof GobgpError)) throw error;
      return {paths: new Map(), failure: error.message};
    });
    if (this.passes.isStopped) return;
    // Without a gobgpd nothing of ours is announced: that is all that a withdrawal wants.
    const isMissed = failure !== null && !(client.isAbsent && this.#table.items.size === 0);
    this.#failure = isMissed ? failure : null;
    this.#judgeAll(paths, failure);
    this.#schedule(failure);
  }

  /** What an earlier life told gobgpd of stays, if it may, until its service has settled. */
  #sortOutLeftovers(): void {
    const {allowed, journal} = this.#options;
    const adopt = this.#table.desired?.adopt;
    const dropped: Prefix[] = [];
    for (const text of journal.entries()) {
      const prefix = parsePrefix(text);
      if (this.#table.wasEverWanted(prefix)) continue;
      const mayStay = adopt?.has(prefix) && allowed(prefix);
      const entry = this.#table.entryOf(prefix, mayStay ? 'kept' : 'unwanted');
      if (mayStay || this.#maker.hasTold(prefix)) continue;
      if (entry.role === 'kept') entry.turn('unwanted');
      if (entry.isNews) dropped.push(prefix);
    }
    this.#notes.about(
      dropped,
      'info',
      (what) => `withdrawing ${what}: left over, and of no service that is up`,
    );
  }

  /** Tells gobgpd what it does not know yet, and looks what it has. Rejects with `GobgpError`. */
  async #makeSo(isFull: boolean): Promise<Look> {
    const {client} = this.#options;
    const hasNews = (): boolean => this.passes.hasNews || this.passes.isStopped;
    if (client.downReason !== null) throw new GobgpError(client.downReason);
    this.#as ??= await client.ownAs();
    this.#sessions ??= await client.sessions();
    await this.#maker.makeSo(this.#as, this.#sessions, hasNews);
    const prefixes = this.#table.toLookAt(isFull);
    if (prefixes.length === 0) return {paths: new Map(), failure: null};
    const [paths, sessions] = await Promise.all([client.paths(prefixes, hasNews), client.sessions()]);
    this.#sessions = sessions;
    // Cut short by news: to be done again.
    if (isFull && paths.size < prefixes.length) this.#pace.lookAgainIn(0);
    return {paths, failure: null};
  }

  #judgeAll(paths: Look['paths'], failure: string | null): void {
    const {client, config} = this.#options;
    const lost: Prefix[] = [];
    for (const [prefix, entry] of this.entries) {
      const found = paths.get(prefix);
      const obstacle = this.#maker.obstacles.get(prefix) ?? null;
      if (entry.isNews || (failure === null && found === undefined && obstacle === null)) continue;
      const item = this.#table.items.get(prefix);
      // There was news before its turn came.
      if (item && failure === null && obstacle === null && !this.#maker.hasTold(prefix)) continue;
      const verdict = this.#judge.judge(prefix, entry, {
        paths: found,
        attributes: item ? attributesOf(item, config, this.#as ?? 0) : null,
        nextHop: item ? gobgpNextHop(config, item) : null,
        established: this.#sessions?.established[familyOf(prefix)] ?? 0,
        failure,
        obstacle,
        isAbsent: client.isAbsent,
      });
      if (verdict === 'gone') this.#forget(prefix);
      if (verdict === 'gone' || verdict === 'stays') continue;
      this.#maker.forget(prefix);
      if (verdict === 'tell later') continue;
      if (verdict === 'lost') lost.push(prefix);
      entry.retell();
      this.passes.kick();
    }
    this.#notes.about(lost, 'warn', (what) => `gobgpd no longer holds ${what}: telling it again`);
  }

  #forget(prefix: Prefix): void {
    const {journal} = this.#options;
    this.#table.entries.delete(prefix);
    this.#maker.forget(prefix);
    try {
      journal.remove(prefix);
    } catch {
      // The next life takes it out once more.
    }
  }

  #schedule(failure: string | null): void {
    const {client} = this.#options;
    const open = this.#table.open();
    // A failure that no prefix shows is said by itself; that of a connection was.
    if (failure !== null && open.length === 0 && !this.#pace.isFailing && failure !== client.downReason) {
      this.#notes.note('warn', failure);
    }
    if (failure === null) this.#pace.succeeded();
    // A connection that comes back tells of itself.
    if (this.passes.hasNews || (failure !== null && failure === client.downReason)) return;
    this.passes.kickAfter(this.#pace.waitMs(open, failure !== null));
  }
}
