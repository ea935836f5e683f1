/**
 * What rtnetlink says about links, addresses and routes (include/uapi/linux/{rtnetlink,if_link,if_addr}.h), and the
 * requests that change them. Pure. Answers are parsed defensively: what makes no sense decodes to null.
 */

import {addressFromBytes, bytesOf, familyOf, lengthOf, prefixFromBytes} from '../lib/prefix.js';
import type {IpAddress, IpFamily, Prefix} from '../types.js';
import {
  attribute,
  cString,
  type NetlinkMessage,
  parseAttributes,
  readString,
  readU8,
  readU32,
  u8,
  u32,
} from './netlink-protocol.js';

/** `RTM_*`. */
export const rtm = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
} as const;

/** `RTNLGRP_*`: what events can be asked for. */
export const group = {LINK: 1, IPV4_ADDRESS: 5, IPV4_ROUTE: 7, IPV6_ADDRESS: 9, IPV6_ROUTE: 11} as const;

/** `RT_SCOPE_*`. */
export const scope = {GLOBAL: 0, LINK: 253, HOST: 254} as const;

/** `IFA_F_*`. */
export const addressFlag = {
  /** For IPv4 the same bit means "secondary". */
  TEMPORARY: 0x01,
  NODAD: 0x02,
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  NOPREFIXROUTE: 0x200,
} as const;

/** `RTN_*`. */
export const routeType = {UNICAST: 1, UNREACHABLE: 7} as const;

/** A lifetime that never ends, in seconds. */
export const forever = 0xffffffff;

const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const RTM_F_CLONED = 0x200;
const IFLA_IFNAME = 3;
const ifa = {ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, CACHEINFO: 6, FLAGS: 8, PROTO: 11} as const;
const rta = {DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, MULTIPATH: 9, TABLE: 15, VIA: 18} as const;
const families = {ipv4: 2, ipv6: 10} as const;
const linkHeader = 16;
const addressHeader = 8;
const routeHeader = 12;

export interface LinkInfo {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly loopback: boolean;
}

export interface AddressInfo {
  /** Of the interface. */
  readonly index: number;
  readonly address: IpAddress;
  /** Length of the network it lies in. */
  readonly length: number;
  /** `RT_SCOPE_*`. */
  readonly scope: number;
  /** `IFA_F_*`. */
  readonly flags: number;
  /** IPv4 only. */
  readonly label: string | null;
  readonly hasBroadcast: boolean;
  /** Who put it there (IFA_PROTO); null where nobody said, or the kernel does not keep it (before 5.18). */
  readonly protocol: number | null;
  /** Seconds; `forever` for no end. */
  readonly preferredSeconds: number;
}

export interface RouteInfo {
  readonly prefix: Prefix;
  readonly table: number;
  /** RTPROT: who put it there. */
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly tos: number;
  readonly metric: number;
  /** Index of the outgoing interface. */
  readonly oif: number | null;
  /** Whether it leads over a gateway or several paths. */
  readonly viaGateway: boolean;
}

/** Something that is there (`gone: false`, also when it changed) or has gone. */
export type NetlinkEvent =
  | {readonly kind: 'link'; readonly gone: boolean; readonly link: LinkInfo}
  | {readonly kind: 'address'; readonly gone: boolean; readonly address: AddressInfo}
  | {readonly kind: 'route'; readonly gone: boolean; readonly replaced: boolean; readonly route: RouteInfo};

/** null for messages about anything else, and for damaged ones. */
export function decodeEvent(message: NetlinkMessage): NetlinkEvent | null {
  switch (message.type) {
    case rtm.NEWLINK:
    case rtm.DELLINK: {
      const link = decodeLink(message.payload);
      return link && {kind: 'link', gone: message.type === rtm.DELLINK, link};
    }
    case rtm.NEWADDR:
    case rtm.DELADDR: {
      const address = decodeAddress(message.payload);
      return address && {kind: 'address', gone: message.type === rtm.DELADDR, address};
    }
    case rtm.NEWROUTE:
    case rtm.DELROUTE: {
      const route = decodeRoute(message.payload);
      const gone = message.type === rtm.DELROUTE;
      // NLM_F_REPLACE: the kernel does not tell separately that another route went.
      return route && {kind: 'route', gone, replaced: !gone && (message.flags & 0x100) !== 0, route};
    }
    default:
      return null;
  }
}

export function decodeLink(payload: Buffer): LinkInfo | null {
  // Bridges tell of their ports in messages of another family, which say nothing about the link itself.
  if (payload.length < linkHeader || payload[0] !== 0) return null;
  const name = readString(parseAttributes(payload.subarray(linkHeader)).get(IFLA_IFNAME));
  if (!name) return null;
  const flags = payload.readUInt32LE(8);
  return {
    index: payload.readInt32LE(4),
    name,
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
  };
}

export function decodeAddress(payload: Buffer): AddressInfo | null {
  if (payload.length < addressHeader) return null;
  const family = familyFrom(payload.readUInt8(0));
  const length = payload.readUInt8(1);
  if (!family || length > addressBits(family)) return null;
  const attributes = parseAttributes(payload.subarray(addressHeader));
  // On a point-to-point link IFA_ADDRESS is the other end.
  const bytes = attributes.get(ifa.LOCAL) ?? attributes.get(ifa.ADDRESS);
  if (bytes?.length !== addressBits(family) / 8) return null;
  return {
    index: payload.readInt32LE(4),
    address: addressFromBytes(family, bytes),
    length,
    scope: payload.readUInt8(3),
    flags: readU32(attributes.get(ifa.FLAGS)) ?? payload.readUInt8(2),
    label: readString(attributes.get(ifa.LABEL)),
    hasBroadcast: attributes.has(ifa.BROADCAST),
    protocol: readU8(attributes.get(ifa.PROTO)),
    preferredSeconds: readU32(attributes.get(ifa.CACHEINFO)) ?? forever,
  };
}

/**
 * A route to a single host, or an unreachable one. null for every other route, without looking further: a router's
 * whole table may pass by.
 */
export function decodeRoute(payload: Buffer): RouteInfo | null {
  if (payload.length < routeHeader) return null;
  const family = familyFrom(payload.readUInt8(0));
  const length = payload.readUInt8(1);
  if (!family || length > addressBits(family)) return null;
  if (length < addressBits(family) && payload.readUInt8(7) !== routeType.UNREACHABLE) return null;
  if ((payload.readUInt32LE(8) & RTM_F_CLONED) !== 0) return null;
  const attributes = parseAttributes(payload.subarray(routeHeader));
  const destination =
    attributes.get(rta.DST) ?? (length === 0 ? Buffer.alloc(addressBits(family) / 8) : null);
  if (destination?.length !== addressBits(family) / 8) return null;
  return {
    prefix: prefixFromBytes(family, destination, length),
    table: readU32(attributes.get(rta.TABLE)) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    type: payload.readUInt8(7),
    tos: payload.readUInt8(3),
    metric: readU32(attributes.get(rta.PRIORITY)) ?? 0,
    oif: readU32(attributes.get(rta.OIF)),
    viaGateway: [rta.GATEWAY, rta.MULTIPATH, rta.VIA].some((type) => attributes.has(type)),
  };
}

/** The payload of RTM_GETLINK for all links. */
export function linkDump(): Buffer {
  return Buffer.alloc(linkHeader);
}

/** The payload of RTM_GETADDR; `index` 0: of every interface. */
export function addressDump(family: IpFamily, index: number): Buffer {
  const header = Buffer.alloc(addressHeader);
  header.writeUInt8(families[family], 0);
  header.writeInt32LE(index, 4);
  return header;
}

export interface RouteFilter {
  readonly table?: number;
  readonly protocol?: number;
  readonly oif?: number;
  /** `RTN_*`. */
  readonly type?: number;
}

/** The payload of RTM_GETROUTE. Kernels before 4.20 do not filter: look at what comes back. */
export function routeDump(family: IpFamily, {table, protocol = 0, oif, type = 0}: RouteFilter): Buffer {
  const header = Buffer.alloc(routeHeader);
  header.writeUInt8(families[family], 0);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(type, 7);
  return Buffer.concat([
    header,
    ...(table === undefined ? [] : [attribute(rta.TABLE, u32(table))]),
    ...(oif === undefined ? [] : [attribute(rta.OIF, u32(oif))]),
  ]);
}

/** A host's address for an interface, as it is added. IPv4 without broadcast, IPv6 without duplicate detection. */
export interface HostAddress {
  readonly index: number;
  readonly address: IpAddress;
  readonly protocol: number;
  /** IPv4 only; must begin with the interface's name. */
  readonly label: string | null;
}

/** The payload of RTM_NEWADDR. */
export function encodeNewAddress({index, address, protocol, label}: HostAddress): Buffer {
  const family = familyOf(address);
  const rest =
    family === 'ipv4'
      ? label === null
        ? []
        : [attribute(ifa.LABEL, cString(label))]
      : [
          attribute(ifa.FLAGS, u32(addressFlag.NODAD | addressFlag.NOPREFIXROUTE)),
          // A preferred lifetime of 0: never chosen as the source of new connections.
          attribute(ifa.CACHEINFO, Buffer.concat([u32(0), u32(forever), u32(0), u32(0)])),
        ];
  return Buffer.concat([
    addressMessage(family, index),
    ...hostAddressAttributes(address),
    ...rest,
    attribute(ifa.PROTO, u8(protocol)),
  ]);
}

/** The payload of RTM_DELADDR. With a label the kernel removes no IPv4 address that has another one. */
export function encodeDeleteAddress({index, address, label}: Omit<HostAddress, 'protocol'>): Buffer {
  return Buffer.concat([
    addressMessage(familyOf(address), index),
    ...hostAddressAttributes(address),
    ...(label === null ? [] : [attribute(ifa.LABEL, cString(label))]),
  ]);
}

/** A route as it is added: out of an interface without gateway, or one that says unreachable. */
export interface RouteForm {
  readonly prefix: Prefix;
  /** `RTN_*`. */
  readonly type: number;
  /** null: of no interface. */
  readonly oif: number | null;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly metric: number;
}

/** The payload of RTM_NEWROUTE and of RTM_DELROUTE; the kernel then deletes no route of another protocol. */
export function encodeRoute({prefix, type, oif, table, protocol, scope, metric}: RouteForm): Buffer {
  const header = Buffer.alloc(routeHeader);
  header.writeUInt8(families[familyOf(prefix)], 0);
  header.writeUInt8(lengthOf(prefix), 1);
  // Tables above 255 only fit the attribute.
  header.writeUInt8(table < 256 ? table : 0, 4);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(scope, 6);
  header.writeUInt8(type, 7);
  return Buffer.concat([
    header,
    attribute(rta.DST, bytesOf(prefix)),
    ...(oif === null ? [] : [attribute(rta.OIF, u32(oif))]),
    attribute(rta.TABLE, u32(table)),
    ...(metric === 0 ? [] : [attribute(rta.PRIORITY, u32(metric))]),
  ]);
}

function addressMessage(family: IpFamily, index: number): Buffer {
  const header = addressDump(family, index);
  header.writeUInt8(addressBits(family), 1);
  return header;
}

function hostAddressAttributes(address: IpAddress): Buffer[] {
  const bytes = bytesOf(address);
  return [attribute(ifa.LOCAL, bytes), attribute(ifa.ADDRESS, bytes)];
}

function familyFrom(number: number): IpFamily | null {
  if (number === families.ipv4) return 'ipv4';
  return number === families.ipv6 ? 'ipv6' : null;
}

function addressBits(family: IpFamily): number {
  return family === 'ipv4' ? 32 : 128;
}
