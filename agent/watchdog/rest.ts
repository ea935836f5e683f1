/** Waits until what a round has set going has come to its end. */

import type {Clock, Installer, ItemWord, Json, Prefix} from '../types.js';

/** As much as is asked of an installer, whatever it installs. */
export type Watched = Pick<Installer<never>, 'name' | 'snapshot' | 'idle'>;

export interface RestOptions {
  readonly installers: readonly Watched[];
  /** Whether everything that waits for something else (an address, a drain) has had its turn. */
  readonly isAtRest: () => boolean;
  readonly clock: Clock;
  /** So long one step may take. */
  readonly stepMs: number;
  /** And all of them together, drains among them. */
  readonly limitMs: number;
}

const lookEveryMs = 20;
const openWords: readonly ItemWord[] = ['pending', 'withdraw-pending', 'failed'];

/** Resolves when all is as it is to be, or when nothing that has come for a step's time gives hope of more. */
export async function comeToRest({clock, installers, isAtRest, limitMs, stepMs}: RestOptions): Promise<void> {
  const endsAt = clock.now() + limitMs;
  let stepEndsAt = clock.now() + stepMs;
  for (;;) {
    const idle = Promise.all(installers.map((installer) => installer.idle?.()));
    await atMost(Math.min(stepEndsAt, endsAt) - clock.now(), idle, clock);
    // What was told by then moves the next step.
    await new Promise((resolve) => setImmediate(resolve));
    const now = clock.now();
    const atRest = isAtRest();
    if ((atRest && !installers.some((installer) => openOf(installer).length > 0)) || now >= endsAt) return;
    if (!atRest) stepEndsAt = now + stepMs;
    else if (now >= stepEndsAt) return;
    await pause(lookEveryMs, clock);
  }
}

/** The prefixes that are not as they are to be, each with its word. */
export function openOf(
  installer: Pick<Watched, 'snapshot'>,
): readonly (readonly [prefix: Prefix, word: Json])[] {
  return [...installer.snapshot().items].filter(([, word]) => openWords.some((open) => open === word));
}

async function atMost(ms: number, work: Promise<unknown>, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(ms, resolve);
    void work.then(() => {
      cancel();
      resolve();
    });
  });
}

function pause(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
