/** `eip-health run` as users start it, with a configuration in a folder of its own. */

import {type ChildProcess, spawn} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {root} from '../../root.js';
import {peerAs} from './peer-side.js';
import {hostPrefixes} from './prefixes.js';

export const executable = join(root, 'bin/eip-health');

export interface DaemonSetup {
  /** Of the BGP peer, on the loopback. */
  readonly peerPort: number;
  readonly services: number;
  /** What the HTTP checks ask. */
  readonly httpPort: number;
  readonly rise?: number;
  readonly kernel?: boolean;
}

/** A folder with `eip-health.yaml` and `conf.d`. */
export class DaemonFolder {
  readonly path = mkdtempSync(join(tmpdir(), `eip${process.pid}-bench-`));
  readonly config = join(this.path, 'eip-health.yaml');
  readonly socket = join(this.path, 'control.sock');

  constructor({httpPort, kernel = false, peerPort, rise = 3, services}: DaemonSetup) {
    mkdirSync(join(this.path, 'conf.d'));
    const main = `
state_dir: ${join(this.path, 'state')}
control_socket: ${this.socket}
router_id: 127.0.0.1
log: {format: json}
${kernel ? 'kernel: {arp: off}' : ''}
bgp:
  local_as: 64512
  local_address: 127.0.0.1
  peers: [{name: reader, address: 127.0.0.1, port: ${peerPort}, remote_as: ${peerAs}, multihop: true}]
`;
    writeFileSync(this.config, main);
    hostPrefixes(services).forEach((prefix, i) => {
      const text = `
name: service-${i}
prefixes: [${prefix}]
check: {type: http, url: "http://127.0.0.1:${httpPort}/healthz"}
rise: ${rise}
`;
      writeFileSync(join(this.path, 'conf.d', `service-${i}.yaml`), text);
    });
  }

  /** Starts it; what it logs goes nowhere. */
  run(): ChildProcess {
    return spawn(process.execPath, [executable, 'run', '--config', this.config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  remove(): void {
    rmSync(this.path, {recursive: true, force: true});
  }
}

/** SIGKILL, and waits for the end. */
export async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await ended;
}
