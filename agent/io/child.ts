import {execa} from 'execa';

export interface Child {
  /** Resolves with the exit code once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a long-lived process of this program; `onLine` gets its standard output line by line, errors go through. */
export function startChild(file: string, args: readonly string[], onLine: (line: string) => void): Child {
  const child = execa(file, args, {
    stdout: 'pipe',
    stderr: 'inherit',
    stdin: 'ignore',
    // Ctrl-C on the terminal is for us alone: we end the child in order.
    detached: true,
    reject: false,
    buffer: false,
  });
  const orphaned = (): void => void child.kill('SIGTERM');
  process.once('exit', orphaned);
  const reading = (async (): Promise<void> => {
    for await (const line of child.iterable()) onLine(line);
  })();
  return {
    ended: child.then(async ({exitCode}) => {
      process.off('exit', orphaned);
      await reading.catch(() => {});
      return exitCode ?? null;
    }),
    kill: (signal) => void child.kill(signal),
  };
}
