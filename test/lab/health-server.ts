/** A process: `node health-server.js PORT NAME`; a line of standard input sets the status it answers with. */

import {createServer} from 'node:http';
import {createInterface} from 'node:readline';

const [port, name] = process.argv.slice(2);
let status = 200;

const server = createServer((_request, response) => {
  response.writeHead(status, {'content-type': 'text/plain', connection: 'close'});
  response.end(`${name}\n`);
});
server.listen(Number(port), '::', () => console.log('listening'));

createInterface({input: process.stdin}).on('line', (line) => {
  status = Number(line);
  console.log(`answering ${status}`);
});
