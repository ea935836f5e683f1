/**
 * A small BGP speaker that accepts sessions and tells what it is announced, with the same machine and wire code as the
 * agent's: the other side of `npm start`, of tests and of benchmarks. It announces nothing and takes any AS.
 */

import {AdjRibOut} from '../bgp/adj-out.js';
import {Session} from '../bgp/session.js';
import {CeaseSubcode} from '../bgp/wire/iana.js';
import type {PathAttribute, Update} from '../bgp/wire/message.js';
import {cease} from '../bgp/wire/notification.js';
import {systemClock} from '../io/clock.js';
import {type Accepted, listenForPeers} from '../io/peer-listener.js';
import {parseAddress, parsePrefix} from '../lib/prefix.js';
import {Secret} from '../lib/secret.js';
import type {Clock, IpAddress, Prefix} from '../types.js';

export interface CollectorOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly localAs: number;
  readonly routerId: string;
  /** All connections must be signed with it (RFC 2385). */
  readonly password?: string;
  /** Offered in the OPEN; 90 seconds by default. */
  readonly holdTimeS?: number;
  readonly clock?: Clock;
}

/** `at`: when it was read, in milliseconds of the collector's monotonic clock. */
export type CollectorEvent =
  | {readonly kind: 'established'; readonly peer: IpAddress; readonly at: number}
  | {readonly kind: 'closed'; readonly peer: IpAddress; readonly reason: string; readonly at: number}
  | {
      readonly kind: 'announced';
      readonly prefix: Prefix;
      readonly nextHop: IpAddress | null;
      readonly attributes: readonly PathAttribute[];
      readonly at: number;
    }
  /** Also for everything that was announced over a session that ended. */
  | {readonly kind: 'withdrawn'; readonly prefix: Prefix; readonly at: number};

export interface Collector {
  readonly port: number;
  /** Tells every peer that it stops, and closes. */
  stop(): Promise<void>;
}

const STOP_TEXT = 'the collector stops';

/** Listens. Rejects where the address or port cannot be had. */
export async function startCollector(
  options: CollectorOptions,
  onEvent: (event: CollectorEvent) => void,
): Promise<Collector> {
  const address = parseAddress(options.host);
  const {password, port} = options;
  const everyone = parsePrefix(address.includes(':') ? '::/0' : '0.0.0.0/0');
  const keys = password === undefined ? [] : [{peers: everyone, password: new Secret(password)}];
  const sessions = new Set<Session>();
  const listener = await listenForPeers({address, port, keys}, (accepted) => {
    const session = collectFrom(accepted, options, onEvent, () => sessions.delete(session));
    sessions.add(session);
    session.accept(accepted);
  });
  return {
    port: listener.port,
    async stop() {
      const closed = listener.close();
      const notification = cease(CeaseSubcode.administrativeShutdown, STOP_TEXT);
      await Promise.all([...sessions].map((session) => session.stop(notification)));
      await closed;
    },
  };
}

/** One session and what is learned over it. */
function collectFrom(
  {remote}: Accepted,
  {clock = systemClock, holdTimeS = 90, localAs, routerId}: CollectorOptions,
  onEvent: (event: CollectorEvent) => void,
  onClosed: () => void,
): Session {
  const learned = new Set<Prefix>();
  const learn = (update: Update) => {
    const at = clock.now();
    const {announced, withdrawn} = update.prefixes();
    for (const prefix of withdrawn) if (learned.delete(prefix)) onEvent({kind: 'withdrawn', prefix, at});
    for (const {nextHop, prefix} of announced) {
      learned.add(prefix);
      onEvent({kind: 'announced', prefix, nextHop, attributes: update.attributes, at});
    }
  };
  return new Session({
    settings: {
      local: {as: localAs, id: parseAddress(routerId), holdTimeS, families: ['ipv4', 'ipv6']},
      remoteAs: 'any',
      connectRetryMs: 0,
      passive: true,
    },
    clock,
    random: Math.random,
    out: new AdjRibOut(),
    dial: null,
    handlers: {
      state(_from, to, reason) {
        const at = clock.now();
        if (to === 'established') onEvent({kind: 'established', peer: remote, at});
        if (to !== 'idle') return;
        for (const prefix of learned) onEvent({kind: 'withdrawn', prefix, at});
        onEvent({kind: 'closed', peer: remote, reason: reason ?? 'stopped', at});
        onClosed();
      },
      selfNextHop: () => ({ipv4: null, ipv6: null}),
      objection: () => null,
      news: {announced: () => undefined, withdrawn: () => undefined},
      update: learn,
    },
  });
}
