/** MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4). */

import type {IpFamily} from '../../types.js';
import type {UpdateCause} from './fault.js';
import {familyFor} from './iana.js';
import type {PathAttribute} from './message.js';
import {countNlri} from './nlri.js';
import type {Reader} from './reader.js';
import {octets} from './wording.js';
import type {Writer} from './writer.js';

export type MpReach = Extract<PathAttribute, {kind: 'mp-reach'}>;
export type MpUnreach = Extract<PathAttribute, {kind: 'mp-unreach'}>;

/** What is wrong with an attribute's value; the reason continues a sentence that begins with its name. */
export interface AttributeProblem {
  readonly cause: UpdateCause;
  readonly reason: string;
}

/**
 * IPv6: a global address, or one and a link-local address (RFC 2545 §3). IPv4 has only IPv4 next hops,
 * because the capability for others (RFC 8950) is never advertised.
 */
const nextHopLengths: Readonly<Record<IpFamily, readonly number[]>> = {ipv4: [4], ipv6: [16, 32]};

/** Families this speaker does not know keep their NLRI as it is. */
export function decodeMpReach(value: Reader): MpReach | AttributeProblem {
  const length = value.remaining;
  if (length < 5) return problem(`has ${octets(length)}, at least 5 are needed`);
  const afi = value.u16();
  const safi = value.u8();
  const nextHop = value.bytes(value.u8());
  value.u8(); // RFC 4760 §3: reserved, ignored on receipt.
  if (value.overrun) return problem('has a next hop that ends behind it');
  const nlri = value.rest();
  const family = familyFor(afi, safi);
  // RFC 7606 §7.11: with another length than the expected one the NLRI cannot be found reliably.
  if (family && !nextHopLengths[family].includes(nextHop.length)) {
    return problem(`has a next hop of ${octets(nextHop.length)} for ${family}`);
  }
  return nlriProblem(family, nlri) ?? {kind: 'mp-reach', afi, safi, nextHop, nlri};
}

export function decodeMpUnreach(value: Reader): MpUnreach | AttributeProblem {
  const length = value.remaining;
  if (length < 3) return problem(`has ${octets(length)}, at least 3 are needed`);
  const afi = value.u16();
  const safi = value.u8();
  const nlri = value.rest();
  return nlriProblem(familyFor(afi, safi), nlri) ?? {kind: 'mp-unreach', afi, safi, nlri};
}

export function encodeMpReach({afi, safi, nextHop, nlri}: MpReach, writer: Writer): void {
  writer.u16(afi).u8(safi);
  writer.u8Length(() => writer.bytes(nextHop));
  writer.u8(0).bytes(nlri);
}

export function encodeMpUnreach({afi, safi, nlri}: MpUnreach, writer: Writer): void {
  writer.u16(afi).u8(safi).bytes(nlri);
}

function nlriProblem(family: IpFamily | null, nlri: Uint8Array): AttributeProblem | null {
  const count = family ? countNlri(family, nlri) : 0;
  return typeof count === 'string' ? problem(count) : null;
}

/** RFC 4760 §7: an incorrect attribute is an Optional Attribute Error. */
function problem(reason: string): AttributeProblem {
  return {cause: 'optional-attribute', reason};
}
