import {chmod, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Gobgp} from './gobgp.js';
import type {Program} from './program.js';

/** A GoBGP that something drives through its API. */
export class DrivenGobgp extends Gobgp {
  /** A second door to the API: unix sockets with a path belong to no network namespace. */
  get socket(): string {
    return join(this.folder, 'api.sock');
  }

  protected override get apiHosts(): readonly string[] {
    return [...super.apiHosts, `unix://${this.socket}`];
  }

  get #gobgpd(): Program {
    const [gobgpd] = this.programs;
    if (!gobgpd) throw new Error('GoBGP does not run');
    return gobgpd;
  }

  signal(name: NodeJS.Signals): void {
    this.#gobgpd.signal(name);
  }

  /** A `gobgp` that works from outside of the namespace. */
  async command(): Promise<string> {
    const path = join(this.folder, 'gobgp');
    await writeFile(path, `#!/bin/sh\nexec ip netns exec ${this.namespace.name} /usr/bin/gobgp "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** What an operator does at a prompt. */
  async tell(command: string): Promise<void> {
    await this.namespace.run('gobgp', ...command.split(' '));
  }
}
