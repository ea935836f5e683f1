/** Connections kept for the checks that ask for it (`keep_alive`). */

import {Agent as HttpAgent} from 'node:http';
import {Agent as HttpsAgent} from 'node:https';
import type {Duplex} from 'node:stream';
import type {HttpRequest} from '../types.js';

/** Node's callback for a socket that `createConnection` gives later. */
export type Created = (error: Error | null, socket: Duplex) => void;

/** Connections kept for requests that agree in everything that makes a connection. */
export interface Pool {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

export class Pools {
  readonly #pools = new Map<string, Pool>();
  static readonly #max = 1024;

  of({connectIp, sourceAddress, ipFamily, proxyProtocol, tls, headers}: HttpRequest): Pool {
    const key = JSON.stringify([connectIp, sourceAddress, ipFamily, proxyProtocol, tls, headers.host]);
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = {http: new KeepingHttpAgent(pooled), https: new KeepingHttpsAgent(pooled)};
      // Only a renewed certificate or a reload brings new keys: the oldest is one that nobody uses any more.
      const [oldest] = this.#pools;
      if (this.#pools.size >= Pools.#max && oldest) {
        oldest[1].http.destroy();
        oldest[1].https.destroy();
        this.#pools.delete(oldest[0]);
      }
      this.#pools.set(key, pool);
    }
    return pool;
  }
}

const pooled = {keepAlive: true, maxFreeSockets: 2, timeout: 120_000};

type Connecting = {createConnection(options: object, created: Created): Duplex | undefined | null};

// An agent ignores the `createConnection` of a request; ours is what knows source, PROXY header and the rest.
class KeepingHttpAgent extends HttpAgent {
  override createConnection(options: object, created: Created): Duplex | undefined | null {
    return (options as Connecting).createConnection(options, created);
  }
}

class KeepingHttpsAgent extends HttpsAgent {
  override createConnection(options: object, created: Created): Duplex | undefined | null {
    return (options as Connecting).createConnection(options, created);
  }
}
