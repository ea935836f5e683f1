/** One client of the control socket: its lines in, one answer each, in order. */

import type {Connection, ConnectionListener} from '../io/control-socket-server.js';
import type {Cancel, Clock} from '../types.js';
import {type Answer, formatAnswer, maxRequestBytes} from './protocol.js';

/** How long a client may take for its next request, and for taking an answer. */
const idleMs = 10_000;

export interface SessionOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** Answers one line. Never rejects. */
  answer(line: string): Promise<Answer>;
  onClose(): void;
}

export class Session implements ConnectionListener {
  readonly #options: SessionOptions;
  #received: Buffer = Buffer.alloc(0);
  #busy = false;
  /** Nothing more is answered: what still comes in is dropped. */
  #refused = false;
  #clientEnded = false;
  #stopping = false;
  #closed = false;
  #cancelIdle: Cancel = () => {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#waitForClient();
  }

  onBytes(bytes: Buffer): void {
    if (this.#refused) return;
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    void this.#serve();
  }

  onEnd(): void {
    this.#clientEnded = true;
    void this.#serve();
  }

  onClose(): void {
    this.#closed = true;
    this.#cancelIdle();
    this.#options.onClose();
  }

  /** Gives an answer that nobody asked for, and closes once the client has had the time to read it. */
  async refuse(error: string): Promise<void> {
    this.#refused = true;
    this.#received = Buffer.alloc(0);
    const {connection} = this.#options;
    connection.resume();
    await connection.write(formatAnswer({ok: false, code: 1, error}));
    // Closing while the client still sends could take the answer away from it.
    if (this.#clientEnded) connection.destroy();
    else connection.end();
  }

  /** Closes now, or after the answer that is being made. */
  stop(): void {
    this.#stopping = true;
    if (!this.#busy) this.abort();
  }

  abort(): void {
    this.#options.connection.destroy();
  }

  async #serve(): Promise<void> {
    if (this.#busy || this.#closed) return;
    const {connection, answer} = this.#options;
    this.#busy = true;
    connection.pause();
    for (let line = this.#nextLine(); line !== null && !this.#refused; line = this.#nextLine()) {
      if (line === 'too-long') {
        this.#waitForClient();
        await this.refuse(`a request has at most ${maxRequestBytes} bytes`);
        break;
      }
      this.#cancelIdle();
      const text = formatAnswer(await answer(line));
      if (this.#closed) return;
      this.#waitForClient();
      await connection.write(text);
      if (this.#stopping) break;
      this.#waitForClient();
    }
    this.#busy = false;
    if (this.#stopping || this.#clientEnded) connection.destroy();
    else connection.resume();
  }

  /** The next line that is not blank. A last one without an end of line counts once the client has ended. */
  #nextLine(): string | 'too-long' | null {
    for (;;) {
      const at = this.#received.indexOf(0x0a);
      const end = at === -1 ? this.#received.length : at;
      if (end > maxRequestBytes) return 'too-long';
      if (at === -1 && (!this.#clientEnded || end === 0)) return null;
      const line = this.#received.toString('utf8', 0, end).trim();
      this.#received = this.#received.subarray(end + 1);
      if (line !== '') return line;
    }
  }

  #waitForClient(): void {
    this.#cancelIdle();
    if (!this.#closed)
      this.#cancelIdle = this.#options.clock.after(idleMs, () => this.#options.connection.destroy());
  }
}
