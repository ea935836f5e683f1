/** Communities on the wire: 4 octets (RFC 1997) and 12 octets (RFC 8092), to and from their canonical text. */

import type {Community} from '../../types.js';
import type {Reader} from './reader.js';
import type {Writer} from './writer.js';

/** GRACEFUL_SHUTDOWN (RFC 8326): the route is about to be withdrawn, take another where there is one. */
export const gracefulShutdown = '65535:0' as Community;

const largePrefix = 'large:';

/** Whether it is one for LARGE_COMMUNITY rather than COMMUNITIES. */
export function isLarge(community: Community): boolean {
  return community.startsWith(largePrefix);
}

export function decodeCommunities(value: Reader): Community[] {
  const communities: Community[] = [];
  while (value.remaining >= 4) communities.push(`${value.u16()}:${value.u16()}` as Community);
  return communities;
}

export function decodeLargeCommunities(value: Reader): Community[] {
  const communities: Community[] = [];
  while (value.remaining >= 12) {
    communities.push(`${largePrefix}${value.u32()}:${value.u32()}:${value.u32()}` as Community);
  }
  return communities;
}

/** Throws `RangeError` for a number that does not fit. */
export function encodeCommunities(communities: readonly Community[], writer: Writer): void {
  for (const community of communities) {
    for (const part of parts(community, 2)) writer.u16(part);
  }
}

/** Throws `RangeError` for a number that does not fit. */
export function encodeLargeCommunities(communities: readonly Community[], writer: Writer): void {
  for (const community of communities) {
    for (const part of parts(community.slice(largePrefix.length), 3)) writer.u32(part);
  }
}

function parts(text: string, count: number): number[] {
  const numbers = text.split(':').map(Number);
  if (numbers.length !== count) throw new RangeError(`"${text}" is no community of ${count} numbers`);
  return numbers;
}
