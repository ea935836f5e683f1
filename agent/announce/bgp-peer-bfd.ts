/** BFD with one peer of the embedded speaker: its session, and what of it concerns BGP. */

import type {Bfd, BfdHandle} from '../bfd/bfd.js';
import type {BfdTimers} from '../bfd/fsm-types.js';
import type {BfdChange, BfdTarget} from '../bfd/messages.js';
import type {BfdConfig, PeerConfig} from '../config/types.js';
import type {Emit, PeerSnapshot} from '../types.js';

export interface PeerBfdHandlers {
  /** The session was up and is not any more, and nobody took it down by hand. */
  pathDown(reason: string): void;
  /** BGP was held back, and is not any more. */
  connect(): void;
}

export interface PeerBfdOptions {
  readonly bfd: Bfd;
  readonly config: PeerConfig;
  readonly emit: Emit;
}

export class PeerBfd {
  readonly #options: PeerBfdOptions;
  readonly #handlers: PeerBfdHandlers;
  #config: PeerConfig;
  #handle: BfdHandle | null = null;

  constructor(options: PeerBfdOptions, handlers: PeerBfdHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#config = options.config;
  }

  /** Nothing where none is configured, or it is open. */
  open(config: PeerConfig): void {
    const {bfd} = config;
    this.#config = config;
    if (!bfd || this.#handle) return;
    this.#handle = this.#options.bfd.open(targetOf(config, bfd), {
      onChange: (change) => this.#onChange(change),
      onRefusal: (reason) => this.#onRefusal(reason),
    });
  }

  /** A BGP session that is there does not wait for BFD: other intervals, or a new session of BFD, leave it alone. */
  reconfigure(before: PeerConfig, next: PeerConfig, mayRun: boolean): void {
    this.#config = next;
    if (this.#handle && before.bfd && next.bfd && isSameBfd(before.bfd, next.bfd)) {
      this.#handle.configure(timersOf(next.bfd));
    } else {
      void this.close();
      if (mayRun) this.open(next);
    }
    if (before.bfd?.strict && !next.bfd?.strict) this.#handlers.connect();
  }

  /** Resolves when the peer has seen it, or had the time to. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  /** Why BGP is not to connect now (`strict`); null: it may. */
  get heldBack(): string | null {
    if (!this.#handle || !this.#config.bfd?.strict || this.#handle.state === 'up') return null;
    const {reason, state} = this.#handle;
    return `waits for bfd, which is ${state}${reason === null ? '' : `: ${reason}`}`;
  }

  get snapshot(): Pick<PeerSnapshot, 'bfd' | 'bfdReason'> {
    return this.#handle ? {bfd: this.#handle.state, bfdReason: this.#handle.reason} : {};
  }

  #onChange({byHand, from, reason, to}: BfdChange): void {
    if (from !== 'up' && to !== 'up') return;
    const {name: peer, bfd} = this.#config;
    const isUp = to === 'up';
    this.#options.emit({
      kind: 'note',
      level: isUp ? 'info' : 'warn',
      message: `bfd session ${peer} ${isUp ? 'up' : `down: ${reason ?? to}`}`,
      fields: {peer, from, to, ...(reason !== null && {reason})},
    });
    // RFC 5882 §3.2: a session that is down by hand says nothing about the path.
    if (!isUp && !byHand) this.#handlers.pathDown(reason ?? to);
    if (isUp && bfd?.strict) this.#handlers.connect();
  }

  #onRefusal(reason: string): void {
    const {name: peer} = this.#config;
    this.#options.emit({
      kind: 'note',
      level: 'warn',
      message: `bfd session ${peer}: packets of the peer are refused: ${reason}`,
      fields: {peer, reason},
    });
  }
}

/** RFC 5881 §4, RFC 5883 §5. */
const bfdPorts = {single: 3784, multihop: 4784} as const;

function targetOf({address, localAddress}: PeerConfig, bfd: BfdConfig): BfdTarget {
  const {authentication, minimumTtl, mode, passive} = bfd;
  const timers = timersOf(bfd);
  return {address, localAddress, port: bfdPorts[mode], timers, passive, minimumTtl, authentication};
}

function timersOf({detectMultiplier, receiveIntervalMs, transmitIntervalMs}: BfdConfig): BfdTimers {
  return {transmitMs: transmitIntervalMs, receiveMs: receiveIntervalMs, detectMultiplier};
}

/** Whether a session may go on: it takes other timers, and what BGP does with it is no concern of it. */
function isSameBfd(a: BfdConfig, b: BfdConfig): boolean {
  return (
    a.mode === b.mode &&
    a.passive === b.passive &&
    a.minimumTtl === b.minimumTtl &&
    isSameAuthentication(a.authentication, b.authentication)
  );
}

function isSameAuthentication(a: BfdConfig['authentication'], b: BfdConfig['authentication']): boolean {
  if (!a || !b) return a === b;
  return a.type === b.type && a.keyId === b.keyId && a.secret.equals(b.secret);
}
