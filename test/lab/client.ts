import {fileURLToPath} from 'node:url';
import type {Lab} from './lab.js';
import type {Namespace} from './namespace.js';
import type {Program} from './program.js';
import type {Answers} from './tally.js';
import {waitFor} from './wait.js';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Makes `count` requests from the namespace, one after the other, each over a connection of its own. */
export async function request(namespace: Namespace, url: string, count: number): Promise<Answers> {
  return JSON.parse(await namespace.run(process.execPath, program('client-requests.js'), url, String(count)));
}

/** Traffic: requests these addresses in turn, each time over a connection of its own, until it is stopped. */
export class SteadyClient {
  private constructor(readonly program: Program) {}

  static async start(lab: Lab, namespace: Namespace, urls: readonly string[]): Promise<SteadyClient> {
    const started = namespace.spawn([process.execPath, program('steady-client.js'), ...urls]);
    const client = lab.add(new SteadyClient(started));
    await waitFor(
      'the client to run',
      () => started.stdout,
      (said) => said.includes('running'),
    );
    return client;
  }

  /** How all of it went. */
  async stop(): Promise<Answers> {
    this.program.tell('stop');
    return waitFor(
      'the client to tell how it went',
      () => JSON.parse(this.program.stdout.split('\n')[1] ?? ''),
      () => true,
    );
  }

  async close(): Promise<void> {
    await this.program.kill();
  }
}
