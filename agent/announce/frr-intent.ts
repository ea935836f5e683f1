/** What is wanted of FRR, prefix by prefix: which line is to stand there, what is in the way, what may stay. */

import {type FrrConfig, routeForFrr, unsupportedByFrr} from '../config/frr.js';
import {type FrrNetwork, type FrrRunningConfig, isOurLine} from '../control/frr-config-protocol.js';
import type {Desired, Prefix, Route} from '../types.js';
import type {OperatorLines} from './frr-operator-lines.js';
import type {WantedLine} from './frr-plan.js';
import {type FrrRouteMap, routeMapFor, unsendable} from './frr-route-map.js';

export interface FrrIntentOptions {
  readonly config: FrrConfig;
  readonly operatorLines: OperatorLines;
  /** The last gate. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether a service announces the prefix, be it up or down: then the operator's line for it follows the service. */
  readonly managed: (prefix: Prefix) => boolean;
}

export interface Wishes {
  readonly lines: ReadonlyMap<Prefix, WantedLine>;
  /** Wanted, and not to be told to FRR: why. */
  readonly obstacles: ReadonlyMap<Prefix, string>;
}

interface Told {
  readonly as: string;
  readonly map: FrrRouteMap;
  readonly problem: string | null;
}

export class FrrIntent {
  readonly #options: FrrIntentOptions;
  readonly #told = new WeakMap<Route, Told>();
  /** What was wanted in this life is not left over from another one. */
  readonly #everWanted = new Set<Prefix>();
  readonly #refused = new Map<Prefix, {readonly item: Route; readonly why: string}>();
  #items: ReadonlyMap<Prefix, Route> = new Map();
  #adopt: ReadonlySet<Prefix> = new Set();
  #isComplete = false;

  constructor(options: FrrIntentOptions) {
    this.#options = options;
  }

  /** Answers what is new or different, and what is no longer wanted. */
  take({items, adopt, complete}: Desired<Route>): {
    readonly wanted: readonly Route[];
    readonly unwanted: readonly Prefix[];
  } {
    const before = this.#items;
    const now = routeForFrr(items);
    this.#items = now;
    this.#adopt = adopt;
    this.#isComplete = complete;
    for (const prefix of now.keys()) this.#everWanted.add(prefix);
    return {
      wanted: [...now.values()].filter((item) => before.get(item.prefix) !== item),
      unwanted: [...before.keys()].filter((prefix) => !now.has(prefix)),
    };
  }

  isWanted(prefix: Prefix): boolean {
    return this.#items.has(prefix);
  }

  /** FRR refused what was wanted: it is not told again until it changes, or `forgetRefusals`. */
  refuse(prefix: Prefix, why: string): void {
    const item = this.#items.get(prefix);
    if (item) this.#refused.set(prefix, {item, why});
  }

  forgetRefusals(): void {
    this.#refused.clear();
  }

  /** For what stands in FRR now. */
  wishes({as, networks}: FrrRunningConfig): Wishes {
    const {config, managed, operatorLines} = this.#options;
    const lines = new Map<Prefix, WantedLine>();
    const obstacles = new Map<Prefix, string>();
    for (const [prefix, item] of this.#items) {
      const {map, problem} = this.#tell(item, as ?? '');
      const obstacle = this.#obstacle(prefix, item) ?? problem;
      const present = networks.get(prefix);
      const own = present && !isOurLine(present) ? present : operatorLines.all().get(prefix);
      if (obstacle !== null) obstacles.set(prefix, obstacle);
      else if (!config.onlyConfigured) lines.set(prefix, {kind: 'ours', map});
      else if (own) lines.set(prefix, {kind: 'operator', line: own});
      else {
        obstacles.set(prefix, `FRR's configuration has no "network ${prefix}", and only_configured is set`);
      }
    }
    // What is of no service any more is given back as it was.
    for (const [prefix, line] of operatorLines.all()) {
      if (!this.#items.has(prefix) && !managed(prefix)) lines.set(prefix, {kind: 'operator', line});
    }
    return {lines, obstacles};
  }

  /** What becomes of a line that is not among the wishes. */
  fateOf(line: FrrNetwork): 'stays' | 'goes' {
    const {allowed, managed} = this.#options;
    const {prefix} = line;
    const isOurs = isOurLine(line);
    if (!isOurs && !managed(prefix)) return 'stays';
    if (this.#everWanted.has(prefix)) return 'goes';
    // The operator's own line has announced the prefix until now: it does so until every service has settled.
    const mayStay = isOurs ? this.#adopt.has(prefix) && allowed(prefix) : !this.#isComplete;
    return mayStay ? 'stays' : 'goes';
  }

  #obstacle(prefix: Prefix, item: Route): string | null {
    const {allowed, config} = this.#options;
    if (!allowed(prefix)) return 'not covered by `allow`';
    const keys = unsupportedByFrr(config, item);
    if (keys.length > 0) return untold(keys, config);
    const refused = this.#refused.get(prefix);
    return refused?.item === item ? refused.why : null;
  }

  #tell(item: Route, as: string): Told {
    const known = this.#told.get(item);
    if (known?.as === as) return known;
    const map = routeMapFor(item, as);
    const told = {as, map, problem: unsendable(map)};
    this.#told.set(item, told);
    return told;
  }
}

function untold(keys: readonly string[], {onlyConfigured}: FrrConfig): string {
  return onlyConfigured
    ? `only_configured announces FRR's own lines as they are, without ${keys.join(', ')}`
    : `FRR cannot be told ${keys.join(', ')} of a single route`;
}
