import type {Cancel} from '../types.js';

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

/** What signals mean to the daemon. SIGUSR1 is taken and ignored: it would open Node's inspector. */
export function onSignals({stop, hurry, reload, checkNow, dump, crash}: SignalHandlers): Cancel {
  let stopping = false;
  const end = (): void => {
    if (stopping) hurry();
    else stop();
    stopping = true;
  };
  const caught = (error: unknown): void => crash(error instanceof Error ? error : new Error(String(error)));
  const signals: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', end],
    ['SIGINT', end],
    ['SIGHUP', reload],
    ['SIGURG', checkNow],
    ['SIGUSR1', () => {}],
    ['SIGUSR2', dump],
  ];
  for (const [name, listener] of signals) process.on(name, listener);
  process.on('uncaughtException', caught).on('unhandledRejection', caught);
  return () => {
    for (const [name, listener] of signals) process.off(name, listener);
    process.off('uncaughtException', caught).off('unhandledRejection', caught);
  };
}
