/** The daemon's side of the control socket (CONTRACT "Commands"). */

import {type Connection, type ControlServer, listenAt} from '../io/control-socket-server.js';
import type {Clock, Emit, Json, JsonObject} from '../types.js';
import {type Answer, ApiError, parseRequest} from './protocol.js';
import {Session} from './session.js';

/** Answers one command. May throw `ApiError`; anything else it throws is answered with code 1. */
export type Handler = (args: JsonObject) => Promise<Json> | Json;

export interface ApiServerOptions {
  /** Where the socket is made. */
  readonly path: string;
  readonly handlers: Readonly<Record<string, Handler>>;
  readonly clock: Clock;
  readonly emit: Emit;
}

export interface ApiServer {
  /** Listens. Call it as the holder of the lock. Rejects with a message for people. */
  start(): Promise<void>;
  /** Takes the socket away; requests that are being answered get at most a second. */
  stop(): Promise<void>;
}

const maxClients = 32;
/** Clients too many that are still being told so. */
const maxRefused = 32;
const stopMs = 1000;

export function createApiServer({path, handlers, clock, emit}: ApiServerOptions): ApiServer {
  const clients = new Set<Session>();
  const refused = new Set<Session>();
  const byName = new Map(Object.entries(handlers));
  let server: ControlServer | null = null;
  let onEmpty = (): void => {};

  async function answer(line: string): Promise<Answer> {
    try {
      const {cmd, args} = parseRequest(line);
      const handler = byName.get(cmd);
      if (!handler)
        throw new ApiError(
          2,
          `this daemon knows no command "${cmd}": it knows ${[...byName.keys()].join(', ')}`,
        );
      return {ok: true, data: await handler(args)};
    } catch (error) {
      if (error instanceof ApiError) return {ok: false, code: error.code, error: error.message};
      const message = error instanceof Error ? error.message : String(error);
      emit({
        kind: 'note',
        level: 'error',
        message: `a request on the control socket failed: ${message}`,
        fields: {},
      });
      return {ok: false, code: 1, error: message};
    }
  }

  function accept(connection: Connection): Session {
    const tooMany = clients.size >= maxClients;
    const group = tooMany ? refused : clients;
    const session: Session = new Session({
      connection,
      clock,
      answer,
      onClose() {
        group.delete(session);
        if (clients.size + refused.size === 0) onEmpty();
      },
    });
    group.add(session);
    if (!tooMany) return session;
    if (refused.size > maxRefused) connection.destroy();
    else void session.refuse(`too many clients: at most ${maxClients} at a time`);
    return session;
  }

  return {
    async start() {
      server = await listenAt(path, accept);
      emit({kind: 'note', level: 'debug', message: `control socket ${path} ready`, fields: {}});
    },
    async stop() {
      void server?.close();
      server = null;
      for (const session of sessions()) session.stop();
      if (sessions().length === 0) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(stopMs, () => {
          for (const session of sessions()) session.abort();
        });
        onEmpty = () => {
          cancel();
          resolve();
        };
      });
    },
  };

  function sessions(): readonly Session[] {
    return [...clients, ...refused];
  }
}
