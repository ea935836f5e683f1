/**
 * What `vip_watchdog` and `vip_mgmt` of multihoming-quagga-bgp-mgt would have written to the system log, made of what
 * happens here (`log.syslog.compat`): those who watch a load balancer by these lines go on doing so.
 */

import {addressOf, isHost} from '../lib/prefix.js';
import type {AgentEvent, CheckResult, Prefix, ServiceName} from '../types.js';

export interface CompatLine {
  readonly tag: 'vip_watchdog' | 'bgp_mgt';
  readonly text: string;
}

type Direction = 'up' | 'down';

interface Known {
  /** Who has the route, by what was told of it in this life. */
  readonly holders: Set<string>;
  /** What was written of it last; null: nothing yet. */
  written: Direction | null;
  /** The change of its service's state that was written of last. */
  cause: object | null;
}

export interface Compat {
  /** Of each check's result, as it comes. */
  note(event: AgentEvent): void;
  /** The lines of an event; causes come before what they lead to. */
  linesOf(event: AgentEvent): readonly CompatLine[];
}

export function createCompat(): Compat {
  const prefixes = new Map<Prefix, Known>();
  /** Realservers that were counted last, by the checks that count them; null: it could not be done. */
  const counted = new Map<ServiceName, Map<string, number | null>>();
  const causes = new Map<ServiceName, {readonly direction: Direction}>();

  function knownOf(prefix: Prefix): Known {
    const known = prefixes.get(prefix) ?? {holders: new Set<string>(), written: null, cause: null};
    prefixes.set(prefix, known);
    return known;
  }

  /** Says why first, where it was because of the realservers. */
  function written(
    prefix: Prefix,
    known: Known,
    direction: Direction,
    owners: readonly ServiceName[],
  ): readonly CompatLine[] {
    if (known.written === direction) return [];
    known.written = direction;
    const route: CompatLine =
      direction === 'up'
        ? {tag: 'bgp_mgt', text: `Adding route to ${prefix}`}
        : {tag: 'bgp_mgt', text: `Deleting route to ${prefix}`};
    for (const owner of owners) {
      const cause = causes.get(owner);
      const count = leastOf(counted.get(owner));
      if (count === null || cause?.direction !== direction || cause === known.cause) continue;
      known.cause = cause;
      const vip = isHost(prefix) ? addressOf(prefix) : prefix;
      const text =
        direction === 'up'
          ? `more than 1 realservers available behind ${vip} > add route`
          : `${count} realservers available behind ${vip} > delete route`;
      return [{tag: 'vip_watchdog', text}, route];
    }
    return [route];
  }

  return {
    note(event) {
      if (event.kind !== 'check-result') return;
      const {check, result, service} = event;
      const count = realserversOf(result);
      const counts = counted.get(service);
      if (counts) {
        if (count !== null || counts.has(check)) counts.set(check, count);
      } else if (count !== null) counted.set(service, new Map([[check, count]]));
    },
    linesOf(event) {
      switch (event.kind) {
        case 'service-state':
          if (event.to !== 'unknown') {
            const direction = event.to === 'down' ? 'down' : 'up';
            if (causes.get(event.service)?.direction !== direction) causes.set(event.service, {direction});
          }
          return [];
        case 'peer-state':
          // Its routes went with its session, and come back with the next one: nothing was decided about them.
          if (event.from === 'established')
            for (const {holders} of prefixes.values()) holders.delete(event.peer);
          return [];
        case 'route-announced': {
          const known = knownOf(event.prefix);
          known.holders.add(event.to);
          return written(event.prefix, known, 'up', event.owners);
        }
        case 'route-withdrawn': {
          const known = knownOf(event.prefix);
          known.holders.delete(event.to);
          // The host route goes after the others; only where it is the only one is it what others learn.
          const others = [...known.holders].filter((holder) => holder !== 'kernel');
          return others.length > 0 ? [] : written(event.prefix, known, 'down', event.owners);
        }
        default:
          return [];
      }
    },
  };
}

/** null: not all of them are known. */
function leastOf(counts: ReadonlyMap<string, number | null> | undefined): number | null {
  const all = [...(counts?.values() ?? [])];
  const known = all.filter((count) => count !== null);
  return known.length === 0 || known.length < all.length ? null : Math.min(...known);
}

/** What an `ipvs` check counted, the least of its services; null for other checks. */
function realserversOf({details: {services}}: CheckResult): number | null {
  if (!Array.isArray(services)) return null;
  const counts = services.map((service: unknown) =>
    typeof service === 'object' && service !== null && 'counted' in service
      ? Number(service.counted)
      : Number.NaN,
  );
  // A VIP that IPVS does not have, has no realservers.
  return counts.some(Number.isNaN)
    ? null
    : Math.min(...counts, counts.length === 0 ? 0 : Number.POSITIVE_INFINITY);
}
