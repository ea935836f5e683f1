/**
 * The Authentication Section of Control packets (RFC 5880 §4.2 to §4.4), put behind those that are sent and asked of
 * those that come (§6.7). Knows the sequence numbers of one session, and touches nothing else.
 */

import {createHash, timingSafeEqual} from 'node:crypto';
import type {Secret} from '../lib/secret.js';

/** IANA "BFD Authentication Types" as people write them; `hash` is Node's name of the digest. */
export const authenticationTypes = {
  simple: {number: 1, hash: null, keyLength: 16, isMeticulous: false},
  'keyed-md5': {number: 2, hash: 'md5', keyLength: 16, isMeticulous: false},
  'meticulous-keyed-md5': {number: 3, hash: 'md5', keyLength: 16, isMeticulous: true},
  'keyed-sha1': {number: 4, hash: 'sha1', keyLength: 20, isMeticulous: false},
  'meticulous-keyed-sha1': {number: 5, hash: 'sha1', keyLength: 20, isMeticulous: true},
} as const;

export type AuthenticationType = keyof typeof authenticationTypes;

export interface Authentication {
  readonly type: AuthenticationType;
  /** 0 to 255; both sides name the same. */
  readonly keyId: number;
  /** At most `keyLength` octets. */
  readonly secret: Secret;
}

/** Why a packet is not the peer's; `reason` is for people, null where it passes by itself. */
export type Judgement = {readonly ok: true} | {readonly ok: false; readonly reason: string | null};

export interface Received {
  /** The whole packet, its section included. */
  readonly bytes: Uint8Array;
  readonly detectMultiplier: number;
  /** Nothing was accepted for two detection times, so that any sequence number may come (§6.8.1). */
  readonly isFirst: boolean;
}

/** Where the section begins. */
const SECTION_AT = 24;
/** Type, length, key ID, of the keyed ones also a reserved octet and the sequence number. */
const HEADER = {simple: 3, keyed: 8} as const;

const accepted: Judgement = {ok: true};

export class Authenticator {
  readonly #settings: Authentication;
  #sequence: number;
  #heardSequence: number | null = null;

  /** `firstSequence` is a random number of 32 bits (§6.8.1). */
  constructor(settings: Authentication, firstSequence: number) {
    this.#settings = settings;
    this.#sequence = firstSequence;
  }

  /** Octets that the section takes. */
  get length(): number {
    const {secret, type} = this.#settings;
    const {hash, keyLength} = authenticationTypes[type];
    return hash ? HEADER.keyed + keyLength : HEADER.simple + Buffer.byteLength(secret.reveal());
  }

  /** Fills the section of a packet that has room for it. Each has the next sequence number, as the meticulous types ask. */
  sign(packet: Uint8Array): void {
    const {keyId, secret, type} = this.#settings;
    const {hash, number} = authenticationTypes[type];
    packet.set([number, this.length, keyId], SECTION_AT);
    if (hash === null) {
      packet.set(Buffer.from(secret.reveal()), SECTION_AT + HEADER.simple);
      return;
    }
    this.#sequence = (this.#sequence + 1) >>> 0;
    viewOf(packet).setUint32(SECTION_AT + 4, this.#sequence);
    packet.set(this.#digest(hash, packet), SECTION_AT + HEADER.keyed);
  }

  /** §6.7.2 to §6.7.4. */
  judge({bytes, detectMultiplier, isFirst}: Received): Judgement {
    const {keyId, type} = this.#settings;
    const {hash, number} = authenticationTypes[type];
    const [theirType = 0, length = 0, theirKeyId] = bytes.subarray(SECTION_AT);
    if (theirType !== number) return refused(`it authenticates with ${describeType(theirType)}, not ${type}`);
    if (theirKeyId !== keyId) return refused(`its password has the ID ${theirKeyId}, ours ${keyId}`);
    if (length !== this.length || bytes.length < SECTION_AT + length) return refused('wrong password');
    if (hash === null) return this.#judgePassword(bytes.subarray(SECTION_AT + HEADER.simple));

    const sequence = viewOf(bytes).getUint32(SECTION_AT + 4);
    if (!isFirst && !this.#isNext(sequence, detectMultiplier)) return {ok: false, reason: null};
    const digest = bytes.slice(SECTION_AT + HEADER.keyed, SECTION_AT + length);
    if (!timingSafeEqual(digest, this.#digest(hash, bytes))) return refused('wrong password');
    this.#heardSequence = sequence;
    return accepted;
  }

  #judgePassword(theirs: Uint8Array): Judgement {
    const ours = Buffer.from(this.#settings.secret.reveal());
    return timingSafeEqual(theirs.subarray(0, ours.length), ours) ? accepted : refused('wrong password');
  }

  /** §6.7.3: up to three detection times ahead of the last one; §6.7.4: and not that one again. */
  #isNext(sequence: number, detectMultiplier: number): boolean {
    if (this.#heardSequence === null) return true;
    const ahead = (sequence - this.#heardSequence) >>> 0;
    const least = authenticationTypes[this.#settings.type].isMeticulous ? 1 : 0;
    return ahead >= least && ahead <= 3 * detectMultiplier;
  }

  /** Over the whole packet with the key, filled up with zeros, in the place of the digest. */
  #digest(hash: 'md5' | 'sha1', packet: Uint8Array): Uint8Array {
    const {secret, type} = this.#settings;
    const keyed = Uint8Array.from(packet);
    keyed.fill(0, SECTION_AT + HEADER.keyed, SECTION_AT + this.length);
    keyed.set(
      Buffer.from(secret.reveal()).subarray(0, authenticationTypes[type].keyLength),
      SECTION_AT + HEADER.keyed,
    );
    return createHash(hash).update(keyed).digest();
  }
}

function describeType(number: number): string {
  const known = Object.entries(authenticationTypes).find(([, type]) => type.number === number);
  return known ? known[0] : `type ${number}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refused(reason: string): Judgement {
  return {ok: false, reason};
}
