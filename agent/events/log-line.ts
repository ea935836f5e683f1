/** What an event reads like in the log: level, message and fields (CONTRACT "Log"). Pure. */

import type {AgentEvent, JsonObject, LogLevel, Settled} from '../types.js';

export interface LogLine {
  readonly level: LogLevel;
  /** Lower case; reads on its own. */
  readonly message: string;
  readonly fields: JsonObject;
}

/** Events of which many may happen at once, to many prefixes of one peer, announcer or interface. */
export type PrefixEvent = Extract<AgentEvent, {readonly prefix: unknown}>;

export function isPrefixEvent(event: AgentEvent): event is PrefixEvent {
  return 'prefix' in event;
}

/** One event as one line. A state change is `info`, for the worse `warn`; a single check is `debug`. */
export function logLine(event: AgentEvent): LogLine {
  switch (event.kind) {
    case 'check-result': {
      const {verdict, reason, durationMs} = event.result;
      return {
        level: 'debug',
        message: `check ${event.service}/${event.check} ${verdict}: ${reason}`,
        fields: {
          service: event.service,
          check: event.check,
          verdict,
          reason,
          duration_ms: Math.round(durationMs * 1000) / 1000,
        },
      };
    }
    case 'check-state': {
      const {service, check, from, to, reason} = event;
      // The service's own line tells what came of it.
      return {
        level: 'debug',
        message: `check ${service}/${check} ${to}: ${reason}`,
        fields: {service, check, from, to, reason},
      };
    }
    case 'service-state': {
      const {service, from, to, reason} = event;
      return {
        level: isWorse(from, to) ? 'warn' : 'info',
        message: `service ${service} ${to}: ${reason}`,
        fields: {service, from, to, reason},
      };
    }
    case 'admin-state': {
      const {service, from, to, reason} = event;
      return {
        level: 'info',
        message: `service ${service} ${to}: ${reason}`,
        fields: {service, from, to, reason},
      };
    }
    case 'peer-state': {
      const {peer, from, to, reason} = event;
      const level =
        from === 'established' ? 'warn' : to === 'established' || reason !== null ? 'info' : 'debug';
      return {
        level,
        message: `peer ${peer} ${to}${reason === null ? '' : `: ${reason}`}`,
        fields: {peer, from, to, ...(reason === null ? {} : {reason})},
      };
    }
    case 'note':
      return {level: event.level, message: event.message, fields: event.fields};
    default:
      return prefixLine(event, null);
  }
}

/** One line for `count` events that differ in their prefixes only. */
export function summaryLine(event: PrefixEvent, count: number): LogLine {
  return prefixLine(event, count);
}

function prefixLine(event: PrefixEvent, count: number | null): LogLine {
  const {prefix} = event;
  const subject = count === null ? {prefix} : {count};
  const prefixes = count === null ? prefix : `${count} prefixes`;
  const addresses = count === null ? `address ${prefix}` : `${count} addresses`;
  switch (event.kind) {
    case 'route-announced': {
      const {to, nextHop, owners} = event;
      return {
        level: 'info',
        message: `announce ${prefixes} to ${to}`,
        fields: {
          ...ownersField(owners),
          ...subject,
          peer: to,
          ...(nextHop === null ? {} : {next_hop: nextHop}),
        },
      };
    }
    case 'route-withdrawn': {
      const {to, owners} = event;
      return {
        level: 'warn',
        message: `withdraw ${prefixes} from ${to}`,
        fields: {...ownersField(owners), ...subject, peer: to},
      };
    }
    case 'route-failed': {
      const {to, reason} = event;
      const routes = count === null ? `route ${prefix}` : `${count} routes`;
      return {
        level: 'warn',
        message: `${routes} to ${to} failed: ${reason}`,
        fields: {...subject, peer: to, reason},
      };
    }
    case 'address-added':
      return {
        level: 'info',
        message: `add ${addresses} to ${event.interface}`,
        fields: {...subject, interface: event.interface},
      };
    case 'address-removed':
      return {
        level: 'info',
        message: `remove ${addresses} from ${event.interface}`,
        fields: {...subject, interface: event.interface},
      };
    case 'address-failed': {
      const {reason} = event;
      return {
        level: 'warn',
        message: `${addresses} on ${event.interface} failed: ${reason}`,
        fields: {...subject, interface: event.interface, reason},
      };
    }
  }
}

function ownersField(owners: readonly string[]): JsonObject {
  return owners.length === 0 ? {} : {service: owners.join(',')};
}

const goodness: Readonly<Record<Settled, number>> = {up: 3, degraded: 2, unknown: 1, down: 0};

function isWorse(from: Settled, to: Settled): boolean {
  return to === 'down' || goodness[to] < goodness[from];
}
