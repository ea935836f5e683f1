/**
 * The reply protocol of BIRD's control socket (BIRD's programmer's documentation, "Command line interface", and
 * doc/reply_codes). A command is one line of text. A reply is lines of a four-digit code, `-` where more follows or a
 * blank on the last line, and text; a line that begins with a blank instead carries the code of the line before.
 * A line that begins with `+` belongs to no reply: BIRD says it by itself.
 */

import {printable} from '../lib/printable.js';

/** What the announcer looks at. Others are taken as they come: 1xxx table, 8xxx failed, 9xxx not understood. */
export const replyCode = {
  WELCOME: 1,
  RECONFIGURED: 3,
  RECONFIGURATION_IN_PROGRESS: 4,
  RECONFIGURATION_QUEUED: 5,
  SHUTTING_DOWN: 6,
  ACCESS_RESTRICTED: 16,
  RECONFIGURATION_UNQUEUED: 17,
  CONFIRMED: 18,
  NOTHING_TO_DO: 19,
  CONFIGURATION_OK: 20,
  ROUTE_NOT_FOUND: 8001,
  CONFIGURATION_ERROR: 8002,
  ACCESS_DENIED: 8007,
  PARSE_ERROR: 9001,
} as const;

/** doc/reply_codes, the ones that tell of a failure. */
const failureNames: ReadonlyMap<number, string> = new Map([
  [6, 'shutting down'],
  [8000, 'reply too long'],
  [8001, 'route not found'],
  [8002, 'configuration file error'],
  [8003, 'no protocols match'],
  [8004, 'stopped due to reconfiguration'],
  [8005, 'protocol is down'],
  [8006, 'reload failed'],
  [8007, 'access denied'],
  [8008, 'evaluation runtime error'],
  [9000, 'command too long'],
  [9001, 'parse error'],
  [9002, 'invalid symbol type'],
]);

export interface BirdLine {
  readonly code: number;
  /** Without the code and what follows it; indentation is kept. */
  readonly text: string;
}

export interface BirdReply {
  /** The last one ends the reply; its code is the answer. */
  readonly lines: readonly BirdLine[];
  readonly code: number;
  /** Of the last line. */
  readonly text: string;
}

export type BirdMessage =
  | {readonly kind: 'reply'; readonly reply: BirdReply}
  | {readonly kind: 'spontaneous'; readonly text: string};

/** BIRD does not do what it was to, for a reason that may pass; the message is for people. */
export class BirdError extends Error {
  override readonly name: string = 'BirdError';
}

/** What came is not BIRD's protocol, or is more than is taken; or a command is none that may be sent. */
export class BirdProtocolError extends BirdError {
  override readonly name = 'BirdProtocolError';
}

/** BIRD itself cuts its lines at 512 bytes (2.0), 4 KiB later. */
const lineLimit = 16_384;
const replyLimit = 200_000;

/** Text in any pieces in, whole replies out. Throws `BirdProtocolError`; after that nothing it says means anything. */
export class ReplyReader {
  #rest = '';
  #lines: BirdLine[] = [];

  push(text: string): readonly BirdMessage[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > lineLimit) throw new BirdProtocolError('a line without an end');
    return lines.flatMap((line) => this.#take(line) ?? []);
  }

  #take(line: string): BirdMessage | null {
    if (line.length > lineLimit) throw new BirdProtocolError('a line without an end');
    if (line.startsWith('+')) return {kind: 'spontaneous', text: line.slice(1)};
    const [, digits, mark, text = ''] = /^(\d{4})([ -])(.*)$/s.exec(line) ?? [];
    const code = digits === undefined ? this.#lines.at(-1)?.code : Number(digits);
    if (code === undefined || (digits === undefined && !line.startsWith(' '))) {
      throw new BirdProtocolError(`"${printable(line.slice(0, 80))}" is no line of a reply`);
    }
    if (this.#lines.length >= replyLimit) throw new BirdProtocolError('a reply without an end');
    this.#lines.push({code, text: digits === undefined ? line.slice(1) : text});
    if (mark !== ' ') return null;
    const lines = this.#lines;
    this.#lines = [];
    return {kind: 'reply', reply: {lines, code, text}};
  }
}

export interface BirdVersion {
  readonly major: number;
  readonly minor: number;
  /** As BIRD writes it: `2.0.12`. */
  readonly text: string;
}

/** The version in the greeting, `0001 BIRD 2.0.12 ready.`; null when it is no greeting. */
export function parseGreeting({code, text}: BirdReply): BirdVersion | null {
  const [, version, major, minor] = /^BIRD v?((\d+)\.(\d+)\S*) ready\.?$/.exec(text) ?? [];
  if (code !== replyCode.WELCOME || version === undefined) return null;
  return {major: Number(major), minor: Number(minor), text: version};
}

export function isOlder({major, minor}: BirdVersion, thanMajor: number, thanMinor: number): boolean {
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

/**
 * A command as it goes on the wire. Throws `BirdProtocolError` for text that would be more than one command, or that
 * BIRD would cut (its buffer has 4 KiB, and 1 KiB in 1.6).
 */
export function encodeCommand(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    throw new BirdProtocolError(`a command with control characters is not sent: "${printable(text)}"`);
  }
  if (text.length > 1000) {
    throw new BirdProtocolError(`a command of ${text.length} characters is not sent`);
  }
  return `${text}\n`;
}

/** Why a command did not do what it was to; null when it did. */
export function failureOf({code, text}: BirdReply): string | null {
  if (code < 8000 && code !== replyCode.SHUTTING_DOWN) return null;
  const name = failureNames.get(code) ?? `code ${String(code).padStart(4, '0')}`;
  return text === '' ? name : `${name}: ${printable(text)}`;
}
