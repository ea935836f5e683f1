/**
 * Where the log and the recording go. Writing never blocks and never throws: a terminal stopped with Ctrl-S, a full
 * pipe, a full disk or a reader that went away loses lines, not the daemon.
 */

import {constants, createWriteStream, fstatSync, openSync, writeSync} from 'node:fs';
import type {Writable} from 'node:stream';
import {isatty} from 'node:tty';
import type {Cancel, Clock} from '../types.js';

export interface Output {
  readonly isTerminal: boolean;
  /** Takes whole lines, all of `text` or nothing: false when there is no room for it, or nobody who reads it. */
  write(text: string): boolean;
  /** Resolves when everything taken has been written or cannot be any more, at the latest after `timeoutMs`. */
  drained(timeoutMs: number): Promise<void>;
}

/** Bytes that may wait for a slow reader. */
const maxQueuedBytes = 1024 * 1024;
const retryMs = 50;

/** This process's own standard output. */
export function standardOutput(clock: Clock): Output {
  return outputOfDescriptor(1, () => process.stdout, clock);
}

/** This process's own standard error. */
export function standardError(clock: Clock): Output {
  return outputOfDescriptor(2, () => process.stderr, clock);
}

/**
 * Appends to `file`, which is made when it is not there (mode 0600). Throws when it cannot be opened; what fails later
 * loses lines, as everywhere here.
 */
export function fileOutput(file: string, clock: Clock): Output {
  const fd = openSync(file, 'a', 0o600);
  // A file may be anywhere, also on a disk that hangs: Node writes it in a thread.
  return new StreamOutput(createWriteStream(file, {fd}), clock);
}

/** `stream` gives Node's own stream on the descriptor, used where Node writes without blocking: pipes and sockets. */
export function outputOfDescriptor(fd: number, stream: () => Writable, clock: Clock): Output {
  if (isatty(fd)) return new DescriptorOutput(withoutBlocking(fd), true, clock);
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket()) return new StreamOutput(stream(), clock);
  return new DescriptorOutput(fd, false, clock);
}

/** A descriptor of our own for the same terminal, so that not blocking is not forced on the others who use it. */
function withoutBlocking(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // Another user's terminal (sudo, su): it cannot be opened again, but it can be written to.
    return fd;
  }
}

/** Synchronous writes: what was written before a crash is there. */
export class DescriptorOutput implements Output {
  readonly #fd: number;
  readonly #clock: Clock;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #retry: Cancel | null = null;
  #closed = false;
  /** A line was cut in the middle by an error. */
  #torn = false;
  readonly #waiting = new Set<() => void>();

  /** `fd` is a file, or was opened with O_NONBLOCK. */
  constructor(
    fd: number,
    readonly isTerminal: boolean,
    clock: Clock,
  ) {
    this.#fd = fd;
    this.#clock = clock;
  }

  write(text: string): boolean {
    if (this.#closed) return false;
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    if (this.#queuedBytes > 0) {
      if (this.#queuedBytes + bytes.length > maxQueuedBytes) return false;
      this.#enqueue(bytes);
      return true;
    }
    return this.#writeNow(bytes);
  }

  async drained(timeoutMs: number): Promise<void> {
    if (this.#queuedBytes === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(timeoutMs, done);
      const waiting = this.#waiting;
      waiting.add(done);
      function done(): void {
        cancel();
        waiting.delete(done);
        resolve();
      }
    });
  }

  /** False when nothing of it was, or will be, written as it should. */
  #writeNow(bytes: Buffer): boolean {
    for (let rest = bytes; rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        const {code} = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') {
          this.#enqueue(rest);
          return true;
        }
        if (code === 'EPIPE' || code === 'EBADF') this.#closed = true;
        this.#torn = rest.length < bytes.length || this.#torn;
        return false;
      }
    }
    this.#torn = false;
    return true;
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#retry ??= this.#clock.after(retryMs, () => {
      this.#retry = null;
      const bytes = Buffer.concat(this.#queue);
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#writeNow(bytes);
      if (this.#queuedBytes === 0) for (const done of [...this.#waiting]) done();
    });
  }
}

/** Node's own streams, which queue what the other side does not take. */
export class StreamOutput implements Output {
  readonly isTerminal = false;
  readonly #stream: Writable;
  readonly #clock: Clock;

  constructor(stream: Writable, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    // The stream destroys itself; from then on `write` says no.
    stream.on('error', () => {});
  }

  write(text: string): boolean {
    const stream = this.#stream;
    if (stream.destroyed || stream.writableLength + text.length > maxQueuedBytes) return false;
    stream.write(text);
    return true;
  }

  async drained(timeoutMs: number): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed || stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(timeoutMs, done);
      function done(): void {
        cancel();
        stream.off('close', done);
        resolve();
      }
      stream.once('close', done);
      stream.write('', done);
    });
  }
}
