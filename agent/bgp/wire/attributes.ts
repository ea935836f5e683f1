/** The Path Attributes field as a whole: order, flags, lengths and repetition (RFC 4271 §5, RFC 7606 §3–4). */

import {maxTwoOctetAs, needsFourOctets, withoutConfederation} from './as-path.js';
import {
  type AttributeContext,
  type AttributeOf,
  type AttributeRow,
  attributeRowFor,
  attributeRows,
  type KnownKind,
} from './attribute-rows.js';
import type {UpdateCause, Verdict} from './fault.js';
import {AttributeCode, attributeName, AttributeFlag as Flag} from './iana.js';
import type {PathAttribute} from './message.js';
import type {Reader} from './reader.js';
import {Writer} from './writer.js';

/** Something wrong with an attribute, or with the list. */
export interface Finding {
  readonly verdict: Verdict;
  readonly cause: UpdateCause;
  /** Type code; 0: the list as a whole. */
  readonly attribute: number;
  readonly reason: string;
  /** What a NOTIFICATION about it carries. */
  readonly data: Uint8Array;
}

export interface DecodedAttributes {
  /** The valid ones, in the order in which they came. */
  readonly attributes: readonly PathAttribute[];
  /** The type codes of all that came. */
  readonly seen: ReadonlySet<number>;
  readonly findings: readonly Finding[];
}

/** Reads the whole list, or as far as it can be read. */
export function decodeAttributes(list: Reader, context: AttributeContext): DecodedAttributes {
  const attributes: PathAttribute[] = [];
  const seen = new Set<number>();
  const findings: Finding[] = [];
  while (list.remaining > 0) {
    const flags = list.u8();
    const code = list.u8();
    const value = list.sub(flags & Flag.extendedLength ? list.u16() : list.u8());
    if (list.overrun) {
      findings.push(truncated(code));
      break;
    }
    const decoded = seen.has(code)
      ? repeated(code, flags, value)
      : decodeAttribute(flags, code, value, context);
    seen.add(code);
    if ('kind' in decoded) attributes.push(decoded);
    else findings.push(decoded);
  }
  return {attributes, seen, findings};
}

/**
 * The attributes as they stand in an UPDATE: ascending by type code, but MP_REACH_NLRI and MP_UNREACH_NLRI first
 * (RFC 7606 §5.1). Towards a 2-octet speaker AS numbers that do not fit become AS_TRANS, and AS4_PATH and
 * AS4_AGGREGATOR are added (RFC 6793 §4.2.2). Throws `RangeError` for a value that does not fit its field.
 */
export function encodeAttributes(
  attributes: readonly PathAttribute[],
  context: Pick<AttributeContext, 'fourOctetAs'>,
): Uint8Array {
  const writer = new Writer();
  const all = context.fourOctetAs ? attributes : [...attributes, ...fourOctetTwins(attributes)];
  for (const attribute of all.toSorted((a, b) => rank(a) - rank(b))) {
    if (attribute.kind === 'unknown') {
      writeAttribute(attribute.flags & ~Flag.extendedLength, attribute.code, attribute.value, writer);
    } else {
      encodeKnown(attribute.kind, attribute, context, writer);
    }
  }
  return writer.finish();
}

function decodeAttribute(
  flags: number,
  code: number,
  value: Reader,
  context: AttributeContext,
): PathAttribute | Finding {
  const row = attributeRowFor(code);
  if (!row) return decodeUnknown(flags, code, value);
  const finding = (verdict: Verdict, cause: UpdateCause, reason: string): Finding => ({
    verdict,
    cause,
    attribute: code,
    reason: `${attributeName(code)} ${reason}`,
    data: asItCame(flags, code, value),
  });
  const discarded = row.discarded?.(context);
  if (discarded) return finding('attribute-discard', 'optional-attribute', discarded);
  if ((flags & (Flag.optional | Flag.transitive)) !== row.flags) {
    return finding(row.wrongFlags ?? row.malformed, 'attribute-flags', `has the flags ${hex(flags)}`);
  }
  const decoded = row.decode(value, context);
  return 'kind' in decoded ? decoded : finding(row.malformed, decoded.cause, decoded.reason);
}

function decodeUnknown(flags: number, code: number, value: Reader): PathAttribute | Finding {
  if (flags & Flag.optional) {
    return {kind: 'unknown', flags: flags & ~Flag.extendedLength, code, value: value.rest()};
  }
  return {
    verdict: 'reset',
    cause: 'unrecognized-well-known-attribute',
    attribute: code,
    reason: `${attributeName(code)} is not optional, and unknown here`,
    data: asItCame(flags, code, value),
  };
}

/** RFC 7606 §3 g: the first one counts, except for those that carry NLRI. */
function repeated(code: number, flags: number, value: Reader): Finding {
  const carriesNlri = code === AttributeCode.mpReach || code === AttributeCode.mpUnreach;
  return {
    verdict: carriesNlri ? 'reset' : 'attribute-discard',
    cause: 'malformed-attribute-list',
    attribute: code,
    reason: `${attributeName(code)} appears more than once`,
    data: carriesNlri ? new Uint8Array() : asItCame(flags, code, value),
  };
}

/** RFC 7606 §4: the last attribute ends behind the list, or too little is left for one. */
function truncated(code: number): Finding {
  return {
    verdict: 'treat-as-withdraw',
    cause: 'malformed-attribute-list',
    attribute: 0,
    reason: `${code === 0 ? 'an attribute' : attributeName(code)} ends behind the list`,
    data: new Uint8Array(),
  };
}

/** The attribute's type, length and value again, for the data of a NOTIFICATION. */
function asItCame(flags: number, code: number, value: Reader): Uint8Array {
  const writer = new Writer().u8(flags).u8(code);
  const bytes = value.whole();
  if (flags & Flag.extendedLength) writer.u16(bytes.length);
  else writer.u8(bytes.length);
  return writer.bytes(bytes).finish();
}

function encodeKnown<Kind extends KnownKind>(
  kind: Kind,
  attribute: AttributeOf<Kind>,
  context: Pick<AttributeContext, 'fourOctetAs'>,
  writer: Writer,
): void {
  const row: AttributeRow<Kind> = attributeRows[kind];
  const value = new Writer();
  row.encode(attribute, value, context);
  writeAttribute(row.flags, row.code, value.finish(), writer);
}

function writeAttribute(flags: number, code: number, value: Uint8Array, writer: Writer): void {
  if (value.length > 255) {
    writer
      .u8(flags | Flag.extendedLength)
      .u8(code)
      .u16Length(() => writer.bytes(value));
  } else {
    writer
      .u8(flags)
      .u8(code)
      .u8Length(() => writer.bytes(value));
  }
}

function fourOctetTwins(attributes: readonly PathAttribute[]): PathAttribute[] {
  const twins: PathAttribute[] = [];
  for (const attribute of attributes) {
    if (attribute.kind === 'as-path' && needsFourOctets(attribute.segments)) {
      twins.push({kind: 'as4-path', segments: withoutConfederation(attribute.segments)});
    } else if (attribute.kind === 'aggregator' && attribute.as > maxTwoOctetAs) {
      twins.push({...attribute, kind: 'as4-aggregator'});
    }
  }
  return twins;
}

function rank(attribute: PathAttribute): number {
  const code = attribute.kind === 'unknown' ? attribute.code : attributeRows[attribute.kind].code;
  return code === AttributeCode.mpReach || code === AttributeCode.mpUnreach ? code - 256 : code;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
