/** What `next_hop: self` stands for in a session (CONTRACT "Next hop"): the wrong address here black-holes traffic. */

import type {PeerConfig} from '../config/types.js';
import {familyOf} from '../lib/prefix.js';
import type {InterfaceAddress, IpAddress, IpFamily} from '../types.js';

export type NextHops = Readonly<Record<IpFamily, IpAddress | null>>;

export interface NextHopContext {
  readonly config: Pick<PeerConfig, 'localAddress4' | 'localAddress6'>;
  /** All of this host, in the kernel's order. */
  readonly addresses: readonly InterfaceAddress[];
  /** Whether an address lies in a prefix that we announce. */
  readonly isOurs: (address: IpAddress) => boolean;
}

/**
 * For its own family the address where the session ends here, `local`; for the other one what is configured, else the
 * first global, preferred address of the interface that holds `local`. null: there is none.
 */
export function selfNextHops(local: IpAddress, context: NextHopContext): NextHops {
  const {localAddress4, localAddress6} = context.config;
  return familyOf(local) === 'ipv4'
    ? {ipv4: local, ipv6: localAddress6 ?? besides(local, 'ipv6', context)}
    : {ipv4: localAddress4 ?? besides(local, 'ipv4', context), ipv6: local};
}

/** The interface on which the session ends; null where its address is on none (any more). */
export function interfaceOf(local: IpAddress, addresses: readonly InterfaceAddress[]): string | null {
  return addresses.find(({address}) => address === local)?.interface ?? null;
}

function besides(local: IpAddress, family: IpFamily, {addresses, isOurs}: NextHopContext): IpAddress | null {
  const name = interfaceOf(local, addresses);
  const found = addresses.find(
    (candidate) =>
      candidate.interface === name &&
      familyOf(candidate.address) === family &&
      isUsable(candidate) &&
      !isOurs(candidate.address),
  );
  return found?.address ?? null;
}

function isUsable({address, deprecated, scope, temporary, tentative}: InterfaceAddress): boolean {
  const isMapped = address.startsWith('::ffff:');
  return scope === 'global' && !tentative && !deprecated && !temporary && !isMapped;
}
