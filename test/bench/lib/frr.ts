/** A real FRR in our own network namespace, with one BGP neighbour, and a route to each of many prefixes. */

import {type ChildProcess, execFile, execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {pause} from './clock.js';
import {kill} from './daemon.js';
import {peerAs} from './peer-side.js';

const daemons = '/usr/lib/frr';
const pollMs = 100;

export interface AnnouncingFrr {
  /** The folder of its sockets. */
  readonly sockets: string;
  /** Runs `vtysh -c` with these commands. */
  vtysh(commands: readonly string[]): Promise<string>;
  /** Resolves once the session is established. */
  established(): Promise<void>;
  stop(): Promise<void>;
}

/** Why it cannot be used; null: it can. */
export function frrProblem(): string | null {
  return existsSync(join(daemons, 'bgpd'))
    ? null
    : 'FRR is not installed: apt-get install --no-install-recommends frr';
}

/** Connects to the neighbor from `address`. Its kernel has a route to each prefix, which `network import-check` asks for. */
export async function startFrr(
  address: string,
  neighbor: {readonly address: string; readonly port: number},
  prefixes: readonly string[],
): Promise<AnnouncingFrr> {
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-frr-`));
  const file = (name: string) => join(folder, name);
  writeFileSync(file('routes'), prefixes.map((prefix) => `route replace blackhole ${prefix}\n`).join(''));
  execFileSync('ip', ['-batch', file('routes')]);
  writeFileSync(file('zebra.conf'), 'hostname bench\n');
  writeFileSync(
    file('bgpd.conf'),
    `router bgp 64512
 bgp router-id ${address}
 no bgp ebgp-requires-policy
 neighbor ${neighbor.address} remote-as ${peerAs}
 neighbor ${neighbor.address} port ${neighbor.port}
 neighbor ${neighbor.address} ebgp-multihop
 neighbor ${neighbor.address} disable-connected-check
 neighbor ${neighbor.address} update-source ${address}
 neighbor ${neighbor.address} timers 80 240
 neighbor ${neighbor.address} timers connect 1
`,
  );
  writeFileSync(file('vtysh.conf'), '');
  execFileSync('chown', ['-R', 'frr:frr', folder]);
  const start = (name: string): ChildProcess =>
    spawn(
      join(daemons, name),
      [
        ...['-f', file(`${name}.conf`), '-z', file('zserv.api'), '-i', file(`${name}.pid`)],
        ...['--vty_socket', folder, '--log', 'stdout'],
      ],
      {stdio: ['ignore', 'ignore', 'inherit']},
    );
  const zebra = start('zebra');
  while (!existsSync(file('zserv.api'))) await pause(pollMs);
  const bgpd = start('bgpd');
  while (!existsSync(file('bgpd.vty'))) await pause(pollMs);
  const vtysh = async (commands: readonly string[]): Promise<string> => {
    const words = commands.flatMap((command) => ['-c', command]);
    const {stdout} = await promisify(execFile)('vtysh', ['--vty_socket', folder, ...words]);
    return stdout;
  };
  return {
    sockets: folder,
    vtysh,
    async established() {
      while (!(await vtysh(['show bgp summary json'])).includes('"state":"Established"')) await pause(pollMs);
    },
    async stop() {
      await kill(bgpd);
      await kill(zebra);
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
