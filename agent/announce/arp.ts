/**
 * Keeps an IPv4 VIP from being answered for on a connected network (CONTRACT "Ownership", `kernel.arp`). With
 * arp_ignore 0 Linux answers ARP for every address of the host on every interface: all hosts that hold the VIP would
 * answer, and which of them gets the traffic would be chance, past BGP and past every health check.
 */

import type {Config} from '../config/types.js';
import type {Journal} from '../io/journal.js';
import type {Sysctl} from '../io/sysctl.js';
import {bytesOf, contains, familyOf, prefixFromBytes} from '../lib/prefix.js';
import type {Emit, HostNetwork, Prefix} from '../types.js';

export interface ArpOptions {
  readonly config: Pick<Config, 'kernel' | 'services'>;
  readonly network: HostNetwork;
  readonly sysctl: Sysctl;
  readonly emit: Emit;
  /** What was set, so that the life after a kill -9 restores it; without one it then stays until the next boot. */
  readonly journal?: Journal;
}

export interface ArpWatch {
  /** A reload: what is exposed as before is left alone, what is not any more is put back. */
  reconfigure(services: Config['services']): void;
  /** Stops looking, and puts back everything that was set. */
  stop(): void;
}

/** Looks now and whenever the host's addresses change. */
export function watchArp(options: ArpOptions): ArpWatch {
  const {config, network} = options;
  const {kernel} = config;
  const settings = new ArpSettings(options);
  const known = new Set<string>();
  let vips = vipsOf(config.services);

  function look(): ReadonlyMap<string, Exposed> {
    const exposed = exposedOn(network, vips);
    for (const [name, what] of exposed) {
      // Said once for an interface, not again with every address that comes or goes.
      if (known.has(name)) continue;
      known.add(name);
      if (kernel) settings.take(name, what, kernel);
    }
    return exposed;
  }

  const isWanted = kernel !== null && kernel.arp !== 'off';
  const cancel = isWanted ? network.on(look) : () => {};
  if (isWanted) look();
  return {
    reconfigure(services) {
      vips = vipsOf(services);
      if (!isWanted) return;
      const exposed = look();
      for (const name of known) {
        if (exposed.has(name)) continue;
        known.delete(name);
        settings.restore(name);
      }
    },
    stop() {
      cancel();
      settings.restoreAll();
    },
  };
}

function vipsOf(services: Config['services']): readonly Prefix[] {
  return services
    .filter(({addressMode}) => addressMode !== 'never')
    .flatMap(({addresses}) => addresses)
    .filter((prefix) => familyOf(prefix) === 'ipv4');
}

interface Exposed {
  /** The connected network. */
  readonly network: Prefix;
  readonly vips: readonly Prefix[];
}

/** Interface → the VIPs that lie in a network connected to it. */
function exposedOn(network: HostNetwork, vips: readonly Prefix[]): Map<string, Exposed> {
  const exposed = new Map<string, Exposed>();
  for (const {address, interface: name, length, loopback} of network.addresses()) {
    if (loopback || length === 32 || familyOf(address) === 'ipv6') continue;
    const connected = prefixFromBytes('ipv4', bytesOf(address), length);
    const inside = vips.filter((vip) => contains(connected, vip));
    if (inside.length > 0 && !exposed.has(name)) exposed.set(name, {network: connected, vips: inside});
  }
  return exposed;
}

class ArpSettings {
  readonly #options: ArpOptions;
  readonly #journal: Pick<Journal, 'entries' | 'add' | 'remove'>;

  constructor(options: ArpOptions) {
    this.#options = options;
    this.#journal = options.journal ?? memory();
  }

  /** Warns of an interface, or sets it right. */
  take(name: string, exposed: Exposed, {arp, interface: own}: NonNullable<Config['kernel']>): void {
    // The kernel takes the higher one of `all` and the interface's own.
    if (this.#read('all') > 0 || this.#read(name) > 0) return;
    const [first, ...others] = exposed.vips;
    const more = others.length > 0 ? ` and ${others.length} more lie` : ' lies';
    const what = `${first}${more} in ${exposed.network} of ${name}`;
    if (name === own) {
      this.#warn(
        name,
        `${what}, which also carries it: every host that holds it answers ARP for it; set kernel.interface to lo`,
      );
    } else if (arp === 'set') {
      this.#set(name, what);
    } else {
      this.#warn(
        name,
        `${what}, where arp_ignore is 0: every host that holds it answers ARP for it; ${remedy(name)}`,
      );
    }
  }

  /** Puts back everything that was set, also by a life that was killed. */
  restoreAll(): void {
    for (const name of [...this.#journal.entries()]) this.restore(name);
  }

  /** Puts back what was set on an interface, if anything was. */
  restore(name: string): void {
    if (!this.#journal.entries().has(name)) return;
    try {
      // Whoever changed it since wants it so; and an interface may have gone.
      if (this.#read(name) === 1) this.#options.sysctl.write(path(name), '0');
      this.#journal.remove(name);
    } catch (error) {
      this.#warn(name, `arp_ignore of ${name} could not be set back to 0: ${message(error)}`);
    }
  }

  #set(name: string, what: string): void {
    try {
      this.#journal.add(name);
      this.#options.sysctl.write(path(name), '1');
      this.#note('info', name, `${what}: set arp_ignore of ${name} to 1`);
    } catch (error) {
      // What was noted all the same is let go at `restoreAll`: there is nothing to put back.
      this.#warn(name, `${what}, and arp_ignore could not be set: ${message(error)}; ${remedy(name)}`);
    }
  }

  /** 0 also where it cannot be read: then the warning comes rather than not. */
  #read(name: string): number {
    try {
      return Number(this.#options.sysctl.read(path(name)) ?? 0);
    } catch {
      return 0;
    }
  }

  #warn(name: string, text: string): void {
    this.#note('warn', name, text);
  }

  #note(level: 'info' | 'warn', name: string, text: string): void {
    this.#options.emit({kind: 'note', level, message: text, fields: {interface: name}});
  }
}

function path(name: string): string {
  return `net/ipv4/conf/${name}/arp_ignore`;
}

/** With slashes where the name has dots of its own (`eth0.100`): sysctl(8) takes both. */
function remedy(name: string): string {
  const setting = name.includes('.') ? path(name) : path(name).replaceAll('/', '.');
  return `run: sysctl -w ${setting}=1`;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function memory(): Pick<Journal, 'entries' | 'add' | 'remove'> {
  const entries = new Set<string>();
  return {
    entries: () => entries,
    add: (entry) => void entries.add(entry),
    remove: (entry) => void entries.delete(entry),
  };
}
