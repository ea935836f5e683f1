/**
 * One connection to another daemon that is kept: made anew, with growing waits, whenever it ends or is given up. What
 * is said over it is the owner's.
 */

import type {TextStream, TextStreamHandlers} from '../io/text-stream.js';
import {backoffMs, jittered} from '../lib/backoff.js';
import {formatDuration} from '../lib/duration.js';
import type {Cancel, Clock} from '../types.js';

/** What the clients of all daemons are given. */
export interface LinkTimes {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface LinkOptions extends LinkTimes {
  /** Begins a connection, to wherever the next attempt is to go. */
  readonly connect: (handlers: TextStreamHandlers) => TextStream;
  readonly opened: () => void;
  readonly data: (text: string) => void;
  /** A system's code, or null, as its operator understands it. `wasUp`: the connection was usable. */
  readonly explain: (code: string | null, wasUp: boolean) => string;
  /** The connection is over: no answer comes any more. Called before `down`, and by `stop`. */
  readonly ended: (reason: string) => void;
  /** No connection could be made, or it is over. Told for every attempt. */
  readonly down: (reason: string) => void;
}

// Failing is cheap here, and a daemon that was restarted announces what it likes until it is spoken to.
const retries = {firstMs: 50, limitMs: 2_000};

export class Link {
  readonly #options: LinkOptions;
  #stream: TextStream | null = null;
  #isKnown = false;
  #isUp = false;
  #isAbsent = false;
  #isHanging = false;
  #reason = 'not connected yet';
  #failures = 0;
  /** Waits for an answer, or for the next attempt. */
  #cancelTimer: Cancel = () => undefined;
  #isStopped = false;

  constructor(options: LinkOptions) {
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

  /** The owner finds that commands are taken from now on. */
  up(): void {
    this.#failures = 0;
    this.#isKnown = true;
    this.#isUp = true;
  }

  /** Whether the first attempt has come to an end. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether there is a connection, be it usable or not yet. */
  get isOpen(): boolean {
    return this.#stream !== null;
  }

  /** Why there is none; null while it is up. */
  get downReason(): string | null {
    return this.#isUp ? null : this.#reason;
  }

  /** Nobody listens: no such daemon, as far as can be told here. */
  get isAbsent(): boolean {
    return !this.#isUp && this.#isAbsent;
  }

  /** It was there at the last attempt, and did not answer in time. */
  get isHanging(): boolean {
    return !this.#isUp && this.#isHanging;
  }

  write(text: string): void {
    this.#stream?.write(text);
  }

  /** Gives the connection up unless `answered` or `expect` is called within this time. */
  expect(ms: number, what: string): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(ms, () =>
      this.fail(`${what} within ${formatDuration(ms)}`, {isHanging: true}),
    );
  }

  answered(): void {
    this.#cancelTimer();
  }

  /** Gives the connection up, and makes another one later. */
  fail(reason: string, {isAbsent = false, isHanging = false} = {}): void {
    if (this.#isStopped) return;
    this.#isKnown = true;
    this.#isAbsent = isAbsent;
    this.#isHanging = isHanging;
    this.#end(reason);
    const {clock, down, random = Math.random} = this.#options;
    this.#failures++;
    const waitMs = jittered(backoffMs(this.#failures, retries), random());
    this.#cancelTimer = clock.after(waitMs, () => this.#connect());
    down(reason);
  }

  #connect(): void {
    const {connect, data, explain, opened} = this.#options;
    this.#stream = connect({
      opened,
      data,
      closed: (code) => {
        const isAbsent = code === 'ENOENT' || code === 'ECONNREFUSED';
        this.fail(explain(code, this.#isUp), {isAbsent});
      },
    });
  }

  #end(reason: string): void {
    this.#cancelTimer();
    this.#stream?.destroy();
    this.#stream = null;
    this.#isUp = false;
    this.#reason = reason;
    this.#options.ended(reason);
  }
}

/** What a unix socket's code means; the daemon's own words are the caller's. */
export function explainSocket(
  code: string | null,
  wasUp: boolean,
  {daemon, path, absent, group = ''}: {daemon: string; path: string; absent: string; group?: string},
): string {
  switch (code) {
    case 'ENOENT':
      return absent;
    case 'ECONNREFUSED':
      return `nothing listens at ${path}: ${daemon} does not run`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to use ${path}: the user of eip-health must be in the group that owns it${group}`;
    case 'EAGAIN':
      return `${daemon} does not answer: too many connections wait at ${path}`;
    case 'EPIPE':
    case 'ECONNRESET':
    case null:
      return `${daemon} ended the connection to ${path}${wasUp ? '' : ' at once'}`;
    default:
      return `cannot connect to ${path}: ${code}`;
  }
}
