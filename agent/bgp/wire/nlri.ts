/** Prefixes on the wire: a length in bits and as many octets as it needs (RFC 4271 §4.3, RFC 4760 §5). */

import {bytesOf, lengthOf, prefixFromBytes} from '../../lib/prefix.js';
import type {IpFamily, Prefix} from '../../types.js';

const maxBits: Readonly<Record<IpFamily, number>> = {ipv4: 32, ipv6: 128};

/** A prefix as it stands in NLRI. */
export function nlriOf(prefix: Prefix): Uint8Array {
  const bits = lengthOf(prefix);
  const nlri = new Uint8Array(1 + octetsFor(bits));
  nlri[0] = bits;
  nlri.set(bytesOf(prefix).subarray(0, nlri.length - 1), 1);
  return nlri;
}

/** How many prefixes stand in `bytes`; a text says why it is no NLRI (RFC 7606 §5.3). Nothing is decoded. */
export function countNlri(family: IpFamily, bytes: Uint8Array): number | string {
  const limit = maxBits[family];
  const end = bytes.length;
  let count = 0;
  for (let at = 0; at < end; count++) {
    const bits = bytes[at] ?? 0;
    if (bits > limit) return `has an ${family} prefix of length ${bits}`;
    at += 1 + ((bits + 7) >> 3);
    if (at > end) return `has a prefix of length ${bits} that ends behind it`;
  }
  return count;
}

/** The prefixes in `bytes`, up to the first that is malformed; bits behind a prefix's length are ignored. */
export function decodeNlri(family: IpFamily, bytes: Uint8Array): Prefix[] {
  const prefixes: Prefix[] = [];
  for (let at = 0; at < bytes.length; ) {
    const bits = bytes[at] ?? 0;
    const end = at + 1 + octetsFor(bits);
    if (bits > maxBits[family] || end > bytes.length) break;
    prefixes.push(prefixFromBytes(family, bytes.subarray(at + 1, end), bits));
    at = end;
  }
  return prefixes;
}

/** The prefixes one after the other, as NLRI. */
export function encodeNlri(prefixes: readonly Prefix[]): Uint8Array {
  const parts = prefixes.map(nlriOf);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function octetsFor(bits: number): number {
  return (bits + 7) >> 3;
}
