/**
 * bgpd through its vty socket, without a process per change: one connection is kept, batches of commands go out one
 * after the other. A connection that ends, or over which an answer is overdue, is given up and made anew; nobody else
 * ever waits for it.
 */

import type {UnixConnector, UnixStream} from '../io/unix-stream.js';
import {backoffMs, jittered} from '../lib/backoff.js';
import {formatDuration} from '../lib/duration.js';
import type {Cancel, Clock} from '../types.js';
import {
  encodeCommand,
  FrrError,
  refusalOf,
  type VtyAnswer,
  VtyAnswerReader,
  VtyProtocolError,
} from './vty-protocol.js';

export interface VtyClientOptions {
  /** Where the socket may be; the next one is tried where there is none. At least one. */
  readonly paths: readonly string[];
  readonly connect: UnixConnector;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Commands are taken from now on. */
  readonly onUp: (path: string) => void;
  /** No connection could be made, or it is over. Told for every attempt. */
  readonly onDown: (reason: string) => void;
}

interface Batch {
  readonly commands: readonly string[];
  readonly answers: VtyAnswer[];
  readonly resolve: (answers: readonly VtyAnswer[]) => void;
  readonly reject: (error: Error) => void;
}

// Failing is cheap here, and a bgpd that was restarted announces what its configuration says until it is spoken to.
const retries = {firstMs: 50, limitMs: 2_000};
/** Between one answer and the next. */
const answerTimeoutMs = 3_000;

export class VtyClient {
  readonly #options: VtyClientOptions;
  #stream: UnixStream | null = null;
  #reader = new VtyAnswerReader();
  #isUp = false;
  #isAbsent = false;
  #isHanging = false;
  #reason = 'not connected yet';
  #place = 0;
  #failures = 0;
  /** The first one is on the wire. */
  #batches: Batch[] = [];
  /** Waits for an answer, or for the next attempt. */
  #cancelTimer: Cancel = () => undefined;
  #isStopped = false;

  constructor(options: VtyClientOptions) {
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

  /** Why there is no connection; null while there is one. */
  get downReason(): string | null {
    return this.#isUp ? null : this.#reason;
  }

  /** Nobody listens: no bgpd, as far as can be told here. */
  get isAbsent(): boolean {
    return !this.#isUp && this.#isAbsent;
  }

  /** It was there at the last attempt, and did not answer in time. */
  get isHanging(): boolean {
    return !this.#isUp && this.#isHanging;
  }

  /**
   * The answers to all commands, in their order. Every one is carried out, also after one that was refused. Rejects
   * with `FrrError` where no answer comes, and with `VtyProtocolError` where a command may not be sent: then none is.
   */
  async ask(commands: readonly string[]): Promise<readonly VtyAnswer[]> {
    for (const command of commands) encodeCommand(command);
    if (!this.#isUp) throw new FrrError(this.#reason);
    if (commands.length === 0) return [];
    return this.#queue(commands);
  }

  get #path(): string {
    const {paths} = this.#options;
    return paths[this.#place % paths.length] ?? '';
  }

  #queue(commands: readonly string[]): Promise<readonly VtyAnswer[]> {
    return new Promise((resolve, reject) => {
      this.#batches.push({commands, answers: [], resolve, reject});
      if (this.#batches.length === 1) this.#send();
    });
  }

  #connect(): void {
    const {connect, onUp} = this.#options;
    const path = this.#path;
    this.#reader = new VtyAnswerReader();
    this.#stream = connect(path, {
      opened: () => {
        // What changes or shows the configuration is not understood before this.
        this.#queue(['enable']).then(
          ([answer]) => {
            const refusal = answer && refusalOf(answer);
            if (refusal) {
              this.#fail(`bgpd at ${path}: ${refusal}`);
              return;
            }
            this.#failures = 0;
            this.#isUp = true;
            onUp(path);
          },
          () => undefined,
        );
      },
      data: (text) => this.#read(text),
      closed: (code) => {
        const wasUp = this.#isUp;
        const isAbsent = code === 'ENOENT' || code === 'ECONNREFUSED';
        if (code === 'ENOENT') this.#place++;
        this.#fail(this.#closedReason(code, path, wasUp), {isAbsent});
      },
    });
    this.#expect();
  }

  #send(): void {
    const [batch] = this.#batches;
    if (!batch) return;
    this.#expect();
    this.#stream?.write(batch.commands.map(encodeCommand).join(''));
  }

  #expect(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(answerTimeoutMs, () => {
      const [batch] = this.#batches;
      const command = batch?.commands[batch.answers.length] ?? 'enable';
      const wait = formatDuration(answerTimeoutMs);
      this.#fail(`bgpd does not answer: no reply to "${command}" within ${wait}`, {isHanging: true});
    });
  }

  #read(text: string): void {
    try {
      for (const answer of this.#reader.push(text)) this.#take(answer);
    } catch (error) {
      if (!(error instanceof VtyProtocolError)) throw error;
      this.#fail(`${this.#path} does not speak as bgpd does: ${error.message}`);
    }
  }

  #take(answer: Omit<VtyAnswer, 'command'>): void {
    const [batch] = this.#batches;
    const command = batch?.commands[batch.answers.length];
    if (!batch || command === undefined) throw new VtyProtocolError('an answer that nothing was asked for');
    batch.answers.push({command, ...answer});
    if (batch.answers.length < batch.commands.length) {
      this.#expect();
      return;
    }
    this.#cancelTimer();
    this.#batches.shift();
    this.#send();
    batch.resolve(batch.answers);
  }

  #fail(reason: string, {isAbsent = false, isHanging = false} = {}): void {
    if (this.#isStopped) return;
    this.#isAbsent = isAbsent;
    this.#isHanging = isHanging;
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
    this.#isUp = false;
    this.#reason = reason;
    const batches = this.#batches;
    this.#batches = [];
    for (const {reject} of batches) reject(new FrrError(reason));
  }

  /** What a system's code means to the operator of an FRR. */
  #closedReason(code: string | null, path: string, wasUp: boolean): string {
    switch (code) {
      case 'ENOENT':
        return `bgpd does not run, or its socket is elsewhere: there is no ${this.#options.paths.join(', no ')}`;
      case 'ECONNREFUSED':
        return `nothing listens at ${path}: bgpd does not run`;
      case 'EACCES':
      case 'EPERM':
        return `no permission to use ${path}: the user of eip-health must be in the group that owns it (frrvty)`;
      case 'EAGAIN':
        return `bgpd does not answer: too many connections wait at ${path}`;
      case 'EPIPE':
      case 'ECONNRESET':
      case null:
        return wasUp
          ? `bgpd ended the connection to ${path}`
          : `bgpd ended the connection to ${path} at once`;
      default:
        return `cannot connect to ${path}: ${code}`;
    }
  }
}
