import type {
  Address,
  Announcer,
  AnnouncerEvent,
  AnnouncerName,
  AnnouncerSnapshot,
  Cancel,
  Desired,
  Emit,
  Installer,
  Prefix,
} from '../types.js';

/**
 * Stands in for an announcer, or for what puts addresses on the interface, where nothing may be touched
 * (`run --dry-run`): says what it would do and answers as if it had.
 */
export class DryRun<Item extends {readonly prefix: Prefix}> {
  readonly #held = new Map<Prefix, Item>();
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();

  constructor(
    readonly name: AnnouncerName,
    private readonly words: {
      /** `would announce 192.0.2.1/32 by bgp`. */
      readonly adds: (item: Item) => string;
      readonly removes: (prefix: Prefix) => string;
    },
    private readonly emit: Emit,
  ) {}

  async start(): Promise<void> {}

  set({items}: Desired<Item>): void {
    const wanted = new Map(items.map((item) => [item.prefix, item]));
    for (const prefix of [...this.#held.keys()]) {
      if (wanted.has(prefix)) continue;
      this.#held.delete(prefix);
      this.#say(this.words.removes(prefix), prefix);
      this.#tell({kind: 'removed', prefix});
    }
    for (const [prefix, item] of wanted) {
      if (this.#held.get(prefix) === item) continue;
      this.#held.set(prefix, item);
      this.#say(this.words.adds(item), prefix);
      this.#tell({kind: 'installed', prefix});
    }
  }

  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    if (mode === 'withdraw') this.set({items: [], adopt: new Set(), complete: true});
  }

  snapshot(): AnnouncerSnapshot {
    return {
      items: new Map([...this.#held.keys()].map((prefix) => [prefix, 'pending'])),
      reasons: new Map([...this.#held.keys()].map((prefix) => [prefix, 'dry run'])),
    };
  }

  on(listener: (event: AnnouncerEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: AnnouncerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #say(message: string, prefix: Prefix): void {
    this.emit({kind: 'note', level: 'info', message, fields: {prefix, dry_run: true}});
  }
}

/** An announcer that only says what it would announce. */
export function dryRoutes(name: AnnouncerName, emit: Emit): Announcer {
  if (name === 'kernel') {
    return new DryRun(
      name,
      {
        adds: ({prefix}) => `would add the host route ${prefix}`,
        removes: (prefix) => `would remove the host route ${prefix}`,
      },
      emit,
    );
  }
  return new DryRun(
    name,
    {
      adds: ({prefix}) => `would announce ${prefix} by ${name}`,
      removes: (prefix) => `would withdraw ${prefix} from ${name}`,
    },
    emit,
  );
}

/** What puts addresses on the interface, only in words. */
export function dryAddresses(interfaceName: string, emit: Emit): Installer<Address> {
  return new DryRun(
    'kernel',
    {
      adds: ({prefix}) => `would add ${prefix} to ${interfaceName}`,
      removes: (prefix) => `would remove ${prefix} from ${interfaceName}`,
    },
    emit,
  );
}
