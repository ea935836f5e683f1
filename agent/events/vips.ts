/** Every VIP with its services, where it is, and who holds it out: `vip list`. Pure. */

import {comparePrefixes} from '../lib/prefix.js';
import type {ItemWord, Json, JsonObject, Prefix, Settled} from '../types.js';
import type {HoldStatus, RouteStatus, Status} from './status.js';

// A type alias, not an interface: only those are assignable to Json.
export type VipStatus = {
  readonly prefix: Prefix;
  /** `state` null: nobody checks it now. */
  readonly services: readonly {readonly name: string; readonly state: Settled | null}[];
  readonly held: HoldStatus | null;
  /** Announcer → what it has, as in `status`. */
  readonly announcers: JsonObject;
  readonly reasons: Readonly<Record<string, string>>;
};

/** Those of all services, and those that are held out though no service has them. */
export function vipsOf({
  routes,
  services,
}: {
  readonly routes: readonly Omit<RouteStatus, 'wanted'>[];
  readonly services: readonly (Pick<Status['services'][number], 'name' | 'prefixes'> & {
    readonly state: Settled | null;
  })[];
}): readonly VipStatus[] {
  const rows = new Map(routes.map((route) => [route.prefix, route]));
  const held = routes.filter((route) => route.held).map(({prefix}) => prefix);
  const prefixes = new Set([...services.flatMap((service) => service.prefixes), ...held]);
  return [...prefixes].sort(comparePrefixes).map((prefix) => {
    const row = rows.get(prefix);
    return {
      prefix,
      services: services
        .filter((service) => service.prefixes.includes(prefix))
        .map(({name, state}) => ({name, state})),
      held: row?.held ?? null,
      announcers: row?.announcers ?? {},
      reasons: row?.reasons ?? {},
    };
  });
}

/** Whether anything that tells others of it has it. What is in the kernel may stay for the drain time. */
export function isAnnouncedVip({announcers}: Pick<VipStatus, 'announcers'>): boolean {
  return Object.entries(announcers).some(([name, item]) => name !== 'kernel' && isThere(item));
}

function isThere(item: Json): boolean {
  if (typeof item === 'string') return there.has(item);
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return false;
  return 'state' in item ? isThere(item.state as Json) : Object.values(item).some(isThere);
}

const there: ReadonlySet<string> = new Set<ItemWord>(['announced', 'installed', 'withdraw-pending']);
