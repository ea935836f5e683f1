/** The connections of one HTTP exchange: where they go, what they begin with, and their end. */

import type net from 'node:net';
import type {HttpRequest, TlsOptions} from '../types.js';
import {connectTcp, connectTls} from './connect.js';
import type {Created} from './http-pools.js';
import {proxyHeaderOf} from './http-proxy-header.js';

/** What Node tells of the connection it wants. */
interface ConnectOptions {
  readonly protocol?: string | null | undefined;
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

const verifying: TlsOptions = {rejectUnauthorized: true};

export class Connector {
  readonly #request: HttpRequest;
  readonly #isPooled: boolean;
  /** Sockets that are ours to close: all without a pool, with one those that it was not yet given. */
  readonly #sockets = new Set<net.Socket>();
  #last: net.Socket | null = null;
  #isInHandshake = false;

  constructor(request: HttpRequest, isPooled: boolean) {
    this.#request = request;
    this.#isPooled = isPooled;
  }

  /** Opens a connection for the request or one of its redirects, as Node's `createConnection` does. */
  readonly connect = (options: ConnectOptions, created: Created): net.Socket | undefined => {
    const isTls = options.protocol === 'https:';
    const host = options.host ?? '';
    const {proxyProtocol, sourceAddress, ipFamily} = this.#request;
    // `connectIp` stands for the host of the URL, not for one that a redirect leads to.
    const isOwnHost = host === hostOf(this.#request.url);
    const endpoint = {
      host,
      port: Number(options.port || (isTls ? 443 : 80)),
      sourceAddress,
      ipFamily,
      connectIp: isOwnHost ? this.#request.connectIp : undefined,
    };
    const secured = (over?: net.Socket) => {
      const name = this.#certificateName(host, isOwnHost);
      const socket = connectTls(endpoint, this.#request.tls ?? verifying, name, {
        alpn: ['http/1.1'],
        ...(over ? {socket: over} : {}),
      });
      this.#isInHandshake = true;
      socket.once('secureConnect', () => {
        this.#isInHandshake = false;
      });
      return socket;
    };
    if (proxyProtocol === undefined) {
      const socket = isTls ? secured() : connectTcp(endpoint);
      this.#last = socket;
      if (!this.#isPooled) this.#sockets.add(socket);
      return socket;
    }
    // The header tells our own port, which only a connected socket has.
    const raw = connectTcp(endpoint);
    this.#last = raw;
    this.#sockets.add(raw);
    raw.once('error', (error) => created(error, raw));
    raw.once('connect', () => {
      raw.write(proxyHeaderOf(raw, proxyProtocol));
      if (this.#isPooled) this.#sockets.delete(raw);
      created(null, isTls ? secured(raw) : raw);
    });
    return undefined;
  };

  /** What is being waited for while there is no answer; empty when it is just the answer. */
  get waitingFor(): string {
    if (this.#last?.connecting) return ': no connection';
    return this.#isInHandshake ? ': the TLS handshake did not end' : '';
  }

  /** Takes over a socket that nobody else will close. */
  own(socket: net.Socket): void {
    this.#sockets.add(socket);
  }

  close(): void {
    for (const socket of this.#sockets) {
      // An error may still be on its way, and nobody else listens any more.
      socket.on('error', () => undefined);
      socket.destroy();
    }
  }

  /** As curl and Node do it: the Host header names the site also to TLS. */
  #certificateName(host: string, isOwnHost: boolean): string {
    const header = isOwnHost ? this.#request.headers.host : undefined;
    return header === undefined ? host : (hostOf(`https://${header}`) ?? host);
  }
}

/** The host of a URL without brackets, or null. */
function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : null;
}
