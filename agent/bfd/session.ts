/** A BFD session: feeds the machine of `fsm.ts` with packets and the clock, and plays its actions. */

import type {BfdSender} from '../io/bfd-network.js';
import {Deadline} from '../lib/deadline.js';
import type {BfdWord, Cancel, Clock} from '../types.js';
import {Authenticator, type Judgement} from './authentication.js';
import {detectionMs, initialSession, packetOf, step} from './fsm.js';
import type {BfdAction, BfdEvent, BfdState, BfdTimers, TimerName} from './fsm-types.js';
import type {BfdChange, BfdTarget} from './messages.js';
import {type ControlPacket, type Decoded, Diagnostic, describeDiagnostic, encodePacket} from './packet.js';

export interface BfdSessionOptions {
  readonly target: BfdTarget;
  readonly discriminator: number;
  readonly sender: BfdSender;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onChange: (change: BfdChange) => void;
  readonly onRefusal: (reason: string) => void;
  /** Hands out at once what has come for any session and waits to be read. */
  readonly readWaiting: () => void;
}

/** RFC 5880 §6.8.16 asks for a detection time of AdminDown; a peer that is not there must not hold up a stop. */
const LONGEST_FAREWELL_MS = 1_000;

export class BfdSession {
  readonly #options: BfdSessionOptions;
  readonly #authenticator: Authenticator | null;
  readonly #timers: Readonly<Record<TimerName, Deadline>>;
  #session: BfdState;
  #onClosed: (() => void) | null = null;
  #cancelFarewell: Cancel = () => undefined;
  /** When a packet was accepted, and how long the peer could have been silent then. */
  #heard: {readonly at: number; readonly detectionMs: number} | null = null;
  #toldRefusal: string | null = null;

  constructor(options: BfdSessionOptions) {
    const {clock, discriminator, random, target} = options;
    this.#options = options;
    this.#authenticator =
      target.authentication && new Authenticator(target.authentication, Math.floor(random() * 2 ** 32));
    this.#session = initialSession({...target.timers, discriminator, passive: target.passive});
    const timer = (name: TimerName) => new Deadline(clock, () => this.#happen({kind: 'timer', timer: name}));
    this.#timers = {
      transmit: timer('transmit'),
      detection: new Deadline(clock, () => this.#onSilence()),
    };
  }

  get target(): BfdTarget {
    return this.#options.target;
  }

  get discriminator(): number {
    return this.#options.discriminator;
  }

  get state(): BfdWord {
    return this.#session.state;
  }

  /** So long the peer hears nothing of us before it gives us up, as far as we can tell. */
  get patienceMs(): number {
    const {detectMultiplier} = this.#session.settings;
    const {inForce, remote} = this.#session;
    const ours = detectMultiplier * Math.max(inForce.desiredMinTxMs, remote?.requiredMinRxMs ?? 0);
    return Math.min(ours, detectionMs(this.#session) || ours);
  }

  /** Whether it is saying AdminDown for the last time. */
  get isClosing(): boolean {
    return this.#onClosed !== null;
  }

  start(): void {
    this.#happen({kind: 'start'});
  }

  /**
   * Begins anew where a session before this one ended without a word. The peer that still takes that one for up hears
   * AdminDown before it hears Down: RFC 5882 §3.2 lets its BGP live through the first, not the second.
   */
  startAgain(): void {
    const diagnostic = Diagnostic.administrativelyDown;
    this.#send(packetOf({...this.#session, diagnostic}, {final: false}));
    this.start();
  }

  configure(timers: BfdTimers): void {
    this.#happen({kind: 'configure', timers});
  }

  /** Something on this host does not work that the session stands for. */
  fail(): void {
    this.#happen({kind: 'fail'});
  }

  /** What came for this session, if it is the peer's. */
  receive(decoded: Extract<Decoded, {ok: true}>, ttl: number): void {
    const judgement = this.#judge(decoded, ttl);
    if (!judgement.ok) {
      this.#refuse(judgement.reason);
      return;
    }
    this.#toldRefusal = null;
    const {packet} = decoded;
    this.#happen({kind: 'packet', packet});
    this.#heard = {at: this.#options.clock.now(), detectionMs: detectionMs(this.#session)};
    // The peer has seen our AdminDown: it is no longer up.
    if (this.#onClosed && (packet.state === 'down' || packet.state === 'admin-down')) this.#end();
  }

  /** AdminDown; `onClosed` when the peer has seen it, or had the time to. */
  close(onClosed: () => void): void {
    if (this.#onClosed) return;
    this.#onClosed = onClosed;
    const wasHeard = this.#session.remote !== null;
    this.#happen({kind: 'stop'});
    if (wasHeard) this.#cancelFarewell = this.#options.clock.after(LONGEST_FAREWELL_MS, () => this.#end());
    else this.#end();
  }

  /** At once, without a word to the peer. */
  abandon(): void {
    this.#cancelFarewell();
    for (const timer of Object.values(this.#timers)) timer.clear();
    this.#options.sender.close();
  }

  #end(): void {
    const onClosed = this.#onClosed;
    this.#onClosed = null;
    if (!onClosed) return;
    this.abandon();
    onClosed();
  }

  /** RFC 5881 §5, RFC 5883 §5, and of RFC 5880 §6.8.6 what needs the session. */
  #judge({bytes, isAuthenticated, packet}: Extract<Decoded, {ok: true}>, ttl: number): Judgement {
    const {authentication, minimumTtl} = this.target;
    if (ttl < minimumTtl) {
      return {
        ok: false,
        reason: `a TTL of ${ttl} where ${minimumTtl === 255 ? '' : 'at least '}${minimumTtl} is expected`,
      };
    }
    const {detectMultiplier} = packet;
    if (this.#authenticator && isAuthenticated) {
      return this.#authenticator.judge({bytes, detectMultiplier, isFirst: this.#isForgotten()});
    }
    if (this.#authenticator)
      return {ok: false, reason: `it does not authenticate, ${authentication?.type} is expected`};
    return isAuthenticated ? {ok: false, reason: 'it authenticates, which is not expected here'} : {ok: true};
  }

  /** §6.8.1, bfd.AuthSeqKnown. */
  #isForgotten(): boolean {
    return !this.#heard || this.#options.clock.now() - this.#heard.at >= 2 * this.#heard.detectionMs;
  }

  /** While the session is up somebody else sends them, which is no news of the peer. */
  #refuse(reason: string | null): void {
    if (reason === null || reason === this.#toldRefusal || this.#session.state === 'up') return;
    this.#toldRefusal = reason;
    this.#options.onRefusal(reason);
  }

  /** A thread that did not run finds its timers due before it has read what came in time. */
  #onSilence(): void {
    this.#options.readWaiting();
    if (!this.#timers.detection.isSet) this.#happen({kind: 'timer', timer: 'detection'});
  }

  #send(packet: ControlPacket): void {
    const bytes = encodePacket(packet, this.#authenticator?.length);
    this.#authenticator?.sign(bytes);
    this.#options.sender.send(bytes);
  }

  #happen(event: BfdEvent): void {
    const {clock, random} = this.#options;
    const {session, actions} = step(this.#session, event, {now: clock.now(), random: random()});
    this.#session = session;
    for (const action of actions) this.#play(action);
  }

  #play(action: BfdAction): void {
    switch (action.kind) {
      case 'send':
        this.#send(action.packet);
        break;
      case 'set-timer':
        this.#timers[action.timer].set(action.ms);
        break;
      case 'clear-timer':
        this.#timers[action.timer].clear();
        break;
      case 'state':
        this.#options.onChange(changeOf(action));
        break;
    }
  }
}

function changeOf({diagnostic, from, remote, to}: Extract<BfdAction, {kind: 'state'}>): BfdChange {
  const byHand = diagnostic === Diagnostic.neighborSignaledDown && remote?.state === 'admin-down';
  if (to !== 'down' || from === 'admin-down') return {from, to, byHand, reason: null};
  // What the peer says of its own side tells more than that it said something.
  const isTold = diagnostic === Diagnostic.neighborSignaledDown && remote && remote.diagnostic !== 0;
  const theirs = isTold ? ` (${describeDiagnostic(remote.diagnostic)})` : '';
  return {from, to, byHand, reason: `${describeDiagnostic(diagnostic)}${theirs}`};
}
