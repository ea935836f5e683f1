import type {Clock} from '../types.js';

/** Waits for `work`, but no longer than `ms`; then it goes on unattended. Rejects if `work` does within the time. */
export async function atMost(clock: Pick<Clock, 'after'>, ms: number, work: Promise<unknown>): Promise<void> {
  let cancel = (): void => {};
  const timeout = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    cancel();
  }
}
