import {get} from 'node:http';

/** How requests went: how many were answered by whom, and how many were not. */
export interface Answers {
  readonly by: Readonly<Record<string, number>>;
  readonly failed: readonly string[];
}

/** Makes requests, each over a connection of its own, and counts their answers. */
export class Tally {
  readonly #by: Record<string, number> = {};
  readonly #failed: string[] = [];

  get answers(): Answers {
    return {by: this.#by, failed: this.#failed};
  }

  async request(url: string): Promise<void> {
    try {
      const answer = (await requested(url)).trim();
      this.#by[answer] = (this.#by[answer] ?? 0) + 1;
    } catch (error) {
      this.#failed.push(error instanceof Error ? error.message : String(error));
    }
  }
}

function requested(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, {agent: false, timeout: 2_000}, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.on('error', reject);
  });
}
