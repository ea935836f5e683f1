import type {BgpConfig, PeerConfig} from '../../agent/config/types.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {HostNetwork, InterfaceAddress, IpAddress} from '../../agent/types.js';

/** A peer with what is inherited filled in as by default. */
export function peerConfig(keys: Partial<PeerConfig> = {}): PeerConfig {
  return {
    name: 'nrec-1',
    address: parseAddress('10.255.255.1'),
    port: 179,
    localAs: 4200000000,
    remoteAs: 65535,
    localAddress: null,
    localAddress4: null,
    localAddress6: null,
    multihop: 64,
    password: null,
    families: ['ipv4', 'ipv6'],
    holdTimeMs: 90_000,
    connectRetryMs: 5_000,
    ...keys,
  };
}

export function bgpConfig(...peers: readonly PeerConfig[]): BgpConfig {
  return {localAs: 4200000000, localAddress: null, localAddress6: null, communities: {}, peers};
}

export function interfaceAddress(address: string, keys: Partial<InterfaceAddress> = {}): InterfaceAddress {
  return {
    interface: 'eth0',
    address: parseAddress(address),
    length: address.includes(':') ? 64 : 24,
    scope: 'global',
    tentative: false,
    deprecated: false,
    temporary: false,
    loopback: false,
    up: true,
    ...keys,
  };
}

/** A host whose addresses the test changes. */
export class FakeNetwork implements HostNetwork {
  #addresses: readonly InterfaceAddress[];
  readonly #listeners = new Set<() => void>();

  constructor(...addresses: readonly InterfaceAddress[]) {
    this.#addresses = addresses;
  }

  addresses(): readonly InterfaceAddress[] {
    return this.#addresses;
  }

  change(...addresses: readonly InterfaceAddress[]): void {
    this.#addresses = addresses;
    for (const listener of this.#listeners) listener();
  }

  on(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Says of these addresses that they lie in prefixes of ours. */
export function ours(...addresses: readonly string[]): (address: IpAddress) => boolean {
  return (address) => addresses.includes(address);
}
