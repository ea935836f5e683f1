/** One HTTP request on got: bounded in time and size, with nothing left behind. */

import type net from 'node:net';
import {type CreateConnectionFunction, got, type Method, type PlainResponse} from 'got';
import type {HttpAnswer, HttpRequest, TlsOptions} from '../types.js';
import {certificateDaysLeft, connectTcp, connectTls} from './connect.js';
import type {Created, Pool} from './http-pools.js';
import {proxyHeaderOf} from './http-proxy-header.js';
import {type NetworkFailure, networkFailure} from './net-error.js';

const maxRedirects = 10;

const base = got.extend({
  retry: {limit: 0},
  throwHttpErrors: false,
  followRedirect: false,
  decompress: true,
  // Without this got asks for compression: work for both sides that a check does not need.
  headers: {'user-agent': 'eip-health', 'accept-encoding': 'identity'},
});
type ResponseStream = ReturnType<typeof base.stream>;

interface ConnectOptions {
  readonly protocol?: string | null | undefined;
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

/** One request with its redirects. Whatever ends it, `#finish` leaves no timer, listener or socket behind. */
export class Exchange {
  readonly answer: Promise<HttpAnswer>;
  failedOnReusedSocket = false;

  readonly #request: HttpRequest;
  readonly #start: number;
  readonly #pool: Pool | null;
  readonly #timer: NodeJS.Timeout;
  /** Sockets that are ours to close: all without a pool, with one those that it was not yet given. */
  readonly #sockets = new Set<net.Socket>();
  readonly #chunks: Buffer[] = [];
  #resolve: (answer: HttpAnswer) => void = () => undefined;
  #isFinished = false;
  #stream: ResponseStream | null = null;
  #connecting: net.Socket | null = null;
  #isInHandshake = false;
  #response: PlainResponse | null = null;
  #remoteAddress: string | null = null;
  #daysLeft: number | null = null;
  #size = 0;

  constructor(request: HttpRequest, start: number, pool: Pool | null) {
    this.#request = request;
    this.#start = start;
    this.#pool = pool;
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(this.#onTimeout, Math.max(0, request.timeoutMs - (performance.now() - start)));
    request.signal.addEventListener('abort', this.#onAbort);
    if (request.signal.aborted) this.#onAbort();
    else this.#send();
  }

  #send(): void {
    const {url, method, headers, body, followRedirects} = this.#request;
    const pool = this.#pool;
    // got would reject a promise that nobody holds.
    if (!URL.canParse(url)) {
      this.#fail({reason: `"${url}" is no URL`, code: 'ERR_INVALID_URL'});
      return;
    }
    try {
      const stream = base.stream(url, {
        ...(method === 'GET' ? {} : {method: method as Method}),
        headers: {...headers},
        // got leaves a request without a body open for writing, unless its method never has one.
        ...(body === undefined ? (method === 'GET' || method === 'HEAD' ? {} : {body: ''}) : {body}),
        ...(body !== undefined && method === 'GET' ? {allowGetBody: true} : {}),
        ...(followRedirects ? {followRedirect: this.#mayFollow, maxRedirects: maxRedirects + 1} : {}),
        ...(pool ? {agent: {http: pool.http, https: pool.https}} : {}),
        // got's type does not know that Node allows to give the socket later, through the callback.
        createConnection: this.#connect as CreateConnectionFunction,
      });
      this.#stream = stream;
      stream.on('response', this.#onResponse);
      stream.on('data', this.#onData);
      stream.on('end', this.#onEnd);
      stream.on('error', this.#onError);
    } catch (error) {
      this.#fail(networkFailure(error));
    }
  }

  /** Opens a connection for the request or one of its redirects, as Node's `createConnection` does. */
  readonly #connect = (options: ConnectOptions, created: Created): net.Socket | undefined => {
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
      this.#connecting = socket;
      if (!this.#pool) this.#sockets.add(socket);
      return socket;
    }
    const raw = connectTcp(endpoint);
    this.#connecting = raw;
    this.#sockets.add(raw);
    raw.once('error', (error) => created(error, raw));
    raw.once('connect', () => {
      raw.write(proxyHeaderOf(raw, proxyProtocol));
      if (this.#pool) this.#sockets.delete(raw);
      created(null, isTls ? secured(raw) : raw);
    });
    return undefined;
  };

  /** As curl and Node do it: the Host header names the site also to TLS. */
  #certificateName(host: string, isOwnHost: boolean): string {
    const header = isOwnHost ? this.#request.headers.host : undefined;
    return header === undefined ? host : (hostOf(`https://${header}`) ?? host);
  }

  /** got would report one redirect too many only after it had read the whole body. */
  readonly #mayFollow = (response: PlainResponse): boolean =>
    response.redirectUrls.length < maxRedirects && isHttp(response.headers.location ?? '', response.url);

  readonly #onResponse = (response: PlainResponse): void => {
    this.#response = response;
    this.#remoteAddress = response.ip ?? null;
    // The socket belongs to the response only until its end.
    this.#daysLeft = response.socket ? certificateDaysLeft(response.socket) : null;
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#size += chunk.length;
    const limit = this.#request.bodyLimit;
    if (this.#size > limit) {
      this.#fail({reason: `body is larger than ${limit} bytes`, code: 'body-too-large'});
    } else {
      this.#chunks.push(chunk);
    }
  };

  readonly #onEnd = (): void => {
    const response = this.#response;
    if (!response) return;
    if (
      this.#request.followRedirects &&
      response.redirectUrls.length >= maxRedirects &&
      isRedirect(response)
    ) {
      this.#fail({reason: `redirected more than ${maxRedirects} times`, code: 'too-many-redirects'});
      return;
    }
    this.#finish({
      ok: true,
      status: response.statusCode,
      statusText: response.statusMessage ?? '',
      headers: joined(response.headers),
      body: Buffer.concat(this.#chunks).toString(),
      durationMs: this.#elapsed(),
      remoteAddress: this.#remoteAddress,
      certificateDaysLeft: this.#daysLeft,
    });
  };

  readonly #onError = (error: Error): void => {
    if (this.#isFinished) return;
    const failure = networkFailure(error);
    this.failedOnReusedSocket =
      this.#stream?.reusedSocket === true && !this.#response && /^(ECONNRESET|EPIPE)$/.test(failure.code);
    if (this.#response && failure.code === 'ECONNRESET') {
      this.#fail({reason: 'connection closed before the end of the body', code: failure.code});
    } else {
      this.#fail(failure);
    }
  };

  readonly #onTimeout = (): void => {
    const {timeoutMs} = this.#request;
    this.#fail({reason: `no answer within ${timeoutMs} ms${this.#waitingFor()}`, code: 'timeout'});
  };

  readonly #onAbort = (): void => this.#fail({reason: 'aborted', code: 'aborted'});

  /** What a timeout waited for, where it was not simply the answer. */
  #waitingFor(): string {
    if (this.#response) return `: the body of ${this.#response.statusCode} did not end`;
    if (this.#connecting?.connecting) return ': no connection';
    return this.#isInHandshake ? ': the TLS handshake did not end' : '';
  }

  #fail({reason, code}: NetworkFailure): void {
    this.#finish({ok: false, reason, code, durationMs: this.#elapsed()});
  }

  #finish(answer: HttpAnswer): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener('abort', this.#onAbort);
    this.#stream?.destroy();
    for (const socket of this.#sockets) {
      // An error may still be on its way, and nobody else listens any more.
      socket.on('error', () => undefined);
      socket.destroy();
    }
    this.#resolve(answer);
  }

  #elapsed(): number {
    return performance.now() - this.#start;
  }
}

const verifying: TlsOptions = {rejectUnauthorized: true};

/** The host of a URL without brackets, or null. */
function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : null;
}

function isHttp(location: string, from: string): boolean {
  return URL.canParse(location, from) && /^https?:$/.test(new URL(location, from).protocol);
}

function isRedirect({statusCode, headers}: PlainResponse): boolean {
  return statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
}

function joined(headers: PlainResponse['headers']): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return result;
}
