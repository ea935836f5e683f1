/** Plain and TLS byte streams for checks. */

import type net from 'node:net';
import type {Stream, StreamClient, StreamTarget} from '../types.js';
import {certificateDaysLeft, connectTcp, connectTls} from './connect.js';
import {NetworkError, type NetworkFailure, networkFailure} from './net-error.js';

/**
 * Opens connections that live at most `timeoutMs`, counted from `open`: whatever is awaited then, rejects with
 * `no answer within …`. Rejects with a `NetworkError`.
 */
export const systemNet: StreamClient = {
  open: (target) =>
    new Promise((resolve, reject) => {
      new Connection(target, resolve, reject).start();
    }),
};

class Connection implements Stream {
  remoteAddress = '';
  certificateDaysLeft: number | null = null;

  readonly #target: StreamTarget;
  readonly #opened: (stream: Stream) => void;
  readonly #refused: (error: NetworkError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #queue: Buffer[] = [];
  #socket: net.Socket | null = null;
  #isOpen = false;
  #isReading = false;
  #hasEnded = false;
  #failure: NetworkFailure | null = null;
  #wake: () => void = () => undefined;

  constructor(
    target: StreamTarget,
    opened: (stream: Stream) => void,
    refused: (error: NetworkError) => void,
  ) {
    this.#target = target;
    this.#opened = opened;
    this.#refused = refused;
    this.#timer = setTimeout(this.#onTimeout, target.timeoutMs);
  }

  start(): void {
    const {host, tls, signal} = this.#target;
    if (signal.aborted) {
      this.#onAbort();
      return;
    }
    signal.addEventListener('abort', this.#onAbort);
    try {
      const socket = tls ? connectTls(this.#target, tls, host) : connectTcp(this.#target);
      this.#socket = socket;
      socket.on(tls ? 'secureConnect' : 'connect', this.#onConnected);
      socket.on('close', this.#onEnd);
      socket.on('error', this.#onError);
    } catch (error) {
      this.#fail(networkFailure(error));
    }
  }

  write(text: string): void {
    this.#socket?.write(text, 'latin1');
  }

  async read(): Promise<string | null> {
    if (!this.#isReading) {
      this.#isReading = true;
      this.#socket?.on('data', this.#onData);
      this.#socket?.on('end', this.#onEnd);
    }
    while (this.#queue.length === 0) {
      if (this.#failure) throw new NetworkError(this.#failure);
      if (this.#hasEnded) return null;
      this.#socket?.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return Buffer.concat(this.#queue.splice(0)).toString('latin1');
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#target.signal.removeEventListener('abort', this.#onAbort);
    this.#hasEnded = true;
    this.#socket?.destroy();
    this.#wake();
  }

  #fail(failure: NetworkFailure): void {
    if (this.#hasEnded) return;
    this.#failure = failure;
    this.close();
    if (!this.#isOpen) this.#refused(new NetworkError(failure));
  }

  readonly #onConnected = (): void => {
    const socket = this.#socket;
    if (!socket || this.#hasEnded) return;
    this.#isOpen = true;
    const {remoteAddress = '', remotePort = 0} = socket;
    this.remoteAddress = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    this.certificateDaysLeft = certificateDaysLeft(socket);
    this.#opened(this);
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#queue.push(chunk);
    // Nothing is read ahead: a server that floods us fills its own buffers.
    this.#socket?.pause();
    this.#wake();
  };

  readonly #onEnd = (): void => {
    if (!this.#isOpen) {
      this.#fail({reason: 'connection closed during the TLS handshake', code: 'ECONNRESET'});
    }
    this.#hasEnded = true;
    this.#wake();
  };

  readonly #onError = (error: Error): void => this.#fail(networkFailure(error));

  readonly #onTimeout = (): void => {
    const waitedFor = this.#isOpen
      ? ''
      : this.#socket?.connecting
        ? ': no connection'
        : ': the TLS handshake did not end';
    this.#fail({reason: `no answer within ${this.#target.timeoutMs} ms${waitedFor}`, code: 'timeout'});
  };

  readonly #onAbort = (): void => this.#fail({reason: 'aborted', code: 'aborted'});
}
