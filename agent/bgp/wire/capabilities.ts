/** Capabilities (RFC 5492): those that the speaker goes by are understood, others kept as they are. */

import {afiSafiName, CapabilityCode, capabilityName} from './iana.js';
import type {Capability, PreservedFamily} from './message.js';
import type {Reader} from './reader.js';
import {octets} from './wording.js';
import {Writer} from './writer.js';

type Known = Exclude<Capability['kind'], 'unknown'>;

interface Row<Kind extends Known> {
  readonly code: number;
  /** Octets of the value; with `each`, of the part before a list, and of each of its entries. */
  readonly length: number;
  readonly each?: number;
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
  // RFC 4724 §3, RFC 8538 §2: four bits of flags, twelve of seconds, then the families.
  'graceful-restart': {
    code: CapabilityCode.gracefulRestart,
    length: 2,
    each: 4,
    encode({families, notification, restarted, restartTimeS}, writer) {
      writer.u16((restarted ? restartedBit : 0) | (notification ? notificationBit : 0) | restartTimeS);
      for (const family of families) encodePreserved(family, writer);
    },
    decode(value) {
      const head = value.u16();
      return {
        kind: 'graceful-restart',
        restarted: (head & restartedBit) !== 0,
        notification: (head & notificationBit) !== 0,
        restartTimeS: head & maxRestartTimeS,
        families: listOf(value, decodePreserved),
      };
    },
  },
  // RFC 9494 §3.1: a family's 24 bits of seconds.
  'long-lived-graceful-restart': {
    code: CapabilityCode.longLivedGracefulRestart,
    length: 0,
    each: 7,
    encode({families}, writer) {
      for (const family of families) {
        encodePreserved(family, writer);
        writer.u8(family.staleTimeS >> 16).u16(family.staleTimeS & 0xffff);
      }
    },
    decode: (value) => ({
      kind: 'long-lived-graceful-restart',
      families: listOf(value, () => ({
        ...decodePreserved(value),
        staleTimeS: value.u8() * 0x1_0000 + value.u16(),
      })),
    }),
  },
};

const restartedBit = 0x8000;
const notificationBit = 0x4000;
const forwardingBit = 0x80;
/** Twelve bits, and 24. */
export const maxRestartTimeS = 0xfff;
export const maxLongLivedS = 0xff_ffff;

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
    if (row && !hasLengthOf(row, value.remaining)) {
      return `${capabilityName(code)} has ${octets(value.remaining)} instead of ${lengthText(row)}`;
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
    case 'graceful-restart':
      return `${capabilityName(CapabilityCode.gracefulRestart)} ${capability.restartTimeS} s`;
    case 'long-lived-graceful-restart':
      return capabilityName(CapabilityCode.longLivedGracefulRestart);
    case 'unknown':
      return capabilityName(capability.code);
  }
}

function hasLengthOf({each, length}: Row<Known>, octets: number): boolean {
  return each === undefined ? octets === length : octets >= length && (octets - length) % each === 0;
}

/** `4`, `a multiple of 7`, `2 and a multiple of 4`. */
function lengthText({each, length}: Row<Known>): string {
  if (each === undefined) return String(length);
  return `${length > 0 ? `${length} and ` : ''}a multiple of ${each}`;
}

function encodePreserved({afi, forwarding, safi}: PreservedFamily, writer: Writer): void {
  writer
    .u16(afi)
    .u8(safi)
    .u8(forwarding ? forwardingBit : 0);
}

function decodePreserved(value: Reader): PreservedFamily {
  const afi = value.u16();
  const safi = value.u8();
  return {afi, safi, forwarding: (value.u8() & forwardingBit) !== 0};
}

/** All that is left of a value whose length fits. */
function listOf<T>(value: Reader, decode: (value: Reader) => T): T[] {
  const list: T[] = [];
  while (value.remaining > 0) list.push(decode(value));
  return list;
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
