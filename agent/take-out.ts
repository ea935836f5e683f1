/**
 * Takes single prefixes out of what outlives the daemon, where none runs, and leaves everything else there as it is:
 * routes, drain, host route, address, as a daemon would.
 */

import {readBootId} from './admin/run-record.js';
import type {Config} from './config/types.js';
import {systemClock as clock} from './io/clock.js';
import {allBut} from './lib/collections.js';
import {contains, isHost} from './lib/prefix.js';
import {type Outlasting, type Place, withOutlasting} from './outlasting.js';
import type {Desired, Emit, Installer, Prefix, Route} from './types.js';

export interface TakenOut {
  readonly withdrawn: readonly Place[];
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
    for (const daemon of daemons) {
      // What was wanted, and is not any more, goes; what never was could be somebody else's.
      daemon.set({...restOf(prefixes), items: prefixes.map(routeTo)});
    }
    await Promise.all(daemons.map((daemon) => remove(daemon, prefixes)));
    const drainMs = drainOf(config, parts, wanted);
    if (drainMs > 0) await new Promise<void>((resolve) => clock.after(drainMs, resolve));
    const hosts = hostsOf(config, prefixes);
    await Promise.all(hostRoutes.map((kernel) => remove(kernel, hosts)));
    if (addresses) await remove(addresses, hosts);
    await Promise.all([...daemons, ...hostRoutes, addresses].map((installer) => installer?.stop('keep')));
    const isMeant = ({prefix}: Place): boolean => wanted.has(prefix) || hosts.includes(prefix);
    return {withdrawn: parts.withdrawn().filter(isMeant), left: parts.left().filter(isMeant)};
  });
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
  await Promise.race([installer.idle?.(), new Promise<void>((resolve) => clock.after(stepMs, resolve))]);
  while (isThere() && clock.now() < giveUpAt) {
    await new Promise<void>((resolve) => clock.after(lookEveryMs, resolve));
  }
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

/** The longest drain of what was announced until now. */
function drainOf({services}: Config, parts: Outlasting, prefixes: ReadonlySet<Prefix>): number {
  const withdrawn = parts.withdrawn().filter(({prefix}) => prefixes.has(prefix));
  if (withdrawn.length === 0) return 0;
  const owners = services.filter((service) => service.prefixes.some((prefix) => prefixes.has(prefix)));
  return Math.max(0, ...owners.map(({drain}) => drain.forMs));
}

function routeTo(prefix: Prefix): Route {
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
