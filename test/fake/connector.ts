import type {ConnectOptions, PeerConnector, PeerSocket, SocketHandlers} from '../../agent/io/peer-socket.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {FakePeer, type FakePeerOptions} from './peer.js';

/** One attempt to connect, and the connection that came of it, played by the test from the other side. */
export class FakeConnection implements PeerSocket {
  readonly peer: FakePeer;
  state: 'connecting' | 'connected' | 'half-closed' | 'destroyed' = 'connecting';
  /** The kernel's buffer is full: what is written waits until `unblock`. */
  #blocked: (() => void)[] | null = null;
  waiting = 0;

  constructor(
    readonly target: ConnectOptions,
    readonly handlers: SocketHandlers,
    options: Partial<FakePeerOptions>,
    readonly closesBack: boolean,
  ) {
    this.peer = new FakePeer((bytes) => this.#toUs(bytes), options);
  }

  accept(local = '10.0.240.156'): void {
    this.state = 'connected';
    this.handlers.connected({local: parseAddress(local), remote: this.target.address});
  }

  /** The peer closes, resets or refuses. */
  close(reason: string): void {
    this.state = 'destroyed';
    this.handlers.closed(reason);
  }

  block(): void {
    this.#blocked ??= [];
  }

  unblock(): void {
    const waiting = this.#blocked ?? [];
    this.#blocked = null;
    for (const write of waiting) write();
  }

  write(bytes: Uint8Array, onTaken?: () => void): void {
    if (this.state !== 'connected') throw new Error(`written to while ${this.state}`);
    this.waiting += bytes.length;
    const take = () => {
      if (this.state === 'destroyed') return;
      this.waiting -= bytes.length;
      this.peer.receive(bytes);
      queueMicrotask(() => {
        if (this.state !== 'destroyed') onTaken?.();
      });
    };
    if (this.#blocked) this.#blocked.push(take);
    else take();
  }

  end(): void {
    if (this.state !== 'connected') return;
    this.state = 'half-closed';
    if (this.closesBack) queueMicrotask(() => this.close('connection closed by the peer'));
  }

  destroy(): void {
    this.state = 'destroyed';
  }

  #toUs(bytes: Uint8Array): void {
    queueMicrotask(() => {
      if (this.state === 'connected' || this.state === 'half-closed') this.handlers.data(bytes);
    });
  }
}

/** Hands out connections that the test plays. */
export class FakeConnector implements PeerConnector {
  readonly attempts: FakeConnection[] = [];
  /** Accepts every attempt at once, from this local address. */
  autoAccept: string | null;
  readonly #closesBack: boolean;
  readonly #options: (target: ConnectOptions) => Partial<FakePeerOptions>;

  constructor(
    options: {
      readonly autoAccept?: string | null;
      /** Peers answer a half-close by closing their side, as real ones do. */
      readonly closesBack?: boolean;
      readonly peer?: Partial<FakePeerOptions> | ((target: ConnectOptions) => Partial<FakePeerOptions>);
    } = {},
  ) {
    const {peer = {}} = options;
    this.autoAccept = options.autoAccept ?? null;
    this.#closesBack = options.closesBack ?? false;
    this.#options = typeof peer === 'function' ? peer : () => peer;
  }

  connect(target: ConnectOptions, handlers: SocketHandlers): FakeConnection {
    const connection = new FakeConnection(target, handlers, this.#options(target), this.#closesBack);
    this.attempts.push(connection);
    const {autoAccept} = this;
    if (autoAccept !== null) {
      queueMicrotask(() => {
        if (connection.state === 'connecting') connection.accept(autoAccept);
      });
    }
    return connection;
  }

  /** The latest attempt. Throws when there is none. */
  get last(): FakeConnection {
    const last = this.attempts.at(-1);
    if (!last) throw new Error('nothing was connected to');
    return last;
  }
}
