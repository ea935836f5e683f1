/** Fills UPDATEs with prefixes of equal attributes, up to 4096 octets each, without an object per prefix. */

import type {IpFamily} from '../../types.js';
import {headerLength, maxMessageLength, writeHeader} from './frame.js';
import {Afi, AttributeCode, AttributeFlag as Flag, MessageType, Safi} from './iana.js';

type Emit = (message: Uint8Array) => void;

/** What stands around the NLRI behind the header of one message. */
interface Shape {
  /** Octets of everything but the NLRI, at most. */
  readonly overhead: number;
  /** What stands in front of that many octets of NLRI. */
  readonly before: (nlriLength: number) => Uint8Array;
  readonly after: Uint8Array;
}

/** The longest NLRI of a family: a host prefix behind its length. */
const hostNlriLength: Readonly<Record<IpFamily, number>> = {ipv4: 5, ipv6: 17};

const nothing = new Uint8Array();
const noLength = new Uint8Array(2);

/**
 * Announces prefixes, each as `nlriOf` makes it, with one set of attributes, as `encodeAttributes` makes it, without a
 * next hop. IPv4 prefixes with an IPv4 next hop (4 octets) stand in the message's own NLRI field; all others in
 * MP_REACH_NLRI, with a next hop of 16 octets, or of 32 with a link-local one behind it (RFC 2545 §3).
 * False, and nothing is emitted, when such attributes leave no room for a prefix.
 */
export function packAnnounce(
  family: IpFamily,
  attributes: Uint8Array,
  nextHop: Uint8Array,
  nlri: readonly Uint8Array[],
  emit: Emit,
): boolean {
  return pack(family, announceShape(family, attributes, nextHop), nlri, emit);
}

/** Withdraws prefixes, each as `nlriOf` makes it: IPv4 in the message's own field, IPv6 in MP_UNREACH_NLRI. */
export function packWithdraw(family: IpFamily, nlri: readonly Uint8Array[], emit: Emit): void {
  pack(family, withdrawShape(family), nlri, emit);
}

/** The message that ends the first round of announcements of a family (RFC 4724 §2). */
export function endOfRib(family: IpFamily): Uint8Array {
  return messageOf(withdrawShape(family), [], 0, 0, 0);
}

function announceShape(family: IpFamily, attributes: Uint8Array, nextHop: Uint8Array): Shape {
  if (family === 'ipv4' && nextHop.length === 4) {
    const all = withNextHop(attributes, nextHop);
    const before = join(noLength, u16(all.length), all);
    return {overhead: before.length, before: () => before, after: nothing};
  }
  const reach = join(u16(Afi[family]), [Safi.unicast, nextHop.length], nextHop, [0]);
  return multiprotocolShape(AttributeCode.mpReach, reach, attributes);
}

function withdrawShape(family: IpFamily): Shape {
  return family === 'ipv4'
    ? {overhead: 4, before: u16, after: noLength}
    : multiprotocolShape(AttributeCode.mpUnreach, join(u16(Afi[family]), [Safi.unicast]), nothing);
}

/** RFC 7606 §5.1: the attribute with the NLRI is the first one. */
function multiprotocolShape(code: number, start: Uint8Array, attributes: Uint8Array): Shape {
  return {
    overhead: 2 + 2 + 4 + start.length + attributes.length,
    before: (nlriLength) => {
      const length = start.length + nlriLength;
      const head =
        length > 255
          ? [Flag.optional | Flag.extendedLength, code, ...u16(length)]
          : [Flag.optional, code, length];
      return join(noLength, u16(head.length + length + attributes.length), head, start);
    },
    after: attributes,
  };
}

function pack(family: IpFamily, shape: Shape, nlri: readonly Uint8Array[], emit: Emit): boolean {
  const room = maxMessageLength - headerLength - shape.overhead;
  if (room < hostNlriLength[family]) return false;
  for (let from = 0; from < nlri.length; ) {
    let to = from;
    let length = 0;
    for (; to < nlri.length; to++) {
      const next = nlri[to]?.length ?? 0;
      if (length + next > room) break;
      length += next;
    }
    emit(messageOf(shape, nlri, from, to, length));
    from = to;
  }
  return true;
}

/** The message with the NLRI from one index to another, which has `length` octets. */
function messageOf(
  shape: Shape,
  nlri: readonly Uint8Array[],
  from: number,
  to: number,
  length: number,
): Uint8Array {
  const before = shape.before(length);
  const message = new Uint8Array(headerLength + before.length + length + shape.after.length);
  message.set(before, headerLength);
  let at = headerLength + before.length;
  for (let i = from; i < to; i++) {
    const prefix = nlri[i] ?? nothing;
    // By hand: for so few octets `set` costs five times as much.
    for (let j = 0; j < prefix.length; j++) message[at++] = prefix[j] ?? 0;
  }
  message.set(shape.after, at);
  writeHeader(message, MessageType.update);
  return message;
}

/** The attributes with NEXT_HOP at its place in the ascending order. */
function withNextHop(attributes: Uint8Array, nextHop: Uint8Array): Uint8Array {
  let at = 0;
  while (at < attributes.length && (attributes[at + 1] ?? 0) < AttributeCode.nextHop) {
    const extended = ((attributes[at] ?? 0) & Flag.extendedLength) !== 0;
    const [high, low] = [attributes[at + 2] ?? 0, attributes[at + 3] ?? 0];
    at += extended ? 4 + high * 256 + low : 3 + high;
  }
  const attribute = [Flag.transitive, AttributeCode.nextHop, nextHop.length];
  return join(attributes.subarray(0, at), attribute, nextHop, attributes.subarray(at));
}

function join(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
