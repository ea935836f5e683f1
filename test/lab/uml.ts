/**
 * A machine of its own: Debian's user-mode Linux, a kernel that runs as a process here and has what this one may lack
 * (IPVS, dummy interfaces). This machine's files are below it, read-only; /run is its own. It has no network but its
 * own loopback and what the test makes in it. When the test ends, however it ends, so does the machine.
 */

import {type ChildProcess, spawn} from 'node:child_process';
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import type {Duplex, Readable} from 'node:stream';
import {fileURLToPath} from 'node:url';
import type {Test} from 'tap';
import {own, sweep} from './namespace.js';
import {GuestProgram} from './uml-program.js';
import type {GuestAnswers, GuestMessage, GuestRequest, NumberedRequest, Ran} from './uml-protocol.js';

/**
 * How node is started in there. System calls and page faults are what costs: no helper threads, and no code made by
 * the optimising compilers, which a short life does not pay back.
 */
export const guestNode = [process.execPath, '--v8-pool-size=0', '--no-opt', '--no-sparkplug'] as const;

const guest = fileURLToPath(new URL('uml-guest.js', import.meta.url));
const bootTimeoutMs = 60_000;
const runTimeoutMs = 60_000;
/** Beyond the time that a program was given. */
const answerTimeoutMs = 15_000;
const haltTimeoutMs = 5_000;
const consoleLimit = 100_000;

export type {GuestProgram} from './uml-program.js';

export interface MachineOptions {
  /** Kernel modules, loaded in this order. */
  readonly modules: readonly string[];
  readonly memoryMb?: number;
  /** The machine switches itself off after this time, whatever happens. */
  readonly lifeSeconds?: number;
}

/** Somebody waits for an answer. */
interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  settled(): void;
}

export class Machine {
  readonly #kernel: ChildProcess;
  readonly #line: Duplex;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #programs: GuestProgram[] = [];
  #hasEnded = false;
  #id = 0;
  #console = '';
  /** The kernel's version, `6.1.176`. */
  kernel = '';

  private constructor(folder: string, init: string, memoryMb: number) {
    this.#kernel = spawn(
      'linux.uml',
      [
        ...['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`, `mem=${memoryMb}M`],
        ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3', 'loglevel=5'],
        // Its folder of sockets would be in the home directory.
        ...[`uml_dir=${folder}/`, 'umid=machine'],
      ],
      {detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe']},
    );
    this.#line = this.#kernel.stdio[3] as Duplex;
    for (const stream of [this.#kernel.stdout, this.#kernel.stderr] as Readable[]) {
      stream.on('data', (chunk: Buffer) => this.#say(chunk.toString('latin1')));
    }
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#hasEnded = true;
        this.#say(`\n*** ${how}\n`);
        for (const id of [...this.#waiting.keys()]) this.#take({id, error: `${how}\n${this.describe()}`});
        resolve();
      };
      this.#kernel.on('error', (error) => end(`the machine did not start: ${error.message}`));
      this.#kernel.on('exit', (code, signal) => end(`the machine ended with ${signal ?? code}`));
    });
    this.#line.on('error', () => undefined);
  }

  /** Boots a machine and ends it with the test. Rejects with what its console said if it does not come up. */
  static async boot(t: Test, {modules, memoryMb = 512, lifeSeconds = 220}: MachineOptions): Promise<Machine> {
    await sweep();
    const folder = await mkdtemp(join(tmpdir(), own));
    const init = join(folder, 'init');
    await writeFile(init, initScript(modules, lifeSeconds));
    await chmod(init, 0o755);
    const machine = new Machine(folder, init, memoryMb);
    t.teardown(async () => {
      if (!t.passing()) console.error(await machine.describeAll());
      await machine.#close();
      await rm(folder, {recursive: true, force: true});
    });
    machine.kernel = await machine.#ready();
    return machine;
  }

  /** Runs a program to its end. Rejects only if it cannot be started. */
  attempt(argv: readonly string[], {input = '', timeoutMs = runTimeoutMs} = {}): Promise<Ran> {
    return this.#ask({do: 'run', argv, input, timeoutMs});
  }

  /** Runs a program to its end and answers what it printed. Rejects unless it exits with 0. */
  async run(...argv: string[]): Promise<string> {
    const {code, signal, stdout, stderr} = await this.attempt(argv);
    if (code !== 0) throw new Error(`"${argv.join(' ')}" ended with ${signal ?? code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs a shell script, which ends with its first command that fails. */
  async sh(script: string): Promise<string> {
    const {code, stdout, stderr} = await this.attempt(['sh', '-e'], {input: script});
    if (code !== 0) throw new Error(`the script ended with ${code}: ${stderr}${stdout}\n${script}`);
    return stdout;
  }

  /** Runs `ip -json ARGUMENTS`. */
  async ip<Answer>(command: string): Promise<Answer> {
    return JSON.parse((await this.run('ip', '-json', ...command.split(' '))) || '[]');
  }

  /** Starts a program that goes on; it ends with the machine. */
  async start(...argv: string[]): Promise<GuestProgram> {
    const pid = await this.#ask({do: 'start', argv});
    const program = new GuestProgram(pid, argv, (request) => this.#ask(request));
    this.#programs.push(program);
    return program;
  }

  /** Writes a file below /run; the rest is read-only. */
  async write(path: string, text: string): Promise<void> {
    await this.#ask({do: 'write', path, text});
  }

  /** Loads a kernel module. */
  async modprobe(module: string): Promise<void> {
    await this.run('modprobe', '-d', '/run/modules', module);
  }

  /** One line to a unix socket, one line back. */
  ask(socket: string, line: string): Promise<string> {
    return this.#ask({do: 'ask', socket, line});
  }

  /** The end of what its console said. */
  describe(): string {
    return `--- console of the machine\n${this.#console.slice(-4000)}`;
  }

  /** What its programs said, too. */
  async describeAll(): Promise<string> {
    const parts = this.#hasEnded ? [] : this.#programs.map((program) => program.describe());
    return [...(await Promise.all(parts)), this.describe()].join('\n');
  }

  #ask<Request extends GuestRequest>(request: Request): Promise<GuestAnswers[Request['do']]> {
    const id = this.#id++;
    const numbered: NumberedRequest = {...(request as GuestRequest), id};
    const timeoutMs = answerTimeoutMs + ('timeoutMs' in numbered ? numbered.timeoutMs : 0);
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) throw new Error(`the machine has ended\n${this.describe()}`);
      const late = () => this.#take({id, error: `the machine does not answer\n${this.describe()}`});
      const timer = setTimeout(late, timeoutMs);
      this.#waiting.set(id, {
        resolve: resolve as (answer: unknown) => void,
        reject,
        settled: () => clearTimeout(timer),
      });
      this.#line.write(`${JSON.stringify(numbered)}\n`);
    });
  }

  #ready(): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no machine after ${bootTimeoutMs / 1000} s\n${this.describe()}`)),
        bootTimeoutMs,
      );
      void this.#ended.then(() => reject(new Error(this.describe())));
      createInterface({input: this.#line}).on('line', (line) => {
        const message = parse(line);
        if (message === null) this.#say(`${line}\n`);
        else if ('ready' in message) resolve(message.ready);
        else this.#take(message);
        clearTimeout(timer);
      });
    });
  }

  #take(message: Exclude<GuestMessage, {ready: string}>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    waiting?.settled();
    if ('error' in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.answer);
  }

  #say(text: string): void {
    this.#console = (this.#console + text).slice(-consoleLimit);
  }

  /** The end of its serial line switches it off. */
  async #close(): Promise<void> {
    this.#line.destroy();
    const timer = setTimeout(() => this.#killGroup(), haltTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
    this.#killGroup();
  }

  /** The kernel's helpers live on when only the kernel is killed. */
  #killGroup(): void {
    try {
      if (this.#kernel.pid !== undefined) process.kill(-this.#kernel.pid, 'SIGKILL');
    } catch {
      // Nothing was left.
    }
  }
}

/** Process 1 of the machine. What it and the programs below it write goes to the console. */
function initScript(modules: readonly string[], lifeSeconds: number): string {
  const off = 'echo o > /proc/sysrq-trigger';
  return `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LC_ALL=C TMPDIR=/run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mkdir -p /run/netns /run/modules/lib
ln -s /usr/lib/uml/modules /run/modules/lib/modules
for module in ${modules.join(' ')}; do modprobe -d /run/modules $module || echo "no module $module"; done
ip link set lo up
(sleep ${lifeSeconds}; echo 'its time is over'; ${off}) &
stty -F /dev/ttyS0 raw -echo
${guestNode.join(' ')} ${guest} < /dev/ttyS0 > /dev/ttyS0
${off}
sleep 60
`;
}

function parse(line: string): GuestMessage | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
