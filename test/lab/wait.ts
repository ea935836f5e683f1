import {setTimeout as pause} from 'node:timers/promises';
import {inspect} from 'node:util';

const pollMs = 40;

/**
 * Reads until `accept` likes what was read, and answers it. After `timeoutMs` it rejects and tells what was read
 * last. An error of `read` counts as "not yet"; one of `accept` ends the waiting.
 */
export async function waitFor<T>(
  what: string,
  read: () => Promise<T> | T,
  accept: (value: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last = 'nothing was read';
  do {
    const answer = await attempt(read);
    if ('value' in answer) {
      if (accept(answer.value)) return answer.value;
      last = inspect(answer.value, {depth: 8, breakLength: 120});
    } else {
      last = answer.error;
    }
    await pause(pollMs);
  } while (performance.now() < end);
  throw new Error(`waited ${timeoutMs / 1000} s for ${what}; last seen: ${last}`);
}

async function attempt<T>(read: () => Promise<T> | T): Promise<{value: T} | {error: string}> {
  try {
    return {value: await read()};
  } catch (error) {
    return {error: error instanceof Error ? error.message : String(error)};
  }
}

/** Runs `fn` and answers the milliseconds it took. */
export async function timed(fn: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await fn();
  return performance.now() - start;
}
