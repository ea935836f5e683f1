/** The IANA registries a BGP speaker needs, as tables; the names printed for people come from here too. */

import type {Community, IpFamily} from '../../types.js';

/** BGP Message Types. */
export const MessageType = {open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5} as const;

export const messageTypeNames: Readonly<Record<number, string>> = {
  1: 'open',
  2: 'update',
  3: 'notification',
  4: 'keepalive',
  5: 'route-refresh',
};

/** BGP Error (Notification) Codes. */
export const ErrorCode = {
  header: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  fsm: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimer: 8,
} as const;

export interface ErrorName {
  readonly name: string;
  readonly subcodes: Readonly<Record<number, string>>;
}

/** BGP Error Codes with their subcode registries; subcode 0 is "unspecific" in each. */
export const errorNames: Readonly<Record<number, ErrorName>> = {
  1: {
    name: 'message header error',
    subcodes: {1: 'connection not synchronized', 2: 'bad message length', 3: 'bad message type'},
  },
  2: {
    name: 'open message error',
    subcodes: {
      1: 'unsupported version number',
      2: 'bad peer AS',
      3: 'bad BGP identifier',
      4: 'unsupported optional parameter',
      5: 'authentication failure',
      6: 'unacceptable hold time',
      7: 'unsupported capability', // RFC 5492
      11: 'role mismatch', // RFC 9234
    },
  },
  3: {
    name: 'update message error',
    subcodes: {
      1: 'malformed attribute list',
      2: 'unrecognized well-known attribute',
      3: 'missing well-known attribute',
      4: 'attribute flags error',
      5: 'attribute length error',
      6: 'invalid ORIGIN attribute',
      7: 'AS routing loop',
      8: 'invalid NEXT_HOP attribute',
      9: 'optional attribute error',
      10: 'invalid network field',
      11: 'malformed AS_PATH',
    },
  },
  4: {name: 'hold timer expired', subcodes: {}},
  5: {
    name: 'finite state machine error',
    // RFC 6608
    subcodes: {
      1: 'unexpected message in open-sent',
      2: 'unexpected message in open-confirm',
      3: 'unexpected message in established',
    },
  },
  6: {
    name: 'cease',
    // RFC 4486, RFC 8538 (9), RFC 9384 (10)
    subcodes: {
      1: 'maximum number of prefixes reached',
      2: 'administrative shutdown',
      3: 'peer de-configured',
      4: 'administrative reset',
      5: 'connection rejected',
      6: 'other configuration change',
      7: 'connection collision resolution',
      8: 'out of resources',
      9: 'hard reset',
      10: 'BFD down',
    },
  },
  7: {name: 'route-refresh message error', subcodes: {1: 'invalid message length'}}, // RFC 7313
  8: {name: 'send hold timer expired', subcodes: {}}, // RFC 9687
};

/** BGP Cease NOTIFICATION message subcodes. */
export const CeaseSubcode = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** Capability Codes. */
export const CapabilityCode = {
  multiprotocol: 1,
  routeRefresh: 2,
  gracefulRestart: 64,
  fourOctetAs: 65,
  longLivedGracefulRestart: 71,
} as const;

export const capabilityNames: Readonly<Record<number, string>> = {
  1: 'multiprotocol',
  2: 'route refresh',
  3: 'outbound route filtering',
  5: 'extended next hop',
  6: 'extended message',
  7: 'BGPsec',
  8: 'multiple labels',
  9: 'role',
  64: 'graceful restart',
  65: '4-octet AS',
  67: 'dynamic capability',
  68: 'multisession',
  69: 'ADD-PATH',
  70: 'enhanced route refresh',
  71: 'long-lived graceful restart',
  72: 'routing policy distribution',
  73: 'FQDN',
  75: 'software version',
  128: 'route refresh (Cisco)',
};

/** BGP OPEN Optional Parameter Types; 255 opens the extended form of RFC 9072. */
export const OpenParameter = {capabilities: 2, extendedLength: 255} as const;

/** Bits of the Attribute Flags octet (RFC 4271 §4.3). */
export const AttributeFlag = {optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10} as const;

/** BGP Path Attributes. */
export const AttributeCode = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPreference: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunities: 32,
} as const;

export const attributeNames: Readonly<Record<number, string>> = {
  1: 'ORIGIN',
  2: 'AS_PATH',
  3: 'NEXT_HOP',
  4: 'MULTI_EXIT_DISC',
  5: 'LOCAL_PREF',
  6: 'ATOMIC_AGGREGATE',
  7: 'AGGREGATOR',
  8: 'COMMUNITIES',
  9: 'ORIGINATOR_ID',
  10: 'CLUSTER_LIST',
  14: 'MP_REACH_NLRI',
  15: 'MP_UNREACH_NLRI',
  16: 'EXTENDED COMMUNITIES',
  17: 'AS4_PATH',
  18: 'AS4_AGGREGATOR',
  22: 'PMSI_TUNNEL',
  23: 'Tunnel Encapsulation',
  25: 'IPv6 Address Specific Extended Community',
  26: 'AIGP',
  29: 'BGP-LS',
  32: 'LARGE_COMMUNITY',
  35: 'ONLY_TO_CUSTOMER',
  40: 'BGP Prefix-SID',
  128: 'ATTR_SET',
};

/** Address Family Numbers. */
export const Afi = {ipv4: 1, ipv6: 2} as const satisfies Record<IpFamily, number>;

/** Subsequent Address Family Identifiers. */
export const Safi = {unicast: 1} as const;

const afiNames: Readonly<Record<number, string>> = {1: 'IPv4', 2: 'IPv6', 25: 'L2VPN', 16388: 'BGP-LS'};
const safiNames: Readonly<Record<number, string>> = {
  1: 'unicast',
  2: 'multicast',
  4: 'labelled unicast',
  70: 'EVPN',
  128: 'VPN',
  133: 'flow specification',
};

/** The family an AFI and SAFI stand for when this speaker knows it: IPv4 or IPv6 unicast; else null. */
export function familyFor(afi: number, safi: number): IpFamily | null {
  if (safi !== Safi.unicast) return null;
  return afi === Afi.ipv4 ? 'ipv4' : afi === Afi.ipv6 ? 'ipv6' : null;
}

/** `IPv6 unicast`, `AFI 7 SAFI 9`. */
export function afiSafiName(afi: number, safi: number): string {
  return `${afiNames[afi] ?? `AFI ${afi}`} ${safiNames[safi] ?? `SAFI ${safi}`}`;
}

/** `multiprotocol`, `capability 130`. */
export function capabilityName(code: number): string {
  return capabilityNames[code] ?? `capability ${code}`;
}

/** `AS_PATH`, `attribute 99`. */
export function attributeName(code: number): string {
  return attributeNames[code] ?? `attribute ${code}`;
}

/** `keepalive`, `message type 9`. */
export function messageTypeName(type: number): string {
  return messageTypeNames[type] ?? `message type ${type}`;
}

/** BGP Well-known Communities, by the names operators write. */
export const wellKnownCommunities: ReadonlyMap<string, Community> = new Map([
  ['graceful-shutdown', '65535:0' as Community],
  ['accept-own', '65535:1' as Community],
  ['llgr-stale', '65535:6' as Community],
  ['no-llgr', '65535:7' as Community],
  ['accept-own-nexthop', '65535:8' as Community],
  ['blackhole', '65535:666' as Community],
  ['no-export', '65535:65281' as Community],
  ['no-advertise', '65535:65282' as Community],
  ['no-export-subconfed', '65535:65283' as Community],
  ['no-peer', '65535:65284' as Community],
]);

/** Stands for a 4-octet AS number in 2-octet fields (RFC 6793 §9). */
export const asTrans = 23456;
