/** What may be announced: asked when the configuration is read, and again by every announcer as the last gate. */

import type {Prefix} from '../types.js';
import {bytesOf, familyOf, isHost, lengthOf} from './prefix.js';

/** A route passes if it lies in `prefix` and its length is between `ge` and `le`. */
export interface AllowRange {
  readonly prefix: Prefix;
  readonly ge: number;
  readonly le: number;
}

/**
 * A test made once and asked often. null: host routes only. A default route passes only an entry equal to it,
 * because nothing else contains it.
 */
export function allowGate(ranges: readonly AllowRange[] | null): (prefix: Prefix) => boolean {
  if (ranges === null) return isHost;
  const entries = ranges.map(({prefix, ge, le}) => ({
    family: familyOf(prefix),
    length: lengthOf(prefix),
    network: bytesOf(prefix),
    ge,
    le,
  }));
  return (prefix) => {
    const family = familyOf(prefix);
    const length = lengthOf(prefix);
    const bytes = bytesOf(prefix);
    return entries.some(
      (entry) =>
        entry.family === family &&
        length >= Math.max(entry.ge, entry.length) &&
        length <= entry.le &&
        startsWith(bytes, entry.network, entry.length),
    );
  };
}

/**
 * What may go on the interface: a host that lies in an entry, whatever lengths may be announced of it
 * (`{prefix: …/24, le: 24}` allows an aggregate alone; its members still need their addresses).
 */
export function addressGate(ranges: readonly AllowRange[] | null): (prefix: Prefix) => boolean {
  return allowGate(ranges?.map(({prefix}) => ({prefix, ge: 0, le: 128})) ?? null);
}

/** Like `allowGate`, for one question. */
export function isAllowed(ranges: readonly AllowRange[] | null, prefix: Prefix): boolean {
  return allowGate(ranges)(prefix);
}

function startsWith(bytes: Uint8Array, network: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== network[i]) return false;
  const mask = 0xff << (8 - (bits & 7));
  return (bits & 7) === 0 || (((bytes[whole] ?? 0) ^ (network[whole] ?? 0)) & mask & 0xff) === 0;
}
