/**
 * Netlink framing (RFC 3549, include/uapi/linux/netlink.h): messages and their attributes. Pure.
 * Numbers are in the machine's byte order; every machine that `io/native` runs on is little-endian.
 */

/** `NLMSG_*`: types that belong to netlink itself. */
export const nlmsg = {NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4} as const;

/** `NLM_F_*`. The same bit means different things in requests of different kinds. */
export const nlmFlag = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  /** The dump was changed while it was taken: it may be incomplete. */
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  /** In requests to add, and in the events that tell of it. */
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  /** In answers: the request is not repeated behind its header; attributes follow. */
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

const HEADER = 16;
const ATTRIBUTE_HEADER = 4;
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const NLMSGERR_ATTR_MSG = 1;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What stands behind the header; shares memory with the datagram. */
  readonly payload: Buffer;
}

/** The messages of a datagram; `damaged` when a length did not fit and the rest was given up. */
export interface Datagram {
  readonly messages: readonly NetlinkMessage[];
  readonly damaged: boolean;
}

export function parseDatagram(datagram: Buffer): Datagram {
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset + HEADER <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < HEADER || length > datagram.length - offset) return {messages, damaged: true};
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      payload: datagram.subarray(offset + HEADER, offset + length),
    });
    offset += aligned(length);
  }
  return {messages, damaged: offset < datagram.length};
}

/** A request or an answer; the sender's port is left 0, the kernel fills it in. */
export function encodeMessage(message: Omit<NetlinkMessage, 'payload'>, ...payload: Uint8Array[]): Buffer {
  const length = payload.reduce((sum, part) => sum + aligned(part.length), HEADER);
  const buffer = Buffer.alloc(length);
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt16LE(message.type, 4);
  buffer.writeUInt16LE(message.flags, 6);
  buffer.writeUInt32LE(message.sequence, 8);
  let offset = HEADER;
  for (const part of payload) {
    buffer.set(part, offset);
    offset += aligned(part.length);
  }
  return buffer;
}

/** type → value; of a repeated type the last one, as the kernel reads them. What does not fit is left out. */
export function parseAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = 0;
  while (offset + ATTRIBUTE_HEADER <= bytes.length) {
    const length = bytes.readUInt16LE(offset);
    if (length < ATTRIBUTE_HEADER || length > bytes.length - offset) break;
    const type = bytes.readUInt16LE(offset + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, bytes.subarray(offset + ATTRIBUTE_HEADER, offset + length));
    offset += aligned(length);
  }
  return attributes;
}

export function attribute(type: number, value: Uint8Array): Buffer {
  const length = ATTRIBUTE_HEADER + value.length;
  const buffer = Buffer.alloc(aligned(length));
  buffer.writeUInt16LE(length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(value, ATTRIBUTE_HEADER);
  return buffer;
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value);

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** A string with its closing zero. */
export const cString = (text: string): Buffer => Buffer.from(`${text}\0`);

export const readU8 = (value: Buffer | undefined): number | null => value?.at(0) ?? null;

export const readU32 = (value: Buffer | undefined): number | null =>
  value && value.length >= 4 ? value.readUInt32LE(0) : null;

/** Up to the closing zero; null where there is no text. */
export function readString(value: Buffer | undefined): string | null {
  if (!value) return null;
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end === -1 ? value.length : end);
}

/** What an NLMSG_ERROR or the NLMSG_DONE of a dump says: errno 0 is an acknowledgement. */
export interface Verdict {
  readonly errno: number;
  /** The kernel's own words (extended acknowledgement), where it has some. */
  readonly text: string | null;
}

/** null when the message is too short to say anything. */
export function parseVerdict({type, flags, payload}: NetlinkMessage): Verdict | null {
  if (payload.length < 4) return type === nlmsg.DONE ? {errno: 0, text: null} : null;
  const errno = Math.abs(payload.readInt32LE(0));
  if ((flags & nlmFlag.ACK_TLVS) === 0) return {errno, text: null};
  const attributes = parseAttributes(payload.subarray(4 + lengthOfRequest(type, flags, payload)));
  return {errno, text: readString(attributes.get(NLMSGERR_ATTR_MSG))};
}

/** How much of the failed request is repeated between the error number and the attributes. */
function lengthOfRequest(type: number, flags: number, payload: Buffer): number {
  if (type !== nlmsg.ERROR) return 0;
  if ((flags & nlmFlag.CAPPED) !== 0 || payload.length < 8) return HEADER;
  return aligned(payload.readUInt32LE(4));
}

function aligned(length: number): number {
  return Math.ceil(length / 4) * 4;
}
