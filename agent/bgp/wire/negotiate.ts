/** What two OPENs agree on (RFC 4271 §4.2, §6.2; RFC 4724 §3; RFC 4760 §8; RFC 5492 §3). */

import type {IpAddress, IpFamily} from '../../types.js';
import type {WireFault} from './fault.js';
import {Afi, familyFor, Safi} from './iana.js';
import type {Capability, GracefulRestart, Negotiated, Open} from './message.js';

/** Our side of a session. */
export interface LocalSide {
  readonly as: number;
  readonly id: IpAddress;
  /** Seconds, 0 or at least 3. */
  readonly holdTimeS: number;
  readonly families: readonly IpFamily[];
  readonly expectedAs: number | 'internal' | 'external';
  /** Absent: not advertised. `longLivedS` 0: without RFC 9494. */
  readonly gracefulRestart?: {readonly restartTimeS: number; readonly longLivedS: number};
}

/** What the peer may still hold of us when a session begins (RFC 4724 §3). */
export interface Preserved {
  /** R: what it holds is from before this process began. */
  readonly restarted: boolean;
  /** F: families by whose routes this host still forwards. */
  readonly forwarding: readonly IpFamily[];
}

export const nothingPreserved: Preserved = {restarted: false, forwarding: []};

export type NegotiationAnswer =
  | {readonly ok: true; readonly negotiated: Negotiated}
  | {readonly ok: false; readonly fault: WireFault};

/** The OPEN we send. */
export function localOpen(
  local: Omit<LocalSide, 'expectedAs'>,
  preserved: Preserved = nothingPreserved,
): Open {
  return {
    type: 'open',
    version: 4,
    as: local.as,
    holdTimeS: local.holdTimeS,
    bgpId: local.id,
    capabilities: [
      ...local.families.map(multiprotocol),
      {kind: 'route-refresh'},
      {kind: 'four-octet-as', as: local.as},
      ...gracefulRestart(local, preserved),
    ],
  };
}

/** RFC 9494 §4.1: the long-lived capability means nothing without the other. */
function gracefulRestart(
  {families, gracefulRestart: wanted}: Omit<LocalSide, 'expectedAs'>,
  {forwarding, restarted}: Preserved,
): Capability[] {
  if (!wanted) return [];
  const {longLivedS: staleTimeS, restartTimeS} = wanted;
  const preserved = families.map((family) => ({
    afi: Afi[family],
    safi: Safi.unicast,
    forwarding: forwarding.includes(family),
  }));
  const longLived = preserved.map((family) => ({...family, staleTimeS}));
  return [
    {kind: 'graceful-restart', restarted, notification: true, restartTimeS, families: preserved},
    ...(staleTimeS > 0 ? [{kind: 'long-lived-graceful-restart' as const, families: longLived}] : []),
  ];
}

/** Whether the peer's OPEN is acceptable, and what then holds for the session. */
export function negotiate(local: LocalSide, remote: Open): NegotiationAnswer {
  if (!isExpectedAs(local, remote.as)) {
    return refused({cause: 'bad-peer-as', as: remote.as, expected: local.expectedAs});
  }
  // RFC 6286 §2.2: only within an AS must identifiers differ.
  if (remote.as === local.as && remote.bgpId === local.id) {
    return refused({cause: 'bad-bgp-identifier', id: remote.bgpId});
  }
  const offered = familiesOf(remote.capabilities);
  const families = local.families.filter((family) => offered.includes(family));
  if (families.length === 0) {
    return refused({cause: 'unsupported-capability', required: local.families.map(multiprotocol)});
  }
  return {
    ok: true,
    negotiated: {
      families,
      fourOctetAs: has(remote, 'four-octet-as'),
      routeRefresh: has(remote, 'route-refresh'),
      gracefulRestart: helpFrom(remote, local),
      // RFC 4271 §4.2: the smaller one; 0 on either side means none at all.
      holdTimeS: Math.min(local.holdTimeS, remote.holdTimeS),
      remoteAs: remote.as,
      remoteId: remote.bgpId,
    },
  };
}

function isExpectedAs(local: LocalSide, as: number): boolean {
  if (local.expectedAs === 'internal') return as === local.as;
  if (local.expectedAs === 'external') return as !== local.as;
  return as === local.expectedAs;
}

/** RFC 4760 §8: a speaker that names no family at all speaks IPv4 unicast. */
function familiesOf(capabilities: readonly Capability[]): readonly IpFamily[] {
  const named = capabilities.filter((capability) => capability.kind === 'multiprotocol');
  if (named.length === 0) return ['ipv4'];
  return named.flatMap(({afi, safi}) => familyFor(afi, safi) ?? []);
}

/** A peer that only helps names no families: it keeps ours (RFC 4724 §3). Of several capabilities the last one counts. */
function helpFrom({capabilities}: Open, {gracefulRestart: wanted}: LocalSide): GracefulRestart | null {
  const help = capabilities.findLast((capability) => capability.kind === 'graceful-restart');
  if (!help || !wanted) return null;
  const keepsLonger = capabilities.some(({kind}) => kind === 'long-lived-graceful-restart');
  return {notification: help.notification, longLived: keepsLonger && wanted.longLivedS > 0};
}

function multiprotocol(family: IpFamily): Capability {
  return {kind: 'multiprotocol', afi: Afi[family], safi: Safi.unicast};
}

function has(open: Open, kind: Capability['kind']): boolean {
  return open.capabilities.some((capability) => capability.kind === kind);
}

function refused(fault: WireFault): NegotiationAnswer {
  return {ok: false, fault};
}
