/** What one announcement says to one peer: the path attributes and the next hop (RFC 4271 §5), from a route's own. */

import type {RouteAttributes} from '../config/types.js';
import {bytesOf} from '../lib/prefix.js';
import type {IpAddress, IpFamily} from '../types.js';
import {maxSegmentLength} from './wire/as-path.js';
import {encodeAttributes} from './wire/attributes.js';
import {gracefulShutdown, isLarge} from './wire/communities.js';
import {maxMessageLength} from './wire/frame.js';
import type {AsPathSegment, Negotiated, PathAttribute} from './wire/message.js';

/** What matters of a peer for what is announced to it. */
export interface PeerFacts {
  readonly localAs: number;
  readonly negotiated: Negotiated;
  /** What `next_hop: self` means to this peer, by the prefix's family; null: there is no such address. */
  readonly selfNextHop: Readonly<Record<IpFamily, IpAddress | null>>;
  /** All that it has is about to be withdrawn (RFC 8326). */
  readonly shutsDown?: boolean;
}

/** One set of attributes as it goes out; the prefixes that share it share the object. */
export interface Path {
  readonly nextHop: IpAddress;
  readonly nextHopBytes: Uint8Array;
  /** Encoded, without the next hop. */
  readonly attributes: Uint8Array;
}

/** Why there is no path to a peer, in the words of `status`; `failed`: the attributes fill an UPDATE alone. */
export type NoPath = 'no-next-hop' | 'not-negotiated' | 'failed';

const DEFAULT_LOCAL_PREFERENCE = 100;
/** What an UPDATE needs besides attributes: header, lengths, the longest NLRI and its next hop as MP_REACH_NLRI. */
const ROOM_FOR_REST = 128;

/** The same text for the same attributes: routes of one key share one path, and go out together. */
export function attributesKey(route: RouteAttributes, family: IpFamily): string {
  const nextHop = route.nextHop === 'self' ? 'self' : (route.nextHop[family] ?? 'self');
  const {med, localPreference, asPathPrepend, communities} = route;
  return `${family} ${nextHop} ${med} ${localPreference} ${asPathPrepend} ${communities.join(' ')}`;
}

/** A quick look, before texts are compared: true only where the keys are equal too. */
export function haveSameAttributes(a: RouteAttributes, b: RouteAttributes): boolean {
  return (
    a.nextHop === b.nextHop &&
    a.med === b.med &&
    a.localPreference === b.localPreference &&
    a.asPathPrepend === b.asPathPrepend &&
    (a.communities === b.communities || a.communities.length + b.communities.length === 0)
  );
}

/** The path of a route to one peer, or why there is none. */
export function pathTo(route: RouteAttributes, family: IpFamily, facts: PeerFacts): Path | NoPath {
  const {negotiated} = facts;
  if (!negotiated.families.includes(family)) return 'not-negotiated';
  const nextHop = nextHopOf(route, family, facts);
  if (!nextHop) return 'no-next-hop';
  const attributes = encodeAttributes(attributesTo(route, facts), {fourOctetAs: negotiated.fourOctetAs});
  if (attributes.length > maxMessageLength - ROOM_FOR_REST) return 'failed';
  return {nextHop, nextHopBytes: bytesOf(nextHop), attributes};
}

/** A next hop that is given goes before `self`; one given for the other family only leaves this one to `self`. */
export function nextHopOf(route: RouteAttributes, family: IpFamily, facts: PeerFacts): IpAddress | null {
  const given = route.nextHop === 'self' ? undefined : route.nextHop[family];
  return given ?? facts.selfNextHop[family];
}

/** Everything but the next hop. */
export function attributesTo(route: RouteAttributes, facts: PeerFacts): PathAttribute[] {
  const external = facts.negotiated.remoteAs !== facts.localAs;
  const attributes: PathAttribute[] = [
    {kind: 'origin', origin: 'igp'},
    {kind: 'as-path', segments: external ? asPath(facts.localAs, route.asPathPrepend + 1) : []},
  ];
  if (route.med !== null) attributes.push({kind: 'med', value: route.med});
  const {shutsDown = false} = facts;
  // RFC 4271 §5.1.5: in every UPDATE to an internal peer, in none to an external one.
  if (!external) {
    // RFC 8326 §4: routers lower it for what comes from external peers; to internal ones we say it ourselves.
    const value = shutsDown ? 0 : (route.localPreference ?? DEFAULT_LOCAL_PREFERENCE);
    attributes.push({kind: 'local-preference', value});
  }
  const large = route.communities.filter(isLarge);
  const standard = route.communities.filter((community) => !isLarge(community));
  if (shutsDown && !standard.includes(gracefulShutdown)) standard.push(gracefulShutdown);
  if (standard.length > 0) attributes.push({kind: 'communities', communities: standard});
  if (large.length > 0) attributes.push({kind: 'large-communities', communities: large});
  return attributes;
}

/**
 * RFC 4271 §5.1.2, towards an external peer. An internal one gets an empty path, and nothing is prepended to it either:
 * it would find its own AS in the path and take the route for a loop (§9.1.2).
 */
function asPath(as: number, times: number): AsPathSegment[] {
  const segments: AsPathSegment[] = [];
  for (let left = times; left > 0; left -= maxSegmentLength) {
    segments.push({kind: 'sequence', as: Array<number>(Math.min(left, maxSegmentLength)).fill(as)});
  }
  return segments;
}
