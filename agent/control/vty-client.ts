/**
 * bgpd through its vty socket, without a process per change: one connection is kept, batches of commands go out one
 * after the other. A connection that ends, or over which an answer is overdue, is given up and made anew; nobody else
 * ever waits for it.
 */

import type {UnixConnector} from '../io/text-stream.js';
import {explainSocket, Link, type LinkTimes} from './link-client.js';
import {
  encodeCommand,
  FrrError,
  refusalOf,
  type VtyAnswer,
  VtyAnswerReader,
  VtyProtocolError,
} from './vty-protocol.js';

export interface VtyClientOptions extends LinkTimes {
  /** Where the socket may be; the next one is tried where there is none. At least one. */
  readonly paths: readonly string[];
  readonly connect: UnixConnector;
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

/** Between one answer and the next. */
const answerTimeoutMs = 3_000;

export class VtyClient {
  readonly #options: VtyClientOptions;
  readonly #link: Link;
  #reader = new VtyAnswerReader();
  /** Which path is tried. */
  #place = 0;
  /** The first one is on the wire. */
  #batches: Batch[] = [];

  constructor(options: VtyClientOptions) {
    this.#options = options;
    this.#link = new Link({
      ...options,
      connect: (handlers) => {
        this.#reader = new VtyAnswerReader();
        this.#expect();
        return options.connect(this.#path, handlers);
      },
      opened: () => this.#opened(),
      data: (text) => this.#read(text),
      explain: (code, wasUp) => this.#explain(code, wasUp),
      ended: (reason) => {
        const batches = this.#batches;
        this.#batches = [];
        for (const {reject} of batches) reject(new FrrError(reason));
      },
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

  /** Why there is no connection; null while there is one. */
  get downReason(): string | null {
    return this.#link.downReason;
  }

  /** Nobody listens: no bgpd, as far as can be told here. */
  get isAbsent(): boolean {
    return this.#link.isAbsent;
  }

  /** It was there at the last attempt, and did not answer in time. */
  get isHanging(): boolean {
    return this.#link.isHanging;
  }

  /**
   * The answers to all commands, in their order. Every one is carried out, also after one that was refused. Rejects
   * with `FrrError` where no answer comes, and with `VtyProtocolError` where a command may not be sent: then none is.
   */
  async ask(commands: readonly string[]): Promise<readonly VtyAnswer[]> {
    for (const command of commands) encodeCommand(command);
    const {downReason} = this.#link;
    if (downReason !== null) throw new FrrError(downReason);
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

  #opened(): void {
    const path = this.#path;
    // What changes or shows the configuration is not understood before this.
    this.#queue(['enable']).then(
      ([answer]) => {
        const refusal = answer && refusalOf(answer);
        if (refusal) {
          this.#link.fail(`bgpd at ${path}: ${refusal}`);
          return;
        }
        this.#link.up();
        this.#options.onUp(path);
      },
      () => undefined,
    );
  }

  #send(): void {
    const [batch] = this.#batches;
    if (!batch) return;
    this.#expect();
    this.#link.write(batch.commands.map(encodeCommand).join(''));
  }

  #expect(): void {
    const [batch] = this.#batches;
    const command = batch?.commands[batch.answers.length] ?? 'enable';
    this.#link.expect(answerTimeoutMs, `bgpd does not answer: no reply to "${command}"`);
  }

  #read(text: string): void {
    try {
      for (const answer of this.#reader.push(text)) this.#take(answer);
    } catch (error) {
      if (!(error instanceof VtyProtocolError)) throw error;
      this.#link.fail(`${this.#path} does not speak as bgpd does: ${error.message}`);
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
    this.#link.answered();
    this.#batches.shift();
    this.#send();
    batch.resolve(batch.answers);
  }

  #explain(code: string | null, wasUp: boolean): string {
    const path = this.#path;
    // The next attempt goes to the next place.
    if (code === 'ENOENT') this.#place++;
    return explainSocket(code, wasUp, {
      daemon: 'bgpd',
      path,
      group: ' (frrvty)',
      absent: `bgpd does not run, or its socket is elsewhere: there is no ${this.#options.paths.join(', no ')}`,
    });
  }
}
