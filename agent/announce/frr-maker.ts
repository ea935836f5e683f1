/** Makes bgpd's configuration the wanted one; what is in the way of it, and of whose lines, is answered and said. */

import {type FrrNetwork, isOurLine} from '../control/frr-config-protocol.js';
import type {Prefix} from '../types.js';
import type {DrivenNotes} from './driven.js';
import type {DrivenTable} from './driven-table.js';
import {FrrIntent, type FrrIntentOptions} from './frr-intent.js';
import {planChanges} from './frr-plan.js';
import type {FrrTable} from './frr-table.js';

export interface FrrMakerOptions extends FrrIntentOptions {
  readonly table: FrrTable;
}

export interface Made {
  /** Wanted, and not possible: why. */
  readonly obstacles: ReadonlyMap<Prefix, string>;
  readonly hasChanged: boolean;
  /** Something was refused, which may have been done in part: to be looked at at once. */
  readonly isPartial: boolean;
}

export class FrrMaker {
  readonly #options: FrrMakerOptions;
  readonly #wants: DrivenTable;
  readonly #intent: FrrIntent;
  readonly #notes: DrivenNotes;

  constructor(options: FrrMakerOptions, wants: DrivenTable, notes: DrivenNotes) {
    this.#options = options;
    this.#wants = wants;
    this.#intent = new FrrIntent(options, wants);
    this.#notes = notes;
  }

  /** What FRR refused may be tried again. */
  forgetRefusals(): void {
    this.#intent.forgetRefusals();
  }

  /** `isFull`: reads first what FRR has, whatever is known of it. Rejects with `FrrError`. */
  async makeSo(isFull: boolean): Promise<Made> {
    const {operatorLines, table} = this.#options;
    const before = table.running;
    const isFresh = isFull || !before;
    if (isFresh) {
      const {networks} = await table.read();
      if (before) this.#sayDrift(before.networks, networks);
    }
    const {running} = table;
    if (!running) return {obstacles: new Map(), hasChanged: false, isPartial: false};
    const wishes = this.#intent.wishes(running);
    const obstacles = new Map(wishes.obstacles);
    const plan = planChanges({running, wanted: wishes.lines, unwanted: (line) => this.#decide(line)});
    const lines = new Map(plan.lines);
    for (const line of plan.replaced) {
      const problem = this.#keepAside(line);
      // Without a note of it nothing takes its place; but what is down goes, whatever the disk says.
      if (problem === null || !this.#wants.isWanted(line.prefix)) continue;
      lines.delete(line.prefix);
      obstacles.set(line.prefix, problem);
    }
    if (lines.size === 0) return {obstacles, hasChanged: false, isPartial: false};
    const {isWhole, refused} = await table.apply({...plan, lines}, isFresh);
    for (const [prefix, why] of refused) {
      this.#intent.refuse(prefix, why);
      obstacles.set(prefix, why);
    }
    for (const prefix of lines.keys()) {
      const line = table.running?.networks.get(prefix);
      if (line && !isOurLine(line)) operatorLines.drop(prefix);
    }
    const isPartial = !isWhole || [...refused.keys()].some((prefix) => this.#wants.isWanted(prefix));
    return {obstacles, hasChanged: refused.size < lines.size, isPartial};
  }

  /** Whether what stands in FRR for the prefix is the operator's, and none of our business any more. */
  isGivenBack(prefix: Prefix): boolean {
    const line = this.#options.table.running?.networks.get(prefix);
    return line !== undefined && !this.#mayGo(line);
  }

  /** What becomes of a line that nobody wants there; from now on it is watched. */
  #decide(line: FrrNetwork): 'stays' | 'goes' {
    const {prefix} = line;
    const fate = this.#intent.fateOf(line);
    if (this.#wants.isWanted(prefix) || (fate === 'stays' && !this.#mayGo(line))) return fate;
    const isNew = fate === 'goes' && (this.#wants.entries.get(prefix)?.role ?? 'kept') === 'kept';
    const entry = this.#wants.entryOf(prefix, fate === 'stays' ? 'kept' : 'unwanted');
    if (isNew) entry.turn('unwanted');
    entry.isNews = false;
    if (isNew) {
      const why = isOurLine(line) ? 'left over, and of no service that is up' : 'its service is not up';
      this.#notes.note('info', `withdrawing ${prefix}: ${why}`);
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
      if (!this.#wants.isWanted(prefix)) {
        const message = `the operator's line "${text}" goes without a note of it in the journal: ${why}`;
        this.#notes.note('error', message, [prefix]);
      }
      return `the operator's line "${text}" cannot be kept aside: ${why}`;
    }
  }

  #sayDrift(before: ReadonlyMap<Prefix, FrrNetwork>, now: ReadonlyMap<Prefix, FrrNetwork>): void {
    const moved = [...before.values()].filter(
      ({prefix, text}) => this.#wants.isWanted(prefix) && now.get(prefix)?.text !== text,
    );
    this.#notes.about(
      moved.map(({prefix}) => prefix),
      'warn',
      (what) => `the line of FRR for ${what} was changed by something else: doing it again`,
    );
  }
}
