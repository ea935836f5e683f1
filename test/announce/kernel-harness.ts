/** A `Kernel` with everything around it, over a fake of the kernel or the real one. */

import type {Test} from 'tap';
import {Kernel} from '../../agent/announce/kernel.js';
import type {KernelConfig} from '../../agent/config/types.js';
import {NetlinkClient} from '../../agent/control/netlink-client.js';
import type {Journal} from '../../agent/io/journal.js';
import type {NetlinkSocket} from '../../agent/io/netlink-socket.js';
import {isHost, parsePrefix} from '../../agent/lib/prefix.js';
import type {Address, AgentEvent, Clock, Prefix, Route, ServiceName} from '../../agent/types.js';

export const web = 'web' as ServiceName;

export const kernelConfig: KernelConfig = {
  interface: 'lo',
  addresses: 'when_up',
  routes: false,
  table: 254,
  protocol: 153,
  arp: 'off',
};

export class MemoryJournal implements Journal {
  readonly lines = new Set<string>();
  readonly history: string[] = [];
  isBroken = false;

  entries(): ReadonlySet<string> {
    return this.lines;
  }

  add(entry: string): void {
    this.#write(`+${entry}`);
    this.lines.add(entry);
  }

  remove(entry: string): void {
    if (!this.lines.has(entry)) return;
    this.#write(`-${entry}`);
    this.lines.delete(entry);
  }

  #write(line: string): void {
    if (this.isBroken) throw new Error('ENOSPC: no space left on device, write');
    this.history.push(line);
  }
}

export interface HarnessOptions {
  readonly open: () => NetlinkSocket;
  readonly clock: Clock;
  readonly config?: Partial<KernelConfig>;
  readonly journal?: MemoryJournal;
}

export class Harness {
  readonly kernel: Kernel;
  readonly client: NetlinkClient;
  readonly journal: MemoryJournal;
  /** What came out on the side channel, as short lines: `address-added 192.0.2.1/32`. */
  readonly emitted: string[] = [];
  /** What the installers told, as short lines: `installed 192.0.2.1/32`. */
  readonly addressEvents: string[] = [];
  readonly routeEvents: string[] = [];
  allowed: (prefix: Prefix) => boolean = isHost;

  constructor(t: Test, {open, clock, config = {}, journal = new MemoryJournal()}: HarnessOptions) {
    this.journal = journal;
    this.client = new NetlinkClient({open, clock});
    this.kernel = new Kernel({
      config: {...kernelConfig, ...config},
      client: this.client,
      clock,
      emit: (event) => this.emitted.push(line(event)),
      journal,
      allowed: (prefix) => this.allowed(prefix),
      allowedAddress: (prefix) => this.allowed(prefix),
    });
    for (const [installer, events] of [
      [this.kernel.addresses, this.addressEvents],
      [this.kernel.routes, this.routeEvents],
    ] as const) {
      installer.on((event) =>
        events.push([event.kind, event.prefix, ...('reason' in event ? [event.reason] : [])].join(' ')),
      );
    }
    t.teardown(() => this.die());
  }

  /** The process is killed: nothing is tidied up. */
  async die(): Promise<void> {
    await this.kernel.stop('keep');
    this.client.stop();
  }

  setAddresses(prefixes: readonly string[], adopt: readonly string[] = []): void {
    this.kernel.addresses.set({items: prefixes.map(address), adopt: prefixSet(adopt), complete: true});
  }

  setRoutes(routes: readonly (string | Route)[], adopt: readonly string[] = []): void {
    const items = routes.map((item) => (typeof item === 'string' ? route(item) : item));
    this.kernel.routes.set({items, adopt: prefixSet(adopt), complete: true});
  }

  /** `192.0.2.1/32 installed`, with the reason behind the word where there is one. */
  addresses(): string[] {
    return words(this.kernel.addresses.snapshot());
  }

  routes(): string[] {
    return words(this.kernel.routes.snapshot());
  }

  /** Takes what was collected since the last time. */
  taken(of: 'emitted' | 'addressEvents' | 'routeEvents'): string[] {
    return this[of].splice(0);
  }
}

// The same text gives the same object, as an unchanged plan does.
const addresses = new Map<string, Address>();
const routes = new Map<string, Route>();

export function address(text: string): Address {
  const known = addresses.get(text) ?? {prefix: parsePrefix(text), owners: [web]};
  addresses.set(text, known);
  return known;
}

export function route(text: string, more: Partial<Route> = {}): Route {
  const known = routes.get(text) ?? {
    prefix: parsePrefix(text),
    owners: [web],
    via: null,
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: false,
  };
  routes.set(text, known);
  return Object.keys(more).length === 0 ? known : {...known, ...more};
}

function prefixSet(texts: readonly string[]): ReadonlySet<Prefix> {
  return new Set(texts.map(parsePrefix));
}

function words({items, reasons}: ReturnType<Kernel['addresses']['snapshot']>): string[] {
  return [...items].map(([prefix, word]) =>
    [`${prefix} ${String(word)}`, ...(reasons.has(prefix) ? [reasons.get(prefix)] : [])].join(': '),
  );
}

function line(event: AgentEvent): string {
  if (event.kind === 'note') return `${event.level} ${event.message}`;
  if (!('prefix' in event)) return event.kind;
  const parts: string[] = [event.kind, event.prefix];
  if ('owners' in event) parts.push(...event.owners);
  if ('reason' in event) parts.push(event.reason);
  return parts.join(' ');
}

/** Waits, a turn of the event loop at a time, until `condition` holds; rejects after 15 s. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited 15 s for ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
