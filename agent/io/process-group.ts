import {within} from './within.js';

/** kill(2); a negative pid is a process group. Throws like `process.kill`. */
export type Kill = (pid: number, signal: NodeJS.Signals | 0) => void;

const pollMs = 10;
/** A process that has not ended so long after SIGKILL hangs in the kernel. */
const unkillableMs = 1000;

/**
 * Ends a whole process group: SIGTERM, and SIGKILL for whoever is still there after `graceMs`. Then waits for the
 * leader's end; not longer than a second, because a process in uninterruptible sleep may never end.
 */
export async function endGroup(
  leader: number,
  leaderEnded: Promise<unknown>,
  graceMs: number,
  kill: Kill,
): Promise<void> {
  send('SIGTERM');
  const deadline = performance.now() + graceMs;
  while (send(0) && performance.now() < deadline) await within(pollMs);
  send('SIGKILL');
  await within(unkillableMs, leaderEnded);

  function send(signal: NodeJS.Signals | 0): boolean {
    return sendTo(leader, signal, kill);
  }
}

/** SIGKILL to a whole process group, if there is anybody. */
export function killGroup(leader: number, kill: Kill): void {
  sendTo(leader, 'SIGKILL', kill);
}

/** Whether there was anybody to get the signal. */
function sendTo(leader: number, signal: NodeJS.Signals | 0, kill: Kill): boolean {
  try {
    kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}
