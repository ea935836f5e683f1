/** Addresses and networks: the only importer of ipaddr.js and the only maker of `Prefix` and `IpAddress`. */

import ipaddr from 'ipaddr.js';
import type {IpAddress, IpFamily, Prefix} from '../types.js';

/** Text that is no address or network; the message says what would be right. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const hostLength = {ipv4: 32, ipv6: 128} as const;

/** The canonical form of an address (RFC 5952). Throws `AddressError`; zones and IPv4-mapped forms are refused. */
export function parseAddress(text: string): IpAddress {
  return canonical(parsed(text));
}

/**
 * The canonical form of a network; a bare address means /32 or /128.
 * Throws `AddressError`, also for host bits that are set: the message then names the network meant.
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  const address = parsed(slash === -1 ? text : text.slice(0, slash));
  const family: IpFamily = address.kind();
  const host = hostLength[family];
  const lengthText = slash === -1 ? String(host) : text.slice(slash + 1);
  const length = /^(0|[1-9]\d{0,2})$/.test(lengthText) ? Number(lengthText) : Number.NaN;
  if (!(length >= 0 && length <= host)) {
    throw new AddressError(`"${text}" has no valid prefix length: write /0 to /${host} behind the address`);
  }
  const network = prefixFromBytes(family, masked(Uint8Array.from(address.toByteArray()), length), length);
  if (addressOf(network) !== canonical(address)) {
    throw new AddressError(`"${text}" has host bits set: the network is ${network}`);
  }
  return network;
}

/** The host prefix of an address: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${hostLength[familyOf(address)]}` as Prefix;
}

export function familyOf(value: IpAddress | Prefix): IpFamily {
  return value.includes(':') ? 'ipv6' : 'ipv4';
}

/** The address in front of the slash. */
export function addressOf(prefix: Prefix): IpAddress {
  return prefix.slice(0, prefix.indexOf('/')) as IpAddress;
}

export function lengthOf(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

/** Whether it is a /32 or /128: the only prefixes that go on an interface. */
export function isHost(prefix: Prefix): boolean {
  return lengthOf(prefix) === hostLength[familyOf(prefix)];
}

/** The 4 or 16 bytes of an address, or of a prefix's network address. */
export function bytesOf(value: IpAddress | Prefix): Uint8Array {
  const slash = value.indexOf('/');
  return Uint8Array.from(ipaddr.parse(slash === -1 ? value : value.slice(0, slash)).toByteArray());
}

/** Throws `AddressError` unless there are 4 bytes for ipv4 or 16 for ipv6. */
export function addressFromBytes(family: IpFamily, bytes: Uint8Array): IpAddress {
  if (bytes.length * 8 !== hostLength[family]) {
    throw new AddressError(`${bytes.length} bytes are no ${family} address`);
  }
  if (family === 'ipv4') return bytes.join('.') as IpAddress;
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String() as IpAddress;
}

/** `bytes` may be shorter than an address, as NLRI is; bits behind `length` are cleared. */
export function prefixFromBytes(family: IpFamily, bytes: Uint8Array, length: number): Prefix {
  const full = new Uint8Array(hostLength[family] / 8);
  full.set(bytes.subarray(0, full.length));
  return `${addressFromBytes(family, masked(full, length))}/${length}` as Prefix;
}

/** The network of `length` bits that `prefix` lies in; `prefix` itself when it is not longer. */
export function networkAt(prefix: Prefix, length: number): Prefix {
  return lengthOf(prefix) <= length ? prefix : prefixFromBytes(familyOf(prefix), bytesOf(prefix), length);
}

/** Whether `inner` is equal to or more specific than `outer`. */
export function contains(outer: Prefix, inner: Prefix | IpAddress): boolean {
  if (familyOf(outer) !== familyOf(inner)) return false;
  const length = lengthOf(outer);
  const innerPrefix = inner.includes('/') ? (inner as Prefix) : hostPrefix(inner as IpAddress);
  return lengthOf(innerPrefix) >= length && networkAt(innerPrefix, length) === outer;
}

/** IPv4 before IPv6, then by address, then by length: the order people expect in a table. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const [x, y] = [bytesOf(a), bytesOf(b)];
  if (x.length !== y.length) return x.length - y.length;
  return Buffer.compare(x, y) || lengthOf(a) - lengthOf(b);
}

function parsed(text: string): ipaddr.IPv4 | ipaddr.IPv6 {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) {
    throw new AddressError(`"${text}" is no IP address: write it like 192.0.2.1 or 2001:db8::1`);
  }
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) {
    throw new AddressError(
      `"${text}" is an IPv4-mapped address: write ${address.toIPv4Address().toString()}`,
    );
  }
  return address;
}

function canonical(address: ipaddr.IPv4 | ipaddr.IPv6): IpAddress {
  return (address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()) as IpAddress;
}

function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, length - i * 8));
    return byte & (0xff << (8 - kept));
  });
}
