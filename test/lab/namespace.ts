/** Network namespaces of a test: their names carry the test's pid, so that what a dead test left can be found. */

import {execFile} from 'node:child_process';
import {readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {Program, type ProgramOptions} from './program.js';

const execute = promisify(execFile);
const ours = /^eip(\d+)-/;

/** Prefix of everything this process makes: namespaces and temporary folders. */
export const own = `eip${process.pid}-`;

export class Namespace {
  private constructor(readonly name: string) {}

  /** An empty namespace with its loopback up. `label` needs to be unique in this process. */
  static async create(label: string): Promise<Namespace> {
    const namespace = new Namespace(`${own}${label}`);
    await execute('ip', ['netns', 'add', namespace.name]);
    await namespace.ip('link set lo up');
    return namespace;
  }

  /** Runs `ip ARGUMENTS` in here and answers what it printed. Rejects with its error text. */
  async ip(command: string): Promise<string> {
    const {stdout} = await execute('ip', ['-n', this.name, ...command.split(' ')]);
    return stdout;
  }

  /** Runs a program in here to its end and answers what it printed. Rejects unless it exits with 0. */
  async run(...argv: string[]): Promise<string> {
    const {stdout} = await execute('ip', ['netns', 'exec', this.name, ...argv], {maxBuffer: 64 * 2 ** 20});
    return stdout;
  }

  /** Starts a long-lived program in here. */
  spawn(argv: readonly string[], options: ProgramOptions = {}): Program {
    // `ip netns exec` becomes the program: the pid is the program's own.
    return new Program(['ip', 'netns', 'exec', this.name, ...argv], options);
  }

  /** Sets a sysctl of this namespace, `net.ipv4.ip_forward`. */
  async sysctl(name: string, value: string | number): Promise<void> {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    await this.run('sh', '-c', `echo ${value} > ${path}`);
  }

  /** Lets it forward packets between its interfaces, both families. */
  async forward(): Promise<void> {
    await this.sysctl('net.ipv4.ip_forward', 1);
    await this.sysctl('net.ipv6.conf.all.forwarding', 1);
  }

  /** Drops whatever goes in or out on `link`, until the answered function is called: a silent death. */
  async silence(link: string): Promise<() => Promise<void>> {
    const chain = (hook: string, match: string) =>
      `chain ${hook} { type filter hook ${hook} priority 0; ${match} "${link}" drop; }`;
    const rules = `table inet silence {\n${chain('input', 'iifname')}\n${chain('output', 'oifname')}\n}`;
    await this.run('nft', rules);
    return async () => {
      await this.run('nft', 'delete table inet silence');
    };
  }

  async destroy(): Promise<void> {
    await destroy(this.name);
  }
}

/** Removes namespaces and folders of tests that are no more. */
export async function sweep(): Promise<void> {
  const isLeftOver = (name: string) => {
    const pid = ours.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  };
  for (const name of await namesIn('/run/netns')) {
    // Another test that starts now may be quicker.
    if (isLeftOver(name)) await destroy(name).catch(() => undefined);
  }
  for (const name of await namesIn(tmpdir())) {
    if (isLeftOver(name)) await rm(join(tmpdir(), name), {recursive: true, force: true});
  }
}

async function destroy(name: string): Promise<void> {
  const {stdout} = await execute('ip', ['netns', 'pids', name]);
  for (const pid of stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  await execute('ip', ['netns', 'del', name]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
