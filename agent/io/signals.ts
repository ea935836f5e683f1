export interface SignalHandlers {
  /** SIGTERM or SIGINT. */
  readonly stop: () => void;
  /** A second one. */
  readonly hurry: () => void;
  /** SIGHUP. */
  readonly reload: () => void;
  /** SIGURG. */
  readonly checkNow: () => void;
  /** SIGUSR2. */
  readonly dump: () => void;
  /** An error that nothing caught. */
  readonly crash: (error: Error) => void;
}

export interface Signals {
  /** From now on these are called; a stop or a reload that was asked for before, at once. */
  handle(handlers: SignalHandlers): void;
  /** Signals do again what they do by default. */
  release(): void;
}

/**
 * What signals mean to the daemon, from its first moment: a SIGHUP during its start must not end it. SIGUSR1 is taken
 * and ignored: it would open Node's inspector. Errors that nothing caught end the process until `handle`.
 */
export function catchSignals(): Signals {
  let handlers: SignalHandlers | null = null;
  let stopping = false;
  let reloading = false;
  const end = (): void => {
    if (!stopping) handlers?.stop();
    else if (handlers) handlers.hurry();
    else process.exit(1);
    stopping = true;
  };
  const reload = (): void => {
    if (handlers) handlers.reload();
    else reloading = true;
  };
  const caught = (error: unknown): void =>
    handlers?.crash(error instanceof Error ? error : new Error(String(error)));
  const signals: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', end],
    ['SIGINT', end],
    ['SIGHUP', reload],
    ['SIGURG', () => handlers?.checkNow()],
    ['SIGUSR1', () => {}],
    ['SIGUSR2', () => handlers?.dump()],
  ];
  for (const [name, listener] of signals) process.on(name, listener);
  return {
    handle(now) {
      handlers = now;
      process.on('uncaughtException', caught).on('unhandledRejection', caught);
      if (reloading) now.reload();
      if (stopping) now.stop();
    },
    release() {
      for (const [name, listener] of signals) process.off(name, listener);
      process.off('uncaughtException', caught).off('unhandledRejection', caught);
    },
  };
}
