/** What BIRD's `show …` commands print, read: the same in 1.6, 2 and 3 as far as it is read here. */

import {AddressError, parsePrefix} from '../lib/prefix.js';
import {printable} from '../lib/printable.js';
import type {Prefix} from '../types.js';
import {type BirdReply, replyCode} from './bird-protocol.js';

/** Entries of `show protocols`, and of a list of routes. */
const protocolCode = 1002;
const routeCode = 1007;

export interface BirdProtocol {
  readonly name: string;
  /** `BGP`, `Static` … */
  readonly type: string;
  /** `up` of a BGP protocol means established; `down` of any, disabled. */
  readonly state: string;
  /** What else BIRD says of it: `Active        Socket: No route to host`. */
  readonly info: string;
}

/** The reply to `show protocols`. */
export function parseProtocols({lines}: BirdReply): readonly BirdProtocol[] {
  return lines.flatMap(({code, text}) => {
    if (code !== protocolCode) return [];
    // Name, protocol, table, state, since; the time stands in one or two columns, as the operator likes it.
    const [, name, type, state, rest] = /^(\S+)\s+(\S+)\s+\S+\s+(\S+)\s*(.*)$/.exec(text) ?? [];
    if (name === undefined || type === undefined || state === undefined) return [];
    const info = (rest ?? '').replace(/^(?:\d[\d:.T-]*\s*)+/, '').replace(/\s+/g, ' ');
    return [{name, type, state, info: printable(info.trim())}];
  });
}

export type BirdActivity = 'running' | 'reconfiguring' | 'shutting down';

/** The last line of the reply to `show status`. */
export function parseStatus({text}: BirdReply): BirdActivity {
  if (/^Reconfiguration in progress/.test(text)) return 'reconfiguring';
  return /^Shutdown in progress/.test(text) ? 'shutting down' : 'running';
}

/** The prefixes in a list of routes, each once. */
export function parseRoutes({lines}: BirdReply): readonly Prefix[] {
  const prefixes = new Set<Prefix>();
  for (const {code, text} of lines) {
    const [candidate] = /^[0-9a-fA-F.:]+\/\d+(?=\s)/.exec(text) ?? [];
    if (code !== routeCode || candidate === undefined) continue;
    try {
      prefixes.add(parsePrefix(candidate));
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
    }
  }
  return [...prefixes];
}

/** Whether a table has a route, and lets a protocol have it. */
export type Export = 'exported' | 'not exported' | 'no route';

/** The reply to `show route PREFIX exported PROTOCOL`; null when BIRD did not understand. */
export function parseExport(reply: BirdReply, prefix: Prefix): Export | null {
  if (reply.code === 0) return parseRoutes(reply).includes(prefix) ? 'exported' : 'not exported';
  if (reply.code === replyCode.ROUTE_NOT_FOUND) return 'no route';
  // BIRD 1.6 has one family a daemon.
  if (/^This is an IPv[46] router/.test(reply.text)) return 'no route';
  // The protocol has no channel of this family, or has just gone down.
  return /^No valid tables/.test(reply.text) ? 'not exported' : null;
}

/** The different AS numbers of our own in the reply to `show protocols all`; BIRD 1.6 does not tell. */
export function parseLocalAs({lines}: BirdReply): readonly number[] {
  const found = lines.flatMap(({text}) => {
    const [, as] = /^\s*Local AS:\s+(\d+)\s*$/.exec(text) ?? [];
    return as === undefined ? [] : [Number(as)];
  });
  return [...new Set(found)];
}

/** A protocol's name, as `show protocols` gives it, as a word of a command: some are no plain words. */
export function quoteName(name: string): string {
  return `'${name}'`;
}
