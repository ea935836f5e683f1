/** Run in a process of its own: answers TCP checks at a port, counts them, and stops answering when told to. */

import {createServer} from 'node:net';
import {createInterface} from 'node:readline';

const [port = '0'] = process.argv.slice(2);
let accepted = 0;

const server = createServer((socket) => {
  accepted++;
  socket.on('error', () => undefined);
  socket.on('end', () => socket.destroy());
  socket.resume();
});

function listen(): void {
  server.listen({host: '127.0.0.1', port: Number(port), backlog: 4096}, () => console.log('listening'));
}

createInterface({input: process.stdin}).on('line', (line) => {
  if (line === 'count') console.log(`accepted ${accepted}`);
  else if (line === 'listen') listen();
  else if (line === 'close') server.close(() => console.log('closed'));
});
listen();
