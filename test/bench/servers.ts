/** A process that answers checks: an HTTP server and a TCP server, as quick as Node makes them. */

import {once} from 'node:events';
import http from 'node:http';
import net, {type AddressInfo} from 'node:net';
import {serve} from './lib/helper.js';

export interface ServersApi {
  /** Answers the ports. */
  listen(address: string): {readonly http: number; readonly tcp: number};
}

serve<ServersApi>({
  async listen(address) {
    const web = http.createServer((_request, response) => {
      response.writeHead(200, {'content-type': 'text/plain'});
      response.end('ok\n');
    });
    const plain = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('end', () => socket.destroy());
      socket.resume();
    });
    return {http: await listening(web, address), tcp: await listening(plain, address)};
  },
});

async function listening(server: net.Server, address: string): Promise<number> {
  server.listen({host: address, port: 0, backlog: 4096});
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
