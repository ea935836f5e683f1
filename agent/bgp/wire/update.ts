/** UPDATE (RFC 4271 §4.3, §6.3; RFC 7606; RFC 4760): received ones are checked and counted, their prefixes stay bytes. */

import {addressFromBytes} from '../../lib/prefix.js';
import type {IpAddress, IpFamily, Prefix} from '../../types.js';
import type {AttributeContext} from './attribute-rows.js';
import {decodeAttributes, encodeAttributes, type Finding} from './attributes.js';
import type {UpdateCause, WireFault} from './fault.js';
import {encodeMessage} from './frame.js';
import {AttributeCode, attributeName, familyFor, MessageType} from './iana.js';
import type {AnnouncedPrefix, PathAttribute, Update, UpdateFault} from './message.js';
import {countNlri, decodeNlri, encodeNlri} from './nlri.js';
import {Reader} from './reader.js';

export type UpdateAnswer =
  | {readonly ok: true; readonly message: Update}
  | {readonly ok: false; readonly fault: WireFault};

/** NLRI of one family, as it stands in one of the places an UPDATE has for it, and what says its next hop. */
interface Field {
  readonly family: IpFamily;
  readonly nlri: Uint8Array;
  readonly nextHop: PathAttribute | undefined;
}

/** Decodes what stands behind the header. */
export function decodeUpdate(body: Uint8Array, context: AttributeContext): UpdateAnswer {
  const reader = new Reader(body);
  const withdrawnRoutes = reader.bytes(reader.u16());
  const list = reader.sub(reader.u16());
  if (reader.overrun) return reset('malformed-attribute-list', 'the lengths of its parts exceed the message');
  const nlri = reader.rest();
  const decoded = decodeAttributes(list, context);
  const worst = decoded.findings.find(({verdict}) => verdict === 'reset');
  if (worst) return reset(worst.cause, worst.reason, worst.data);
  for (const [name, field] of [
    ['Withdrawn Routes', withdrawnRoutes],
    ['NLRI', nlri],
  ] as const) {
    const count = countNlri('ipv4', field);
    if (typeof count === 'string') return reset('invalid-network-field', `the field ${name} ${count}`);
  }

  const {attributes, seen} = decoded;
  const mpReach = attributes.find((attribute) => attribute.kind === 'mp-reach');
  const reachable = nlri.length > 0 || (mpReach?.nlri.length ?? 0) > 0;
  const findings = reachable
    ? [...decoded.findings, ...missing(seen, nlri.length > 0, context)]
    : decoded.findings;
  const withdrawing = findings.find(({verdict}) => verdict === 'treat-as-withdraw');
  // RFC 7606 §5.2: where no NLRI was found, it may have been lost to the error.
  if (withdrawing && !reachable) return reset(withdrawing.cause, withdrawing.reason, withdrawing.data);

  const announced = fields('mp-reach', nlri, attributes);
  const withdrawn = fields('mp-unreach', withdrawnRoutes, attributes);
  // RFC 7606 §2: treated as if all routes of the message had been withdrawn.
  const lost = withdrawing ? announced.splice(0) : [];
  return {
    ok: true,
    message: {
      type: 'update',
      announced: count(announced),
      withdrawn: count([...withdrawn, ...lost]),
      attributes,
      endOfRib: findings.length > 0 || withdrawnRoutes.length > 0 ? null : endOfRibFamily(body, attributes),
      faults: findings.flatMap(toUpdateFault),
      prefixes: () => ({
        announced: announced.flatMap(decodeAnnounced),
        withdrawn: [...withdrawn, ...lost].flatMap((field) => decodeNlri(field.family, field.nlri)),
      }),
    },
  };
}

/**
 * One UPDATE of exactly these parts; the prefixes are IPv4 ones for the message's own fields. For many prefixes there
 * are the packers of `pack.ts`. Throws `RangeError` if it would be longer than 4096 octets.
 */
export function encodeUpdate(
  update: {
    readonly withdrawn: readonly Prefix[];
    readonly attributes: readonly PathAttribute[];
    readonly announced: readonly Prefix[];
  },
  context: Pick<AttributeContext, 'fourOctetAs'>,
): Uint8Array {
  return encodeMessage(MessageType.update, (writer) => {
    writer.u16Length(() => writer.bytes(encodeNlri(update.withdrawn)));
    writer.u16Length(() => writer.bytes(encodeAttributes(update.attributes, context)));
    writer.bytes(encodeNlri(update.announced));
  });
}

/** RFC 7606 §3 d: well-known mandatory attributes (RFC 4271 §5) that a message with routes lacks. */
function missing(seen: ReadonlySet<number>, hasNlri: boolean, {external}: AttributeContext): Finding[] {
  const mandatory: number[] = [AttributeCode.origin, AttributeCode.asPath];
  if (hasNlri) mandatory.push(AttributeCode.nextHop);
  if (!external) mandatory.push(AttributeCode.localPreference);
  return mandatory
    .filter((code) => !seen.has(code))
    .map((code) => ({
      verdict: 'treat-as-withdraw',
      cause: 'missing-well-known-attribute',
      attribute: code,
      reason: `${attributeName(code)} is missing`,
      data: Uint8Array.of(code),
    }));
}

/** The NLRI of the message's own field and of the multiprotocol attribute of this kind, where there is any. */
function fields(
  kind: 'mp-reach' | 'mp-unreach',
  own: Uint8Array,
  attributes: readonly PathAttribute[],
): Field[] {
  const found: Field[] = [];
  if (own.length > 0) {
    found.push({family: 'ipv4', nlri: own, nextHop: attributes.find(({kind}) => kind === 'next-hop')});
  }
  for (const attribute of attributes) {
    if (attribute.kind !== kind) continue;
    const family = familyFor(attribute.afi, attribute.safi);
    if (family) found.push({family, nlri: attribute.nlri, nextHop: attribute});
  }
  return found;
}

function count(fields: readonly Field[]): Record<IpFamily, number> {
  const counts = {ipv4: 0, ipv6: 0};
  for (const {family, nlri} of fields) counts[family] += Number(countNlri(family, nlri));
  return counts;
}

function decodeAnnounced({family, nlri, nextHop}: Field): AnnouncedPrefix[] {
  const via = nextHopOf(nextHop);
  return decodeNlri(family, nlri).map((prefix) => ({prefix, nextHop: via}));
}

/** Of a global and a link-local IPv6 address (RFC 2545 §3) the global one. */
function nextHopOf(attribute: PathAttribute | undefined): IpAddress | null {
  if (attribute?.kind === 'next-hop') return attribute.address;
  if (attribute?.kind !== 'mp-reach') return null;
  const {nextHop} = attribute;
  return nextHop.length === 4
    ? addressFromBytes('ipv4', nextHop)
    : addressFromBytes('ipv6', nextHop.subarray(0, 16));
}

/** RFC 4724 §2: an UPDATE of nothing, or of an MP_UNREACH_NLRI alone that is empty. */
function endOfRibFamily(body: Uint8Array, attributes: readonly PathAttribute[]): IpFamily | null {
  if (body.length === 4) return 'ipv4';
  const [only, more] = attributes;
  if (only?.kind !== 'mp-unreach' || more || only.nlri.length > 0) return null;
  return familyFor(only.afi, only.safi);
}

function toUpdateFault({verdict, attribute, reason}: Finding): UpdateFault[] {
  return verdict === 'reset' ? [] : [{verdict, attribute, reason}];
}

function reset(cause: UpdateCause, reason: string, data: Uint8Array = new Uint8Array()): UpdateAnswer {
  return {ok: false, fault: {cause, reason, data}};
}
