/** The other side of a BGP session, as lean as can be: it keeps no routes, and its hold time is 0 (no keepalives). */

import type net from 'node:net';
import {decodeMessage, encodeSimple} from '../../../agent/bgp/wire/codec.js';
import {Framer} from '../../../agent/bgp/wire/frame.js';
import type {Message} from '../../../agent/bgp/wire/message.js';
import {localOpen} from '../../../agent/bgp/wire/negotiate.js';
import {parseAddress} from '../../../agent/lib/prefix.js';
import {now} from './clock.js';

export const peerAs = 64500;
// Loopback addresses are good next hops between two ends of the loopback.
const context = {fourOctetAs: true, external: true, loopback: true};

/** Octets of the OPEN of an AS that is nobody's, and of a KEEPALIVE. */
export function openBytes(as: number, id: string): Uint8Array {
  return encodeSimple(localOpen({as, id: parseAddress(id), holdTimeS: 0, families: ['ipv4', 'ipv6']}));
}

export const keepaliveBytes = encodeSimple({type: 'keepalive'});

export interface PeerSideOptions {
  /** The session stays one KEEPALIVE short of Established until `establish`. */
  readonly held: boolean;
  readonly onMessage: (message: Message) => void;
  readonly onBytes: (chunk: Uint8Array) => void;
}

export class PeerSide {
  readonly #socket: net.Socket;
  readonly #options: PeerSideOptions;
  readonly #framer = new Framer();
  /** Resolves once only our KEEPALIVE is missing. */
  readonly ready: Promise<void>;
  #onReady: () => void = () => {};

  constructor(socket: net.Socket, options: PeerSideOptions) {
    this.#socket = socket;
    this.#options = options;
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => {});
  }

  /** Answers when the KEEPALIVE was written that makes the session. */
  establish(): number {
    const at = now();
    this.#socket.write(keepaliveBytes);
    return at;
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.#socket.once('drain', resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Uint8Array): void {
    this.#options.onBytes(chunk);
    this.#framer.push(chunk);
    for (let answer = this.#framer.next(); answer.kind !== 'more'; answer = this.#framer.next()) {
      if (answer.kind === 'fault') throw new Error(`a bad frame: ${answer.fault.cause}`);
      const decoded = decodeMessage(answer, context);
      if (!decoded.ok) throw new Error(`a bad message: ${decoded.fault.cause}`);
      this.#take(decoded.message);
    }
  }

  #take(message: Message): void {
    if (message.type === 'update' && message.faults[0]) throw new Error(message.faults[0].reason);
    if (message.type === 'open') this.#socket.write(openBytes(peerAs, '127.0.0.2'));
    if (message.type === 'keepalive') {
      this.#onReady();
      if (!this.#options.held) this.establish();
    }
    this.#options.onMessage(message);
  }
}
