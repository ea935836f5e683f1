/** Shows text that changes, in place on a terminal, one after the other elsewhere. */

import type {Terminal} from '../io/terminal.js';
import type {Cancel, Clock} from '../types.js';
import {CommandError, exitCode} from './outcome.js';

// Control sequences of ECMA-48 and xterm.
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
const intervalMs = 1000;

/**
 * Calls `show` every second until Ctrl-C, or until nobody reads any more; resolves then. A daemon that does not
 * answer for a while is said and waited for; any other error ends it.
 */
export async function redrawEverySecond(
  terminal: Terminal,
  clock: Clock,
  show: () => Promise<string>,
): Promise<void> {
  let last = '';
  let stopped = false;
  let wake: Cancel = () => {};
  const cancelInterrupt = terminal.onInterrupt(() => {
    stopped = true;
    wake();
  });
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(intervalMs, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  if (terminal.isTerminal) terminal.out(enter);
  try {
    while (!stopped && !terminal.closed) {
      last = await show().catch((error: unknown) => `${waitable(error)}\n`);
      if (stopped) break;
      terminal.out(terminal.isTerminal ? frame(last) : `${last}\n`);
      await pause();
    }
  } finally {
    cancelInterrupt();
    // What was seen last stays on the screen.
    if (terminal.isTerminal) terminal.out(leave + last);
  }
}

function frame(text: string): string {
  // The last line has no end: it would scroll a full screen.
  return `${home}${text.trimEnd().replaceAll('\n', `${clearLine}\n`)}${clearLine}${clearBelow}`;
}

function waitable(error: unknown): string {
  if (error instanceof CommandError && error.code === exitCode.noDaemon) return error.message;
  throw error;
}
