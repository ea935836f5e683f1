/**
 * Hands every announcer its whole desired set, in a safe order, prefix by prefix (CONTRACT "Order"):
 * a route goes out once its address is installed; an address goes off once its routes are gone from every announcer
 * and `drain` is over. No prefix and no announcer waits for another one that is slow.
 *
 * Words: an *announced* prefix is one that daemons and the embedded speaker have; a *host* is an address with the
 * host route of the same prefix. An announced prefix *leans on* the hosts that must be there while it is announced.
 */

import {remember} from '../lib/collections.js';
import {emptyPlan, type OrderedPlan} from '../service/plan.js';
import type {Address, Announcer, AnnouncerEvent, Cancel, Clock, Installer, Prefix, Route} from '../types.js';
import {DesiredSet} from './desired-set.js';
import {Drains} from './drains.js';
import {forEachDifferent, sameGroups, sameMembers, sortOut} from './planned.js';
import {Unadopted} from './unadopted.js';

export interface FanoutOptions {
  /** What puts addresses on the interface; null: nothing does, and no route waits for an address. */
  readonly addresses: Installer<Address> | null;
  /** The one named `kernel` gets the host routes; they go in with the routes and off after them. */
  readonly announcers: readonly Announcer[];
  readonly clock: Clock;
  readonly stepTimeoutMs: number;
}

export class Fanout {
  readonly #clock: Clock;
  readonly #daemons: readonly DesiredSet<Route>[];
  readonly #hostRoutes: DesiredSet<Route> | null;
  readonly #addresses: DesiredSet<Address> | null;

  #plan: OrderedPlan = {...emptyPlan, complete: false};
  #planned = sortOut(this.#plan);

  /** Addresses that are on the interface, as their installer tells. */
  readonly #installed = new Set<Prefix>();
  /** Of those that are wanted the ones that could not be put there, or were lost. */
  readonly #failed = new Set<Prefix>();
  /** host → announced prefixes that lean on it, and the other way round. */
  readonly #leaning = new Map<Prefix, Set<Prefix>>();
  readonly #leansOn = new Map<Prefix, ReadonlySet<Prefix>>();
  /** Hosts that something leaned on since they came in: only then is their host route not itself the announcement. */
  readonly #wasLeanedOn = new Set<Prefix>();
  readonly #drains: Drains;

  /**
   * Adopted prefixes whose services have settled, while their addresses are not seen yet: they stay adopted, because
   * what goes and comes back a moment later is withdrawn by whoever learns from it.
   */
  readonly #lateAdopted = new Set<Prefix>();
  readonly #unadopted: Unadopted;

  /** Announced prefixes that still wait for an address: nothing is complete without them. */
  readonly #awaiting = new Set<Prefix>();
  #wasComplete = false;

  readonly #dirtyAnnounced = new Set<Prefix>();
  readonly #dirtyHosts = new Set<Prefix>();
  #scheduled = false;
  #flushing = false;
  /** While withdrawing: hosts stay until `release`. */
  #holdHosts = false;
  /** No drain is waited for any more. */
  #released = false;
  #waiting: {readonly until: () => boolean; readonly done: () => void}[] = [];

  constructor({addresses, announcers, clock, stepTimeoutMs}: FanoutOptions) {
    this.#clock = clock;
    this.#drains = new Drains(clock, (host) => this.#touch(host));
    const routes = (announcer: Announcer): DesiredSet<Route> =>
      new DesiredSet({
        installer: announcer,
        clock,
        stepTimeoutMs,
        isSame: (a, b) => a === b,
        onEvent: () => {},
        onOut: (prefix) => this.#touch(prefix),
      });
    const kernel = announcers.find(({name}) => name === 'kernel');
    this.#daemons = announcers.filter(({name}) => name !== 'kernel').map(routes);
    this.#hostRoutes = kernel ? routes(kernel) : null;
    this.#addresses =
      addresses &&
      new DesiredSet({
        installer: addresses,
        clock,
        stepTimeoutMs,
        isSame: () => true,
        onEvent: (event) => this.#onAddress(event),
        onOut: (prefix) => this.#touch(prefix),
      });
    this.#unadopted = new Unadopted({
      daemons: this.#daemons,
      hostRoutes: this.#hostRoutes,
      addresses: this.#addresses,
      drains: this.#drains,
    });
  }

  /** Takes a new plan: everything that is to be there from now on. Returns at once. */
  set(plan: OrderedPlan): void {
    const before = this.#planned;
    if (!sameMembers(this.#plan.adopt, plan.adopt)) this.touch();
    const {adopt, drainMs, needs} = this.#plan;
    this.#plan = plan;
    this.#planned = sortOut(plan);
    for (const prefix of this.#unadopted.take(adopt, plan, this.#planned)) this.#lateAdopted.add(prefix);
    // A route of one owner is made anew with its needs; one of several may stay the same while an owner's needs change.
    const isSame = (a: Route, b: Route | undefined): boolean =>
      a === b && (a.owners.length === 1 || sameGroups(needs.get(a), plan.needs.get(a)));
    forEachDifferent(before.announced, this.#planned.announced, isSame, (prefix) =>
      this.#dirtyAnnounced.add(prefix),
    );
    forEachDifferent(before.hostRoutes, this.#planned.hostRoutes, isSame, (prefix) =>
      this.#dirtyHosts.add(prefix),
    );
    for (const prefix of before.addresses.keys()) {
      if (!this.#planned.addresses.has(prefix)) this.#dirtyHosts.add(prefix);
    }
    for (const prefix of this.#planned.addresses.keys()) {
      const isSame = before.addresses.has(prefix) && drainMs.get(prefix) === plan.drainMs.get(prefix);
      if (!isSame) this.#dirtyHosts.add(prefix);
    }
    this.#flush();
  }

  /** Hands everything out again with the next plan, changed or not: what is allowed is asked anew. */
  touch(): void {
    for (const set of this.#sets()) set.touch();
  }

  /**
   * Withdraws everything; resolves once nothing is announced any more (or was given up on) and every drain time is
   * over. Host routes that something leaned on, and addresses, stay until `release`.
   */
  withdraw(): Promise<void> {
    this.#holdHosts = true;
    this.set(emptyPlan);
    const parked = (prefix: Prefix): boolean => this.#drains.hasEnded(prefix);
    return this.#until(
      () =>
        this.#daemons.every((daemon) => daemon.isEmpty) &&
        !this.#hostRoutes?.isMoving &&
        [this.#hostRoutes, this.#addresses].every((set) => !set || [...set.prefixes()].every(parked)),
    );
  }

  /** After `withdraw`: host routes, then addresses off, drained or not; resolves when they are gone or were given up on. */
  release(): Promise<void> {
    this.#holdHosts = false;
    this.#released = true;
    for (const set of [this.#hostRoutes, this.#addresses]) {
      for (const prefix of set?.prefixes() ?? []) this.#dirtyHosts.add(prefix);
    }
    this.#flush();
    return this.#until(() => [this.#hostRoutes, this.#addresses].every((set) => set?.isEmpty ?? true));
  }

  /** Resolves once no removal is under way any more and every address is there, or when `atMostMs` are over. */
  quiet(atMostMs: number): Promise<void> {
    return this.#until(
      () =>
        ![...this.#daemons, this.#hostRoutes, this.#addresses].some((set) => set?.isMoving) &&
        [...this.#planned.addresses.keys()].every((prefix) => this.#installed.has(prefix)),
      atMostMs,
    );
  }

  /** Whether nothing is on its way out, nothing drains, and every address is there or could not be put there. */
  get isAtRest(): boolean {
    return (
      !this.#scheduled &&
      ![...this.#daemons, this.#hostRoutes, this.#addresses].some((set) => set?.isMoving) &&
      this.#drains.allEnded &&
      this.#unadopted.isEmpty &&
      (!this.#addresses ||
        [...this.#planned.addresses.keys()].every(
          (prefix) => this.#installed.has(prefix) || this.#failed.has(prefix),
        ))
    );
  }

  /** Stops listening and every timer. What is installed stays as it is. */
  stop(): void {
    for (const set of this.#sets()) set.stop();
    this.#drains.stop();
  }

  #sets(): readonly {touch(): void; stop(): void}[] {
    return [...this.#daemons, this.#hostRoutes, this.#addresses].filter((set) => set !== null);
  }

  #onAddress({kind, prefix}: AnnouncerEvent): void {
    if (kind === 'installed') this.#installed.add(prefix);
    else this.#installed.delete(prefix);
    if (kind === 'failed') this.#failed.add(prefix);
    else this.#failed.delete(prefix);
    const needing = this.#planned.neededFor.get(prefix) ?? [];
    if (kind === 'failed') this.#adoptNoMore([prefix, ...needing]);
    for (const announced of [...needing, ...(this.#leaning.get(prefix) ?? [])]) {
      this.#dirtyAnnounced.add(announced);
      // In the kernel, too, there may be a route that covers it.
      this.#dirtyHosts.add(announced);
    }
    this.#touch(prefix);
  }

  /** Looks at a prefix again once the present burst of events is over: a set is handed over once a burst. */
  #touch(prefix: Prefix): void {
    this.#dirtyAnnounced.add(prefix);
    this.#dirtyHosts.add(prefix);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Puts everything that was touched in its place, then hands out the sets that changed, until nothing moves. */
  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    do {
      for (const prefix of this.#dirtyAnnounced) this.#placeAnnounced(prefix);
      for (const prefix of this.#dirtyHosts) this.#placeHost(prefix);
      // Placing hosts last may have touched announced prefixes again: they are placed before anything is handed out.
      if (this.#dirtyAnnounced.size > 0) continue;
      const complete = this.#plan.complete && this.#awaiting.size === 0;
      if (complete !== this.#wasComplete) this.touch();
      this.#wasComplete = complete;
      const adopt = this.#adopt();
      // Withdrawals first: what goes on the wire does not wait for the kernel's answers.
      for (const daemon of this.#daemons) daemon.flush({adopt, complete});
      const staying = this.#unadopted.staying(adopt, this.#released);
      this.#hostRoutes?.flush({adopt: staying.hostRoutes, complete});
      this.#addresses?.flush({adopt: staying.addresses, complete});
    } while (this.#dirtyAnnounced.size > 0 || this.#dirtyHosts.size > 0);
    this.#flushing = false;
    const done = this.#waiting.filter(({until}) => until());
    this.#waiting = this.#waiting.filter((waiting) => !done.includes(waiting));
    for (const waiting of done) waiting.done();
  }

  #adopt(): ReadonlySet<Prefix> {
    const {adopt} = this.#plan;
    const late = this.#lateAdopted;
    if (late.size === 0) return adopt;
    const {announced, hostRoutes} = this.#planned;
    const isWaiting = (prefix: Prefix): boolean =>
      [announced, hostRoutes].some((routes) => routes.get(prefix)?.some((route) => !this.#isReady(route)));
    this.#adoptNoMore([...late].filter((prefix) => adopt.has(prefix) || !isWaiting(prefix)));
    return new Set([...adopt, ...late]);
  }

  #adoptNoMore(prefixes: readonly Prefix[]): void {
    for (const prefix of prefixes) if (this.#lateAdopted.delete(prefix)) this.touch();
  }

  /** One announced prefix at every daemon: in when it is planned and its addresses are there, else out. */
  #placeAnnounced(prefix: Prefix): void {
    this.#dirtyAnnounced.delete(prefix);
    const routes = this.#planned.announced.get(prefix) ?? [];
    const ready = routes.filter((route) => this.#isReady(route));
    // What is announced already stays as it is while an address that it needs from now on is on its way.
    const isStaying = ready.length === 0 && routes.some((route) => this.#isAlmostReady(route));
    if (isStaying) this.#awaiting.add(prefix);
    else this.#awaiting.delete(prefix);
    for (const daemon of this.#daemons) {
      const wanted = ready.filter(({via}) => via?.some((name) => name === daemon.name) ?? true);
      if (wanted.length > 0) daemon.put(prefix, wanted);
      else if (!isStaying) daemon.takeOut(prefix);
    }
    if (isStaying && this.#leansOn.has(prefix)) return;
    if (ready.length > 0) {
      this.#lean(
        prefix,
        new Set([prefix, ...ready.flatMap((route) => this.#plan.needs.get(route)?.flat() ?? [])]),
      );
      // Its own route in the kernel may have waited for it to go, and be of another service than is up now.
      if (this.#hostRoutes?.has(prefix) && !this.#planned.hostRoutes.has(prefix))
        this.#dirtyHosts.add(prefix);
    } else if (this.#daemons.every((daemon) => daemon.isOut(prefix))) {
      this.#lean(prefix, new Set());
    }
  }

  #lean(prefix: Prefix, hosts: ReadonlySet<Prefix>): void {
    for (const host of this.#leansOn.get(prefix) ?? []) {
      if (hosts.has(host)) continue;
      const leaning = this.#leaning.get(host);
      leaning?.delete(prefix);
      if (leaning?.size === 0) {
        this.#leaning.delete(host);
        this.#drains.left(host);
      }
      this.#dirtyHosts.add(host);
    }
    for (const host of hosts) {
      this.#drains.leanedOn(host);
      remember(this.#leaning, host, () => new Set<Prefix>()).add(prefix);
      this.#wasLeanedOn.add(host);
    }
    if (hosts.size > 0) this.#leansOn.set(prefix, hosts);
    else this.#leansOn.delete(prefix);
  }

  #isReady(route: Route): boolean {
    const groups = this.#plan.needs.get(route);
    if (!groups || !this.#addresses) return true;
    return groups.some((group) => group.every((host) => this.#installed.has(host)));
  }

  /** Nothing is known yet of the addresses that it lacks. */
  #isAlmostReady(route: Route): boolean {
    const groups = this.#plan.needs.get(route) ?? [];
    return groups.some((group) => group.every((host) => !this.#failed.has(host)));
  }

  /** One host: on at once when planned; off in the order announcements, drain, host route, address. */
  #placeHost(prefix: Prefix): void {
    this.#dirtyHosts.delete(prefix);
    const address = this.#planned.addresses.get(prefix);
    const planned = this.#planned.hostRoutes.get(prefix) ?? [];
    const hostRoutes = planned.filter((route) => this.#isReady(route));
    const isStaying = planned.some((route) => this.#isAlmostReady(route));
    if (address) {
      this.#addresses?.put(prefix, [address]);
      this.#drains.plan(prefix, this.#plan.drainMs.get(prefix) ?? 0);
    }
    if (hostRoutes.length > 0) this.#hostRoutes?.put(prefix, hostRoutes);
    const routeGoes = hostRoutes.length === 0 && !isStaying && (this.#hostRoutes?.has(prefix) ?? false);
    const addressGoes = !address && (this.#addresses?.has(prefix) ?? false);
    if (routeGoes || addressGoes) this.#takeOff(prefix, routeGoes);
    else if (!this.#unadopted.has(prefix)) this.#rest(prefix);
  }

  /** Nothing of the host is on its way out. */
  #rest(prefix: Prefix): void {
    this.#drains.rest(prefix, !this.#addresses?.has(prefix));
    if (!this.#leaning.has(prefix)) this.#wasLeanedOn.delete(prefix);
  }

  /** Whether something that leans on the host is on its way out. What stays has no more need of what goes. */
  #isLeftBehind(host: Prefix): boolean {
    for (const announced of this.#leaning.get(host) ?? []) {
      const routes = this.#planned.announced.get(announced) ?? [];
      if (!routes.some((route) => this.#isReady(route))) return true;
    }
    return false;
  }

  #takeOff(prefix: Prefix, routeGoes: boolean): void {
    if (this.#isLeftBehind(prefix)) return;
    // A host route that no daemon was told about is itself what a daemon learns: taking it out is the withdrawal.
    if (routeGoes && !this.#wasLeanedOn.has(prefix)) this.#hostRoutes?.takeOut(prefix);
    if (this.#hostRoutes && !this.#hostRoutes.has(prefix) && !this.#hostRoutes.isOut(prefix)) return;
    if ((!this.#released && !this.#drains.isOver(prefix)) || this.#holdHosts) return;
    if (routeGoes) this.#hostRoutes?.takeOut(prefix);
    if (this.#hostRoutes && !this.#hostRoutes.isOut(prefix)) return;
    if (this.#planned.addresses.has(prefix)) return;
    this.#installed.delete(prefix);
    this.#failed.delete(prefix);
    this.#addresses?.takeOut(prefix);
    this.#rest(prefix);
  }

  #until(until: () => boolean, atMostMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (until()) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const waiting = {
        until,
        done() {
          cancel();
          resolve();
        },
      };
      this.#waiting.push(waiting);
      if (atMostMs === Number.POSITIVE_INFINITY) return;
      cancel = this.#clock.after(atMostMs, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        resolve();
      });
    });
  }
}
