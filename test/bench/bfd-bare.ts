/** What a thread that does nothing but send packets is able to here: `bfd-bare.js ADDRESS PORT INTERVAL`. */

import {createSocket} from 'node:dgram';
import {isMainThread, Worker} from 'node:worker_threads';

const [address = '', port = '', interval = ''] = process.argv.slice(2);
if (isMainThread) new Worker(new URL(import.meta.url), {argv: [address, port, interval]});
else {
  const socket = createSocket('udp4');
  const packet = Buffer.alloc(24);
  const send = (): void => {
    socket.send(packet, Number(port), address);
    // As RFC 5880 §6.8.7 has it.
    setTimeout(send, Number(interval) * (0.75 + 0.25 * Math.random()));
  };
  send();
}
