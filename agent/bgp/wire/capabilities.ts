/** Capabilities (RFC 5492): multiprotocol, route refresh and 4-octet AS are understood, others kept as they are. */

import {afiSafiName, CapabilityCode, capabilityName} from './iana.js';
import type {Capability} from './message.js';
import type {Reader} from './reader.js';
import {octets} from './wording.js';
import {Writer} from './writer.js';

type Known = Exclude<Capability['kind'], 'unknown'>;

interface Row<Kind extends Known> {
  readonly code: number;
  /** Octets of the value. */
  readonly length: number;
  encode(capability: Extract<Capability, {kind: Kind}>, writer: Writer): void;
  decode(value: Reader): Extract<Capability, {kind: Kind}>;
}

const rows: {readonly [Kind in Known]: Row<Kind>} = {
  // RFC 4760 §8: AFI, a reserved octet, SAFI.
  multiprotocol: {
    code: CapabilityCode.multiprotocol,
    length: 4,
    encode: ({afi, safi}, writer) => writer.u16(afi).u8(0).u8(safi),
    decode: (value) => {
      const afi = value.u16();
      value.u8();
      return {kind: 'multiprotocol', afi, safi: value.u8()};
    },
  },
  // RFC 2918
  'route-refresh': {
    code: CapabilityCode.routeRefresh,
    length: 0,
    encode: () => undefined,
    decode: () => ({kind: 'route-refresh'}),
  },
  // RFC 6793 §3
  'four-octet-as': {
    code: CapabilityCode.fourOctetAs,
    length: 4,
    encode: ({as}, writer) => writer.u32(as),
    decode: (value) => ({kind: 'four-octet-as', as: value.u32()}),
  },
};

const byCode: ReadonlyMap<number, Row<Known>> = new Map(
  Object.values(rows).map((row) => [row.code, row as Row<Known>]),
);

/** The capabilities one after the other, each behind its code and length: what stands in an OPEN's parameter. */
export function encodeCapabilities(capabilities: readonly Capability[]): Uint8Array {
  const writer = new Writer();
  for (const capability of capabilities) encodeCapability(capability, writer);
  return writer.finish();
}

/** The capabilities of one parameter; a text says what is wrong with it. */
export function decodeCapabilities(parameter: Reader): Capability[] | string {
  const capabilities: Capability[] = [];
  while (parameter.remaining > 0) {
    const code = parameter.u8();
    const value = parameter.sub(parameter.u8());
    if (parameter.overrun) return `${capabilityName(code)} ends behind its parameter`;
    const row = byCode.get(code);
    if (row && value.remaining !== row.length) {
      return `${capabilityName(code)} has ${octets(value.remaining)} instead of ${row.length}`;
    }
    // A copy: what an OPEN says is kept for as long as the session, the buffer it came in is not.
    capabilities.push(row ? row.decode(value) : {kind: 'unknown', code, value: new Uint8Array(value.rest())});
  }
  return capabilities;
}

/** `multiprotocol IPv6 unicast`, `4-octet AS 4200000000`, `graceful restart`. */
export function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return `multiprotocol ${afiSafiName(capability.afi, capability.safi)}`;
    case 'route-refresh':
      return capabilityName(CapabilityCode.routeRefresh);
    case 'four-octet-as':
      return `${capabilityName(CapabilityCode.fourOctetAs)} ${capability.as}`;
    case 'unknown':
      return capabilityName(capability.code);
  }
}

function encodeCapability(capability: Capability, writer: Writer): void {
  if (capability.kind === 'unknown') {
    writer.u8(capability.code).u8Length(() => writer.bytes(capability.value));
  } else {
    encodeKnown(capability.kind, capability, writer);
  }
}

function encodeKnown<Kind extends Known>(
  kind: Kind,
  capability: Extract<Capability, {kind: Kind}>,
  writer: Writer,
): void {
  const row: Row<Kind> = rows[kind];
  writer.u8(row.code).u8Length(() => row.encode(capability, writer));
}
