import {join} from 'node:path';
import {root} from '../../root.js';

/** The folder of a shipped example. */
export function example(name: string): string {
  return join(root, 'conf.d/examples', name);
}
