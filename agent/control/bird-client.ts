/**
 * One BIRD daemon through its control socket: one connection is kept, commands go out one after the other. A
 * connection that ends, or over which an answer is overdue, is given up and made anew; nobody else ever waits for it.
 */

import type {UnixConnector, UnixStream} from '../io/unix-stream.js';
import {backoffMs, jittered} from '../lib/backoff.js';
import {formatDuration} from '../lib/duration.js';
import {printable} from '../lib/printable.js';
import type {Cancel, Clock} from '../types.js';
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

export interface BirdClientOptions {
  /** The control socket. */
  readonly path: string;
  readonly connect: UnixConnector;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
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

// Failing is cheap here, and a BIRD that was restarted announces what it likes until it is spoken to.
const retries = {firstMs: 50, limitMs: 2_000};
const greetingTimeoutMs = 3_000;
const answerTimeoutMs = 3_000;

export class BirdClient {
  readonly #options: BirdClientOptions;
  #stream: UnixStream | null = null;
  #reader = new ReplyReader();
  #version: BirdVersion | null = null;
  #isRestricted = false;
  #reason = 'not connected yet';
  #isAbsent = false;
  #failures = 0;
  /** The first one is on the wire. */
  #questions: Question[] = [];
  /** Waits for the greeting, for an answer, or for the next attempt. */
  #cancelTimer: Cancel = () => undefined;
  #isStopped = false;

  constructor(options: BirdClientOptions) {
    this.#options = options;
  }

  /** Begins to connect; goes on trying until `stop`. */
  start(): void {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#end('stopped');
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
    return this.#version ? null : this.#reason;
  }

  /** Nobody listens at the control socket: no BIRD, as far as can be told. */
  get isAbsent(): boolean {
    return this.#version === null && this.#isAbsent;
  }

  /**
   * BIRD's answer, whatever its code. Rejects with `BirdLinkError` where none comes, and with `BirdProtocolError`
   * for a command that is not sent because it would be more than one.
   */
  async ask(command: string, timeoutMs = answerTimeoutMs): Promise<BirdReply> {
    const line = encodeCommand(command);
    if (!this.#version) throw new BirdLinkError(this.#reason);
    return new Promise((resolve, reject) => {
      this.#questions.push({command: line, timeoutMs, resolve, reject});
      if (this.#questions.length === 1) this.#send();
    });
  }

  #connect(): void {
    const {clock, connect, path} = this.#options;
    this.#reader = new ReplyReader();
    this.#isRestricted = false;
    this.#stream = connect(path, {
      opened: () => undefined,
      data: (text) => this.#read(text),
      closed: (code) => {
        this.#isAbsent = code === 'ENOENT' || code === 'ECONNREFUSED';
        this.#fail(closedReason(code, path, this.#version !== null));
      },
    });
    this.#cancelTimer = clock.after(greetingTimeoutMs, () =>
      this.#fail(`BIRD does not answer: no greeting within ${formatDuration(greetingTimeoutMs)}`),
    );
  }

  #send(): void {
    const [question] = this.#questions;
    if (!question) return;
    const {command, timeoutMs} = question;
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(timeoutMs, () =>
      this.#fail(
        `BIRD does not answer: no reply to "${command.trimEnd()}" within ${formatDuration(timeoutMs)}`,
      ),
    );
    this.#stream?.write(command);
  }

  #read(text: string): void {
    try {
      for (const message of this.#reader.push(text)) {
        if (message.kind === 'reply') this.#take(message.reply);
        else this.#options.onSpontaneous?.(message.text);
        if (!this.#stream) return;
      }
    } catch (error) {
      if (!(error instanceof BirdProtocolError)) throw error;
      this.#fail(`${this.#options.path} does not speak as BIRD does: ${error.message}`);
    }
  }

  #take(reply: BirdReply): void {
    if (!this.#version) {
      const version = parseGreeting(reply);
      if (!version) throw new BirdProtocolError(`its greeting is "${printable(reply.text.slice(0, 80))}"`);
      this.#cancelTimer();
      this.#failures = 0;
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
    this.#cancelTimer();
    this.#send();
    question.resolve(reply);
  }

  #fail(reason: string): void {
    if (this.#isStopped) return;
    this.#end(reason);
    const {clock, onDown, random = Math.random} = this.#options;
    this.#failures++;
    const waitMs = jittered(backoffMs(this.#failures, retries), random());
    this.#cancelTimer = clock.after(waitMs, () => this.#connect());
    onDown(reason);
  }

  #end(reason: string): void {
    this.#cancelTimer();
    this.#stream?.destroy();
    this.#stream = null;
    this.#version = null;
    this.#reason = reason;
    const questions = this.#questions;
    this.#questions = [];
    for (const {reject} of questions) reject(new BirdLinkError(reason));
  }
}

/** What a system's code means to the operator of a BIRD. */
function closedReason(code: string | null, path: string, wasUp: boolean): string {
  switch (code) {
    case 'ENOENT':
      return `${path} does not exist: BIRD does not run, or its control socket is elsewhere`;
    case 'ECONNREFUSED':
      return `nothing listens at ${path}: BIRD does not run`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to use ${path}: the user of eip-health must be in the group that owns it`;
    case 'EAGAIN':
      return `BIRD does not answer: too many connections wait at ${path}`;
    case 'EPIPE':
    case 'ECONNRESET':
    case null:
      return wasUp ? `BIRD ended the connection to ${path}` : `BIRD ended the connection to ${path} at once`;
    default:
      return `cannot connect to ${path}: ${code}`;
  }
}
