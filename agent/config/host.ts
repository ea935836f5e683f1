/** The configuration beside the host's own network: asked at start, at reload and by `validate`. Pure. */

import {contains, familyOf, hostPrefix, networkAt} from '../lib/prefix.js';
import type {InterfaceAddress, IpAddress} from '../types.js';
import type {Config, PeerConfig, Problem} from './types.js';

/** What cannot work on a host with these addresses. */
export function checkAgainstHost(config: Config, addresses: readonly InterfaceAddress[]): readonly Problem[] {
  return (config.bgp?.peers ?? []).flatMap((peer) => [
    ...unreachablePeer(peer, addresses, config),
    ...absentLocalAddress(peer, addresses, config),
  ]);
}

/**
 * The BGP identifier: as configured, else the speaker's own IPv4 address, else the one kept from before, else the
 * lowest global IPv4 address of the host that is none of the services'. null: there is none, `router_id` is needed.
 */
export function chooseRouterId(
  config: Config,
  addresses: readonly InterfaceAddress[],
  kept: IpAddress | null,
): IpAddress | null {
  const chosen = config.routerId ?? config.bgp?.localAddress ?? kept;
  if (chosen !== null) return chosen;
  const ours = new Set(config.services.flatMap((service) => [...service.prefixes, ...service.addresses]));
  const candidates = addresses.filter(
    ({address, loopback, scope}) =>
      !loopback && scope === 'global' && familyOf(address) === 'ipv4' && !ours.has(hostPrefix(address)),
  );
  const sorted = candidates.map(({address}) => address).sort((a, b) => numberOf(a) - numberOf(b));
  return sorted[0] ?? null;
}

/** What to say when `chooseRouterId` finds none. */
export function missingRouterId(config: Config): Problem {
  const message =
    'this host has no global IPv4 address of its own to identify the BGP speaker by: write `router_id: …`, unique among its neighbours';
  return problem(config, 'error', null, message);
}

/** eBGP without multihop goes out with TTL 1: it reaches connected networks only. */
function unreachablePeer(
  {address, localAs, multihop, name, position, remoteAs}: PeerConfig,
  addresses: readonly InterfaceAddress[],
  config: Config,
): readonly Problem[] {
  const isInternal = remoteAs === 'internal' || remoteAs === localAs;
  const isConnected = addresses.some((own) =>
    contains(networkAt(hostPrefix(own.address), own.length), address),
  );
  if (isInternal || multihop !== null || isConnected) return [];
  const message = `peer ${name}: ${address} is on no network that this host is connected to: write \`multihop: true\``;
  return [problem(config, 'error', position, message)];
}

/** It may come later (DHCP), so it is no error; the session waits for it. */
function absentLocalAddress(
  {localAddress, name, position}: PeerConfig,
  addresses: readonly InterfaceAddress[],
  config: Config,
): readonly Problem[] {
  if (localAddress === null || addresses.some(({address}) => address === localAddress)) return [];
  const message = `peer ${name}: this host does not have the local address ${localAddress}`;
  return [problem(config, 'warning', position, message)];
}

function problem(
  {file}: Config,
  severity: Problem['severity'],
  position: PeerConfig['position'] | null,
  message: string,
): Problem {
  const {line, column} = position ?? {line: 0, column: 0};
  return {severity, file: file ?? '', line, column, message, scope: 'main'};
}

function numberOf(address: IpAddress): number {
  return address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0);
}
