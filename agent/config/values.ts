/** The values of the configuration as zod types: each says what would be right. */

import {normalize} from 'node:path';
import {type CronFieldError, validateDetailed} from 'node-cron';
import {z} from 'zod';
import {DurationError, formatDuration, maxDurationMs, parseDuration} from '../lib/duration.js';
import {AddressError, contains, familyOf, parseAddress, parsePrefix} from '../lib/prefix.js';
import type {IpAddress, IpFamily, Prefix, ServiceName} from '../types.js';
import {mustBe} from './wording.js';

/** Thrown by a `reading`: what is wrong, and what would be right. */
class WrongValue extends Error {}

/** A zod type made of a function that answers, or throws a sentence. */
function reading<T>(read: (value: unknown) => T): z.ZodType<T> {
  return z.unknown().transform((value, context) => {
    try {
      return read(value);
    } catch (error) {
      if (error instanceof WrongValue || error instanceof AddressError || error instanceof DurationError) {
        context.addIssue({code: 'custom', message: error.message});
        return z.NEVER;
      }
      throw error;
    }
  });
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new WrongValue(mustBe(['string'], value));
  return value;
}

/** The value as it may stand in a message. */
export function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

export const text = z.string().min(1, 'must not be empty');
export const flag = z.boolean();

/** Of a file; without `.` and `..`. */
export const absolutePath: z.ZodType<string> = reading((value) => {
  const path = asText(value);
  if (!/^\/[^\0]*[^/\0]$/.test(path))
    throw new WrongValue(`${quoted(path)} is no absolute path of a file: write it like /run/web.drained`);
  return normalize(path);
});

/** One value stands for a list of one. */
export function listOf<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.preprocess(
    (value) => (Array.isArray(value) ? value : [value]),
    z.array(item).min(1, 'must not be empty'),
  );
}

/** A whole number within limits, both included; some may have names. */
export function whole(
  min: number,
  max: number,
  names: Readonly<Record<string, number>> = {},
): z.ZodType<number> {
  const words = Object.keys(names).map((name) => `${name}, `);
  return reading((written) => {
    const value = typeof written === 'string' && Object.hasOwn(names, written) ? names[written] : written;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new WrongValue(
      `must be ${words.join('')}${words.length > 0 ? 'or ' : ''}a whole number from ${min} to ${max}`,
    );
  });
}

/** Milliseconds. */
export function duration(minMs: number, maxMs = maxDurationMs): z.ZodType<number> {
  return reading((value) => {
    if (typeof value !== 'number' && typeof value !== 'string')
      throw new WrongValue(mustBe(['a duration'], value));
    const ms = parseDuration(value);
    if (ms < minMs) throw new WrongValue(`must be at least ${formatDuration(minMs)}`);
    if (ms > maxMs) throw new WrongValue(`must be at most ${formatDuration(maxMs)}`);
    return ms;
  });
}

export const network: z.ZodType<Prefix> = reading((value) => parsePrefix(asText(value)));
export const address: z.ZodType<IpAddress> = reading((value) => unicast(parseAddress(asText(value))));

export function addressOfFamily(family: IpFamily): z.ZodType<IpAddress> {
  return reading((value) => {
    const parsed = unicast(parseAddress(asText(value)));
    if (familyOf(parsed) !== family) {
      throw new WrongValue(`must be an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, not ${parsed}`);
    }
    return parsed;
  });
}

/** A prefix that a router would take. */
export const servicePrefix: z.ZodType<Prefix> = reading((value) => {
  const prefix = parsePrefix(asText(value));
  const martian = martians.find(([range]) => contains(range, prefix));
  if (martian) throw new WrongValue(`${prefix} lies in ${martian[0]} (${martian[1]}), which no router takes`);
  return prefix;
});

const martians: readonly (readonly [Prefix, string])[] = [
  [parsePrefix('0.0.0.0/32'), 'no address'],
  [parsePrefix('127.0.0.0/8'), 'loopback'],
  [parsePrefix('224.0.0.0/4'), 'multicast'],
  [parsePrefix('255.255.255.255/32'), 'broadcast'],
  [parsePrefix('::/128'), 'no address'],
  [parsePrefix('::1/128'), 'loopback'],
  [parsePrefix('fe80::/10'), 'link-local'],
  [parsePrefix('ff00::/8'), 'multicast'],
];

function unicast(parsed: IpAddress): IpAddress {
  const bad = martians.find(
    ([range, name]) => /no address|multicast|broadcast/.test(name) && contains(range, parsed),
  );
  if (bad) throw new WrongValue(`${parsed} is no address of a host (${bad[1]})`);
  return parsed;
}

/** An address that a route can point to, also from another host. */
export function nextHopOfFamily(family: IpFamily | null): z.ZodType<IpAddress> {
  return reading((value) => {
    const parsed = unicast(parseAddress(asText(value)));
    if (family !== null && familyOf(parsed) !== family) {
      throw new WrongValue(`must be an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, not ${parsed}`);
    }
    const bad = martians.find(([range]) => contains(range, parsed));
    if (bad) throw new WrongValue(`${parsed} is ${bad[1]}: a next hop must be reachable from the router`);
    return parsed;
  });
}

/** Asplain or asdot (RFC 5396). 0 and AS_TRANS are no AS of anybody (RFC 7607, RFC 6793). */
export const asNumber: z.ZodType<number> = reading((value) => readAsNumber(value, ''));

export const remoteAs: z.ZodType<number | 'internal' | 'external'> = reading((value) =>
  value === 'internal' || value === 'external' ? value : readAsNumber(value, ', internal, external'),
);

function readAsNumber(value: unknown, words: string): number {
  const number = asNumberOf(typeof value === 'number' ? String(value) : asText(value));
  if (number === null) {
    throw new WrongValue(
      `${quoted(value)} is no AS number: write 1 to 4294967295${words}, or asdot like "1.10" in quotes`,
    );
  }
  if (number === 0) throw new WrongValue('AS 0 is reserved (RFC 7607)');
  if (number === 23456)
    throw new WrongValue('AS 23456 only stands for 4-octet numbers (RFC 6793): write the real one');
  return number;
}

function asNumberOf(written: string): number | null {
  const [, high, low] = /^(?:(\d{1,5})\.)?(\d{1,10})$/.exec(written) ?? [];
  if (low === undefined) return null;
  if (high === undefined) return Number(low) <= 0xffff_ffff ? Number(low) : null;
  if (Number(high) > 0xffff || Number(low) > 0xffff) return null;
  return Number(high) * 0x1_0000 + Number(low);
}

const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const serviceName: z.ZodType<ServiceName> = reading((value) => {
  const name = asText(value);
  if (!isServiceName(name)) {
    throw new WrongValue(`${quoted(name)} is no name: use letters, digits, ".", "_" and "-", at most 64`);
  }
  return name;
});

export function isServiceName(name: string): name is ServiceName {
  return nameForm.test(name);
}

/** The name of a peer, a check or an alias; a peer's may be its address. */
export const plainName: z.ZodType<string> = reading((value) => {
  const name = asText(value);
  if (/^[A-Za-z0-9:][A-Za-z0-9._:-]{0,63}$/.test(name)) return name;
  throw new WrongValue(`${quoted(name)} is no name: use letters, digits, ".", "_", ":" and "-", at most 64`);
});

/** Five fields, or six with seconds in front; `@hourly` and its like. */
export const cronExpression: z.ZodType<string> = reading((value) => {
  const expression = asText(value);
  const {valid, errors} = validateDetailed(expression);
  if (valid) return expression;
  throw new WrongValue(`${quoted(expression)} is no cron expression: ${cronFault(errors)}`);
});

function cronFault([error]: readonly CronFieldError[]): string {
  if (!error || error.field === 'expression') return error?.message ?? 'it cannot be read';
  if (error.message.includes('impossible')) return 'that date never comes';
  return `${quoted(error.value ?? '')} is no ${error.field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`;
}
