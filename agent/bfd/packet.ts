/** BFD Control packets (RFC 5880 §4.1) to bytes and back; `authentication.ts` knows the section behind them. Pure. */

import {Reader} from '../bgp/wire/reader.js';
import {Writer} from '../bgp/wire/writer.js';
import type {BfdWord} from '../types.js';

/** IANA "BFD Diagnostic Codes": why a session is not up, as the log says it. */
export const diagnostics = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
] as const;

export const Diagnostic = {
  none: 0,
  detectionTimeExpired: 1,
  neighborSignaledDown: 3,
  pathDown: 5,
  administrativelyDown: 7,
} as const;

/** The wire's numbers of the states are the places in this list. */
const states: readonly BfdWord[] = ['admin-down', 'down', 'init', 'up'];

export interface ControlPacket {
  readonly state: BfdWord;
  /** IANA's number, 0 to 31. */
  readonly diagnostic: number;
  readonly poll: boolean;
  readonly final: boolean;
  /** C: BFD lives on where the control plane dies. Ours is always false: it must not outlive BGP. */
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly detectMultiplier: number;
  readonly myDiscriminator: number;
  /** 0 until the peer's is known. */
  readonly yourDiscriminator: number;
  /** Microseconds, like the two below. */
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
}

export type Decoded =
  | {
      readonly ok: true;
      readonly packet: ControlPacket;
      /** Its own octets: what stands behind them in the datagram is not meant. */
      readonly bytes: Uint8Array;
      /** Whether it has an Authentication Section, which lies within `bytes`. */
      readonly isAuthenticated: boolean;
    }
  | {readonly ok: false; readonly reason: string};

const VERSION = 1;
const LENGTH = 24;
const Flag = {poll: 32, final: 16, independent: 8, authentication: 4, demand: 2, multipoint: 1} as const;

/** With so many zeros behind it as the Authentication Section takes. */
export function encodePacket(packet: ControlPacket, sectionLength = 0): Uint8Array {
  const flags =
    (packet.poll ? Flag.poll : 0) |
    (packet.final ? Flag.final : 0) |
    (packet.controlPlaneIndependent ? Flag.independent : 0) |
    (packet.demand ? Flag.demand : 0) |
    (sectionLength > 0 ? Flag.authentication : 0);
  return new Writer(LENGTH)
    .u8((VERSION << 5) | packet.diagnostic)
    .u8((states.indexOf(packet.state) << 6) | flags)
    .u8(packet.detectMultiplier)
    .u8(LENGTH + sectionLength)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator)
    .u32(packet.desiredMinTxUs)
    .u32(packet.requiredMinRxUs)
    .u32(packet.requiredMinEchoRxUs)
    .bytes(new Uint8Array(sectionLength))
    .finish();
}

/** Reads a packet, and checks of RFC 5880 §6.8.6 all that needs no session. */
export function decodePacket(bytes: Uint8Array): Decoded {
  if (bytes.length < LENGTH) return refused(`${bytes.length} octets are too few`);
  const reader = new Reader(bytes);
  const [first, second, detectMultiplier, length] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()];
  const [myDiscriminator, yourDiscriminator] = [reader.u32(), reader.u32()];
  const [desiredMinTxUs, requiredMinRxUs, requiredMinEchoRxUs] = [reader.u32(), reader.u32(), reader.u32()];
  const state = states[second >> 6] ?? 'down';
  if (first >> 5 !== VERSION) return refused(`version ${first >> 5}, only ${VERSION} is spoken here`);
  if (length < LENGTH || length > bytes.length) {
    return refused(`its length field says ${length}, it has ${bytes.length} octets`);
  }
  if (detectMultiplier === 0) return refused('its detect multiplier is 0');
  if (second & Flag.multipoint) return refused('its multipoint bit is set');
  if (myDiscriminator === 0) return refused('its own discriminator is 0');
  if (yourDiscriminator === 0 && (state === 'init' || state === 'up')) {
    return refused(`it says ${state} to nobody: your discriminator is 0`);
  }
  const isAuthenticated = (second & Flag.authentication) !== 0;
  const sectionLength = bytes[LENGTH + 1] ?? 0;
  // §6.8.6: "or 26 if the A bit is set".
  if (isAuthenticated && (length < LENGTH + 2 || length < LENGTH + sectionLength)) {
    return refused(`its length field says ${length}, without its authentication section`);
  }
  return {
    ok: true,
    bytes: bytes.subarray(0, length),
    isAuthenticated,
    packet: {
      state,
      diagnostic: first & 31,
      poll: (second & Flag.poll) !== 0,
      final: (second & Flag.final) !== 0,
      controlPlaneIndependent: (second & Flag.independent) !== 0,
      demand: (second & Flag.demand) !== 0,
      detectMultiplier,
      myDiscriminator,
      yourDiscriminator,
      desiredMinTxUs,
      requiredMinRxUs,
      requiredMinEchoRxUs,
    },
  };
}

function refused(reason: string): Decoded {
  return {ok: false, reason};
}

/** A diagnostic in words; a number that IANA has not given out as a number. */
export function describeDiagnostic(diagnostic: number): string {
  return diagnostics[diagnostic] ?? `diagnostic ${diagnostic}`;
}
