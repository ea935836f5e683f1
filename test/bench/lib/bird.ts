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

export interface ExportingBird {
  readonly socket: string;
  /** The list of what it exports, which its configuration includes. */
  readonly file: string;
  /** The text of that file, for these prefixes. */
  listOf(prefixes: readonly string[]): string;
  /** Resolves once the session is established. */
  established(): Promise<void>;
  stop(): Promise<void>;
}

/** Has a route to each of the prefixes, connects to a neighbor, and exports what a list in a file of its own names. */
export async function startExportingBird(
  address: string,
  neighbor: {readonly address: string; readonly port: number},
  prefixes: readonly string[],
): Promise<ExportingBird> {
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-bird-`));
  const [config, socket, file] = ['bird.conf', 'bird.ctl', 'anycast.conf'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const listOf = (list: readonly string[]): string =>
    `define ACAST_PS_ADVERTISE = [ ${(list.length > 0 ? list : ['10.189.200.255/32']).join(', ')} ];
define ACAST6_PS_ADVERTISE = [ 2001:db8::1/128 ];\n`;
  writeFileSync(file, listOf([]));
  writeFileSync(
    config,
    `include "${file}";
log "${join(folder, 'bird.log')}" all;
router id ${address};
protocol device {}
protocol static { ipv4;
${prefixes.map((prefix) => `route ${prefix} blackhole;`).join('\n')}
}
protocol bgp uplink {
  local ${address} as 64512;
  neighbor ${neighbor.address} port ${neighbor.port} as ${peerAs};
  multihop;
  hold time 240;
  connect delay time 1;
  connect retry time 1;
  ipv4 { import none; export where net ~ ACAST_PS_ADVERTISE; next hop self; };
}
`,
  );
  const child = spawn(program, ['-f', '-c', config, '-s', socket, '-P', join(folder, 'bird.pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!existsSync(socket)) await pause(pollMs);
  const control = await connectControl(socket);
  return {
    socket,
    file,
    listOf,
    async established() {
      while (!(await control.ask('show protocols uplink')).includes('Established')) await pause(pollMs);
    },
    async stop() {
      control.close();
      await kill(child);
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
