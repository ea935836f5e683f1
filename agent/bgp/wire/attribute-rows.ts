/** Path attributes, a row for each: code, flags, what becomes of a malformed one (RFC 7606 §7), encode, decode. */

import {addressFromBytes, bytesOf} from '../../lib/prefix.js';
import type {IpAddress} from '../../types.js';
import {decodeAsPath, encodeAsPath, isConfederation, maxTwoOctetAs, withoutConfederation} from './as-path.js';
import {
  decodeCommunities,
  decodeLargeCommunities,
  encodeCommunities,
  encodeLargeCommunities,
} from './communities.js';
import type {UpdateCause, Verdict} from './fault.js';
import {asTrans, AttributeCode as Code, AttributeFlag as Flag} from './iana.js';
import type {AsPathSegment, Origin, PathAttribute} from './message.js';
import {
  type AttributeProblem,
  decodeMpReach,
  decodeMpUnreach,
  encodeMpReach,
  encodeMpUnreach,
} from './multiprotocol.js';
import type {Reader} from './reader.js';
import {octets} from './wording.js';
import type {Writer} from './writer.js';

export interface AttributeContext {
  /** Whether AS numbers have 4 octets on this session (RFC 6793). */
  readonly fourOctetAs: boolean;
  /** Whether the peer is in another AS. */
  readonly external: boolean;
  /** Whether the session stays on this host: then 127.0.0.1 is a next hop like any other. */
  readonly loopback?: boolean;
}

export type KnownKind = Exclude<PathAttribute['kind'], 'unknown'>;
export type AttributeOf<Kind extends PathAttribute['kind']> = Extract<PathAttribute, {kind: Kind}>;
type Decode<Kind extends KnownKind> = (
  value: Reader,
  context: AttributeContext,
) => AttributeOf<Kind> | AttributeProblem;

export interface AttributeRow<Kind extends KnownKind> {
  readonly code: number;
  /** The Optional and Transitive bits. */
  readonly flags: number;
  /** What a malformed value leads to. */
  readonly malformed: Verdict;
  /** What wrong flags lead to, where that differs. */
  readonly wrongFlags?: Verdict;
  /** Why a received one is discarded unread, or null. */
  readonly discarded?: (context: AttributeContext) => string | null;
  readonly encode: (
    attribute: AttributeOf<Kind>,
    writer: Writer,
    context: Pick<AttributeContext, 'fourOctetAs'>,
  ) => void;
  readonly decode: Decode<Kind>;
}

const wellKnown = Flag.transitive;
const optional = Flag.optional;
const optionalTransitive = Flag.optional | Flag.transitive;

const originCodes: Readonly<Record<Origin, number>> = {igp: 0, egp: 1, incomplete: 2};
const origins: readonly Origin[] = ['igp', 'egp', 'incomplete'];

export const attributeRows: {readonly [Kind in KnownKind]: AttributeRow<Kind>} = {
  origin: {
    code: Code.origin,
    flags: wellKnown,
    malformed: 'treat-as-withdraw',
    encode: ({origin}, writer) => writer.u8(originCodes[origin]),
    decode: sized(1, (value) => {
      const code = value.u8();
      const origin = origins[code];
      return origin ? {kind: 'origin', origin} : bad('invalid-origin', `has the undefined value ${code}`);
    }),
  },
  'as-path': {
    code: Code.asPath,
    flags: wellKnown,
    malformed: 'treat-as-withdraw',
    encode: ({segments}, writer, {fourOctetAs}) => encodeAsPath(segments, fourOctetAs ? 4 : 2, writer),
    decode: (value, {fourOctetAs, external}) => {
      const segments = decodeAsPath(value, fourOctetAs ? 4 : 2);
      if (typeof segments === 'string') return bad('malformed-as-path', segments);
      // RFC 5065 §5: we are in no confederation, so no external peer is in ours.
      if (external && segments.some(isConfederation)) {
        return bad('malformed-as-path', 'has confederation segments from an external peer');
      }
      return {kind: 'as-path', segments};
    },
  },
  'next-hop': {
    code: Code.nextHop,
    flags: wellKnown,
    malformed: 'treat-as-withdraw',
    encode: ({address}, writer) => writer.bytes(bytesOf(address)),
    decode: sized(4, (value, {loopback = false}) => {
      const address = ipv4(value);
      return isHostAddress(value.whole(), loopback)
        ? {kind: 'next-hop', address}
        : bad('invalid-next-hop', `is ${address}, which is no host's address`);
    }),
  },
  med: {
    code: Code.med,
    flags: optional,
    malformed: 'treat-as-withdraw',
    encode: ({value}, writer) => writer.u32(value),
    decode: sized(4, (value) => ({kind: 'med', value: value.u32()})),
  },
  'local-preference': {
    code: Code.localPreference,
    flags: wellKnown,
    malformed: 'treat-as-withdraw',
    discarded: fromExternalPeer,
    encode: ({value}, writer) => writer.u32(value),
    decode: sized(4, (value) => ({kind: 'local-preference', value: value.u32()})),
  },
  'atomic-aggregate': {
    code: Code.atomicAggregate,
    flags: wellKnown,
    malformed: 'attribute-discard',
    encode: () => undefined,
    decode: sized(0, () => ({kind: 'atomic-aggregate'})),
  },
  aggregator: {
    code: Code.aggregator,
    flags: optionalTransitive,
    malformed: 'attribute-discard',
    encode: ({as, address}, writer, {fourOctetAs}) => {
      if (fourOctetAs) writer.u32(as);
      else writer.u16(as > maxTwoOctetAs ? asTrans : as);
      writer.bytes(bytesOf(address));
    },
    decode: (value, {fourOctetAs}) => {
      const length = fourOctetAs ? 8 : 6;
      if (value.remaining !== length) return wrongLength(value, `${length}`);
      const as = fourOctetAs ? value.u32() : value.u16();
      return as === 0 ? hasAs0 : {kind: 'aggregator', as, address: ipv4(value)};
    },
  },
  communities: {
    code: Code.communities,
    flags: optionalTransitive,
    malformed: 'treat-as-withdraw',
    encode: ({communities}, writer) => encodeCommunities(communities, writer),
    decode: listOf(4, (value) => ({kind: 'communities', communities: decodeCommunities(value)})),
  },
  'originator-id': {
    code: Code.originatorId,
    flags: optional,
    malformed: 'treat-as-withdraw',
    discarded: fromExternalPeer,
    encode: ({id}, writer) => writer.bytes(bytesOf(id)),
    decode: sized(4, (value) => ({kind: 'originator-id', id: ipv4(value)})),
  },
  'cluster-list': {
    code: Code.clusterList,
    flags: optional,
    malformed: 'treat-as-withdraw',
    discarded: fromExternalPeer,
    encode: ({ids}, writer) => {
      for (const id of ids) writer.bytes(bytesOf(id));
    },
    decode: listOf(4, (value) => {
      const ids: IpAddress[] = [];
      while (value.remaining > 0) ids.push(ipv4(value));
      return {kind: 'cluster-list', ids};
    }),
  },
  // RFC 7606 §3 j, §5.3: without the NLRI it is not known what to withdraw.
  'mp-reach': {
    code: Code.mpReach,
    flags: optional,
    malformed: 'reset',
    encode: encodeMpReach,
    decode: decodeMpReach,
  },
  'mp-unreach': {
    code: Code.mpUnreach,
    flags: optional,
    malformed: 'reset',
    encode: encodeMpUnreach,
    decode: decodeMpUnreach,
  },
  'extended-communities': {
    code: Code.extendedCommunities,
    flags: optionalTransitive,
    malformed: 'treat-as-withdraw',
    encode: ({value}, writer) => writer.bytes(value),
    decode: listOf(8, (value) => ({kind: 'extended-communities', value: value.rest()})),
  },
  'as4-path': {
    code: Code.as4Path,
    flags: optionalTransitive,
    malformed: 'attribute-discard',
    wrongFlags: 'treat-as-withdraw',
    discarded: fromFourOctetPeer,
    encode: ({segments}, writer) => encodeAsPath(segments, 4, writer),
    decode: (value) => {
      // RFC 6793 §6: it must carry at least one AS number.
      const segments: AsPathSegment[] | string = value.remaining === 0 ? 'is empty' : decodeAsPath(value, 4);
      if (typeof segments === 'string') return bad('optional-attribute', segments);
      return {kind: 'as4-path', segments: withoutConfederation(segments)};
    },
  },
  'as4-aggregator': {
    code: Code.as4Aggregator,
    flags: optionalTransitive,
    malformed: 'attribute-discard',
    wrongFlags: 'treat-as-withdraw',
    discarded: fromFourOctetPeer,
    encode: ({as, address}, writer) => writer.u32(as).bytes(bytesOf(address)),
    decode: sized(8, (value) => {
      const as = value.u32();
      return as === 0 ? hasAs0 : {kind: 'as4-aggregator', as, address: ipv4(value)};
    }),
  },
  'large-communities': {
    code: Code.largeCommunities,
    flags: optionalTransitive,
    malformed: 'treat-as-withdraw',
    encode: ({communities}, writer) => encodeLargeCommunities(communities, writer),
    decode: listOf(12, (value) => ({kind: 'large-communities', communities: decodeLargeCommunities(value)})),
  },
};

/** The row for a type code; undefined for one this speaker does not know. */
export function attributeRowFor(code: number): AttributeRow<KnownKind> | undefined {
  return rowsByCode[code];
}

const rowsByCode: (AttributeRow<KnownKind> | undefined)[] = [];
for (const row of Object.values(attributeRows)) rowsByCode[row.code] = row as AttributeRow<KnownKind>;

const hasAs0 = bad('optional-attribute', 'contains AS 0');

function bad(cause: UpdateCause, reason: string): AttributeProblem {
  return {cause, reason};
}

function wrongLength(value: Reader, right: string): AttributeProblem {
  return bad('attribute-length', `has ${octets(value.remaining)} instead of ${right}`);
}

/** A value of exactly `length` octets. */
function sized<Kind extends KnownKind>(length: number, decode: Decode<Kind>): Decode<Kind> {
  return (value, context) =>
    value.remaining === length ? decode(value, context) : wrongLength(value, String(length));
}

/** A value of one or more items of `length` octets. */
function listOf<Kind extends KnownKind>(length: number, decode: Decode<Kind>): Decode<Kind> {
  return (value, context) =>
    value.remaining > 0 && value.remaining % length === 0
      ? decode(value, context)
      : wrongLength(value, `a multiple of ${length}`);
}

/** RFC 7606 §7.5, §7.9, §7.10. */
function fromExternalPeer({external}: AttributeContext): string | null {
  return external ? 'comes from an external peer' : null;
}

/** RFC 6793 §6. */
function fromFourOctetPeer({fourOctetAs}: AttributeContext): string | null {
  return fourOctetAs ? 'comes from a peer that speaks 4-octet AS numbers' : null;
}

function ipv4(value: Reader): IpAddress {
  return addressFromBytes('ipv4', value.bytes(4));
}

/** RFC 4271 §6.3: whether 4 octets can be a host's address: not 0/8, multicast, broadcast, or 127/8 from elsewhere. */
function isHostAddress(octets: Uint8Array, loopback: boolean): boolean {
  const first = octets[0] ?? 0;
  if (first >= 224 && first < 240) return false;
  return first !== 0 && (first !== 127 || loopback) && !octets.every((octet) => octet === 255);
}
