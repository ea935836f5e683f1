/** Our addresses on the interface: their form, and whose they are (CONTRACT "Addresses", "Ownership"). */

import type {NetlinkClient} from '../control/netlink-client.js';
import {type AddressInfo, addressFlag, scope} from '../control/rtnetlink-protocol.js';
import type {Journal} from '../io/journal.js';
import {remember} from '../lib/collections.js';
import {addressOf, familyOf, hostPrefix, isHost, lengthOf} from '../lib/prefix.js';
import type {Address, Emit, IpAddress, Prefix} from '../types.js';
import type {Holding, Presence} from './kernel-holding.js';
import {type KernelLink, linkObstacle} from './kernel-link.js';

// IFNAMSIZ without the closing zero.
const longestLabel = 15;

export interface KernelAddressesOptions {
  readonly client: Pick<NetlinkClient, 'addAddress' | 'deleteAddress'>;
  readonly link: () => KernelLink;
  readonly interface: string;
  /** Our mark. */
  readonly protocol: number;
  /** What we put there, for kernels that do not keep the mark. */
  readonly journal: Journal;
  readonly emit: Emit;
}

export class KernelAddresses implements Holding<Address> {
  readonly nouns = ['address', 'addresses'] as const;
  readonly place: string;
  readonly emit: Holding<Address>['emit'];
  readonly #options: KernelAddressesOptions;
  /** On our interface: address → length of its network → what is known of it. */
  readonly #found = new Map<IpAddress, Map<number, AddressInfo>>();
  /** An address with an IFA_PROTO was seen: the kernel keeps marks, the journal is not needed. */
  #marksAreKept = false;

  constructor(options: KernelAddressesOptions) {
    this.#options = options;
    this.place = options.interface;
    const {emit, interface: name} = options;
    this.emit = {
      added: (prefix) => emit({kind: 'address-added', prefix, interface: name}),
      removed: (prefix) => emit({kind: 'address-removed', prefix, interface: name}),
      failed: (prefix, reason) => emit({kind: 'address-failed', prefix, interface: name, reason}),
    };
  }

  presence(prefix: Prefix): Presence {
    const infos = this.#found.get(addressOf(prefix));
    if (!infos) return 'absent';
    return [...infos.values()].some((info) => this.#isOurs(info)) ? 'ours' : 'foreign';
  }

  *ours(): Iterable<Prefix> {
    for (const [address, infos] of this.#found) {
      if ([...infos.values()].some((info) => this.#isOurs(info))) yield hostPrefix(address);
    }
  }

  concerns({prefix}: Address): boolean {
    return isHost(prefix);
  }

  obstacle(): string | null {
    return linkObstacle(this.#options.link());
  }

  async add(prefix: Prefix): Promise<void> {
    const {client, protocol} = this.#options;
    const address = addressOf(prefix);
    const noted = !this.#marksAreKept;
    if (noted) this.#note(prefix);
    try {
      await client.addAddress({index: this.#index(), address, protocol, label: this.#label(address)});
    } catch (error) {
      // What is there now is not ours: a note that stays would make it so.
      if (noted) this.#forget(prefix);
      throw error;
    }
  }

  async remove(prefix: Prefix): Promise<void> {
    const address = addressOf(prefix);
    const label = this.#found.get(address)?.get(lengthOf(prefix))?.label ?? null;
    await this.#options.client.deleteAddress({index: this.#index(), address, label});
    this.#forget(prefix);
  }

  /** Nothing is known any more. */
  clear(): void {
    this.#found.clear();
  }

  /** Replaces what is known with what was found, also on other interfaces. */
  replace(infos: readonly AddressInfo[]): void {
    this.#found.clear();
    for (const info of infos) this.take(info, false);
  }

  /** For the start: an earlier life noted these but ended before it added them, or somebody removed them since. */
  forgetAbsent(): void {
    for (const prefix of this.#noted()) if (this.presence(prefix) !== 'ours') this.#forget(prefix);
  }

  /** Takes one event; answers which prefix it may have changed. */
  take(info: AddressInfo, gone: boolean): Prefix | null {
    if (info.protocol !== null) this.#marksAreKept = true;
    if (info.index !== this.#options.link().info?.index) return null;
    const prefix = hostPrefix(info.address);
    if (gone) {
      const infos = this.#found.get(info.address);
      infos?.delete(info.length);
      if (infos?.size === 0) this.#found.delete(info.address);
    } else {
      remember(this.#found, info.address, () => new Map<number, AddressInfo>()).set(info.length, info);
      if (info.protocol === this.#options.protocol) this.#forget(prefix);
    }
    return prefix;
  }

  #isOurs(info: AddressInfo): boolean {
    const prefix = hostPrefix(info.address);
    if (info.length !== lengthOf(prefix)) return false;
    if (info.protocol === this.#options.protocol) return true;
    return info.protocol === null && this.#isNoted(prefix) && this.#hasOurForm(info);
  }

  /** An address noted in the journal may have been replaced by somebody else's since: ours has a form of its own. */
  #hasOurForm(info: AddressInfo): boolean {
    if (familyOf(info.address) === 'ipv6') {
      return info.preferredSeconds === 0 && (info.flags & addressFlag.NOPREFIXROUTE) !== 0;
    }
    const label = this.#label(info.address) ?? this.#options.interface;
    return info.scope === scope.GLOBAL && !info.hasBroadcast && info.label === label;
  }

  /** For people who read `ip addr`; null where it does not fit. */
  #label(address: IpAddress): string | null {
    if (familyOf(address) === 'ipv6') return null;
    const label = `${this.#options.interface}:eip`;
    return label.length <= longestLabel ? label : null;
  }

  #index(): number {
    return this.#options.link().info?.index ?? 0;
  }

  #noted(): Prefix[] {
    const begin = `${this.#options.interface} `;
    return [...this.#options.journal.entries()]
      .filter((entry) => entry.startsWith(begin))
      .map((entry) => entry.slice(begin.length) as Prefix);
  }

  #isNoted(prefix: Prefix): boolean {
    return this.#options.journal.entries().has(`${this.#options.interface} ${prefix}`);
  }

  /** Throws when it cannot be noted: then it may not be added either, nobody would ever remove it. */
  #note(prefix: Prefix): void {
    try {
      this.#options.journal.add(`${this.#options.interface} ${prefix}`);
    } catch (error) {
      throw new Error(`the journal in state_dir cannot be written: ${String(error)}`, {cause: error});
    }
  }

  #forget(prefix: Prefix): void {
    try {
      this.#options.journal.remove(`${this.#options.interface} ${prefix}`);
    } catch (error) {
      const message = `the journal of addresses in state_dir cannot be written: ${String(error)}`;
      this.#options.emit({kind: 'note', level: 'warn', message, fields: {prefix}});
    }
  }
}
