/**
 * All BFD sessions of this host: finds the session that a packet is for, and takes them down while the main thread
 * does not answer. Runs in a thread of its own (`worker.ts`).
 */

import type {BfdListener, BfdNetwork, Datagram} from '../io/bfd-network.js';
import {familyOf} from '../lib/prefix.js';
import {Secret} from '../lib/secret.js';
import type {Cancel, Clock, IpAddress, IpFamily} from '../types.js';
import type {BfdTarget, FromBfd, PostedTarget, ToBfd} from './messages.js';
import {type ControlPacket, decodePacket} from './packet.js';
import {BfdSession} from './session.js';

export interface BfdSessionsOptions {
  readonly network: BfdNetwork;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Another number each time the main thread has shown that it lives. */
  readonly heartbeat: () => number;
  readonly tell: (message: FromBfd) => void;
}

/** The main thread beats so often, and is looked after so often. */
export const BEAT_MS = 40;
/** Silence shorter than this is no failure, whatever a session's detection time: it may be a garbage collection. */
const LEAST_SILENCE_MS = 600;
/** One look counts for so much silence at most: when this thread did not run either, nobody was silent. */
const LONGEST_LOOK_MS = 2 * BEAT_MS;
/** A port that another program has is asked for again. */
const LISTEN_AGAIN_MS = 5_000;

export class BfdSessions {
  readonly #options: BfdSessionsOptions;
  readonly #sessions = new Map<number, BfdSession>();
  /** null: the port is another program's for now. */
  readonly #listeners = new Map<string, BfdListener | null>();
  readonly #retries = new Map<string, Cancel>();
  readonly #troubles = new Set<string>();
  /** Taken down because the main thread is silent: they stay so until it speaks. */
  readonly #held = new Set<BfdSession>();
  #stopWatch: Cancel;
  #beat: number;
  #lookedAt: number;
  #silentMs = 0;

  constructor(options: BfdSessionsOptions) {
    this.#options = options;
    this.#beat = options.heartbeat();
    this.#lookedAt = options.clock.now();
    this.#stopWatch = options.clock.after(BEAT_MS, () => this.#look());
  }

  handle(message: ToBfd): void {
    if (message.kind === 'open') this.#open(message);
    else if (message.kind === 'configure') this.#sessions.get(message.id)?.configure(message.timers);
    else if (message.kind === 'close') this.#close(message.id);
    else this.stop();
  }

  /** At once, without a word to anybody. */
  stop(): void {
    this.#stopWatch();
    for (const session of this.#sessions.values()) session.abandon();
    this.#sessions.clear();
    for (const listener of this.#listeners.values()) listener?.close();
    this.#listeners.clear();
    for (const cancel of this.#retries.values()) cancel();
    this.#retries.clear();
  }

  #open({id, target: posted, again}: Extract<ToBfd, {kind: 'open'}>): void {
    const {clock, network, random, tell} = this.#options;
    const target = targetOf(posted);
    this.#listen(familyOf(target.address), target.port);
    const session = new BfdSession({
      target,
      discriminator: this.#newDiscriminator(),
      sender: network.sender(target, random),
      clock,
      random,
      onChange: (change) => tell({kind: 'change', id, change}),
      onRefusal: (reason) => tell({kind: 'refusal', id, reason}),
      readWaiting: () => this.#readWaiting(),
    });
    this.#sessions.set(id, session);
    if (again) session.startAgain();
    else session.start();
  }

  #readWaiting(): void {
    for (const listener of this.#listeners.values()) listener?.read();
  }

  #close(id: number): void {
    const session = this.#sessions.get(id);
    if (!session) this.#options.tell({kind: 'closed', id});
    else {
      session.close(() => {
        this.#sessions.delete(id);
        this.#held.delete(session);
        this.#options.tell({kind: 'closed', id});
      });
    }
  }

  /** RFC 5880 §6.8.1: not 0, unique, and better not guessed. */
  #newDiscriminator(): number {
    const taken = new Set([...this.#sessions.values()].map(({discriminator}) => discriminator));
    let number = 0;
    while (number === 0 || taken.has(number)) number = Math.floor(this.#options.random() * 2 ** 32);
    return number;
  }

  #listen(family: IpFamily, port: number): void {
    const key = `${family} ${port}`;
    if (this.#listeners.has(key)) return;
    const {clock, network, tell} = this.#options;
    try {
      const listener = network.listen(family, port, (datagram) => this.#receive(datagram, port));
      this.#listeners.set(key, listener);
      this.#troubles.delete(key);
    } catch (error) {
      this.#listeners.set(key, null);
      this.#retries.set(
        key,
        clock.after(LISTEN_AGAIN_MS, () => {
          this.#listeners.delete(key);
          this.#retries.delete(key);
          this.#listen(family, port);
        }),
      );
      if (this.#troubles.has(key)) return;
      this.#troubles.add(key);
      const reason = error instanceof Error ? error.message : String(error);
      tell({
        kind: 'trouble',
        message: `bfd cannot listen on UDP port ${port} (${family}): ${reason}; is it another BFD daemon's?`,
      });
    }
  }

  #receive(datagram: Datagram, port: number): void {
    const decoded = decodePacket(datagram.bytes);
    if (!decoded.ok) return;
    const session = this.#sessionFor(decoded.packet, datagram, port);
    if (session && !this.#held.has(session)) session.receive(decoded, datagram.ttl);
  }

  /**
   * RFC 5880 §6.3: by our discriminator alone where the peer knows it, its address may change; else by the addresses.
   * The port says which rule for the TTL the peer goes by, and must fit.
   */
  #sessionFor(
    {yourDiscriminator}: ControlPacket,
    {from, to}: Datagram,
    port: number,
  ): BfdSession | undefined {
    const sessions = [...this.#sessions.values()].filter(({target}) => target.port === port);
    if (yourDiscriminator !== 0) {
      return sessions.find(({discriminator}) => discriminator === yourDiscriminator);
    }
    const candidates = sessions.filter(({target}) => target.address === from);
    const at = (local: IpAddress | null) => candidates.filter(({target}) => target.localAddress === local);
    const fitting = [...at(to), ...at(null)];
    // One that says goodbye may have its successor beside it.
    return fitting.find(({isClosing}) => !isClosing) ?? fitting[0];
  }

  /** What BFD says of this host must be true of what announces from it, too. */
  #look(): void {
    const {clock, heartbeat} = this.#options;
    const [now, beat] = [clock.now(), heartbeat()];
    if (beat === this.#beat) this.#silentMs += Math.min(now - this.#lookedAt, LONGEST_LOOK_MS);
    else this.#silentMs = 0;
    this.#beat = beat;
    this.#lookedAt = now;
    if (this.#silentMs === 0) this.#held.clear();
    for (const session of this.#sessions.values()) {
      if (this.#silentMs <= limitOf(session) || this.#held.has(session)) continue;
      this.#held.add(session);
      session.fail();
    }
    this.#stopWatch = clock.after(BEAT_MS, () => this.#look());
  }
}

function targetOf({authentication, ...target}: PostedTarget): BfdTarget {
  if (!authentication) return {...target, authentication};
  const {keyId, password, type} = authentication;
  return {...target, authentication: {type, keyId, secret: new Secret(password)}};
}

/** So long the main thread may be silent: as long as the peer would wait for us, were it dead. */
function limitOf(session: BfdSession): number {
  return Math.max(LEAST_SILENCE_MS, session.patienceMs);
}
