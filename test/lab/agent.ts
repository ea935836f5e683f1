import {cp, mkdir, readFile, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {dirname, join} from 'node:path';
import {root} from '../root.js';
import type {Lab} from './lab.js';
import type {Namespace} from './namespace.js';
import type {Exit, Program} from './program.js';
import {waitFor} from './wait.js';

const executable = join(root, 'bin/eip-health');
const blocker = new URL('./block.js', import.meta.url).href;

/** The part of `status --json` that the tests read. */
export interface Status {
  readonly services: readonly {
    readonly name: string;
    readonly state: string;
    readonly checks: readonly {
      readonly name: string;
      readonly verdict: string | null;
      readonly reason: string | null;
    }[];
  }[];
  readonly routes: readonly {
    readonly prefix: string;
    readonly wanted: boolean;
    readonly announcers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  }[];
  readonly peers: readonly {
    readonly name: string;
    readonly state: string;
    readonly since: string;
    readonly bfd: string | null;
    readonly bfd_reason: string | null;
    readonly graceful_restart: {
      readonly negotiated: boolean | null;
      readonly notification: boolean;
      readonly long_lived: boolean;
      readonly end_of_rib: readonly string[];
    } | null;
    readonly announced: number;
    readonly last_error: string | null;
  }[];
}

export interface LogLine {
  readonly msg: string;
  readonly level: number | string;
  readonly [field: string]: unknown;
}

/** The agent itself: `eip-health run` in a namespace, with a configuration of its own. */
export class Agent {
  #program: Program | null = null;

  private constructor(
    readonly namespace: Namespace,
    /** Holds `eip-health.yaml` and `conf.d`. */
    readonly folder: string,
  ) {}

  /** An agent with these files (paths below its folder → text). */
  static async withFiles(
    lab: Lab,
    namespace: Namespace,
    files: Readonly<Record<string, string>>,
  ): Promise<Agent> {
    const agent = lab.add(new Agent(namespace, await lab.newFolder('agent')));
    for (const [path, text] of Object.entries(files)) await agent.write(path, text);
    await agent.#keepInside();
    return agent;
  }

  /** An agent with a copy of the files below `folder`. */
  static async withCopyOf(lab: Lab, namespace: Namespace, folder: string): Promise<Agent> {
    const agent = lab.add(new Agent(namespace, await lab.newFolder('agent')));
    await cp(folder, agent.folder, {recursive: true});
    await agent.#keepInside();
    return agent;
  }

  async read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8');
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), {recursive: true});
    await writeFile(join(this.folder, path), text);
  }

  /** Starts it and waits until it answers. `blockable`: for `block`; `program`: another than ours. */
  async start({blockable = false, program: file = executable} = {}): Promise<void> {
    const preload = blockable ? ['--import', blocker] : [];
    const program = this.namespace.spawn([process.execPath, ...preload, file, 'run', ...this.#config]);
    this.#program = program;
    await waitFor(
      'the agent to answer',
      async () => (program.isRunning ? await this.status() : null),
      (status) => {
        if (status === null) throw new Error(`the agent ended\n${program.describe()}`);
        return true;
      },
    );
  }

  /**
   * What the control socket answers to `status`: cheaper than a process each time. Pathname sockets do not
   * belong to a network namespace, so this works from outside.
   */
  async status(): Promise<Status> {
    const answer: {ok: boolean; data?: Status; error?: string} = JSON.parse(
      await ask(this.#socket, JSON.stringify({v: 1, cmd: 'status', args: {}})),
    );
    if (!answer.data) throw new Error(answer.error ?? 'no data');
    return answer.data;
  }

  /** What a command prints: `cli('status', '--json')`. Rejects unless it exits with 0. */
  async cli(...args: string[]): Promise<string> {
    return this.namespace.run(process.execPath, executable, ...args, ...this.#config);
  }

  /** SIGTERM, and waits for the end. */
  async stop(): Promise<Exit> {
    return this.#running.stop();
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  /** SIGSTOP: alive for the kernel, dead for everyone else. */
  freeze(): void {
    this.#running.signal('SIGSTOP');
  }

  /** SIGURG. */
  runChecksNow(): void {
    this.#running.signal('SIGURG');
  }

  /** Its main thread does nothing for `blockMs`; its other threads do. */
  block(): void {
    this.#running.signal('SIGPWR');
  }

  thaw(): void {
    this.#running.signal('SIGCONT');
  }

  async close(): Promise<void> {
    await this.kill();
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** The log since the start, parsed. */
  get log(): LogLine[] {
    const {stdout, stderr} = this.#running;
    return `${stdout}\n${stderr}`
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  describe(): string {
    return `--- agent in ${this.namespace.name}\n${this.#program?.describe() ?? 'not started'}`;
  }

  /** Everything it has written, for the message of a failure and for looking for secrets. */
  get output(): string {
    return `${this.#running.stdout}\n${this.#running.stderr}`;
  }

  async waitForPeer(name: string, state = 'established', timeoutMs?: number): Promise<void> {
    await waitFor(
      `peer ${name} to be ${state}`,
      async () => (await this.status()).peers.find((peer) => peer.name === name),
      (peer) => peer?.state === state,
      timeoutMs,
    );
  }

  async waitForService(name: string, state: string, timeoutMs?: number): Promise<void> {
    await waitFor(
      `service ${name} to be ${state}`,
      async () => (await this.status()).services.find((service) => service.name === name),
      (service) => service?.state === state,
      timeoutMs,
    );
  }

  get #running(): Program {
    if (!this.#program) throw new Error('the agent was not started');
    return this.#program;
  }

  get #config(): string[] {
    return ['--config', join(this.folder, 'eip-health.yaml')];
  }

  get #socket(): string {
    return join(this.folder, 'control.sock');
  }

  /** State and socket go into its own folder: the file system is not the namespace's own. */
  async #keepInside(): Promise<void> {
    const text = await readFile(join(this.folder, 'eip-health.yaml'), 'utf8');
    await this.write(
      'eip-health.yaml',
      `${text}\nstate_dir: ${join(this.folder, 'state')}\ncontrol_socket: ${this.#socket}\n`,
    );
  }
}

/** One line to a unix socket, one line back. */
function ask(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer on the control socket')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8');
      if (answer.includes('\n')) socket.end();
    });
  });
}
