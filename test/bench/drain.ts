/** A process that makes a BGP session by hand and drops whatever comes: what receiving a full table costs at least. */

import net from 'node:net';
import {serve} from './lib/helper.js';
import {keepaliveBytes, openBytes} from './lib/peer-side.js';

export interface DrainApi {
  connect(port: number): void;
  /** Bytes that came so far. */
  received(nothing: null): number;
}

let received = 0;

serve<DrainApi>({
  connect(port) {
    const socket = net.connect({host: '127.0.0.1', port, noDelay: true});
    socket.write(openBytes(64512, '127.0.0.1'));
    socket.write(keepaliveBytes);
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
  },
  received: () => received,
});
