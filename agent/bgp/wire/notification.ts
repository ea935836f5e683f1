/** NOTIFICATION (RFC 4271 §4.5) and the text it may carry (RFC 9003). */

import {decodeCapabilities, describeCapability} from './capabilities.js';
import {encodeMessage, headerLength, maxMessageLength} from './frame.js';
import {
  afiSafiName,
  attributeName,
  CeaseSubcode,
  ErrorCode,
  errorNames,
  MessageType,
  messageTypeName,
} from './iana.js';
import type {Notification} from './message.js';
import {Reader} from './reader.js';

/** Data beyond what fits into a message is cut off. */
export function encodeNotification({code, subcode, data}: Notification): Uint8Array {
  const room = maxMessageLength - headerLength - 2;
  return encodeMessage(MessageType.notification, (writer) =>
    writer.u8(code).u8(subcode).bytes(data.subarray(0, room)),
  );
}

/** Decodes what stands behind the header; what a truncated one lacks is 0. */
export function decodeNotification(body: Uint8Array): Notification {
  const reader = new Reader(body);
  return {type: 'notification', code: reader.u8(), subcode: reader.u8(), data: new Uint8Array(reader.rest())};
}

/**
 * A Cease. `text` is for the peer's operator; it is sent with the two subcodes that may carry it (RFC 9003 §2:
 * administrative shutdown and reset), cut down to 255 octets of whole characters, and left out with others.
 */
export function cease(subcode: number, text = ''): Notification {
  const data = text !== '' && carriesText(subcode) ? encodeText(text) : new Uint8Array();
  return {type: 'notification', code: ErrorCode.cease, subcode, data};
}

/** The same as an order to keep nothing (RFC 8538 §3.1), for a peer that otherwise keeps routes behind a NOTIFICATION. */
export function hardReset({code, subcode, data}: Notification): Notification {
  const enclosed = Uint8Array.of(code, subcode, ...data);
  return {type: 'notification', code: ErrorCode.cease, subcode: CeaseSubcode.hardReset, data: enclosed};
}

/**
 * Whether what a NOTIFICATION of ours ends is to end for good (RFC 8538 §5.1): this host has nothing to be sent there any
 * more, or cannot be reached. After anything else the session comes back at once, and what the peer has is right.
 */
export function isFinal({code, subcode}: Notification): boolean {
  if (code !== ErrorCode.cease) return false;
  const {administrativeShutdown, bfdDown, peerDeconfigured} = CeaseSubcode;
  return subcode === administrativeShutdown || subcode === peerDeconfigured || subcode === bfdDown;
}

/** One line for people: `cease: administrative shutdown: "maintenance"`, `hold timer expired`. */
export function describeNotification({code, subcode, data}: Notification): string {
  const error = errorNames[code];
  if (!error) return `error code ${code} subcode ${subcode}${behindColon(hexText(data))}`;
  const name = subcode === 0 ? '' : (error.subcodes[subcode] ?? `subcode ${subcode}`);
  const detail = data.length === 0 ? '' : (detailOf(code, subcode, data) ?? hexText(data));
  return `${error.name}${behindColon(name)}${behindColon(detail)}`;
}

/** The text of a Cease for administrative shutdown or reset; null where there is none, or none that is valid. */
export function shutdownText({code, subcode, data}: Notification): string | null {
  return code === ErrorCode.cease && carriesText(subcode) ? decodeText(data) : null;
}

/** What the data of some errors says; null: nothing understood. */
function detailOf(code: number, subcode: number, data: Uint8Array): string | null {
  const reader = new Reader(data);
  switch (`${code}/${subcode}`) {
    case '1/2':
      return data.length === 2 ? `length ${reader.u16()}` : null;
    case '1/3':
      return data.length === 1 ? `type ${reader.u8()}` : null;
    case '2/1':
      return data.length === 2 ? `version ${reader.u16()} is supported` : null;
    case '2/7': {
      const capabilities = decodeCapabilities(reader);
      return typeof capabilities === 'string' ? null : capabilities.map(describeCapability).join(', ');
    }
    case '3/3':
      return data.length === 1 ? attributeName(reader.u8()) : null;
    case '3/2':
    case '3/4':
    case '3/5':
    case '3/6':
    case '3/8':
    case '3/9':
      return data.length >= 3 ? `${attributeName(data[1] ?? 0)} ${hexText(data)}` : null;
    case '5/1':
    case '5/2':
    case '5/3':
      return data.length === 1 ? messageTypeName(reader.u8()) : null;
    case '6/1': // RFC 4486 §4
      return data.length === 7 ? `${afiSafiName(reader.u16(), reader.u8())}, limit ${reader.u32()}` : null;
    case '6/2':
    case '6/4': {
      const text = decodeText(data);
      return text === null ? null : text === '' ? '' : quoted(text);
    }
    case '6/9': // RFC 8538 §3.1: the NOTIFICATION meant stands inside.
      return describeInner(data);
    default:
      return null;
  }
}

function describeInner(data: Uint8Array): string {
  const inner = decodeNotification(data);
  const nested = inner.code === ErrorCode.cease && inner.subcode === CeaseSubcode.hardReset;
  return nested ? hexText(data) : describeNotification(inner);
}

function carriesText(subcode: number): boolean {
  return subcode === CeaseSubcode.administrativeShutdown || subcode === CeaseSubcode.administrativeReset;
}

/** RFC 9003 §2: one octet of length, then UTF-8. */
function encodeText(text: string): Uint8Array {
  const octets = new Uint8Array(256);
  const {written} = new TextEncoder().encodeInto(text, octets.subarray(1));
  octets[0] = written;
  return octets.subarray(0, 1 + written);
}

function decodeText(data: Uint8Array): string | null {
  const length = data[0] ?? 0;
  if (data.length === 0 || length > data.length - 1) return null;
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(data.subarray(1, 1 + length));
  } catch {
    return null; // not UTF-8
  }
}

/** Text from outside, fit for a terminal and for a line of log: control and formatting characters are escaped. */
function quoted(text: string): string {
  const escaped = text.replace(
    /["\\]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => escapes[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${escaped}"`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** At most 32 octets, as `0x0102…`. */
function hexText(data: Uint8Array): string {
  if (data.length === 0) return '';
  return `0x${Buffer.from(data.subarray(0, 32)).toString('hex')}${data.length > 32 ? '…' : ''}`;
}

function behindColon(text: string): string {
  return text === '' ? '' : `: ${text}`;
}
