/** A process that accepts BGP sessions and sends each of them a full table when told to. */

import {once} from 'node:events';
import net, {type AddressInfo} from 'node:net';
import {encodeAttributes} from '../../agent/bgp/wire/attributes.js';
import {nlriOf} from '../../agent/bgp/wire/nlri.js';
import {packAnnounce} from '../../agent/bgp/wire/pack.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {serve} from './lib/helper.js';
import {PeerSide, peerAs} from './lib/peer-side.js';

export interface FloodApi {
  listen(address: string): number;
  /** Resolves once there is an established session. */
  established(nothing: null): void;
  /** Makes the table, which takes longer than to send it. */
  prepare(routes: number): void;
  /** Sends so many routes; answers how many bytes and UPDATEs that were. */
  send(routes: number): {readonly bytes: number; readonly updates: number};
}

/** As in the Internet's own table, about. */
const routesPerUpdate = 4;
const updatesPerChunk = 1000;

let side: PeerSide | null = null;
let onSide: () => void = () => {};

const server = net.createServer((socket) => {
  side = new PeerSide(socket, {held: false, onBytes: () => {}, onMessage: () => {}});
  onSide();
});

serve<FloodApi>({
  async listen(address) {
    server.listen(0, address);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  async established() {
    while (!side) {
      await new Promise<void>((resolve) => {
        onSide = resolve;
      });
    }
    await side.ready;
  },
  prepare(routes) {
    tableOf(routes);
  },
  async send(routes) {
    if (!side) throw new Error('there is no session');
    const {chunks, updates} = tableOf(routes);
    let bytes = 0;
    for (const chunk of chunks) {
      bytes += chunk.length;
      if (!side.write(chunk)) await side.drained();
    }
    return {bytes, updates};
  },
});

interface Table {
  readonly routes: number;
  readonly updates: number;
  /** UPDATEs in a row, in pieces of some 64 kB. */
  readonly chunks: readonly Uint8Array[];
}

let table: Table | null = null;

function tableOf(routes: number): Table {
  if (table?.routes === routes) return table;
  const chunks: Uint8Array[] = [];
  let updates = 0;
  let messages: Uint8Array[] = [];
  for (let from = 0; from < routes; from += routesPerUpdate) {
    const made = update(from);
    updates += made.length;
    messages.push(...made);
    if (messages.length < updatesPerChunk && from + routesPerUpdate < routes) continue;
    chunks.push(Buffer.concat(messages));
    messages = [];
  }
  table = {routes, updates, chunks};
  return table;
}

/** Four /24 behind a path of four ASes, another one each time. */
function update(from: number): readonly Uint8Array[] {
  const path = [peerAs, 3356, 100_000 + (from % 50_000), 200_000 + from];
  const attributes = encodeAttributes(
    [
      {kind: 'origin', origin: 'igp'},
      {kind: 'as-path', segments: [{kind: 'sequence', as: path}]},
    ],
    {fourOctetAs: true},
  );
  const nlri = Array.from({length: routesPerUpdate}, (_, i) => {
    const number = from + i;
    return nlriOf(parsePrefix(`${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.0/24`));
  });
  const messages: Uint8Array[] = [];
  packAnnounce(
    'ipv4',
    attributes,
    Uint8Array.of(127, 0, 0, 2),
    nlri,
    (message) => void messages.push(message),
  );
  return messages;
}
