/** The VIPs of this host as services, found anew each round. */

import {readIpvsTable} from '../../checks/lib/ipvs-table.js';
import {CannotCheck} from '../../checks/lib/result.js';
import {type LoadOptions, type LoadResult, loadConfig} from '../config/load.js';
import type {ConfigSource} from '../config/parse.js';
import type {Problem} from '../config/types.js';
import type {CheckContext, Emit, IpAddress, Prefix} from '../types.js';
import {documentsFor, type IpvsWatch, ipvsSource, isWatched, vipsIn} from './ipvs-services.js';
import {afterLook, type KnownVips, readKnownVips, writeKnownVips} from './known-vips.js';

export interface IpvsVipsOptions {
  readonly watch: IpvsWatch;
  readonly stateDir: string;
  readonly effects: Pick<CheckContext, 'clock' | 'exec' | 'files'>;
  /** Where the kernel's table is; where that does not exist, `ipvsadm` is asked. Default: in /proc. */
  readonly path?: string;
}

/** What is known to be in the table is noted again no sooner, so that a quiet host writes no file each round. */
const noteEveryMs = (forgetAfterMs: number): number => Math.min(10 * 60_000, forgetAfterMs / 10);
const readTimeoutMs = 5_000;

export class IpvsVips {
  readonly #options: IpvsVipsOptions;
  #known: KnownVips | null = null;
  #noted: KnownVips = new Map();
  /** Said already, and true still. */
  #said = new Set<string>();

  constructor(options: IpvsVipsOptions) {
    this.#options = options;
  }

  /**
   * Reads the table and notes what is in it; answers whether there are other VIPs than before. A table that cannot be
   * read is said, and leaves the VIPs as they were. Throws when what was noted cannot be read.
   */
  async refresh(emit: Emit): Promise<boolean> {
    const {effects, path, stateDir, watch} = this.#options;
    const now = effects.clock.wallMs();
    const before = this.#known;
    const past = before ?? readKnownVips(stateDir);
    if (!before) this.#noted = past;
    const said = new Set<string>();
    const say = (message: string): void => {
      said.add(message);
      if (!this.#said.has(message)) emit({kind: 'note', level: 'warn', message, fields: {}});
    };
    if (watch.thresholds.degraded_below !== undefined && Object.keys(watch.whenDegraded).length === 0) {
      say('a degraded VIP is announced like any other: write --degraded-med or --degraded-prepend');
    }
    let listed: readonly IpAddress[] = [];
    try {
      const signal = new AbortController().signal;
      const {table} = await readIpvsTable({...effects, timeoutMs: readTimeoutMs, signal}, path);
      const {unknownMarks, vips} = vipsIn(table.services, watch);
      listed = vips;
      for (const line of table.unreadable) say(`IPVS: cannot read "${line}": no VIP of it is watched`);
      for (const mark of unknownMarks) say(unknownMark(mark));
    } catch (error) {
      if (!(error instanceof CannotCheck)) throw error;
      say(error.message);
    }
    const known = afterLook(past, listed, now, watch.forgetAfterMs);
    this.#known = known;
    this.#note(known, now, say);
    this.#said = said;
    return !before || !sameVips(before, known);
  }

  /** How many VIPs are known to IPVS, or were. */
  get count(): number {
    return this.#known?.size ?? 0;
  }

  /**
   * The configuration with a service for each VIP whose prefix no file asks for. One that may not be announced is
   * remarked on and left out: it is no mistake of anybody's that IPVS serves it.
   */
  load(options: LoadOptions): LoadResult {
    const loaded = loadConfig({...options, generate: (named) => this.#documents(named)});
    return {
      ...loaded,
      problems: loaded.problems.map((problem) => (problem.file === ipvsSource ? asRemark(problem) : problem)),
      broken: loaded.broken.filter(({file}) => file !== ipvsSource),
    };
  }

  #documents(named: ReadonlySet<Prefix>): readonly ConfigSource[] {
    const {watch} = this.#options;
    const vips = [...(this.#known?.keys() ?? [])].filter((vip) => isWatched(vip, watch));
    return documentsFor(vips, watch, named);
  }

  #note(known: KnownVips, now: number, say: (message: string) => void): void {
    const {stateDir, watch} = this.#options;
    const atMostMs = noteEveryMs(watch.forgetAfterMs);
    const isOld = [...known].some(([vip, at]) => at === now && at - (this.#noted.get(vip) ?? 0) >= atMostMs);
    if (!isOld && sameVips(this.#noted, known)) return;
    try {
      writeKnownVips(stateDir, known);
      this.#noted = known;
    } catch (error) {
      say(`VIPs cannot be noted in ${stateDir}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Lines and columns of what nobody wrote say nothing. */
function asRemark(problem: Problem): Problem {
  return {...problem, severity: 'warning', line: 0, column: 0};
}

function unknownMark(mark: number): string {
  return (
    `IPVS: firewall mark ${mark} is ignored: write which VIPs it stands for, ` +
    `like --fwmark ${mark}=192.0.2.1,2001:db8::1`
  );
}

function sameVips(a: KnownVips, b: KnownVips): boolean {
  return a.size === b.size && [...a.keys()].every((vip) => b.has(vip));
}
