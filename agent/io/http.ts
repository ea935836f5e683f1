/** The HTTP client of the checks. */

import type {HttpClient} from '../types.js';
import {Exchange} from './http-exchange.js';
import {Pools} from './http-pools.js';

/** An HTTP client with connections of its own for requests that want `keepAlive`. */
export function createHttpClient(): HttpClient {
  const pools = new Pools();
  return {
    async request(request) {
      const start = performance.now();
      const first = new Exchange(request, start, request.keepAlive ? pools.of(request) : null);
      const answer = await first.answer;
      // The server closed an idle connection in the moment we used it: that says nothing about its health.
      if (answer.ok || !first.failedOnReusedSocket || !idempotent.has(request.method)) return answer;
      return new Exchange(request, start, null).answer;
    },
  };
}

export const systemHttp: HttpClient = createHttpClient();

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
