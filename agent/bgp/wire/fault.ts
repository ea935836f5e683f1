/** What can be wrong in what a peer sends, as named causes; `toNotification` says how each is answered. */

import type {IpAddress} from '../../types.js';
import {describeCapability, encodeCapabilities} from './capabilities.js';
import {CeaseSubcode, ErrorCode, errorNames, messageTypeName} from './iana.js';
import type {Capability, Notification} from './message.js';
import {octets} from './wording.js';

/** RFC 7606 §2, weakest first. The fourth, "AFI/SAFI disable", is never used: a reset does what it does, and more. */
export type Verdict = 'attribute-discard' | 'treat-as-withdraw' | 'reset';

/** Causes in an UPDATE with their NOTIFICATION subcodes (RFC 4271 §6.3). */
const updateSubcodes = {
  'malformed-attribute-list': 1,
  'unrecognized-well-known-attribute': 2,
  'missing-well-known-attribute': 3,
  'attribute-flags': 4,
  'attribute-length': 5,
  'invalid-origin': 6,
  'invalid-next-hop': 8,
  'optional-attribute': 9,
  'invalid-network-field': 10,
  'malformed-as-path': 11,
} as const;

export type UpdateCause = keyof typeof updateSubcodes;

/** RFC 6608: the states in which a message may be unexpected. */
const fsmSubcodes = {'open-sent': 1, 'open-confirm': 2, established: 3} as const;

/** A fault that ends the session, with the value that offended. */
export type WireFault =
  | {readonly cause: 'not-synchronized'}
  | {readonly cause: 'bad-message-length'; readonly length: number; readonly messageType: number}
  | {readonly cause: 'bad-message-type'; readonly messageType: number}
  | {readonly cause: 'unsupported-version'; readonly version: number}
  | {
      readonly cause: 'bad-peer-as';
      readonly as: number;
      /** What is configured; null for AS 0, which nobody may use. */
      readonly expected: number | 'internal' | 'external' | null;
    }
  | {readonly cause: 'bad-bgp-identifier'; readonly id: IpAddress}
  | {readonly cause: 'unsupported-parameter'; readonly parameter: number}
  | {readonly cause: 'malformed-open'; readonly reason: string}
  | {readonly cause: 'unacceptable-hold-time'; readonly holdTimeS: number}
  | {readonly cause: 'unsupported-capability'; readonly required: readonly Capability[]}
  | {
      readonly cause: UpdateCause;
      readonly reason: string;
      /** The offending attribute as it came, or what else RFC 4271 §6.3 wants to see in the NOTIFICATION. */
      readonly data: Uint8Array;
    }
  | {
      readonly cause: 'unexpected-message';
      readonly state: keyof typeof fsmSubcodes;
      readonly messageType: number;
    }
  | {readonly cause: 'hold-timer-expired'}
  | {readonly cause: 'send-hold-timer-expired'}
  | {readonly cause: 'bfd-down'; readonly reason: string};

/** The NOTIFICATION that answers a fault (RFC 4271 §6, RFC 5492 §5, RFC 6608, RFC 9687, RFC 9384). */
export function toNotification(fault: WireFault): Notification {
  switch (fault.cause) {
    case 'not-synchronized':
      return notification(ErrorCode.header, 1);
    case 'bad-message-length':
      return notification(ErrorCode.header, 2, u16(fault.length));
    case 'bad-message-type':
      return notification(ErrorCode.header, 3, [fault.messageType]);
    case 'unsupported-version':
      // RFC 4271 §6.2: the data is the version we support.
      return notification(ErrorCode.open, 1, u16(4));
    case 'bad-peer-as':
      return notification(ErrorCode.open, 2);
    case 'bad-bgp-identifier':
      return notification(ErrorCode.open, 3);
    case 'unsupported-parameter':
      return notification(ErrorCode.open, 4);
    case 'malformed-open':
      // RFC 4271 §6.2: a recognized but malformed parameter is "unspecific".
      return notification(ErrorCode.open, 0);
    case 'unacceptable-hold-time':
      return notification(ErrorCode.open, 6);
    case 'unsupported-capability':
      return notification(ErrorCode.open, 7, encodeCapabilities(fault.required));
    case 'unexpected-message':
      return notification(ErrorCode.fsm, fsmSubcodes[fault.state], [fault.messageType]);
    case 'hold-timer-expired':
      return notification(ErrorCode.holdTimer, 0);
    case 'send-hold-timer-expired':
      return notification(ErrorCode.sendHoldTimer, 0);
    case 'bfd-down':
      return notification(ErrorCode.cease, CeaseSubcode.bfdDown);
    default:
      return notification(ErrorCode.update, updateSubcodes[fault.cause], fault.data);
  }
}

/** One line for the log: `bad message length: 4097 octets of update`. */
export function describeFault(fault: WireFault): string {
  const {code, subcode} = toNotification(fault);
  const error = errorNames[code];
  const name = error?.subcodes[subcode] ?? error?.name ?? fault.cause;
  const detail = detailOf(fault);
  return detail === '' ? name : `${name}: ${detail}`;
}

function detailOf(fault: WireFault): string {
  switch (fault.cause) {
    case 'bad-message-length':
      return `${octets(fault.length)} of ${messageTypeName(fault.messageType)}`;
    case 'bad-message-type':
      return String(fault.messageType);
    case 'unsupported-version':
      return `${fault.version}, only 4 is spoken here`;
    case 'bad-peer-as':
      return peerAsText(fault.as, fault.expected);
    case 'bad-bgp-identifier':
      return fault.id === '0.0.0.0' ? fault.id : `${fault.id} is our own`;
    case 'unsupported-parameter':
      return String(fault.parameter);
    case 'unacceptable-hold-time':
      return `${fault.holdTimeS} s, it must be 0 or at least 3 s`;
    case 'unsupported-capability':
      return `the peer shares none of ${fault.required.map(describeCapability).join(', ')}`;
    case 'unexpected-message':
      return messageTypeName(fault.messageType);
    case 'not-synchronized':
    case 'hold-timer-expired':
    case 'send-hold-timer-expired':
      return '';
    default:
      return fault.reason;
  }
}

function peerAsText(as: number, expected: number | 'internal' | 'external' | null): string {
  if (expected === null) return `${as}, which RFC 7607 forbids`;
  if (expected === 'internal') return `${as} is not our own AS, and the peer is configured as internal`;
  if (expected === 'external') return `${as} is our own AS, and the peer is configured as external`;
  return `${as}, AS ${expected} is configured`;
}

function notification(code: number, subcode: number, data: Iterable<number> = []): Notification {
  return {type: 'notification', code, subcode, data: Uint8Array.from(data)};
}

function u16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}
