/** The envelope of every message (RFC 4271 §4.1): marker, length, type. */

import type {WireFault} from './fault.js';
import {MessageType} from './iana.js';
import {Writer} from './writer.js';

export const headerLength = 19;
export const maxMessageLength = 4096;
const markerLength = 16;

/** Shortest and longest length of each type (RFC 4271 §4, §6.1; RFC 2918 §3). */
const lengths: Readonly<Record<number, {readonly min: number; readonly max: number}>> = {
  [MessageType.open]: {min: 29, max: maxMessageLength},
  [MessageType.update]: {min: 23, max: maxMessageLength},
  // RFC 4271 §4.5 says at least 21, and §6.4 that an error in a NOTIFICATION is never answered with another one:
  // so a truncated one is let through, to be understood as what it is, the end of the session.
  [MessageType.notification]: {min: headerLength, max: maxMessageLength},
  [MessageType.keepalive]: {min: 19, max: 19},
  [MessageType.routeRefresh]: {min: 23, max: 23},
};

export interface Frame {
  readonly type: number;
  /** What stands behind the header. */
  readonly body: Uint8Array;
}

export type FramerAnswer =
  | {readonly kind: 'more'}
  | ({readonly kind: 'frame'} & Frame)
  | {readonly kind: 'fault'; readonly fault: WireFault};

const more: FramerAnswer = {kind: 'more'};

/** What is wrong with a header's type and length; null: nothing. */
export function headerFault(messageType: number, length: number): WireFault | null {
  const bad: WireFault = {cause: 'bad-message-length', length, messageType};
  if (length < headerLength || length > maxMessageLength) return bad;
  const allowed = lengths[messageType];
  if (!allowed) return {cause: 'bad-message-type', messageType};
  return length < allowed.min || length > allowed.max ? bad : null;
}

/** A whole message: header and what `write` writes. Throws `RangeError` above 4096 octets. */
export function encodeMessage(messageType: number, write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  const length = headerLength + writer.length;
  if (length > maxMessageLength) throw new RangeError(`a message of ${length} octets is longer than 4096`);
  const message = new Uint8Array(length);
  writeHeader(message, messageType);
  message.set(writer.finish(), headerLength);
  return message;
}

/** Writes the header in front of a message that is complete but for it. */
export function writeHeader(message: Uint8Array, messageType: number): void {
  message.fill(0xff, 0, markerLength);
  message[16] = message.length >> 8;
  message[17] = message.length & 0xff;
  message[18] = messageType;
}

/**
 * Cuts a byte stream into messages. Push what arrives, then ask `next` until it says `more`. A fault is final:
 * behind it the stream has no known beginning of a message any more. Frames are views of the chunks where they can be,
 * so a pushed chunk must not be written to again.
 */
export class Framer {
  /** What is not used up yet begins `#used` bytes into the chunk numbered `#first`. */
  #chunks: Uint8Array[] = [];
  #first = 0;
  #used = 0;
  #available = 0;
  #header: {readonly type: number; readonly bodyLength: number} | null = null;
  #fault: WireFault | null = null;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#fault) return;
    // Node's Buffer has a `slice` and a `subarray` of its own: further inside there are plain arrays only.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    this.#available += chunk.length;
  }

  next(): FramerAnswer {
    if (!this.#fault && !this.#header) this.#readHeader();
    if (this.#fault) return {kind: 'fault', fault: this.#fault};
    if (!this.#header || this.#available < this.#header.bodyLength) return more;
    const {type, bodyLength} = this.#header;
    this.#header = null;
    return {kind: 'frame', type, body: this.#take(bodyLength)};
  }

  #readHeader(): void {
    if (this.#available < headerLength) return;
    const header = this.#take(headerLength);
    const length = ((header[16] ?? 0) << 8) | (header[17] ?? 0);
    const type = header[18] ?? 0;
    const synchronized = header.subarray(0, markerLength).every((octet) => octet === 0xff);
    this.#fault = synchronized ? headerFault(type, length) : {cause: 'not-synchronized'};
    if (this.#fault) this.#chunks = [];
    else this.#header = {type, bodyLength: length - headerLength};
  }

  /** The next `count` bytes, which must be there: a view of one chunk, or a copy where they lie in several. */
  #take(count: number): Uint8Array {
    this.#available -= count;
    const first = this.#chunks[this.#first];
    if (first && first.length - this.#used > count) {
      this.#used += count;
      return first.subarray(this.#used - count, this.#used);
    }
    const taken = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const chunk = this.#chunks[this.#first];
      if (!chunk) break;
      const part = chunk.subarray(this.#used, this.#used + count - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#used += part.length;
      if (this.#used === chunk.length) this.#dropFirst();
    }
    return taken;
  }

  #dropFirst(): void {
    this.#first++;
    this.#used = 0;
    // Half of the list at a time, so that many small chunks do not cost their number squared.
    if (this.#first * 2 < this.#chunks.length) return;
    this.#chunks.splice(0, this.#first);
    this.#first = 0;
  }
}
