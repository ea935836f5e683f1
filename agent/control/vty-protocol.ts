/**
 * What a daemon of FRR or Quagga speaks on its vty socket, as vtysh does with it (lib/vty.c, `vtysh_read`): a command
 * is text that ends with a NUL; the answer is text that ends with three NULs and the octet of the command's status.
 * Several commands may be under way; answers come in the same order.
 */

import {printable} from '../lib/printable.js';

/** lib/command.h: what the announcer looks at. Everything but SUCCESS is a command that was not carried out. */
export const vtyStatus = {SUCCESS: 0, WARNING: 1, NO_MATCH: 2, SUSPEND: 12} as const;

export interface VtyAnswer {
  readonly command: string;
  readonly text: string;
  readonly status: number;
}

/** FRR does not do what it was to, for a reason that may pass; the message is for people. */
export class FrrError extends Error {
  override readonly name: string = 'FrrError';
}

/** There is no BGP to be told of anything: nothing is announced either. */
export class NoBgpError extends FrrError {
  override readonly name = 'NoBgpError';
}

/** What came is not the protocol, or is more than is taken; or a command is none that may be sent. */
export class VtyProtocolError extends FrrError {
  override readonly name = 'VtyProtocolError';
}

/** The configuration of a large router fits many times. */
const answerLimit = 256 * 2 ** 20;
/** What bgpd takes as one command (lib/vty.h, VTY_MAXBUF or less in old versions). */
const commandLimit = 4000;
const end = '\0\0\0';

/** Text in any pieces in, whole answers out. Throws `VtyProtocolError`; nothing after that means anything. */
export class VtyAnswerReader {
  #pieces: string[] = [];
  #length = 0;
  /** The last characters, in which an end may have begun. */
  #tail = '';

  push(text: string): readonly Omit<VtyAnswer, 'command'>[] {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length > answerLimit) throw new VtyProtocolError('an answer without an end');
    const isEnd = (this.#tail + text).includes(end);
    this.#tail = (this.#tail + text).slice(-end.length);
    if (!isEnd) return [];
    const whole = this.#pieces.join('');
    const answers: Omit<VtyAnswer, 'command'>[] = [];
    let from = 0;
    for (;;) {
      const at = whole.indexOf(end, from);
      const status = whole.charCodeAt(at + end.length);
      if (at === -1 || Number.isNaN(status)) break;
      answers.push({text: whole.slice(from, at), status});
      from = at + end.length + 1;
    }
    const rest = whole.slice(from);
    this.#pieces = [rest];
    this.#length = rest.length;
    this.#tail = rest.slice(-end.length);
    return answers;
  }
}

/** Throws `VtyProtocolError` for text that would be more than one command, or that the daemon would cut. */
export function checkCommand(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    throw new VtyProtocolError(`a command with control characters is not sent: "${printable(text)}"`);
  }
  // In FRR `|` sends the answer through a filter, and `?` asks for help.
  if (/[|?]/.test(text)) throw new VtyProtocolError(`a command with | or ? is not sent: "${text}"`);
  if (text.length > commandLimit) {
    throw new VtyProtocolError(`a command of ${text.length} characters is not sent`);
  }
  return text;
}

/** A command as it goes on the wire. Throws as `checkCommand` does. */
export function encodeCommand(text: string): string {
  return `${checkCommand(text)}\0`;
}

/**
 * Why a command was not carried out, or not as it was meant; null when it was. Some versions answer a value that they
 * do not understand with a complaint and the status of a success.
 */
export function refusalOf({command, text, status}: VtyAnswer): string | null {
  if (status === vtyStatus.SUCCESS && !text.trimStart().startsWith('%')) return null;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const complaints = lines.filter((line) => line.startsWith('%'));
  // Never more than one line of other text: what was asked for may be a configuration, with passwords.
  const said = (complaints.length > 0 ? complaints : lines.slice(0, 1)).map((line) =>
    line
      .replace(/^%\s*/, '')
      .replace(/^\[[A-Z0-9]+\] /, '')
      .trim(),
  );
  // Unknown command: the command stands in the message already.
  const why = said.length === 0 ? `status ${status}` : said.join(' ').replace(`: ${command}`, '');
  return `"${command}" is refused: ${printable(why.slice(0, 300))}`;
}
