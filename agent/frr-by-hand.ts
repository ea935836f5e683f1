/**
 * Adds a route to FRR where nothing runs that checks: the operator's own `network` line for the prefix where there was
 * one, with its route-map, else one of ours, as `frr:` allows.
 */

import {readBootId} from './admin/run-record.js';
import type {FrrConfig} from './config/frr.js';
import type {Config} from './config/types.js';
import {allowGate} from './lib/allow.js';
import {allBut} from './lib/collections.js';
import {withOutlasting} from './outlasting.js';
import {idle, routeTo, whatIsThere} from './take-out.js';
import type {Emit, Prefix} from './types.js';

/** What became of one prefix. */
export type Addition = 'added' | 'there already' | {readonly failed: string};

export interface AdditionOptions {
  readonly config: Config & {readonly frr: FrrConfig};
  readonly prefixes: readonly Prefix[];
  readonly emit: Emit;
}

/** As the holder of the lock. */
export async function addToFrr({
  config,
  prefixes,
  emit,
}: AdditionOptions): Promise<ReadonlyMap<Prefix, Addition>> {
  const own = await attempt(config, prefixes, {onlyConfigured: true}, emit);
  if (config.frr.onlyConfigured) return own;
  const rest = prefixes.filter((prefix) => typeof own.get(prefix) === 'object');
  if (rest.length === 0) return own;
  const ours = await attempt(config, rest, {onlyConfigured: false}, emit);
  return new Map([...own, ...ours]);
}

function attempt(
  config: AdditionOptions['config'],
  prefixes: readonly Prefix[],
  how: Pick<FrrConfig, 'onlyConfigured'>,
  emit: Emit,
): Promise<ReadonlyMap<Prefix, Addition>> {
  const frrOnly = {...config, kernel: null, bird: null, gobgp: null, frr: {...config.frr, ...how}};
  const allowed = allowGate(config.allow);
  const options = {config: frrOnly, bootId: readBootId(), allowed, isManaged: () => true, emit};
  return withOutlasting(options, async ({daemons}) => {
    const there = await whatIsThere(daemons, prefixes);
    const missing = prefixes.filter((prefix) => !there.has(prefix));
    for (const daemon of daemons) {
      daemon.set({items: missing.map(routeTo), adopt: allBut([]), complete: false});
    }
    await Promise.all(daemons.map(idle));
    const [frr] = daemons;
    const after = frr?.snapshot();
    await Promise.all(daemons.map((daemon) => daemon.stop('keep')));
    return new Map(
      prefixes.map((prefix): [Prefix, Addition] => {
        if (there.has(prefix)) return [prefix, 'there already'];
        if (after?.items.get(prefix) === 'announced') return [prefix, 'added'];
        return [prefix, {failed: after?.reasons.get(prefix) ?? 'bgpd has not taken it in time'}];
      }),
    );
  });
}
