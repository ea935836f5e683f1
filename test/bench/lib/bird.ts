/** A real BIRD in our own network namespace, with one BGP neighbour, and how much of a table it has. */

import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {now, pause} from './clock.js';
import {kill} from './daemon.js';
import {peerAs} from './peer-side.js';

const program = '/usr/sbin/bird';
const pollMs = 2;

export interface Bird {
  /** Resolves once the session is established. */
  established(): Promise<void>;
  /** Resolves, with the time, once so many routes were imported. */
  full(routes: number): Promise<number>;
  stop(): Promise<void>;
}

/** Why it cannot be used; null: it can. */
export function birdProblem(): string | null {
  return existsSync(program) ? null : 'BIRD is not installed: apt-get install --no-install-recommends bird2';
}

/** Listens on `address` and `port` for `neighbor`. */
export async function startBird(address: string, port: number, neighbor: string): Promise<Bird> {
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-bird-`));
  const [config, socket] = [join(folder, 'bird.conf'), join(folder, 'bird.ctl')];
  writeFileSync(
    config,
    `router id ${address};
protocol device {}
protocol bgp agent {
  local ${address} port ${port} as ${peerAs};
  neighbor ${neighbor} as 64512;
  multihop;
  passive on;
  hold time 240;
  error wait time 1, 1;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
`,
  );
  const child = spawn(program, ['-f', '-c', config, '-s', socket, '-P', join(folder, 'bird.pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!existsSync(socket)) await pause(pollMs);
  const control = await connectControl(socket);
  const show = (): Promise<string> => control.ask('show protocols all agent');
  return {
    async established() {
      while (!(await show()).includes('Established')) await pause(pollMs);
    },
    async full(routes) {
      while (Number(/Routes:\s+(\d+) imported/.exec(await show())?.[1] ?? 0) < routes) await pause(pollMs);
      return now();
    },
    async stop() {
      control.close();
      await kill(child);
      rmSync(folder, {recursive: true, force: true});
    },
  };
}

/** BIRD's own protocol: a line there, lines back, of which the last has a blank behind its code. */
async function connectControl(path: string): Promise<{ask(line: string): Promise<string>; close(): void}> {
  const socket = net.connect(path);
  let text = '';
  let onText = (): void => {};
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    onText();
  });
  const answer = async (): Promise<string> => {
    while (!/^\d{4} .*\n$/m.test(text.slice(text.lastIndexOf('\n', text.length - 2) + 1))) {
      await new Promise<void>((resolve) => {
        onText = resolve;
      });
    }
    const whole = text;
    text = '';
    return whole;
  };
  await answer();
  return {
    ask(line) {
      socket.write(`${line}\n`);
      return answer();
    },
    close: () => socket.destroy(),
  };
}
