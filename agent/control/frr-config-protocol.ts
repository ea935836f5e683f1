/** What `show running-config` of FRR or Quagga says of BGP: the AS, the `network` lines, the route-maps of ours. */

import {AddressError, familyOf, parsePrefix} from '../lib/prefix.js';
import type {IpFamily, Prefix} from '../types.js';

/** Route-maps, and with them `network` lines, of this name are ours. */
export const ourRouteMaps = 'EIP-HEALTH-';

export interface FrrNetwork {
  readonly prefix: Prefix;
  readonly routeMap: string | null;
  /** The line as it stands there, without the blanks before it. */
  readonly text: string;
}

export interface FrrRunningConfig {
  /** As written, `64699` or `1.10`; null: there is no `router bgp` of the default instance. */
  readonly as: string | null;
  readonly networks: ReadonlyMap<Prefix, FrrNetwork>;
  /** Ours only: name → lines, as `normalLines` has them. */
  readonly routeMaps: ReadonlyMap<string, readonly string[]>;
}

export function isOurLine({routeMap}: FrrNetwork): boolean {
  return routeMap?.startsWith(ourRouteMaps) ?? false;
}

export function parseRunningConfig(text: string): FrrRunningConfig {
  const networks = new Map<Prefix, FrrNetwork>();
  const maps = new Map<string, string[]>();
  let as: string | null = null;
  let isOurBgp = false;
  let family: IpFamily | null = null;
  let map: string[] | null = null;
  for (const line of text.split('\n').map((raw) => raw.trimEnd())) {
    const words = line.trimStart();
    if (line !== '' && line !== '!' && line === words) {
      [isOurBgp, family, map] = [false, null, null];
      const [, found] = /^router bgp (\S+)(?: as-notation \S+)?$/.exec(line) ?? [];
      if (found !== undefined) [as, isOurBgp, family] = [found, true, 'ipv4'];
      const [, name, rule] = /^route-map (\S+) ((?:permit|deny) \d+)$/.exec(line) ?? [];
      if (name?.startsWith(ourRouteMaps) && rule !== undefined) {
        map = [...(maps.get(name) ?? []), rule];
        maps.set(name, map);
      }
    } else if (map) {
      if (words !== '!' && words !== '') map.push(words);
    } else if (isOurBgp && words.startsWith('address-family ')) {
      family = addressFamily(words);
    } else if (isOurBgp && words === 'exit-address-family') {
      family = 'ipv4';
    } else if (family !== null) {
      const network = parseNetwork(words);
      if (network && familyOf(network.prefix) === family) networks.set(network.prefix, network);
    }
  }
  const routeMaps = new Map([...maps].map(([name, lines]) => [name, normalLines(lines)]));
  return {as, networks, routeMaps};
}

function addressFamily(words: string): IpFamily | null {
  const [, family, rest] = /^address-family (ipv4|ipv6)(.*)$/.exec(words) ?? [];
  return rest === '' || rest === ' unicast' ? (family as IpFamily) : null;
}

/** A `network` line; null for any other. */
export function parseNetwork(text: string): FrrNetwork | null {
  const [, address, length, mask] =
    /^network ([0-9a-f.:]+)(?:\/(\d+))?(?: mask (\d+\.\d+\.\d+\.\d+))?(?: |$)/i.exec(text) ?? [];
  if (address === undefined) return null;
  try {
    const prefix = parsePrefix(
      `${address}/${length ?? (mask === undefined ? classOf(address) : lengthOfMask(mask))}`,
    );
    return {prefix, routeMap: / route-map (\S+)/.exec(text)?.[1] ?? null, text};
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}

/** `bgp config-type cisco` leaves the length out where the class of the address says it. */
function classOf(address: string): number {
  const first = Number(address.split('.')[0]);
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

function lengthOfMask(mask: string): number {
  const bits = mask.split('.').map((octet) => Number(octet).toString(2).padStart(8, '0'));
  return bits.join('').indexOf('0') === -1 ? 32 : bits.join('').indexOf('0');
}

/** How `show running-config` writes communities that it has a name for. */
const communityNames: ReadonlyMap<string, string> = new Map([
  ['internet', '0:0'],
  ['graceful-shutdown', '65535:0'],
  ['accept-own', '65535:1'],
  ['route-filter-translated-v4', '65535:2'],
  ['route-filter-v4', '65535:3'],
  ['route-filter-translated-v6', '65535:4'],
  ['route-filter-v6', '65535:5'],
  ['llgr-stale', '65535:6'],
  ['no-llgr', '65535:7'],
  ['accept-own-nexthop', '65535:8'],
  ['blackhole', '65535:666'],
  ['no-export', '65535:65281'],
  ['no-advertise', '65535:65282'],
  ['local-AS', '65535:65283'],
  ['no-peer', '65535:65284'],
]);

/** The lines of a route-map in one order, with communities as numbers in one order: equal texts mean the same. */
export function normalLines(lines: readonly string[]): readonly string[] {
  return lines
    .map((line) => {
      const [, command, values] = /^(set (?:large-)?community) (.+)$/.exec(line) ?? [];
      if (command === undefined || values === undefined) return line;
      const numbers = values.split(/ +/).map((value) => communityNames.get(value) ?? value);
      return `${command} ${numbers.sort().join(' ')}`;
    })
    .sort();
}
