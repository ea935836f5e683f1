/** Maintenance windows: each begins at the times of a cron expression and lasts for a while. Pure. */

import type {MaintenanceWindow} from '../config/types.js';
import {remember} from '../lib/collections.js';
import {CronTimes} from '../lib/cron-times.js';

export interface OpenWindow {
  readonly window: MaintenanceWindow;
  /** Wall clock, milliseconds since the epoch, like every time here. */
  readonly since: number;
  readonly until: number;
}

/** The window that is open at `now`, of several the one that ends last; null: none. One that began before us counts. */
export function openWindow(windows: readonly MaintenanceWindow[], now: number): OpenWindow | null {
  let found: OpenWindow | null = null;
  for (const window of windows) {
    const since = timesOf(window).last(now - window.forMs, now);
    if (since === null) continue;
    const until = since + window.forMs;
    if (found === null || until > found.until) found = {window, since, until};
  }
  return found;
}

/** When the next window begins or ends, if that is at most `withinMs` away. */
export function nextChange(
  windows: readonly MaintenanceWindow[],
  now: number,
  withinMs: number,
): number | null {
  const limit = now + withinMs;
  const times = windows.flatMap((window) => {
    const times = timesOf(window);
    const began = times.last(now - window.forMs, now);
    const begins = times.next(now, limit);
    return [...(began === null ? [] : [began + window.forMs]), ...(begins === null ? [] : [begins])];
  });
  const next = Math.min(...times);
  return next <= limit ? next : null;
}

const known = new Map<string, CronTimes>();

function timesOf({schedule}: MaintenanceWindow): CronTimes {
  return remember(known, schedule, () => new CronTimes(schedule));
}
