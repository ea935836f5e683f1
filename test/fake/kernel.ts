/**
 * A kernel's rtnetlink, as far as eip-health may use it, spoken in its own bytes. It is strict: a request it does not
 * know, a flag or an attribute that should not be there fails the test.
 */

import {
  attribute,
  cString,
  encodeMessage,
  type NetlinkMessage,
  nlmFlag,
  nlmsg,
  parseAttributes,
  parseDatagram,
  u8,
  u32,
} from '../../agent/control/netlink-protocol.js';
import {
  type AddressInfo,
  addressFlag,
  decodeAddress,
  decodeRoute,
  group,
  type LinkInfo,
  type RouteInfo,
  rtm,
} from '../../agent/control/rtnetlink-protocol.js';
import {SystemError} from '../../agent/io/native.js';
import type {NetlinkSocket} from '../../agent/io/netlink-socket.js';
import {addressOf, bytesOf, familyOf, lengthOf, parseAddress, parsePrefix} from '../../agent/lib/prefix.js';

/** `RTN_UNREACHABLE`: of no interface, which IPv6 shows as the loopback one. */
const unreachable = 7;
const errno = {EPERM: 1, ESRCH: 3, EEXIST: 17, ENODEV: 19, EADDRNOTAVAIL: 99, ENETDOWN: 100, ENOBUFS: 105};
const names = new Map<number, string>(Object.entries(rtm).map(([name, number]) => [number, `RTM_${name}`]));

/** What a request to the kernel may carry. */
const allowedAttributes: Record<number, readonly number[]> = {
  [rtm.NEWADDR]: [1, 2, 3, 6, 8, 11],
  [rtm.DELADDR]: [1, 2, 3],
  [rtm.NEWROUTE]: [1, 4, 6, 15],
  [rtm.DELROUTE]: [1, 4, 6, 15],
  [rtm.GETLINK]: [],
  [rtm.GETADDR]: [],
  [rtm.GETROUTE]: [4, 15],
};
const headerLengths: Record<number, number> = {
  [rtm.GETLINK]: 16,
  [rtm.NEWADDR]: 8,
  [rtm.DELADDR]: 8,
  [rtm.GETADDR]: 8,
  [rtm.NEWROUTE]: 12,
  [rtm.DELROUTE]: 12,
  [rtm.GETROUTE]: 12,
};

interface Socket {
  readonly queue: (Buffer | SystemError)[];
  readonly groups: Set<number>;
  listener: (() => void) | null;
  scheduled: boolean;
  isOpen: boolean;
}

export interface ForeignRoute {
  readonly prefix: string;
  readonly table?: number;
  readonly protocol?: number;
  readonly metric?: number;
  readonly oif: string;
  readonly viaGateway?: boolean;
  /** `RTN_*`. */
  readonly type?: number;
}

export class FakeKernel {
  /** false: a kernel before 5.18. */
  keepsAddressProtocol = true;
  /** true: new IPv6 addresses are told of only by `finishIpv6`. */
  tellsIpv6Late = false;
  /** true: nothing is told any more, not even that something is missing. */
  losesEvents = false;
  /** true: what a dump finds is handed out a few turns of the event loop later. */
  dumpsSlowly = false;
  /** true: every change is refused with EPERM. */
  isDenied = false;
  /** How many further dumps are marked as interrupted, and incomplete. */
  interruptedDumps = 0;
  /** The next changes fail so, one after the other. */
  readonly refusals: {readonly errno: number; readonly text: string | null}[] = [];
  /** Every change asked for: `RTM_NEWADDR 192.0.2.1/32`. */
  readonly changes: string[] = [];
  dumps = 0;

  readonly #fail: (message: string) => void;
  readonly #sockets = new Set<Socket>();
  readonly #links = new Map<number, LinkInfo>();
  #addresses: AddressInfo[] = [];
  #routes: RouteInfo[] = [];
  #untold: AddressInfo[] = [];
  #nextIndex = 1;

  constructor(fail: (message: string) => void) {
    this.#fail = fail;
    this.addLink('lo', {loopback: true});
    this.addAddress('lo', '127.0.0.1/8', {scope: 254});
    this.addAddress('lo', '::1/128', {scope: 254, protocol: 1});
  }

  // ---- for the test: what other programs and the wire do

  addLink(name: string, {up = true, loopback = false} = {}): void {
    const link = {index: this.#nextIndex++, name, up, loopback};
    this.#links.set(link.index, link);
    this.#tellLink(rtm.NEWLINK, link);
  }

  /** As Linux does it: IPv6 addresses go with a word, IPv4 routes without one. */
  setLink(name: string, up: boolean): void {
    const link = {...this.#link(name), up};
    this.#links.set(link.index, link);
    if (!up) {
      for (const info of this.#addresses.filter((info) => info.index === link.index)) {
        if (familyOf(info.address) === 'ipv6') this.#dropAddress(info);
      }
      for (const route of this.#routes.filter(({oif}) => oif === link.index)) {
        if (familyOf(route.prefix) === 'ipv6') this.#dropRoute(route);
      }
      this.#routes = this.#routes.filter(({oif}) => oif !== link.index);
    }
    this.#tellLink(rtm.NEWLINK, link);
  }

  removeLink(name: string): void {
    this.setLink(name, false);
    const link = this.#link(name);
    for (const info of this.#addresses.filter(({index}) => index === link.index)) this.#dropAddress(info);
    this.#links.delete(link.index);
    this.#tellLink(rtm.DELLINK, link);
  }

  addAddress(link: string, text: string, more: Partial<AddressInfo> = {}): void {
    const [address, length] = text.split('/');
    this.#insertAddress({
      index: this.#link(link).index,
      address: parseAddress(address ?? ''),
      length: Number(length),
      scope: 0,
      flags: 0x80,
      label: text.includes(':') ? null : link,
      hasBroadcast: false,
      protocol: null,
      preferredSeconds: 0xffffffff,
      ...more,
    });
  }

  removeAddress(link: string, text: string): void {
    const {index} = this.#link(link);
    const info = this.#addresses.find(
      (info) => info.index === index && `${info.address}/${info.length}` === text,
    );
    if (!info) throw new Error(`there is no ${text} on ${link}`);
    this.#dropAddress(info);
  }

  addRoute({
    prefix,
    oif,
    table = 254,
    protocol = 3,
    metric = 0,
    viaGateway = false,
    type = 1,
  }: ForeignRoute): void {
    const ipv4 = !prefix.includes(':');
    this.#insertRoute({
      prefix: parsePrefix(prefix),
      oif: ipv4 && type === unreachable ? null : this.#link(oif).index,
      table,
      protocol,
      metric: metric || (ipv4 ? 0 : 1024),
      viaGateway,
      scope: ipv4 && !viaGateway && type === 1 ? 253 : 0,
      type,
      tos: 0,
    });
  }

  /** `ip route replace`: the one event does not say what went. */
  replaceRoute(route: ForeignRoute): void {
    this.#routes = this.#routes.filter(({prefix}) => prefix !== route.prefix);
    const before = [...this.#sockets].map(({queue}) => queue.length);
    this.addRoute(route);
    [...this.#sockets].forEach(({queue}, i) => {
      for (const datagram of queue.slice(before[i])) {
        if (datagram instanceof Buffer) datagram.writeUInt16LE(nlmFlag.REPLACE, 6);
      }
    });
  }

  removeRoute(prefix: string): void {
    const route = this.#routes.find((route) => route.prefix === prefix);
    if (!route) throw new Error(`there is no route ${prefix}`);
    this.#dropRoute(route);
  }

  /** Everything that waits in event sockets is lost. */
  overrun(): void {
    for (const socket of this.#sockets) {
      if (socket.groups.size === 0) continue;
      socket.queue.length = 0;
      this.#enqueue(socket, new SystemError('recvfrom', errno.ENOBUFS));
    }
  }

  finishIpv6(): void {
    for (const info of this.#untold.splice(0)) this.#tellAddress(rtm.NEWADDR, info);
  }

  /** All but the kernel's own: `lo 192.0.2.1/32 lo:eip proto 153`. */
  addresses(): string[] {
    return this.#addresses
      .filter(({scope}) => scope !== 254)
      .map((info) =>
        [
          this.#links.get(info.index)?.name,
          `${info.address}/${info.length}`,
          ...(info.label === null ? [] : [info.label]),
          ...(info.protocol === null ? [] : [`proto ${info.protocol}`]),
        ].join(' '),
      )
      .sort();
  }

  /** `192.0.2.1/32 dev lo table 254 proto 153 scope 253 metric 0`. */
  routes(): string[] {
    return this.#routes
      .map(
        ({prefix, oif, table, protocol, scope, metric}) =>
          `${prefix} dev ${this.#links.get(oif ?? 0)?.name} table ${table} proto ${protocol} scope ${scope} metric ${metric}`,
      )
      .sort();
  }

  /** The flags and lifetime of an address, for what `addresses` leaves out. */
  addressInfo(address: string): AddressInfo | undefined {
    return this.#addresses.find((info) => info.address === address);
  }

  // ---- the sockets

  readonly open = (): NetlinkSocket => {
    const socket: Socket = {queue: [], groups: new Set(), listener: null, scheduled: false, isOpen: true};
    this.#sockets.add(socket);
    const use = (): void => {
      if (!socket.isOpen) this.#fail('a closed netlink socket is used');
    };
    return {
      send: (datagram) => {
        use();
        const {messages, damaged} = parseDatagram(Buffer.from(datagram));
        if (damaged || messages.length === 0) this.#fail('a damaged request');
        for (const message of messages) this.#answer(socket, message);
      },
      receive: () => {
        use();
        const next = socket.queue.shift() ?? null;
        if (next instanceof SystemError) throw next;
        return next;
      },
      onReadable: (listener) => {
        socket.listener = listener;
        this.#wake(socket);
        return () => {
          socket.listener = null;
        };
      },
      join: (id) => {
        use();
        socket.groups.add(id);
      },
      close: () => {
        use();
        socket.isOpen = false;
        this.#sockets.delete(socket);
      },
    };
  };

  #enqueue(socket: Socket, item: Buffer | SystemError): void {
    socket.queue.push(item);
    this.#wake(socket);
  }

  #wake(socket: Socket): void {
    if (socket.scheduled) return;
    socket.scheduled = true;
    setImmediate(() => {
      socket.scheduled = false;
      if (socket.queue.length === 0 || !socket.isOpen) return;
      socket.listener?.();
      // Readiness is a level, not an edge.
      if (socket.queue.length > 0) this.#wake(socket);
    });
  }

  #answer(socket: Socket, message: NetlinkMessage): void {
    const {type, flags, payload, sequence} = message;
    const allowed = allowedAttributes[type];
    if (!allowed) {
      this.#fail(`the fake kernel does not know request ${names.get(type) ?? type}`);
      return;
    }
    const attributes = parseAttributes(payload.subarray(headerLengths[type]));
    for (const id of attributes.keys()) {
      if (!allowed.includes(id)) this.#fail(`${names.get(type)} with attribute ${id}`);
    }
    const isDump = type === rtm.GETLINK || type === rtm.GETADDR || type === rtm.GETROUTE;
    const isAdd = type === rtm.NEWADDR || type === rtm.NEWROUTE;
    const expected =
      nlmFlag.REQUEST | (isDump ? nlmFlag.DUMP : nlmFlag.ACK | (isAdd ? nlmFlag.CREATE | nlmFlag.EXCL : 0));
    if (flags !== expected) this.#fail(`${names.get(type)} with flags 0x${flags.toString(16)}`);
    if (isDump) this.#dump(socket, message);
    else this.#acknowledge(socket, sequence, this.#change(type, payload), payload);
  }

  #acknowledge(socket: Socket, sequence: number, code: Refusal, request: Buffer): void {
    const flags = nlmFlag.CAPPED | (code.text === null ? 0 : nlmFlag.ACK_TLVS);
    const error = Buffer.alloc(4);
    error.writeInt32LE(-code.errno);
    const header = encodeMessage({type: 0, flags: 0, sequence}, request).subarray(0, 16);
    const text = code.text === null ? Buffer.alloc(0) : attribute(1, cString(code.text));
    this.#enqueue(socket, encodeMessage({type: nlmsg.ERROR, flags, sequence}, error, header, text));
  }

  #dump(socket: Socket, {type, payload, sequence}: NetlinkMessage): void {
    this.dumps++;
    const family = payload.readUInt8(0);
    const isOf = (value: string): boolean => (value.includes(':') ? 10 : 2) === family;
    let parts: Buffer[][];
    if (type === rtm.GETLINK) {
      parts = [...this.#links.values()].map((link) => linkParts(link));
    } else if (type === rtm.GETADDR) {
      const index = payload.readInt32LE(4);
      parts = this.#addresses
        .filter((info) => isOf(info.address) && (index === 0 || index === info.index))
        .map((info) => addressParts(info));
    } else {
      const attributes = parseAttributes(payload.subarray(12));
      const [protocol, oif, table] = [payload.readUInt8(5), attributes.get(4), attributes.get(15)];
      parts = this.#routes
        .filter(
          (route) =>
            isOf(route.prefix) &&
            (payload.readUInt8(7) === 0 || payload.readUInt8(7) === route.type) &&
            (protocol === 0 || protocol === route.protocol) &&
            (!oif || oif.readUInt32LE() === route.oif) &&
            (!table || table.readUInt32LE() === route.table),
        )
        .map((route) => routeParts(route));
    }
    let flags: number = nlmFlag.MULTI;
    if (this.interruptedDumps > 0) {
      this.interruptedDumps--;
      flags |= nlmFlag.DUMP_INTR;
      parts.pop();
    }
    const answer = [
      ...parts.map((part) => encodeMessage({type: type - 2, flags, sequence}, ...part)),
      encodeMessage({type: nlmsg.DONE, flags, sequence}, u32(0)),
    ];
    const handOut = (): void => {
      for (const message of answer) this.#enqueue(socket, message);
    };
    if (this.dumpsSlowly) setImmediate(() => setImmediate(handOut));
    else handOut();
  }

  #change(type: number, payload: Buffer): Refusal {
    const address = type === rtm.NEWADDR || type === rtm.DELADDR ? decodeAddress(payload) : null;
    const route = address ? null : decodeRoute(payload);
    this.changes.push(
      `${names.get(type)} ${address ? `${address.address}/${address.length}` : route?.prefix}`,
    );
    if (this.isDenied) return {errno: errno.EPERM, text: null};
    const refusal = this.refusals.shift();
    if (refusal) return refusal;
    if (address) return type === rtm.NEWADDR ? this.#newAddress(address) : this.#deleteAddress(address);
    if (route) return type === rtm.NEWROUTE ? this.#newRoute(route) : this.#deleteRoute(route);
    this.#fail(`${names.get(type)} without an address or a host route`);
    return {errno: 22, text: null};
  }

  #newAddress(info: AddressInfo): Refusal {
    if (!this.#links.has(info.index)) return {errno: errno.ENODEV, text: 'Device not found'};
    const ipv4 = familyOf(info.address) === 'ipv4';
    const isThere = this.#addresses.some(
      ({address, index, length}) =>
        address === info.address && index === info.index && (!ipv4 || length === info.length),
    );
    if (isThere) return {errno: errno.EEXIST, text: 'Address already assigned'};
    const flags = info.flags | 0x80 | (info.preferredSeconds === 0 ? addressFlag.DEPRECATED : 0);
    const label = ipv4 ? (info.label ?? this.#links.get(info.index)?.name ?? null) : null;
    this.#insertAddress({...info, flags, label, protocol: this.keepsAddressProtocol ? info.protocol : null});
    return ok;
  }

  #deleteAddress(info: AddressInfo): Refusal {
    const known = this.#addresses.find(
      ({address, index, length, label}) =>
        address === info.address &&
        index === info.index &&
        length === info.length &&
        (info.label === null || label === info.label),
    );
    if (!known) return {errno: errno.EADDRNOTAVAIL, text: 'Address not found'};
    this.#dropAddress(known);
    return ok;
  }

  #newRoute(route: RouteInfo): Refusal {
    const ofNoLink = route.type === unreachable && route.oif === null;
    const link = this.#links.get(ofNoLink ? 1 : (route.oif ?? 0));
    if (!link) return {errno: errno.ENODEV, text: null};
    if (!ofNoLink && !link.up) return {errno: errno.ENETDOWN, text: 'Device for nexthop is not up'};
    const isThere = this.#routes.some(
      ({prefix, table, metric}) =>
        prefix === route.prefix && table === route.table && metric === route.metric,
    );
    if (isThere) return {errno: errno.EEXIST, text: null};
    this.#insertRoute(ofNoLink && familyOf(route.prefix) === 'ipv6' ? {...route, oif: link.index} : route);
    return ok;
  }

  #deleteRoute(route: RouteInfo): Refusal {
    const known = this.#routes.find((other) =>
      (['prefix', 'table', 'metric', 'oif', 'protocol', 'scope', 'type'] as const).every(
        (key) => other[key] === route[key] || (key === 'oif' && route.oif === null),
      ),
    );
    if (!known) return {errno: errno.ESRCH, text: null};
    this.#dropRoute(known);
    return ok;
  }

  // ---- state and events

  #link(name: string): LinkInfo {
    const link = [...this.#links.values()].find((link) => link.name === name);
    if (!link) throw new Error(`there is no interface ${name}`);
    return link;
  }

  #insertAddress(info: AddressInfo): void {
    this.#addresses.push(info);
    if (this.tellsIpv6Late && familyOf(info.address) === 'ipv6') this.#untold.push(info);
    else this.#tellAddress(rtm.NEWADDR, info);
  }

  #dropAddress(info: AddressInfo): void {
    this.#addresses = this.#addresses.filter((other) => other !== info);
    this.#untold = this.#untold.filter((other) => other !== info);
    this.#tellAddress(rtm.DELADDR, info);
  }

  #insertRoute(route: RouteInfo): void {
    this.#routes.push(route);
    this.#tellRoute(rtm.NEWROUTE, route);
  }

  #dropRoute(route: RouteInfo): void {
    this.#routes = this.#routes.filter((other) => other !== route);
    this.#tellRoute(rtm.DELROUTE, route);
  }

  #tellLink(type: number, link: LinkInfo): void {
    this.#tell(group.LINK, type, linkParts(link));
  }

  #tellAddress(type: number, info: AddressInfo): void {
    const id = familyOf(info.address) === 'ipv4' ? group.IPV4_ADDRESS : group.IPV6_ADDRESS;
    this.#tell(id, type, addressParts(info));
  }

  #tellRoute(type: number, route: RouteInfo): void {
    this.#tell(
      familyOf(route.prefix) === 'ipv4' ? group.IPV4_ROUTE : group.IPV6_ROUTE,
      type,
      routeParts(route),
    );
  }

  #tell(id: number, type: number, parts: readonly Buffer[]): void {
    for (const socket of this.losesEvents ? [] : this.#sockets) {
      if (socket.groups.has(id))
        this.#enqueue(socket, encodeMessage({type, flags: 0, sequence: 0}, ...parts));
    }
  }
}

interface Refusal {
  readonly errno: number;
  readonly text: string | null;
}

const ok: Refusal = {errno: 0, text: null};

function linkParts({index, name, up, loopback}: LinkInfo): Buffer[] {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE((up ? 1 : 0) | (loopback ? 8 : 0), 8);
  return [header, attribute(3, cString(name))];
}

function addressParts(info: AddressInfo): Buffer[] {
  const bytes = bytesOf(info.address);
  const header = Buffer.from([
    bytes.length === 4 ? 2 : 10,
    info.length,
    info.flags & 0xff,
    info.scope,
    0,
    0,
    0,
    0,
  ]);
  header.writeInt32LE(info.index, 4);
  return [
    header,
    attribute(1, bytes),
    ...(bytes.length === 4 ? [attribute(2, bytes)] : []),
    ...(info.label === null ? [] : [attribute(3, cString(info.label))]),
    ...(info.hasBroadcast ? [attribute(4, Uint8Array.of(255, 255, 255, 255))] : []),
    attribute(8, u32(info.flags)),
    attribute(6, Buffer.concat([u32(info.preferredSeconds), u32(0xffffffff), u32(0), u32(0)])),
    ...(info.protocol === null ? [] : [attribute(11, u8(info.protocol))]),
  ];
}

function routeParts(route: RouteInfo): Buffer[] {
  const ipv4 = familyOf(route.prefix) === 'ipv4';
  const table = route.table < 256 ? route.table : 0;
  return [
    Buffer.from([
      ipv4 ? 2 : 10,
      lengthOf(route.prefix),
      0,
      route.tos,
      table,
      route.protocol,
      route.scope,
      route.type,
      ...[0, 0, 0, 0],
    ]),
    attribute(1, bytesOf(addressOf(route.prefix))),
    attribute(15, u32(route.table)),
    ...(route.oif === null ? [] : [attribute(4, u32(route.oif))]),
    ...(route.metric === 0 ? [] : [attribute(6, u32(route.metric))]),
    ...(route.viaGateway ? [attribute(5, Uint8Array.of(10, 0, 0, 1))] : []),
  ];
}
