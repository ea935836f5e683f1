/**
 * The text that a process of ExaBGP 4 writes to it, and what ExaBGP answers: pure. Every command is a line and is
 * answered by one, in order: `done` or `error` (exabgp.api.ack, on by default).
 */

import {type ExabgpConfig, exabgpNextHop} from '../config/exabgp.js';
import type {Prefix, Route} from '../types.js';

export type ExabgpAnswer = 'done' | 'error' | 'shutdown';

/** null: a line that answers nothing, such as one about a neighbor. */
export function parseAnswer(line: string): ExabgpAnswer | null {
  // `shutdown PID PPID` when ExaBGP ends.
  const [word] = line.trim().split(' ');
  return word === 'done' || word === 'error' || word === 'shutdown' ? word : null;
}

/** The route has a next hop, by `exabgpNextHop`. */
export function announceLine(route: Route, config: ExabgpConfig): string {
  const {localAs} = config;
  const {asPathPrepend, communities, localPreference, med, prefix} = route;
  const plain = communities.filter((community) => !community.startsWith('large:'));
  const large = communities
    .filter((community) => community.startsWith('large:'))
    .map((text) => text.slice(6));
  const words = [`announce route ${prefix} next-hop ${exabgpNextHop(config, route)}`];
  if (med !== null) words.push(`med ${med}`);
  if (localPreference !== null) words.push(`local-preference ${localPreference}`);
  if (asPathPrepend > 0 && localAs !== null) {
    // ExaBGP takes a given path as it is, and does not put its own AS before it.
    words.push(
      `as-path [ ${Array(asPathPrepend + 1)
        .fill(localAs)
        .join(' ')} ]`,
    );
  }
  if (plain.length > 0) words.push(`community [ ${plain.join(' ')} ]`);
  if (large.length > 0) words.push(`large-community [ ${large.join(' ')} ]`);
  return words.join(' ');
}

export function withdrawLine(prefix: Prefix): string {
  return `withdraw route ${prefix}`;
}
