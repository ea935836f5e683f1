/** Tells gobgpd what it does not know yet: withdrawals first, each prefix noted in the journal before it is told. */

import {type GobgpConfig, gobgpNextHop, noGobgpNextHop, unsupportedByGobgp} from '../config/gobgp.js';
import type {GobgpClient} from '../control/gobgp-client.js';
import {addWords, type GobgpSessions} from '../control/gobgp-protocol.js';
import type {Journal} from '../io/journal.js';
import {familyOf} from '../lib/prefix.js';
import type {Prefix, Route} from '../types.js';
import type {DrivenTable} from './driven-table.js';

export interface GobgpMakerOptions {
  readonly config: GobgpConfig;
  readonly client: GobgpClient;
  /** The prefixes that gobgpd was told of. */
  readonly journal: Journal;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
}

export class GobgpMaker {
  readonly #options: GobgpMakerOptions;
  readonly #table: DrivenTable;
  /** What gobgpd has acknowledged since it answers: the words of an addition, or null for a removal. */
  readonly #told = new Map<Prefix, string | null>();
  #obstacles = new Map<Prefix, string>();

  constructor(options: GobgpMakerOptions, table: DrivenTable) {
    this.#options = options;
    this.#table = table;
  }

  /** Why gobgpd does not take what it is told of a prefix, or it cannot be told. */
  get obstacles(): ReadonlyMap<Prefix, string> {
    return this.#obstacles;
  }

  /** Whether gobgpd was told of the prefix, in whatever way, since it answers. */
  hasTold(prefix: Prefix): boolean {
    return this.#told.has(prefix);
  }

  /** It is to be told of the prefix again. */
  forget(prefix: Prefix): void {
    this.#told.delete(prefix);
  }

  /** Another gobgpd may answer from now on. */
  forgetAll(): void {
    this.#told.clear();
  }

  /** Ends early when there is news. Rejects with `GobgpError`. */
  async makeSo(as: number, {hasMixed}: GobgpSessions, hasNews: () => boolean): Promise<void> {
    const {config} = this.#options;
    const words = new Map<Prefix, readonly string[]>();
    this.#obstacles = new Map();
    for (const [prefix, route] of this.#table.items) {
      const obstacle = this.#obstacleTo(route, hasMixed);
      if (obstacle === null) words.set(prefix, addWords(route, config, as));
      else this.#obstacles.set(prefix, obstacle);
    }
    await this.#remove(words, hasNews);
    if (!hasNews()) await this.#add(words, hasNews);
  }

  #obstacleTo(route: Route, hasMixed: boolean): string | null {
    const {allowed, config} = this.#options;
    const {prefix} = route;
    if (!allowed(prefix)) return 'not covered by `allow`';
    const keys = unsupportedByGobgp(route);
    if (keys.length > 0) return `GoBGP cannot be told ${keys.join(', ')}`;
    const lacksNextHop = familyOf(prefix) === 'ipv6' && gobgpNextHop(config, route) === null;
    return lacksNextHop && hasMixed ? `${prefix} ${noGobgpNextHop}` : null;
  }

  async #remove(words: ReadonlyMap<Prefix, readonly string[]>, hasNews: () => boolean): Promise<void> {
    const {client, journal} = this.#options;
    const noted = journal.entries();
    const prefixes = [...this.#table.entries]
      .filter(([prefix, {role}]) => role !== 'kept' && !words.has(prefix) && noted.has(prefix))
      .map(([prefix]) => prefix)
      .filter((prefix) => this.#told.get(prefix) !== null);
    this.#refused(await client.remove(prefixes, hasNews, (prefix) => this.#told.set(prefix, null)));
  }

  async #add(words: ReadonlyMap<Prefix, readonly string[]>, hasNews: () => boolean): Promise<void> {
    const news = [...words].filter(
      ([prefix, said]) => this.#told.get(prefix) !== said.join(' ') && this.#note(prefix),
    );
    const done = (prefix: Prefix): void => {
      this.#told.set(prefix, words.get(prefix)?.join(' ') ?? null);
    };
    this.#refused(await this.#options.client.change(new Map(news), hasNews, done));
  }

  #refused(refused: ReadonlyMap<Prefix, string>): void {
    for (const [prefix, why] of refused) this.#obstacles.set(prefix, why);
  }

  /** What cannot be noted is not told to gobgpd: nobody would ever take it out. */
  #note(prefix: Prefix): boolean {
    try {
      this.#options.journal.add(prefix);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#obstacles.set(prefix, `cannot note it in state_dir: ${why}`);
      return false;
    }
  }
}
