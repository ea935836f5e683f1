/**
 * The kernel's part of what is to be there: addresses on the interface and host routes (CONTRACT "Addresses",
 * "Ownership"). What is true is what the kernel tells by events, and by a full look every 30 s, after lost events
 * and whenever the interface comes or goes.
 */

import type {KernelConfig} from '../config/types.js';
import type {NetlinkClient, NetlinkEvents} from '../control/netlink-client.js';
import type {LinkInfo, NetlinkEvent, RouteInfo} from '../control/rtnetlink-protocol.js';
import type {Journal} from '../io/journal.js';
import {isHost} from '../lib/prefix.js';
import type {Address, Announcer, Cancel, Clock, Emit, Installer, Prefix, Route} from '../types.js';
import {KernelAddresses} from './kernel-addresses.js';
import {KernelInstaller} from './kernel-installer.js';
import {removeLeftovers} from './kernel-leftovers.js';
import type {KernelLink} from './kernel-link.js';
import {KernelRoutes} from './kernel-routes.js';

const lookEveryMs = 30_000;
// Between looks while events are lost again and again, and after one that failed.
const lookAgainMs = 50;
const lookAfterFailureMs = 500;

export interface KernelOptions {
  readonly config: KernelConfig;
  /** Stays the caller's: stopped after this. */
  readonly client: NetlinkClient;
  readonly clock: Clock;
  readonly emit: Emit;
  /** What was put on interfaces, for kernels before 5.18, which do not keep our mark on addresses. */
  readonly journal: Journal;
  /** The last gate for host routes; asked at every `set` and whenever a prefix is looked at. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** The same for addresses. */
  readonly allowedAddress: (prefix: Prefix) => boolean;
}

export class Kernel {
  /** Puts addresses on the interface. */
  readonly addresses: Installer<Address>;
  /** Adds host routes, and covering ones: give it only routes that are meant for the kernel. */
  readonly routes: Announcer;

  readonly #options: KernelOptions;
  readonly #addressHolding: KernelAddresses;
  readonly #routeHolding: KernelRoutes;
  readonly #addressInstaller: KernelInstaller<'kernel-addresses', Address>;
  readonly #routeInstaller: KernelInstaller<'kernel', Route>;
  #link: KernelLink;
  #started: Promise<void> | null = null;
  #watchesRoutes = false;
  #unsubscribe: Cancel = () => {};
  #cancelTimer: Cancel = () => {};
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  /** Events that come in during a look may be newer than what it finds: they are taken again after it. */
  #during: NetlinkEvent[] | null = null;
  #isLookFailing = false;
  #wasDenied = false;
  #runningParts = 2;

  constructor(options: KernelOptions) {
    const {config, client, clock, emit, journal, allowed, allowedAddress} = options;
    const {interface: name, table, protocol} = config;
    this.#options = options;
    this.#link = {name, info: null};
    const link = (): KernelLink => this.#link;
    this.#addressHolding = new KernelAddresses({client, link, interface: name, protocol, journal, emit});
    this.#routeHolding = new KernelRoutes({client, link, table, protocol, emit});
    const shared = {
      clock,
      emit,
      look: () => this.#lookNow(),
      refresh: () => client.takeEvents(),
      start: () => this.start(),
      onDenied: () => this.#onDenied(),
      onStop: () => this.#onStop(),
    };
    this.#addressInstaller = new KernelInstaller({
      ...shared,
      name: 'kernel-addresses',
      allowed: allowedAddress,
      holding: this.#addressHolding,
      onWanted: () => {},
    });
    this.#routeInstaller = new KernelInstaller({
      ...shared,
      name: 'kernel',
      allowed,
      holding: this.#routeHolding,
      onWanted: () => this.#watchRoutes(),
    });
    this.addresses = this.#addressInstaller;
    this.routes = this.#routeInstaller;
  }

  /** Reads what is there. Rejects when the kernel cannot be asked. Starting one part starts both. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** `withdraw`: our routes, then our addresses go; `keep`: everything stays. Stopping both parts does the same. */
  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    await this.routes.stop(mode);
    await this.addresses.stop(mode);
  }

  async #start(): Promise<void> {
    const {client, config, journal, emit} = this.#options;
    this.#unsubscribe = client.on((news) => this.#take(news));
    try {
      await removeLeftovers({...config, client, journal, emit});
      const {protocol, table} = config;
      await this.#look((oif) => this.#dumpRoutes({table, protocol}, oif));
      this.#addressHolding.forgetAbsent();
    } catch (error) {
      this.#unsubscribe();
      throw error;
    }
    // Only now is it known whether an earlier life left routes.
    if (!this.#routeHolding.isEmpty) this.#watchRoutes();
    this.#nextLook(lookEveryMs);
    this.#recheck();
  }

  #watchRoutes(): void {
    if (this.#watchesRoutes) return;
    this.#watchesRoutes = true;
    this.#options.client.watchRoutes();
    // What is there already tells no events.
    this.#started?.then(
      () => this.#lookNow(),
      () => {},
    );
  }

  #onStop(): void {
    this.#runningParts--;
    if (this.#runningParts > 0) return;
    this.#unsubscribe();
    this.#cancelTimer();
  }

  #take({events, overrun}: NetlinkEvents): void {
    this.#during?.push(...events);
    const addresses = new Set<Prefix>();
    const routes = new Set<Prefix>();
    let mustLook = overrun;
    for (const event of events) {
      if (event.kind === 'link') {
        mustLook = this.#takeLink(event.link, event.gone) || mustLook;
      } else if (event.kind === 'address') {
        const prefix = this.#addressHolding.take(event.address, event.gone);
        if (prefix) addresses.add(prefix);
      } else if (this.#watchesRoutes) {
        const prefix = this.#routeHolding.take(event.route, event.gone);
        // What was replaced may have been ours: the kernel does not say what went.
        if (prefix && event.replaced) mustLook = true;
        else if (prefix) routes.add(prefix);
      }
    }
    this.#addressInstaller.changed(addresses);
    this.#routeInstaller.changed(routes);
    if (mustLook) void this.#lookNow();
  }

  /** Answers whether our interface came, went, or changed so that what is on it may have changed with it. */
  #takeLink(link: LinkInfo, gone: boolean): boolean {
    const {name, info} = this.#link;
    if (link.name !== name && link.index !== info?.index) return false;
    const now = gone || link.name !== name ? null : link;
    return this.#setLink(now);
  }

  #setLink(now: LinkInfo | null): boolean {
    const {name, info} = this.#link;
    this.#link = {name, info: now};
    if (info?.index === now?.index && info?.up === now?.up) return false;
    // The kernel takes addresses and routes with the interface, and does not tell of each.
    if (info?.index !== now?.index) this.#addressHolding.clear();
    if (!now?.up) this.#routeHolding.replace([]);
    this.#addressInstaller.linkChanged();
    this.#routeInstaller.linkChanged();
    return true;
  }

  /** One look at a time; never rejects: a look that fails is repeated. */
  #lookNow(): Promise<void> {
    if (this.#looking !== null) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = this.#look(async (oif) =>
      // Otherwise routes are none of our business: a router's table is not walked for nothing.
      this.#watchesRoutes ? this.#dumpRoutes({table: this.#options.config.table}, oif) : null,
    )
      .then(
        () => {
          this.#isLookFailing = false;
          return this.#lookAgain ? lookAgainMs : lookEveryMs;
        },
        (error: unknown) => {
          this.#complain(error);
          return lookAfterFailureMs;
        },
      )
      .then((nextMs) => {
        this.#looking = null;
        this.#lookAgain = false;
        this.#nextLook(nextMs);
        this.#recheck();
      });
    return this.#looking;
  }

  async #look(dumpRoutes: (index: number) => Promise<readonly RouteInfo[] | null>): Promise<void> {
    const {client, config} = this.#options;
    const later: NetlinkEvent[] = [];
    this.#during = later;
    try {
      const link = (await client.dumpLinks()).find(({name}) => name === config.interface) ?? null;
      const addresses = link ? await client.dumpAddresses(link.index) : [];
      const routes = link ? await dumpRoutes(link.index) : [];
      this.#setLink(link);
      this.#addressHolding.replace(addresses);
      if (routes) this.#routeHolding.replace(routes);
      this.#during = null;
      if (later.length > 0) this.#take({events: later, overrun: false});
    } finally {
      this.#during = null;
    }
  }

  async #dumpRoutes(
    filter: {readonly table: number; readonly protocol?: number},
    oif: number,
  ): Promise<readonly RouteInfo[]> {
    const {client} = this.#options;
    const hosts = await client.dumpHostRoutes({...filter, oif});
    return [...hosts, ...(await client.dumpUnreachableRoutes(filter)).filter(({prefix}) => !isHost(prefix))];
  }

  #recheck(): void {
    this.#addressInstaller.recheck();
    this.#routeInstaller.recheck();
  }

  #nextLook(ms: number): void {
    this.#cancelTimer();
    if (this.#runningParts === 0) return;
    this.#cancelTimer = this.#options.clock.after(ms, () => void this.#lookNow());
  }

  #complain(error: unknown): void {
    if (this.#isLookFailing || this.#runningParts === 0) return;
    this.#isLookFailing = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#note('warn', `cannot read addresses and routes from the kernel: ${why}; trying again`);
  }

  #onDenied(): void {
    if (this.#wasDenied) return;
    this.#wasDenied = true;
    this.#note(
      'error',
      'addresses and routes cannot be changed without CAP_NET_ADMIN: run as root, or give the service that ' +
        'capability (systemd: AmbientCapabilities=CAP_NET_ADMIN)',
    );
  }

  #note(level: 'warn' | 'error', message: string): void {
    this.#options.emit({kind: 'note', level, message, fields: {interface: this.#link.name}});
  }
}
