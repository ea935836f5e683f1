/**
 * Talks rtnetlink: requests on one socket, the kernel's events on another. The kernel answers a request while it is
 * being sent, so that an answer is normally read at once, without a turn of the event loop.
 */

import {SystemError} from '../io/native.js';
import type {NetlinkSocket} from '../io/netlink-socket.js';
import {isHost} from '../lib/prefix.js';
import type {Cancel, Clock, IpFamily} from '../types.js';
import {
  encodeMessage,
  type NetlinkMessage,
  nlmFlag,
  nlmsg,
  parseDatagram,
  parseVerdict,
} from './netlink-protocol.js';
import {
  type AddressInfo,
  addressDump,
  decodeAddress,
  decodeEvent,
  decodeLink,
  decodeRoute,
  encodeDeleteAddress,
  encodeNewAddress,
  encodeRoute,
  group,
  type HostAddress,
  type LinkInfo,
  linkDump,
  type NetlinkEvent,
  type RouteFilter,
  type RouteForm,
  type RouteInfo,
  routeDump,
  routeType,
  rtm,
} from './rtnetlink-protocol.js';

export interface NetlinkClientOptions {
  readonly open: () => NetlinkSocket;
  readonly clock: Clock;
}

/** What came in together; `overrun`: events were lost, look at everything again. */
export interface NetlinkEvents {
  readonly events: readonly NetlinkEvent[];
  readonly overrun: boolean;
}

interface Pending {
  readonly name: string;
  readonly isDump: boolean;
  readonly take: (message: NetlinkMessage) => void;
  readonly settle: (error: SystemError | null, interrupted: boolean) => void;
  interrupted: boolean;
}

const errno = {
  ENOENT: 2,
  ENODEV: 19,
  EBADMSG: 74,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECANCELED: 125,
} as const;

/** Nothing there to dump: no such table, no such interface, no such protocol family. */
const emptyDump = new Set<number>([errno.ENOENT, errno.ENODEV, errno.EAFNOSUPPORT, errno.EOPNOTSUPP]);

const answerTimeoutMs = 5_000;
// A dump that changes under the hand is taken again, and after so often taken as it is.
const dumpAttempts = 4;
// What one turn of the event loop reads, so that a flood of events stops nothing else.
const datagramsPerTurn = 64;

/** Every request rejects with `SystemError`; its message carries the kernel's own words where it gave some. */
export class NetlinkClient {
  readonly #clock: Clock;
  readonly #requests: NetlinkSocket;
  readonly #events: NetlinkSocket;
  readonly #cancels: Cancel[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(events: NetlinkEvents) => void>();
  #sequence = 0;
  #dumps: Promise<unknown> = Promise.resolve();
  #watchesRoutes = false;
  #stopped = false;

  /** Opens both sockets; throws what `open` throws. */
  constructor({open, clock}: NetlinkClientOptions) {
    this.#clock = clock;
    this.#requests = open();
    try {
      this.#events = open();
    } catch (error) {
      this.#requests.close();
      throw error;
    }
    for (const id of [group.LINK, group.IPV4_ADDRESS, group.IPV6_ADDRESS]) this.#events.join(id);
    this.#cancels.push(
      this.#requests.onReadable(() => this.#takeAnswers()),
      this.#events.onReadable(() => this.takeEvents(datagramsPerTurn)),
    );
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const cancel of this.#cancels) cancel();
    this.#requests.close();
    this.#events.close();
    for (const pending of this.#pending.values()) pending.settle(cancelled(pending.name), false);
  }

  /** Route events are asked for only by those who need them: on a router they are many. */
  watchRoutes(): void {
    if (this.#watchesRoutes) return;
    this.#watchesRoutes = true;
    this.#events.join(group.IPV4_ROUTE);
    this.#events.join(group.IPV6_ROUTE);
  }

  /** Calls with links, addresses, host routes and unreachable ones that came, changed or went, in the kernel's order. */
  on(listener: (events: NetlinkEvents) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Hands out, before it returns, the events that the kernel has told so far. After a request was acknowledged
   * this is done by itself: what the request changed is then already known to the listeners.
   */
  takeEvents(limit = Number.POSITIVE_INFINITY): void {
    if (this.#stopped) return;
    const events: NetlinkEvent[] = [];
    let overrun = false;
    for (let count = 0; count < limit; count++) {
      try {
        const datagram = this.#events.receive();
        if (!datagram) break;
        const {messages, damaged} = parseDatagram(datagram);
        overrun ||= damaged;
        for (const message of messages) {
          const event = decodeEvent(message);
          if (event) events.push(event);
        }
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        // ENOBUFS: the socket goes on working behind the gap. Whatever else it is: events may be missing.
        overrun = true;
        if (error.errno !== errno.ENOBUFS) break;
      }
    }
    if (events.length === 0 && !overrun) return;
    for (const listener of [...this.#listeners]) listener({events, overrun});
  }

  dumpLinks(): Promise<readonly LinkInfo[]> {
    return this.#dump('RTM_GETLINK', rtm.GETLINK, linkDump(), rtm.NEWLINK, decodeLink);
  }

  /** Of one interface, or of all. */
  async dumpAddresses(index = 0): Promise<readonly AddressInfo[]> {
    const dump = (family: IpFamily): Promise<readonly AddressInfo[]> =>
      this.#dump('RTM_GETADDR', rtm.GETADDR, addressDump(family, index), rtm.NEWADDR, decodeAddress);
    const all = new Map<string, AddressInfo>();
    // A kernel without IPv6 answers a question for IPv6 with everything it has: nothing may come in twice.
    for (const info of [...(await dump('ipv4')), ...(await dump('ipv6'))]) {
      if (index === 0 || info.index === index) all.set(`${info.index} ${info.address}/${info.length}`, info);
    }
    return [...all.values()];
  }

  /** Host routes only, of both families. */
  async dumpHostRoutes(filter: RouteFilter): Promise<readonly RouteInfo[]> {
    return (await this.#dumpRoutes(filter)).filter(({prefix}) => isHost(prefix));
  }

  /** Unreachable routes only, of both families and any length. */
  dumpUnreachableRoutes(filter: Omit<RouteFilter, 'oif'>): Promise<readonly RouteInfo[]> {
    return this.#dumpRoutes({...filter, type: routeType.UNREACHABLE});
  }

  async #dumpRoutes(filter: RouteFilter): Promise<readonly RouteInfo[]> {
    const dump = (family: IpFamily): Promise<readonly RouteInfo[]> =>
      this.#dump('RTM_GETROUTE', rtm.GETROUTE, routeDump(family, filter), rtm.NEWROUTE, decodeRoute);
    return [...(await dump('ipv4')), ...(await dump('ipv6'))].filter(
      ({table, protocol, oif, type}) =>
        (filter.table ?? table) === table &&
        (filter.protocol ?? protocol) === protocol &&
        (filter.oif ?? oif) === oif &&
        (filter.type ?? type) === type,
    );
  }

  /** Fails with `EEXIST` where the address is there already. */
  addAddress(address: HostAddress): Promise<void> {
    const flags = nlmFlag.CREATE | nlmFlag.EXCL;
    return this.#change('RTM_NEWADDR', rtm.NEWADDR, flags, encodeNewAddress(address));
  }

  deleteAddress(address: Omit<HostAddress, 'protocol'>): Promise<void> {
    return this.#change('RTM_DELADDR', rtm.DELADDR, 0, encodeDeleteAddress(address));
  }

  /** Fails with `EEXIST` where a route of the same prefix and metric is there already. */
  addRoute(route: RouteForm): Promise<void> {
    return this.#change('RTM_NEWROUTE', rtm.NEWROUTE, nlmFlag.CREATE | nlmFlag.EXCL, encodeRoute(route));
  }

  /** Deletes exactly this route, never one of another protocol. */
  deleteRoute(route: RouteForm): Promise<void> {
    return this.#change('RTM_DELROUTE', rtm.DELROUTE, 0, encodeRoute(route));
  }

  async #change(name: string, type: number, flags: number, payload: Buffer): Promise<void> {
    try {
      await this.#request(name, type, flags | nlmFlag.ACK, payload, () => {});
    } finally {
      this.takeEvents();
    }
  }

  /** One dump at a time: the kernel refuses a second one on the same socket. */
  #dump<Info>(
    name: string,
    type: number,
    payload: Buffer,
    answerType: number,
    decode: (payload: Buffer) => Info | null,
  ): Promise<readonly Info[]> {
    const dump = this.#dumps.then(async () => {
      for (let attempt = 1; ; attempt++) {
        const found: Info[] = [];
        const interrupted = await this.#request(name, type, nlmFlag.DUMP, payload, (message) => {
          const info = message.type === answerType ? decode(message.payload) : null;
          if (info) found.push(info);
        });
        if (!interrupted || attempt === dumpAttempts) return found;
      }
    });
    this.#dumps = dump.catch(() => {});
    return dump;
  }

  /** Resolves with whether a dump was changed while it was taken. */
  #request(
    name: string,
    type: number,
    flags: number,
    payload: Buffer,
    take: (message: NetlinkMessage) => void,
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) throw cancelled(name);
      this.#sequence = (this.#sequence % 0xffffffff) + 1;
      const sequence = this.#sequence;
      let cancelTimeout: Cancel = () => {};
      const settle = (error: SystemError | null, interrupted: boolean): void => {
        this.#pending.delete(sequence);
        cancelTimeout();
        if (error) reject(error);
        else resolve(interrupted);
      };
      const isDump = flags === nlmFlag.DUMP;
      this.#pending.set(sequence, {name, isDump, take, settle, interrupted: false});
      try {
        this.#requests.send(encodeMessage({type, flags: flags | nlmFlag.REQUEST, sequence}, payload));
        this.#takeAnswers(() => !this.#pending.has(sequence));
      } catch (error) {
        this.#pending.delete(sequence);
        throw error;
      }
      if (!this.#pending.has(sequence)) return;
      cancelTimeout = this.#clock.after(answerTimeoutMs, () =>
        settle(new SystemError(name, errno.ETIMEDOUT, 'the kernel did not answer'), false),
      );
    });
  }

  #takeAnswers(enough = () => false): void {
    for (let count = 0; count < datagramsPerTurn && !this.#stopped && !enough(); count++) {
      let datagram: Buffer | null;
      try {
        datagram = this.#requests.receive();
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.#failPending(error.errno, 'an answer of the kernel was lost');
        return;
      }
      if (!datagram) return;
      const {messages, damaged} = parseDatagram(datagram);
      for (const message of messages) this.#takeAnswer(message);
      if (damaged) this.#failPending(errno.EBADMSG, 'the answer of the kernel is damaged');
    }
  }

  #failPending(number: number, text: string): void {
    for (const {name, settle} of [...this.#pending.values()])
      settle(new SystemError(name, number, text), false);
  }

  #takeAnswer(message: NetlinkMessage): void {
    const pending = this.#pending.get(message.sequence);
    if (!pending) return;
    if ((message.flags & nlmFlag.DUMP_INTR) !== 0) pending.interrupted = true;
    if (message.type !== nlmsg.ERROR && message.type !== nlmsg.DONE) {
      if (message.type !== nlmsg.NOOP) pending.take(message);
      return;
    }
    const verdict = parseVerdict(message);
    if (!verdict) {
      pending.settle(
        new SystemError(pending.name, errno.EBADMSG, 'the answer of the kernel is damaged'),
        false,
      );
    } else if (verdict.errno === 0 || (pending.isDump && emptyDump.has(verdict.errno))) {
      pending.settle(null, pending.interrupted);
    } else {
      pending.settle(new SystemError(pending.name, verdict.errno, verdict.text ?? undefined), false);
    }
  }
}

function cancelled(name: string): SystemError {
  return new SystemError(name, errno.ECANCELED, 'the netlink client was stopped');
}
