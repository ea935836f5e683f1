/**
 * One BIRD daemon through its control socket: one connection is kept, commands go out one after the other. A
 * connection that ends, or over which an answer is overdue, is given up and made anew; nobody else ever waits for it.
 */

import type {UnixConnector} from '../io/text-stream.js';
import {printable} from '../lib/printable.js';
import {
  BirdError,
  BirdProtocolError,
  type BirdReply,
  type BirdVersion,
  encodeCommand,
  parseGreeting,
  ReplyReader,
  replyCode,
} from './bird-protocol.js';
import {explainSocket, Link, type LinkTimes} from './link-client.js';

export interface BirdClientOptions extends LinkTimes {
  /** The control socket. */
  readonly path: string;
  readonly connect: UnixConnector;
  /** BIRD has greeted: commands are taken from now on. */
  readonly onUp: (version: BirdVersion) => void;
  /** No connection could be made, or it is over. Told for every attempt. */
  readonly onDown: (reason: string) => void;
  /** What BIRD says by itself. */
  readonly onSpontaneous?: (text: string) => void;
}

/** There is no answer, because there is no connection (any more); the message says why. */
export class BirdLinkError extends BirdError {
  override readonly name = 'BirdLinkError';
}

interface Question {
  readonly command: string;
  readonly timeoutMs: number;
  readonly resolve: (reply: BirdReply) => void;
  readonly reject: (error: Error) => void;
}

const greetingTimeoutMs = 3_000;
const answerTimeoutMs = 3_000;

export class BirdClient {
  readonly #options: BirdClientOptions;
  readonly #link: Link;
  #reader = new ReplyReader();
  #version: BirdVersion | null = null;
  #isRestricted = false;
  /** The first one is on the wire. */
  #questions: Question[] = [];

  constructor(options: BirdClientOptions) {
    this.#options = options;
    const {connect, path} = options;
    this.#link = new Link({
      ...options,
      connect: (handlers) => {
        this.#reader = new ReplyReader();
        this.#isRestricted = false;
        this.#link.expect(greetingTimeoutMs, 'BIRD does not answer: no greeting');
        return connect(path, handlers);
      },
      opened: () => undefined,
      data: (text) => this.#read(text),
      explain: (code, wasUp) =>
        explainSocket(code, wasUp, {
          daemon: 'BIRD',
          path,
          absent: `${path} does not exist: BIRD does not run, or its control socket is elsewhere`,
        }),
      ended: (reason) => this.#ended(reason),
      down: options.onDown,
    });
  }

  /** Begins to connect; goes on trying until `stop`. */
  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
  }

  /** Of the BIRD that is connected; null while there is none. */
  get version(): BirdVersion | null {
    return this.#version;
  }

  /** Only commands that change nothing are taken. Known once BIRD has said so. */
  get isRestricted(): boolean {
    return this.#isRestricted;
  }

  /** Why there is no connection; null while there is one. */
  get downReason(): string | null {
    return this.#link.downReason;
  }

  /** Nobody listens at the control socket: no BIRD, as far as can be told. */
  get isAbsent(): boolean {
    return this.#link.isAbsent;
  }

  /**
   * BIRD's answer, whatever its code. Rejects with `BirdLinkError` where none comes, and with `BirdProtocolError`
   * for a command that is not sent because it would be more than one.
   */
  async ask(command: string, timeoutMs = answerTimeoutMs): Promise<BirdReply> {
    const line = encodeCommand(command);
    const {downReason} = this.#link;
    if (downReason !== null) throw new BirdLinkError(downReason);
    return new Promise((resolve, reject) => {
      this.#questions.push({command: line, timeoutMs, resolve, reject});
      if (this.#questions.length === 1) this.#send();
    });
  }

  #send(): void {
    const [question] = this.#questions;
    if (!question) return;
    const {command, timeoutMs} = question;
    this.#link.expect(timeoutMs, `BIRD does not answer: no reply to "${command.trimEnd()}"`);
    this.#link.write(command);
  }

  #read(text: string): void {
    try {
      for (const message of this.#reader.push(text)) {
        if (message.kind === 'reply') this.#take(message.reply);
        else this.#options.onSpontaneous?.(message.text);
        if (!this.#link.isOpen) return;
      }
    } catch (error) {
      if (!(error instanceof BirdProtocolError)) throw error;
      this.#link.fail(`${this.#options.path} does not speak as BIRD does: ${error.message}`);
    }
  }

  #take(reply: BirdReply): void {
    if (!this.#version) {
      const version = parseGreeting(reply);
      if (!version) throw new BirdProtocolError(`its greeting is "${printable(reply.text.slice(0, 80))}"`);
      this.#link.answered();
      this.#link.up();
      this.#version = version;
      this.#options.onUp(version);
      return;
    }
    if (reply.code === replyCode.ACCESS_RESTRICTED || reply.code === replyCode.ACCESS_DENIED) {
      this.#isRestricted = true;
    }
    const question = this.#questions.shift();
    if (!question) {
      // A socket that is restricted by configuration may say so without being asked.
      if (reply.code === replyCode.ACCESS_RESTRICTED) return;
      throw new BirdProtocolError('an answer that nothing was asked for');
    }
    this.#link.answered();
    this.#send();
    question.resolve(reply);
  }

  #ended(reason: string): void {
    this.#version = null;
    const questions = this.#questions;
    this.#questions = [];
    for (const {reject} of questions) reject(new BirdLinkError(reason));
  }
}
