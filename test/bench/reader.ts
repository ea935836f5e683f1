/** A process that accepts BGP sessions and says when the last of what it waits for had come in. */

import {once} from 'node:events';
import net, {type AddressInfo} from 'node:net';
import type {Message} from '../../agent/bgp/wire/message.js';
import {now} from './lib/clock.js';
import {serve} from './lib/helper.js';
import {PeerSide} from './lib/peer-side.js';

export interface Expected {
  readonly announced: number;
  readonly withdrawn: number;
  /** End-of-RIBs, of any family. */
  readonly endOfRib: number;
}

export interface Arrived {
  /** When the last of it was decoded. */
  readonly at: number;
  /** All bytes since `expect`, if they were to be kept. */
  readonly bytes: Uint8Array;
}

export interface ReaderApi {
  /** Answers the port. */
  listen(address: string): number;
  /** New sessions wait for `establish`. */
  holdSessions(held: boolean): void;
  /** From now on counts; `arrived` answers once all is there. */
  expect(what: Expected & {readonly keepBytes: boolean}): void;
  arrived(nothing: null): Arrived;
  /** Of the newest session; answers when it was made. */
  establish(nothing: null): number;
  /** When the newest connection was accepted. */
  connected(nothing: null): number;
  closeAll(nothing: null): void;
  /** Resolves once the newest session is one KEEPALIVE of ours short of Established. */
  ready(nothing: null): void;
  /** Its connection stays; the next one is the newest. */
  forgetNewest(nothing: null): void;
}

let held = false;
let expected: Expected = {announced: 0, withdrawn: 0, endOfRib: 0};
let seen = {announced: 0, withdrawn: 0, endOfRib: 0};
let kept: Uint8Array[] | null = null;
let lastAt: number | null = null;
let onArrived: (() => void) | null = null;
let newest: {readonly side: PeerSide; readonly at: number} | null = null;
let onConnection: (() => void) | null = null;
const sides = new Set<PeerSide>();

const server = net.createServer((socket) => {
  const side = new PeerSide(socket, {
    held,
    onBytes: (chunk) => void kept?.push(chunk),
    onMessage: count,
  });
  newest = {side, at: now()};
  sides.add(side);
  socket.on('close', () => sides.delete(side));
  onConnection?.();
});

serve<ReaderApi>({
  async listen(address) {
    server.listen(0, address);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  holdSessions(value) {
    held = value;
  },
  expect({keepBytes, ...what}) {
    expected = what;
    seen = {announced: 0, withdrawn: 0, endOfRib: 0};
    kept = keepBytes ? [] : null;
    lastAt = null;
  },
  async arrived() {
    if (lastAt === null) {
      await new Promise<void>((resolve) => {
        onArrived = resolve;
      });
    }
    return {at: lastAt ?? Number.NaN, bytes: Buffer.concat(kept ?? [])};
  },
  async establish() {
    const {side} = await connection();
    await side.ready;
    return side.establish();
  },
  async ready() {
    await (await connection()).side.ready;
  },
  forgetNewest() {
    newest = null;
  },
  connected: async () => (await connection()).at,
  closeAll() {
    newest = null;
    for (const side of sides) side.close();
  },
});

async function connection(): Promise<NonNullable<typeof newest>> {
  while (!newest) {
    await new Promise<void>((resolve) => {
      onConnection = resolve;
    });
  }
  return newest;
}

function count(message: Message): void {
  if (message.type !== 'update') return;
  if (message.endOfRib) seen.endOfRib++;
  seen.announced += message.announced.ipv4 + message.announced.ipv6;
  seen.withdrawn += message.withdrawn.ipv4 + message.withdrawn.ipv6;
  if (lastAt !== null) return;
  if (seen.announced < expected.announced || seen.withdrawn < expected.withdrawn) return;
  if (seen.endOfRib < expected.endOfRib) return;
  lastAt = now();
  onArrived?.();
}
