/**
 * A BGP session: feeds the machine of `fsm.ts` with what the socket and the clock bring, and plays its actions.
 * The one place where a peer's machine, its adj-RIB-out and its socket meet.
 */

import type {Accepted} from '../io/peer-listener.js';
import type {ConnectOptions, Ends, PeerConnector, PeerSocket, SocketHandlers} from '../io/peer-socket.js';
import {Deadline} from '../lib/deadline.js';
import type {Clock, IpAddress, IpFamily, PeerWord} from '../types.js';
import type {AdjRibOut, WireNews} from './adj-out.js';
import {initialPeer, step} from './fsm.js';
import type {PeerAction, PeerEvent, PeerSettings, PeerState, TimerName} from './fsm-types.js';
import {Outflow} from './outflow.js';
import type {AttributeContext} from './wire/attribute-rows.js';
import {decodeMessage, encodeSimple} from './wire/codec.js';
import type {WireFault} from './wire/fault.js';
import {type Frame, Framer} from './wire/frame.js';
import {familyFor} from './wire/iana.js';
import type {Notification, RouteRefresh, Update} from './wire/message.js';
import type {Preserved} from './wire/negotiate.js';

export interface SessionOptions {
  readonly settings: PeerSettings;
  /** What the peer may hold of an earlier life; absent: nothing. */
  readonly preserved?: Preserved;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly out: AdjRibOut;
  readonly handlers: SessionHandlers;
  /** How the peer is reached; null: it connects to us. */
  readonly dial: {readonly connector: PeerConnector; readonly target: ConnectOptions} | null;
}

export interface SessionHandlers {
  state(from: PeerWord, to: PeerWord, reason: string | null): void;
  /** What `next_hop: self` stands for in a session that ends here at `local`. */
  selfNextHop(local: IpAddress): Readonly<Record<IpFamily, IpAddress | null>>;
  /** Why there must be no such session; null: it is fine. Asked before connecting with null, then with the ends. */
  objection(ends: Ends | null): string | null;
  readonly news: WireNews;
  /** An UPDATE of the peer, dropped behind this call. */
  update(update: Update): void;
}

/** One TCP connection. */
interface Connection {
  readonly socket: PeerSocket;
  readonly framer: Framer;
  ends: Ends | null;
  /** Set while what we sent last is given time to arrive. */
  onDrained: (() => void) | null;
}

/** After a NOTIFICATION the peer gets this long to close its side; then the connection is cut. */
const DRAIN_MS = 1_000;

export class Session {
  readonly #options: SessionOptions;
  readonly #outflow: Outflow;
  readonly #timers: Readonly<Record<TimerName, Deadline>>;
  readonly #events: PeerEvent[] = [];
  readonly #draining = new Set<Promise<void>>();
  #peer: PeerState;
  #connection: Connection | null = null;
  #stepping = false;
  #since: number;
  #received = 0;

  constructor(options: SessionOptions) {
    const {settings, preserved, clock, out, handlers} = options;
    this.#options = options;
    this.#peer = initialPeer(settings, preserved);
    this.#since = clock.wallMs();
    this.#outflow = new Outflow(out, handlers.news, clock);
    const timer = (name: TimerName) => new Deadline(clock, () => this.#happen({kind: 'timer', timer: name}));
    this.#timers = {
      'connect-retry': timer('connect-retry'),
      hold: timer('hold'),
      keepalive: timer('keepalive'),
      'send-hold': timer('send-hold'),
      'idle-hold': timer('idle-hold'),
    };
  }

  get state(): PeerWord {
    return this.#peer.state;
  }

  /** Wall clock of the last change of `state`. */
  get since(): number {
    return this.#since;
  }

  /** Why the last attempt or session ended; null while one is established. */
  get lastError(): string | null {
    return this.#peer.lastError;
  }

  /** Prefixes announced by the peer in this session, counted as they came. */
  get received(): number {
    return this.#received;
  }

  /** From the two OPENs; null before. */
  get negotiated(): PeerState['negotiated'] {
    return this.#peer.negotiated;
  }

  /** Where the session ends on this host; null without a connection. */
  get localAddress(): IpAddress | null {
    return this.#connection?.ends?.local ?? null;
  }

  /** Connects, and from then on keeps trying. */
  start(): void {
    this.#happen({kind: 'start'});
  }

  /** For the waits to come. */
  setConnectRetry(ms: number): void {
    this.#peer = {...this.#peer, settings: {...this.#peer.settings, connectRetryMs: ms}};
  }

  /** Runs the session over a connection the peer made. */
  accept(accepted: Accepted): void {
    const ends = {local: accepted.local, remote: accepted.remote};
    this.#open((handlers) => accepted.attach(handlers), ends);
    this.#happen({kind: 'start'});
    this.#happen({kind: 'connected'});
  }

  /** The adj-RIB-out was changed: sends what is due. */
  wake(): void {
    if (this.#peer.state === 'established') this.#outflow.wake();
  }

  /** Resolves once the socket took everything that was due, or there is no session. */
  sent(): Promise<void> {
    return this.#outflow.idle();
  }

  /** Ends the session, or what is to become one, because of a fault that did not come over it; begins anew by itself. */
  fail(fault: WireFault): void {
    const {state} = this.#peer;
    if (state === 'open-sent' || state === 'open-confirm' || state === 'established') {
      this.#happen({kind: 'fault', fault});
    }
  }

  /** Closes the connection without a word: a peer that agreed to graceful restart keeps what it has. Begins anew by itself. */
  leave(reason: string): void {
    if (this.#connection) this.#happen({kind: 'closed', reason});
  }

  /**
   * Ends the session and all attempts; `null` without a word. Resolves when the peer closed its side too, or was given
   * up on after a second.
   */
  async stop(notification: Notification | null): Promise<void> {
    this.#happen({kind: 'stop', notification});
    await Promise.all(this.#draining);
  }

  /** Events that come up while another is handled wait for their turn. */
  #happen(event: PeerEvent): void {
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#events.shift(); next; next = this.#events.shift()) {
      const moment = {now: this.#options.clock.now(), random: this.#options.random()};
      const {peer, actions} = step(this.#peer, next, moment);
      this.#peer = peer;
      for (const action of actions) this.#play(action);
    }
    this.#stepping = false;
  }

  #play(action: PeerAction): void {
    switch (action.kind) {
      case 'connect':
        this.#dial();
        break;
      case 'disconnect':
        this.#disconnect(action.drain);
        break;
      case 'send':
        this.#send(encodeSimple(action.message));
        break;
      case 'set-timer':
        this.#timers[action.timer].set(action.ms);
        break;
      case 'clear-timer':
        this.#timers[action.timer].clear();
        break;
      case 'state':
        this.#changed(action.from, action.to, action.reason);
        break;
      case 'deliver':
        if (action.message.type === 'update') this.#count(action.message);
        else this.#refresh(action.message);
        break;
    }
  }

  #changed(from: PeerWord, to: PeerWord, reason: string | null): void {
    const {out, handlers, settings} = this.#options;
    const {negotiated} = this.#peer;
    this.#since = this.#options.clock.wallMs();
    if (from === 'established') {
      this.#outflow.end();
      out.down();
    }
    const ends = this.#connection?.ends;
    if (to === 'established' && negotiated && ends) {
      this.#received = 0;
      out.up({localAs: settings.local.as, negotiated, selfNextHop: handlers.selfNextHop(ends.local)});
      this.#outflow.begin((bytes, onTaken) => this.#send(bytes, onTaken));
    }
    handlers.state(from, to, reason);
  }

  #dial(): void {
    const {dial, handlers} = this.#options;
    const objection = dial ? handlers.objection(null) : 'there is nothing to connect to';
    if (objection || !dial) this.#happen({kind: 'closed', reason: objection ?? ''});
    else this.#open((socketHandlers) => dial.connector.connect(dial.target, socketHandlers), null);
  }

  #open(connect: (handlers: SocketHandlers) => PeerSocket, ends: Ends | null): void {
    const socket = connect({
      connected: (where) => {
        if (this.#connection !== connection) return;
        connection.ends = where;
        const reason = this.#options.handlers.objection(where);
        this.#happen(reason ? {kind: 'closed', reason} : {kind: 'connected'});
      },
      data: (chunk) => this.#read(connection, chunk),
      closed: (reason) => {
        connection.onDrained?.();
        if (this.#connection === connection) this.#happen({kind: 'closed', reason});
      },
    });
    const connection: Connection = {socket, framer: new Framer(), ends, onDrained: null};
    this.#connection = connection;
  }

  /** What comes in while draining is read, so that the peer is not reset, and dropped. */
  #read(connection: Connection, chunk: Uint8Array): void {
    if (this.#connection !== connection) return;
    connection.framer.push(chunk);
    while (this.#connection === connection) {
      const answer = connection.framer.next();
      if (answer.kind === 'more') return;
      this.#happen(answer.kind === 'fault' ? answer : decode(answer, this.#context()));
    }
  }

  #context(): AttributeContext {
    const {negotiated, settings} = this.#peer;
    return {
      fourOctetAs: negotiated?.fourOctetAs ?? true,
      external: negotiated?.remoteAs !== settings.local.as,
      loopback: isLoopback(this.#connection?.ends?.remote ?? null),
    };
  }

  #send(bytes: Uint8Array, onTaken?: () => void): void {
    const connection = this.#connection;
    connection?.socket.write(bytes, () => {
      if (this.#connection !== connection) return;
      this.#happen({kind: 'taken'});
      onTaken?.();
    });
  }

  #disconnect(drain: boolean): void {
    const connection = this.#connection;
    this.#connection = null;
    if (!connection) return;
    if (!drain) {
      connection.socket.destroy();
      return;
    }
    const drained = this.#drain(connection);
    this.#draining.add(drained);
    void drained.then(() => this.#draining.delete(drained));
  }

  /** A connection that is closed at once with bytes unread is reset, and the NOTIFICATION lost with it. */
  #drain(connection: Connection): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(DRAIN_MS, () => {
        connection.socket.destroy();
        resolve();
      });
      connection.onDrained = () => {
        cancel();
        resolve();
      };
      connection.socket.end();
    });
  }

  #count(update: Update): void {
    this.#received += update.announced.ipv4 + update.announced.ipv6;
    this.#options.handlers.update(update);
  }

  #refresh({afi, safi}: RouteRefresh): void {
    const family = familyFor(afi, safi);
    if (!family) return;
    this.#options.out.refresh(family);
    this.wake();
  }
}

function isLoopback(address: IpAddress | null): boolean {
  return address !== null && (address.startsWith('127.') || address === '::1');
}

function decode(frame: Frame, context: AttributeContext): PeerEvent {
  const decoded = decodeMessage(frame, context);
  return decoded.ok ? {kind: 'message', message: decoded.message} : {kind: 'fault', fault: decoded.fault};
}
