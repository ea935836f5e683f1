import {formatDuration} from '../lib/duration.js';
import type {ServiceName} from '../types.js';
import {type Change, changeOf} from './change.js';
import type {CheckConfig, MaintenanceWindow, ServiceConfig} from './types.js';

/**
 * `checks`: what is checked, how often, and what counts; the settled state stays and must be proved anew.
 * `routes`: prefixes, addresses and how they are announced; changed in place. `admin`: `enabled`, and what else steers it.
 */
export type ServicePart = 'checks' | 'routes' | 'admin';

export interface ServiceChange {
  readonly name: ServiceName;
  readonly parts: ReadonlySet<ServicePart>;
  readonly changes: readonly Change[];
}

type Keys<Item> = Readonly<Record<string, (item: Item) => unknown>>;

const routeKeys: Keys<ServiceConfig> = {
  'kernel.addresses': ({addressMode}) => addressMode,
  'kernel.routes': ({kernelRoute}) => kernelRoute,
  shared: ({shared}) => shared,
  announce: ({announce}) => announce,
  when_degraded: ({whenDegraded}) => whenDegraded,
  when_down: ({whenDown}) => whenDown,
  drain: ({drain}) => drain,
};

const adminKeys: Keys<ServiceConfig> = {
  enabled: ({enabled}) => enabled,
  disable_file: ({disableFile}) => disableFile ?? null,
  maintenance: ({maintenance = []}) => maintenance.map(describeWindow).join(', ') || null,
};

const checkKeys: Keys<CheckConfig> = {
  type: ({type}) => type,
  options: ({options}) => options,
  interval: ({intervalMs, schedule}) => (schedule === null ? formatDuration(intervalMs) : null),
  fast_interval: ({fastIntervalMs}) => formatDuration(fastIntervalMs),
  schedule: ({schedule}) => schedule,
  timeout: ({timeoutMs}) => formatDuration(timeoutMs),
  rise: ({rise}) => rise,
  fall: ({fall}) => fall,
  on_error: ({onError}) => onError,
  error_limit: ({errorLimitMs}) => formatDuration(errorLimitMs),
};

function describeWindow({schedule, forMs}: MaintenanceWindow): string {
  return `"${schedule}" for ${formatDuration(forMs)}`;
}

/** What is different between two forms of one service; null: nothing. Where it is written makes no difference. */
export function serviceChanges(old: ServiceConfig, next: ServiceConfig): ServiceChange | null {
  const byPart: Readonly<Record<ServicePart, readonly Change[]>> = {
    checks: [...checkChanges(old.checks, next.checks), ...changeOf('require', old.require, next.require)],
    routes: [
      ...listChange('prefixes', old.prefixes, next.prefixes),
      ...listChange('addresses', added(old), added(next)),
      ...changes(routeKeys, old, next),
    ],
    admin: changes(adminKeys, old, next),
  };
  const parts = (['checks', 'routes', 'admin'] as const).filter((part) => byPart[part].length > 0);
  if (parts.length === 0) return null;
  return {name: next.name, parts: new Set(parts), changes: parts.flatMap((part) => byPart[part])};
}

function checkChanges(old: readonly CheckConfig[], next: readonly CheckConfig[]): readonly Change[] {
  const before = new Map(old.map((check) => [check.name, check]));
  const names = listChange(
    'checks',
    old.map(({name}) => name),
    next.map(({name}) => name),
  );
  const inside = next.flatMap((check) => {
    const known = before.get(check.name);
    if (!known) return [];
    return changes(checkKeys, known, check).map(({key, what}) => ({
      key: `check ${check.name}: ${key}`,
      what,
    }));
  });
  return [...names, ...inside];
}

/** Items that came, or went, are shown one by one up to this many. */
const shown = 20;

/** `+new -old`, of many of them how many; only another order: `in another order`. */
function listChange(key: string, old: readonly string[], next: readonly string[]): readonly Change[] {
  const [before, after] = [new Set(old), new Set(next)];
  const told = (sign: string, items: readonly string[]): readonly string[] =>
    items.length > shown ? [`${sign}${items.length} of them`] : items.map((item) => `${sign}${item}`);
  const words = [
    ...told(
      '+',
      next.filter((item) => !before.has(item)),
    ),
    ...told(
      '-',
      old.filter((item) => !after.has(item)),
    ),
  ];
  if (words.length > 0) return [{key, what: words.join(' ')}];
  return old.some((item, i) => item !== next[i]) ? [{key, what: 'in another order'}] : [];
}

function changes<Item>(keys: Keys<Item>, old: Item, next: Item): readonly Change[] {
  return Object.entries(keys).flatMap(([key, of]) => changeOf(key, of(old), of(next)));
}

/** Addresses that are no prefixes themselves. */
function added({addresses, prefixes}: ServiceConfig): readonly string[] {
  const own = new Set(prefixes);
  return addresses.filter((address) => !own.has(address));
}
