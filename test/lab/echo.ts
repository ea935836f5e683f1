/**
 * A service over UDP, of which one packet each way is a whole request: whoever moves traffic between two that serve must
 * not lose one. `node echo.js serve PORT NAME` answers its name; `node echo.js ask ADDRESS PORT` asks again and again
 * until there is a line on standard input, then prints as JSON who answered how often and how many were not answered.
 */

import {createSocket} from 'node:dgram';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import type {Lab} from './lab.js';
import type {Namespace} from './namespace.js';
import {waitFor} from './wait.js';

const [, file, word, first = '', second = ''] = process.argv;
const self = fileURLToPath(import.meta.url);
const betweenMs = 5;
const patienceMs = 5_000;

/** How requests went. */
export interface Echoes {
  readonly by: Readonly<Record<string, number>>;
  readonly lost: number;
}

/** Answers on every address of the namespace, until the lab ends. */
export async function startEcho(lab: Lab, namespace: Namespace, port: number, name: string): Promise<void> {
  const program = namespace.spawn([process.execPath, self, 'serve', String(port), name]);
  lab.add({close: async () => void (await program.kill()), describe: () => program.describe()});
  await waitFor(
    'the echo to listen',
    () => program.stdout,
    (said) => said.includes('listening'),
  );
}

/** Asks from the namespace; the function that is answered ends it and tells how it went. */
export async function startAsking(
  lab: Lab,
  namespace: Namespace,
  address: string,
  port: number,
): Promise<() => Promise<Echoes>> {
  const program = namespace.spawn([process.execPath, self, 'ask', address, String(port)]);
  lab.add({close: async () => void (await program.kill()), describe: () => program.describe()});
  return async () => {
    program.tell('enough');
    await program.exited;
    return JSON.parse(program.stdout);
  };
}

if (file === self && word === 'serve') serve();
if (file === self && word === 'ask') await ask();

function serve(): void {
  // Both families. The client does not mind which address of the host the answer comes from.
  const socket = createSocket({type: 'udp6'});
  socket.on('message', (_message, {address, port}) => socket.send(second, port, address));
  socket.bind(Number(first), () => console.log('listening'));
}

async function ask(): Promise<void> {
  const by: Record<string, number> = {};
  let lost = 0;
  let isEnough = false;
  const waiting = new Set<Promise<void>>();
  process.stdin.on('data', () => {
    isEnough = true;
  });
  while (!isEnough) {
    const asked = once().then((name) => {
      if (name === null) lost += 1;
      else by[name] = (by[name] ?? 0) + 1;
      waiting.delete(asked);
    });
    waiting.add(asked);
    await pause(betweenMs);
  }
  await Promise.all(waiting);
  console.log(JSON.stringify({by, lost}));
  process.exit(0);
}

/** From a port of its own, so that a router may take another way each time. */
function once(): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket({type: first.includes(':') ? 'udp6' : 'udp4'});
    const end = (name: string | null): void => {
      clearTimeout(timer);
      socket.close();
      resolve(name);
    };
    const timer = setTimeout(end, patienceMs, null);
    socket.on('message', (message) => end(message.toString('utf8')));
    socket.on('error', () => end(null));
    socket.send('who?', Number(second), first);
  });
}
