/**
 * Takes single prefixes out of what outlives the daemon, where none runs, and leaves everything else there as it is:
 * routes, drain, host route, address, as a daemon would.
 */

import {readBootId} from './admin/run-record.js';
import type {Config} from './config/types.js';
import {systemClock as clock} from './io/clock.js';
import {allBut} from './lib/collections.js';
import {contains, isHost} from './lib/prefix.js';
import {type Place, withOutlasting} from './outlasting.js';
import type {Announcer, Desired, Emit, Installer, Prefix, Route} from './types.js';

export interface TakenOut {
  /** What daemons had of them. */
  readonly found: ReadonlySet<Prefix>;
  /** What may still be there, and why. */
  readonly left: readonly (Place & {readonly reason: string})[];
}

export interface TakeOutOptions {
  readonly config: Config;
  readonly prefixes: readonly Prefix[];
  readonly emit: Emit;
}

/** So long one daemon, or the kernel, may take. */
const stepMs = 5000;
const lookEveryMs = 10;

/** As the holder of the lock. Rejects where the kernel cannot be used. */
export async function takeOut({config, prefixes, emit}: TakeOutOptions): Promise<TakenOut> {
  const wanted = new Set(prefixes);
  // An operator's own line in FRR is given back only once its prefix is of no service: nothing of that happens here.
  const options = {config, bootId: readBootId(), allowed: () => true, isManaged: () => true, emit};
  return withOutlasting(options, async (parts) => {
    const {addresses, daemons, hostRoutes} = parts;
    const hosts = hostsOf(config, prefixes);
    const found = await whatIsThere(daemons, prefixes);
    for (const daemon of daemons) {
      // What was wanted, and is not any more, goes; what never was could be somebody else's.
      daemon.set({...restOf(prefixes), items: prefixes.map(routeTo)});
    }
    await Promise.all(daemons.map((daemon) => remove(daemon, prefixes)));
    const removeHostRoutes = () => Promise.all(hostRoutes.map((kernel) => remove(kernel, hosts)));
    // A host route that no daemon was told of is itself what a daemon learns.
    if (found.size === 0) await removeHostRoutes();
    const isWithdrawn = found.size > 0 || parts.withdrawn().some(({from}) => from === 'kernel');
    const drainMs = isWithdrawn ? drainOf(config, wanted) : 0;
    if (drainMs > 0) await pause(drainMs);
    await removeHostRoutes();
    if (addresses) await remove(addresses, hosts);
    await Promise.all([...daemons, ...hostRoutes, addresses].map((installer) => installer?.stop('keep')));
    const isMeant = ({prefix}: Place): boolean => wanted.has(prefix) || hosts.includes(prefix);
    return {found, left: parts.left().filter(isMeant)};
  });
}

/** Which of the prefixes daemons have, as far as they can be asked. They are left as they are. */
export async function whatIsThere(
  daemons: readonly Announcer[],
  prefixes: readonly Prefix[],
): Promise<ReadonlySet<Prefix>> {
  for (const daemon of daemons) daemon.set({items: [], adopt: allBut([]), complete: false});
  await Promise.all(daemons.map(idle));
  const items = daemons.map((daemon) => daemon.snapshot().items);
  return new Set(prefixes.filter((prefix) => items.some((there) => there.has(prefix))));
}

/** Resolves once everything is as wanted there, or it has taken too long. */
export async function idle(installer: Pick<Installer<never>, 'idle'>): Promise<void> {
  await Promise.race([installer.idle?.(), pause(stepMs)]);
}

/** Resolves once nothing of them is left there, or it has taken too long. */
async function remove(
  installer: Pick<Installer<never>, 'set' | 'snapshot' | 'idle'>,
  prefixes: readonly Prefix[],
): Promise<void> {
  installer.set({...restOf(prefixes), items: []});
  const giveUpAt = clock.now() + stepMs;
  const isThere = (): boolean => {
    const {items} = installer.snapshot();
    return prefixes.some((prefix) => items.has(prefix));
  };
  await idle(installer);
  while (isThere() && clock.now() < giveUpAt) await pause(lookEveryMs);
}

/** Everything else stays as it is. */
function restOf(prefixes: readonly Prefix[]): Omit<Desired<never>, 'items'> {
  return {adopt: allBut(prefixes), complete: false};
}

/** What is on the interface for these prefixes alone. */
function hostsOf({services}: Config, prefixes: readonly Prefix[]): readonly Prefix[] {
  const inside = services.flatMap(({addresses, prefixes: own}) =>
    addresses.filter((address) => {
      const around = own.filter((prefix) => contains(prefix, address));
      return !own.includes(address) && around.every((prefix) => prefixes.includes(prefix));
    }),
  );
  return [...new Set([...prefixes.filter(isHost), ...inside])];
}

/** The longest drain of services that have these. */
function drainOf({services}: Config, prefixes: ReadonlySet<Prefix>): number {
  const owners = services.filter((service) => service.prefixes.some((prefix) => prefixes.has(prefix)));
  return Math.max(0, ...owners.map(({drain}) => drain.forMs));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** A route without attributes. */
export function routeTo(prefix: Prefix): Route {
  return {
    prefix,
    owners: [],
    via: null,
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: false,
  };
}
