import {fileURLToPath} from 'node:url';
import type {Lab} from './lab.js';
import type {Namespace} from './namespace.js';
import type {Program} from './program.js';
import {waitFor} from './wait.js';

const server = fileURLToPath(new URL('health-server.js', import.meta.url));

/** A small service with a health endpoint: an HTTP server in a process of its own, that can be told to fail or die. */
export class Health {
  #program: Program | null = null;

  constructor(
    readonly namespace: Namespace,
    readonly port: number,
    /** What it answers, so that clients see who served them. */
    readonly name: string,
  ) {}

  async start(): Promise<void> {
    const program = this.namespace.spawn([process.execPath, server, String(this.port), this.name]);
    this.#program = program;
    await this.#said('listening');
  }

  /** It goes on listening, but answers 503. */
  async fail(): Promise<void> {
    await this.#tell('503');
  }

  async recover(): Promise<void> {
    await this.#tell('200');
  }

  /** The process is killed: connections are refused. */
  async die(): Promise<void> {
    await this.#program?.kill();
    this.#program = null;
  }

  async close(): Promise<void> {
    await this.die();
  }

  async #tell(status: string): Promise<void> {
    if (!this.#program) throw new Error('the health endpoint is dead');
    this.#program.stdout = '';
    this.#program.tell(status);
    await this.#said(`answering ${status}`);
  }

  async #said(words: string): Promise<void> {
    const program = this.#program;
    await waitFor(
      `the health endpoint to say "${words}"`,
      () => program?.stdout ?? '',
      (output) => {
        if (!program?.isRunning) throw new Error(program?.describe() ?? 'the health endpoint is dead');
        return output.includes(words);
      },
    );
  }
}

/** Starts a health endpoint on every address of the namespace; it is stopped with the lab. */
export async function startHealth(lab: Lab, namespace: Namespace, port = 8080, name = 'ok'): Promise<Health> {
  const health = lab.add(new Health(namespace, port, name));
  await health.start();
  return health;
}
