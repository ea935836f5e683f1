import {fileURLToPath} from 'node:url';
import type {Namespace} from './namespace.js';

/** How requests went: how many were answered by whom, and how many were not. */
export interface Answers {
  readonly by: Readonly<Record<string, number>>;
  readonly failed: readonly string[];
}

const program = fileURLToPath(new URL('client-requests.js', import.meta.url));

/** Makes `count` requests from the namespace, one after the other, each over a connection of its own. */
export async function request(namespace: Namespace, url: string, count: number): Promise<Answers> {
  return JSON.parse(await namespace.run(process.execPath, program, url, String(count)));
}
