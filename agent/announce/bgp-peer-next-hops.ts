import type {AdjRibOut} from '../bgp/adj-out.js';
import type {PeerConfig} from '../config/types.js';
import type {HostNetwork, IpAddress, IpFamily} from '../types.js';
import {interfaceOf, type NextHops, selfNextHops} from './next-hop.js';

export interface PeerNextHopsOptions {
  readonly network: HostNetwork;
  readonly isOurs: (address: IpAddress) => boolean;
  readonly warn: (message: string) => void;
}

export const familyNames = {ipv4: 'IPv4', ipv6: 'IPv6'} as const;

/** What `self` stands for in the session of one peer, and what is said where it stands for nothing. */
export class PeerNextHops {
  readonly #options: PeerNextHopsOptions;
  /** In the present session, or in the last. */
  #self: NextHops = {ipv4: null, ipv6: null};
  /** Families whose missing next hop was complained about. */
  readonly #complained = new Set<IpFamily>();

  constructor(options: PeerNextHopsOptions) {
    this.#options = options;
  }

  /** For a session that ends here at `local`. */
  at(local: IpAddress, config: PeerConfig): NextHops {
    const {isOurs, network} = this.#options;
    this.#self = selfNextHops(local, {config, addresses: network.addresses(), isOurs});
    return this.#self;
  }

  /** One warning for each family that cannot be announced for want of a next hop, until it can. */
  complain(peer: string, out: AdjRibOut, local: IpAddress | null): void {
    for (const family of ['ipv4', 'ipv6'] as const) {
      if (!out.lacksNextHop(family)) {
        if (this.#self[family] !== null) this.#complained.delete(family);
      } else if (!this.#complained.has(family)) {
        this.#complained.add(family);
        const what = `${familyNames[family]} routes are not announced to ${peer}`;
        this.#options.warn(`${what}: ${this.missing(family, local)}`);
      }
    }
  }

  /** A new session may be complained about anew. */
  forget(): void {
    this.#complained.clear();
  }

  /** What is missing and what to do about it. */
  missing(family: IpFamily, local: IpAddress | null): string {
    const name = local && interfaceOf(local, this.#options.network.addresses());
    const where = name ? `interface ${name} has` : 'the interface of the session has';
    const key = family === 'ipv4' ? 'local_address4' : 'local_address6';
    return `${where} no global ${familyNames[family]} address for a next hop: set ${key}`;
  }
}
