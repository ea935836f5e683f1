/** One HTTP request on got: bounded in time and size, with nothing left behind. */

import type {IncomingMessage} from 'node:http';
import type net from 'node:net';
import {type CreateConnectionFunction, got, type Method, type PlainResponse} from 'got';
import type {HttpAnswer, HttpRequest} from '../types.js';
import {certificateDaysLeft} from './connect.js';
import {Connector} from './http-connector.js';
import type {Pool} from './http-pools.js';
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

/** One request with its redirects. Whatever ends it, `#finish` leaves no timer, listener or socket behind. */
export class Exchange {
  readonly answer: Promise<HttpAnswer>;
  failedOnReusedSocket = false;

  readonly #request: HttpRequest;
  readonly #start: number;
  readonly #pool: Pool | null;
  readonly #connector: Connector;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #resolve: (answer: HttpAnswer) => void = () => undefined;
  #isFinished = false;
  #stream: ResponseStream | null = null;
  #response: PlainResponse | null = null;
  #remoteAddress: string | null = null;
  #daysLeft: number | null = null;
  #size = 0;

  constructor(request: HttpRequest, start: number, pool: Pool | null) {
    this.#request = request;
    this.#start = start;
    this.#pool = pool;
    this.#connector = new Connector(request, pool !== null);
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
        createConnection: this.#connector.connect as CreateConnectionFunction,
      });
      this.#stream = stream;
      stream.on('response', this.#onResponse);
      stream.on('data', this.#onData);
      stream.on('end', this.#onEnd);
      stream.on('error', this.#onError);
      stream.on('upgrade', this.#onUpgrade);
    } catch (error) {
      this.#fail(networkFailure(error));
    }
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

  /** 101 Switching Protocols: an answer without a body, and a connection that is ours to close. */
  readonly #onUpgrade = (response: IncomingMessage, socket: net.Socket): void => {
    this.#connector.own(socket);
    this.#finish({
      ok: true,
      status: response.statusCode ?? 101,
      statusText: response.statusMessage ?? '',
      headers: joined(response.headers),
      body: '',
      durationMs: this.#elapsed(),
      remoteAddress: socket.remoteAddress ?? null,
      certificateDaysLeft: certificateDaysLeft(socket),
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
    return this.#connector.waitingFor;
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
    this.#connector.close();
    this.#resolve(answer);
  }

  #elapsed(): number {
    return performance.now() - this.#start;
  }
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
