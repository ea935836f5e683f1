import {contains, isHost} from '../lib/prefix.js';
import type {OrderedPlan} from '../service/plan.js';
import type {Address, Prefix, Route} from '../types.js';
import type {DesiredSet} from './desired-set.js';
import type {Drains} from './drains.js';
import type {Planned} from './planned.js';

export interface UnadoptedOptions {
  readonly daemons: readonly DesiredSet<Route>[];
  readonly hostRoutes: DesiredSet<Route> | null;
  readonly addresses: DesiredSet<Address> | null;
  readonly drains: Drains;
}

/**
 * Prefixes that were adopted from an earlier life, and that nothing wants: they were never in a desired set, and all the
 * same go in order. Until their announcements are gone from every daemon and `drain` is over the kernel keeps
 * their host routes, and until those are gone their addresses.
 */
export class Unadopted {
  readonly #options: UnadoptedOptions;
  /** What is still there of each. */
  readonly #stages = new Map<Prefix, 'announced' | 'host route'>();

  constructor(options: UnadoptedOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#stages.size === 0;
  }

  has(prefix: Prefix): boolean {
    return this.#stages.has(prefix);
  }

  /**
   * A new plan, after one by which `before` were adopted: what nothing in it wants is to go. Answers what it wants and
   * adopts no more.
   */
  take(before: ReadonlySet<Prefix>, {adopt, drainMs}: OrderedPlan, planned: Planned): readonly Prefix[] {
    const {addresses, announced, hostRoutes} = planned;
    const isPlanned = (prefix: Prefix): boolean =>
      addresses.has(prefix) || announced.has(prefix) || hostRoutes.has(prefix);
    for (const prefix of this.#stages.keys()) if (isPlanned(prefix)) this.#stages.delete(prefix);
    const dropped = [...before].filter((prefix) => !adopt.has(prefix));
    this.#begin(
      dropped.filter((prefix) => !isPlanned(prefix)),
      drainMs,
    );
    return dropped.filter(isPlanned);
  }

  #begin(prefixes: readonly Prefix[], drainMs: ReadonlyMap<Prefix, number>): void {
    if (prefixes.length === 0) return;
    const {daemons, drains} = this.#options;
    for (const prefix of prefixes) {
      this.#stages.set(prefix, 'announced');
      drains.plan(prefix, drainMs.get(prefix) ?? 0);
    }
    for (const daemon of daemons) daemon.letGo(prefixes);
  }

  /** What the kernel is to adopt beside `adopt`. `isReleased`: no drain is waited for. */
  staying(
    adopt: ReadonlySet<Prefix>,
    isReleased: boolean,
  ): {readonly hostRoutes: ReadonlySet<Prefix>; readonly addresses: ReadonlySet<Prefix>} {
    if (this.isEmpty) return {hostRoutes: adopt, addresses: adopt};
    const {addresses, drains, hostRoutes} = this.#options;
    const inStage = (wanted: string): Prefix[] =>
      [...this.#stages].flatMap(([prefix, stage]) => (stage === wanted ? [prefix] : []));
    const networks = [...this.#stages.keys()].filter((prefix) => !isHost(prefix));
    const withdrawn = inStage('announced').filter(
      (prefix) => this.#isWithdrawn(prefix, networks) && (isReleased || drains.isOver(prefix)),
    );
    for (const prefix of withdrawn) this.#stages.set(prefix, 'host route');
    if (withdrawn.length > 0) hostRoutes?.letGo(withdrawn);
    for (const prefix of inStage('host route')) {
      if (hostRoutes && !hostRoutes.isOut(prefix)) continue;
      this.#stages.delete(prefix);
      drains.rest(prefix, true);
      addresses?.touch();
    }
    const announced = inStage('announced');
    return {
      hostRoutes: new Set([...adopt, ...announced]),
      addresses: new Set([...adopt, ...this.#stages.keys()]),
    };
  }

  /** From every daemon, and so is what covers it. */
  #isWithdrawn(prefix: Prefix, networks: readonly Prefix[]): boolean {
    const covering = [prefix, ...networks.filter((network) => contains(network, prefix))];
    return this.#options.daemons.every((daemon) => covering.every((each) => daemon.isOut(each)));
  }
}
