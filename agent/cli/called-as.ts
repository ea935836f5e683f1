/** The programs that this one takes the place of: called by one of their names, it knows their options and words. */

import type {Terminal} from '../io/terminal.js';

/** Runs one command line (without the program's own name) and gives its exit code. Never rejects. */
export type Program = (argv: readonly string[], terminal: Terminal) => Promise<number>;

/** Loaded when called for, so that the other commands start without them. */
const programs: Readonly<Record<string, () => Promise<Program>>> = {
  vip_mgmt: async () => (await import('./vip-mgmt.js')).vipMgmt,
  vip_watchdog: async () => (await import('./vip-watchdog.js')).vipWatchdog,
};

/** The program that goes by the name of `path` (a link to ours), or null: our own. */
export async function programCalled(path: string): Promise<Program | null> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const load = Object.hasOwn(programs, name) ? programs[name] : undefined;
  return (await load?.()) ?? null;
}
