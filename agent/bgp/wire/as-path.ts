/** AS paths (RFC 4271 §4.3 b, RFC 5065, RFC 6793): segments of 2- or 4-octet AS numbers. */

import {asTrans} from './iana.js';
import type {AsPathSegment} from './message.js';
import type {Reader} from './reader.js';
import type {Writer} from './writer.js';

export const maxSegmentLength = 255;
export const maxTwoOctetAs = 0xffff;

const segmentCodes = {set: 1, sequence: 2, 'confed-sequence': 3, 'confed-set': 4} as const;
const segmentKinds: Readonly<Record<number, AsPathSegment['kind']>> = {
  1: 'set',
  2: 'sequence',
  3: 'confed-sequence',
  4: 'confed-set',
};

/** The segments; a text says why they are malformed (RFC 7606 §7.2; AS 0: RFC 7607 §2). */
export function decodeAsPath(value: Reader, asLength: 2 | 4): AsPathSegment[] | string {
  const segments: AsPathSegment[] = [];
  while (value.remaining > 0) {
    const type = value.u8();
    const kind = segmentKinds[type];
    const count = value.u8();
    if (value.overrun) return 'has an octet left over behind its last segment';
    if (!kind) return `has a segment of unknown type ${type}`;
    if (count === 0) return 'has an empty segment';
    if (count * asLength > value.remaining) return `has a segment of length ${count} that ends behind it`;
    const as: number[] = [];
    for (let i = 0; i < count; i++) as.push(asLength === 4 ? value.u32() : value.u16());
    if (as.includes(0)) return 'contains AS 0';
    segments.push({kind, as});
  }
  return segments;
}

/** Segments longer than 255 are split; what does not fit 2 octets becomes AS_TRANS. */
export function encodeAsPath(segments: readonly AsPathSegment[], asLength: 2 | 4, writer: Writer): void {
  for (const {kind, as} of segments) {
    for (let from = 0; from < as.length; from += maxSegmentLength) {
      const part = as.slice(from, from + maxSegmentLength);
      writer.u8(segmentCodes[kind]).u8(part.length);
      for (const number of part) {
        if (asLength === 4) writer.u32(number);
        else writer.u16(number > maxTwoOctetAs ? asTrans : number);
      }
    }
  }
}

/** Whether a 2-octet speaker cannot be told this path without AS4_PATH. */
export function needsFourOctets(segments: readonly AsPathSegment[]): boolean {
  return segments.some((segment) => segment.as.some((as) => as > maxTwoOctetAs));
}

/** RFC 6793 §3: confederation segments must not stand in AS4_PATH; on receipt they are dropped. */
export function withoutConfederation(segments: readonly AsPathSegment[]): AsPathSegment[] {
  return segments.filter((segment) => !isConfederation(segment));
}

export function isConfederation({kind}: AsPathSegment): boolean {
  return kind === 'confed-sequence' || kind === 'confed-set';
}
