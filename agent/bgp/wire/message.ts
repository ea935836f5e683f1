/** BGP messages and their parts as values (RFC 4271 §4); types only. */

import type {Community, IpAddress, IpFamily, Prefix} from '../../types.js';

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

/** RFC 4271 §4.2. `as` is the number itself: from capability 65 where there is one, else the 2-octet field. */
export interface Open {
  readonly type: 'open';
  readonly version: number;
  readonly as: number;
  readonly holdTimeS: number;
  readonly bgpId: IpAddress;
  readonly capabilities: readonly Capability[];
}

export type Capability =
  | {readonly kind: 'multiprotocol'; readonly afi: number; readonly safi: number}
  | {readonly kind: 'route-refresh'}
  | {readonly kind: 'four-octet-as'; readonly as: number}
  | {
      readonly kind: 'graceful-restart';
      /** R: it has restarted, and waits for nobody's End-of-RIB. */
      readonly restarted: boolean;
      /** N (RFC 8538): a NOTIFICATION that is no hard reset ends a session, not what was announced in it. */
      readonly notification: boolean;
      readonly restartTimeS: number;
      readonly families: readonly PreservedFamily[];
    }
  | {
      readonly kind: 'long-lived-graceful-restart';
      readonly families: readonly (PreservedFamily & {readonly staleTimeS: number})[];
    }
  | {readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array};

/** `forwarding` (F): it still forwards by what it announced before it restarted. */
export interface PreservedFamily {
  readonly afi: number;
  readonly safi: number;
  readonly forwarding: boolean;
}

/** What the peer does for us when a session ends, where both sides advertised it (RFC 4724). */
export interface GracefulRestart {
  /** It does so after a NOTIFICATION too, unless that is a hard reset (RFC 8538). */
  readonly notification: boolean;
  /** It keeps our routes beyond the restart time, as a last resort (RFC 9494). */
  readonly longLived: boolean;
}

/** What both sides can do, from the two OPENs. */
export interface Negotiated {
  readonly families: readonly IpFamily[];
  readonly fourOctetAs: boolean;
  readonly routeRefresh: boolean;
  /** null: what we announced goes with the session. */
  readonly gracefulRestart: GracefulRestart | null;
  /** Seconds; 0: no keepalives (RFC 4271 §4.2). */
  readonly holdTimeS: number;
  readonly remoteAs: number;
  readonly remoteId: IpAddress;
}

/** RFC 4271 §4.3, as received: routes are counted and dropped, so prefixes stay bytes until asked for. */
export interface Update {
  readonly type: 'update';
  /** Per family: how many prefixes are announced and withdrawn (MP_REACH and MP_UNREACH included). */
  readonly announced: Readonly<Record<IpFamily, number>>;
  readonly withdrawn: Readonly<Record<IpFamily, number>>;
  readonly attributes: readonly PathAttribute[];
  /** The family this message ends the initial routing update of (RFC 4724 §2), else null. */
  readonly endOfRib: IpFamily | null;
  /** RFC 7606 findings that do not reset the session. */
  readonly faults: readonly UpdateFault[];
  /** Decodes the prefixes: for tests and the collector, not for the agent. */
  prefixes(): {readonly announced: readonly AnnouncedPrefix[]; readonly withdrawn: readonly Prefix[]};
}

export interface AnnouncedPrefix {
  readonly prefix: Prefix;
  readonly nextHop: IpAddress | null;
}

/** RFC 7606 §2: what a malformed attribute leads to short of a reset. */
export interface UpdateFault {
  readonly verdict: 'attribute-discard' | 'treat-as-withdraw';
  /** Type code; 0: the list of attributes as a whole. */
  readonly attribute: number;
  readonly reason: string;
}

export type Origin = 'igp' | 'egp' | 'incomplete';

export interface AsPathSegment {
  readonly kind: 'set' | 'sequence' | 'confed-sequence' | 'confed-set';
  readonly as: readonly number[];
}

export type PathAttribute =
  | {readonly kind: 'origin'; readonly origin: Origin}
  | {readonly kind: 'as-path'; readonly segments: readonly AsPathSegment[]}
  | {readonly kind: 'next-hop'; readonly address: IpAddress}
  | {readonly kind: 'med'; readonly value: number}
  | {readonly kind: 'local-preference'; readonly value: number}
  | {readonly kind: 'atomic-aggregate'}
  | {readonly kind: 'aggregator'; readonly as: number; readonly address: IpAddress}
  | {readonly kind: 'communities'; readonly communities: readonly Community[]}
  | {readonly kind: 'originator-id'; readonly id: IpAddress}
  | {readonly kind: 'cluster-list'; readonly ids: readonly IpAddress[]}
  | {
      readonly kind: 'mp-reach';
      readonly afi: number;
      readonly safi: number;
      readonly nextHop: Uint8Array;
      readonly nlri: Uint8Array;
    }
  | {readonly kind: 'mp-unreach'; readonly afi: number; readonly safi: number; readonly nlri: Uint8Array}
  | {readonly kind: 'extended-communities'; readonly value: Uint8Array}
  | {readonly kind: 'as4-path'; readonly segments: readonly AsPathSegment[]}
  | {readonly kind: 'as4-aggregator'; readonly as: number; readonly address: IpAddress}
  | {readonly kind: 'large-communities'; readonly communities: readonly Community[]}
  | {readonly kind: 'unknown'; readonly flags: number; readonly code: number; readonly value: Uint8Array};

/** RFC 4271 §4.5. */
export interface Notification {
  readonly type: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export interface Keepalive {
  readonly type: 'keepalive';
}

/** RFC 2918; RFC 7313 gives the subtype its meaning (0: normal). */
export interface RouteRefresh {
  readonly type: 'route-refresh';
  readonly afi: number;
  readonly subtype: number;
  readonly safi: number;
}
