/** A network of its own for a test: the main thread moves into a fresh network namespace, which ends with the process. */

import {execFileSync} from 'node:child_process';
import {createRequire} from 'node:module';

const CLONE_NEWNET = 0x40000000;

/**
 * Sockets, programs and /proc/sys/net of this process are from now on those of an empty network with its loopback up.
 * Answers why that is not possible, for `t.test(…, {skip})`; false when it was done.
 */
export function enterOwnNetwork(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for a network namespace of its own';
  // Only tests need this call, so that it is not among the agent's own.
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi').default;
  const unshare: (flags: number) => number = koffi.load(null).func('int unshare(int)');
  if (unshare(CLONE_NEWNET) !== 0) return `no network namespace can be made here (errno ${koffi.errno()})`;
  try {
    ip('link set lo up');
  } catch (error) {
    return `needs ip(8) from iproute2: ${String(error)}`;
  }
  return false;
}

/** Runs `ip ARGUMENTS` and answers what it printed. Throws with its error text. */
export function ip(command: string): string {
  return execFileSync('ip', command.split(' '), {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
}

/** Runs `ip -j ARGUMENTS`. */
export function ipJson<Answer>(command: string): Answer {
  return JSON.parse(ip(`-j ${command}`)) as Answer;
}
