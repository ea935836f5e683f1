/** Prefixes on the wire: a length in bits and as many octets as it needs (RFC 4271 §4.3, RFC 4760 §5). */

import {prefixFromBytes} from '../../lib/prefix.js';
import type {IpFamily, Prefix} from '../../types.js';

const colon = 0x3a;
const maxBits: Readonly<Record<IpFamily, number>> = {ipv4: 32, ipv6: 128};

/** A prefix as it stands in NLRI. */
export function nlriOf(prefix: Prefix): Uint8Array {
  const slash = prefix.indexOf('/');
  const bits = Number(prefix.slice(slash + 1));
  const nlri = new Uint8Array(1 + octetsFor(bits));
  nlri[0] = bits;
  // Writes past the end of a typed array are ignored: so end the octets that NLRI does without.
  if (prefix.includes(':')) writeIpv6(prefix, slash, nlri);
  else writeIpv4(prefix, slash, nlri);
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

// A `Prefix` is canonical, so that its text can be read without doubt: ten times as fast as by a parser that must
// doubt it, which counts when 100,000 prefixes are announced at once.

function writeIpv4(text: string, end: number, nlri: Uint8Array): void {
  let at = 1;
  let octet = 0;
  for (let i = 0; i <= end; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30) {
      octet = octet * 10 + code - 0x30;
    } else {
      nlri[at++] = octet;
      octet = 0;
    }
  }
}

function writeIpv6(text: string, end: number, nlri: Uint8Array): void {
  const gap = text.indexOf('::');
  writeGroups(text, 0, gap === -1 ? end : gap, 1, nlri);
  if (gap === -1) return;
  let groups = 1;
  for (let i = gap + 2; i < end; i++) {
    if (text.charCodeAt(i) === colon) groups++;
  }
  writeGroups(text, gap + 2, end, 17 - 2 * groups, nlri);
}

/** The groups between two places of the text, as octets from `at` on. */
function writeGroups(text: string, from: number, end: number, at: number, nlri: Uint8Array): void {
  if (from === end) return;
  let octet = at;
  let group = 0;
  for (let i = from; i <= end; i++) {
    const code = i === end ? colon : text.charCodeAt(i);
    if (code === colon) {
      nlri[octet++] = group >> 8;
      nlri[octet++] = group;
      group = 0;
    } else {
      group = group * 16 + (code < 0x40 ? code - 0x30 : code - 0x57);
    }
  }
}
