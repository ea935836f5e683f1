import {chmod, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Frr} from './frr.js';
import type {Program} from './program.js';

/** An FRR that something drives through bgpd's socket or through vtysh. */
export class DrivenFrr extends Frr {
  /** Where the sockets of the daemons are. */
  get sockets(): string {
    return this.folder;
  }

  get #bgpd(): Program {
    const bgpd = this.programs.at(-1);
    if (!bgpd) throw new Error('FRR does not run');
    return bgpd;
  }

  /** Of bgpd alone. */
  signal(name: NodeJS.Signals): void {
    this.#bgpd.signal(name);
  }

  async killBgpd(): Promise<void> {
    await this.#bgpd.kill();
  }

  /** After `killBgpd`: with what its configuration file says, which is what it was started with at first. */
  async startBgpd(): Promise<void> {
    const [zebra] = this.programs;
    if (!zebra) throw new Error('FRR does not run');
    const file = (name: string) => join(this.folder, name);
    const bgpd = this.namespace.spawn(
      [
        '/usr/lib/frr/bgpd',
        ...['-f', file('bgpd.conf'), '-z', file('zserv.api'), '-i', file('bgpd.pid')],
        ...['--vty_socket', this.folder, '--log', 'stdout'],
      ],
      {cwd: this.folder},
    );
    this.programs = [zebra, bgpd];
  }

  /** A vtysh that finds these daemons by itself. */
  async vtysh(): Promise<string> {
    const path = join(this.folder, 'vtysh');
    await writeFile(path, `#!/bin/sh\nexec /usr/bin/vtysh --vty_socket ${this.folder} "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** Configures bgpd as an operator does, at a prompt. */
  async configure(...commands: string[]): Promise<void> {
    const words = ['configure terminal', ...commands].flatMap((command) => ['-c', command]);
    await this.namespace.run('vtysh', '--vty_socket', this.folder, ...words);
  }

  /** What `show running-config` says of routes and route-maps of ours. */
  async lines(pattern: RegExp): Promise<string[]> {
    const text = await this.ask('show running-config');
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => pattern.test(line));
  }
}
