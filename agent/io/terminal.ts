/** What a command shows, and to whom: standard output and standard error of this process. */

import type {Cancel} from '../types.js';

export interface Terminal {
  /** What was asked for. Nothing happens when nobody reads it any more (`| head`). */
  out(text: string): void;
  /** What is said beside it. */
  err(text: string): void;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Whether to use colour on standard output, on standard error. */
  readonly color: boolean;
  readonly errColor: boolean;
  /** The screen as it is now; endless where there is none. */
  readonly width: number;
  readonly height: number;
  /** Whether whoever read standard output has gone. */
  readonly closed: boolean;
  /** Calls `fn` at Ctrl-C and SIGTERM, instead of ending the process. */
  onInterrupt(fn: () => void): Cancel;
  /** Resolves when whoever reads standard output has everything that `out` was given, or has gone. */
  drained(): Promise<void>;
}

export function processTerminal(env: NodeJS.ProcessEnv = process.env): Terminal {
  const {stdout, stderr} = process;
  let closed = false;
  let taken: Promise<void> = Promise.resolve();
  stdout.on('error', () => {
    closed = true;
  });
  // What is said on standard error is said to nobody then.
  stderr.on('error', () => {});
  return {
    out(text) {
      if (closed) return;
      taken = new Promise((resolve) => stdout.write(text, () => resolve()));
    },
    err: (text) => void stderr.write(text),
    isTerminal: stdout.isTTY === true,
    color: usesColor(stdout.isTTY === true, env),
    errColor: usesColor(stderr.isTTY === true, env),
    get width() {
      return stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY;
    },
    get height() {
      return stdout.isTTY ? stdout.rows : Number.POSITIVE_INFINITY;
    },
    get closed() {
      return closed;
    },
    onInterrupt(fn) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, fn);
      return () => {
        for (const signal of signals) process.off(signal, fn);
      };
    },
    drained: () => taken,
  };
}

/** On a terminal that can, unless NO_COLOR is set (no-color.org); FORCE_COLOR asks for it everywhere. */
export function usesColor(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}
