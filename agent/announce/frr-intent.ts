/** What is wanted of FRR, prefix by prefix: which line is to stand there, what is in the way, what may stay. */

import {type FrrConfig, unsupportedByFrr} from '../config/frr.js';
import {type FrrNetwork, type FrrRunningConfig, isOurLine} from '../control/frr-config-protocol.js';
import type {Prefix, Route} from '../types.js';
import type {DrivenTable} from './driven-table.js';
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
  readonly #table: DrivenTable;
  readonly #told = new WeakMap<Route, Told>();
  readonly #refused = new Map<Prefix, {readonly item: Route; readonly why: string}>();

  constructor(options: FrrIntentOptions, table: DrivenTable) {
    this.#options = options;
    this.#table = table;
  }

  isWanted(prefix: Prefix): boolean {
    return this.#table.isWanted(prefix);
  }

  /** FRR refused what was wanted: it is not told again until it changes, or `forgetRefusals`. */
  refuse(prefix: Prefix, why: string): void {
    const item = this.#table.items.get(prefix);
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
    for (const [prefix, item] of this.#table.items) {
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
      if (!this.isWanted(prefix) && !managed(prefix)) lines.set(prefix, {kind: 'operator', line});
    }
    return {lines, obstacles};
  }

  /** What becomes of a line that is not among the wishes. */
  fateOf(line: FrrNetwork): 'stays' | 'goes' {
    const {allowed, managed} = this.#options;
    const {prefix} = line;
    const isOurs = isOurLine(line);
    if (!isOurs && !managed(prefix)) return 'stays';
    if (this.#table.wasEverWanted(prefix)) return 'goes';
    const {desired} = this.#table;
    // The operator's own line has announced the prefix until now: it does so until every service has settled.
    const mayStay = isOurs ? desired?.adopt.has(prefix) && allowed(prefix) : !desired?.complete;
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
