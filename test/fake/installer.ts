import type {
  AnnouncerEvent,
  AnnouncerName,
  AnnouncerSnapshot,
  Desired,
  Installer,
  Prefix,
} from '../../agent/types.js';

/**
 * An installer that does at once what it is told (`auto`), or only when the test says so. `journal` holds, in order
 * over all installers that share it, what really changed: `+bgp 192.0.2.1/32`.
 */
export class FakeInstaller<Item extends {readonly prefix: Prefix}> implements Installer<Item> {
  desired: Desired<Item> = {items: [], adopt: new Set(), complete: false};
  sets = 0;
  stopped: 'withdraw' | 'keep' | null = null;
  readonly held = new Map<Prefix, Item>();
  readonly #listeners = new Set<(event: AnnouncerEvent) => void>();
  readonly #broken = new Map<Prefix, string>();

  constructor(
    readonly name: AnnouncerName,
    readonly journal: string[] = [],
    public auto = true,
  ) {}

  async start(): Promise<void> {}

  set(desired: Desired<Item>): void {
    this.desired = desired;
    this.sets++;
    if (this.auto) this.carryOut();
  }

  /** Does what the desired set asks for, removals first. */
  carryOut(): void {
    const wanted = new Map(this.desired.items.map((item) => [item.prefix, item]));
    for (const prefix of [...this.held.keys()]) {
      if (wanted.has(prefix)) continue;
      this.held.delete(prefix);
      this.journal.push(`-${this.name} ${prefix}`);
      this.#tell({kind: 'removed', prefix});
    }
    for (const [prefix, item] of wanted) {
      const reason = this.#broken.get(prefix);
      if (reason !== undefined) {
        this.#tell({kind: 'failed', prefix, reason});
        continue;
      }
      const before = this.held.get(prefix);
      this.held.set(prefix, item);
      if (before === item) continue;
      this.journal.push(`${before ? '~' : '+'}${this.name} ${prefix}`);
      this.#tell({kind: 'installed', prefix});
    }
  }

  /** From now on adding `prefix` fails; what is there is lost. */
  break(prefix: Prefix, reason = 'broken by the test'): void {
    this.#broken.set(prefix, reason);
    this.held.delete(prefix);
    this.#tell({kind: 'failed', prefix, reason});
  }

  mend(prefix: Prefix): void {
    this.#broken.delete(prefix);
    this.carryOut();
  }

  async stop(mode: 'withdraw' | 'keep'): Promise<void> {
    this.stopped = mode;
    this.journal.push(`stop ${this.name} ${mode}`);
  }

  snapshot(): AnnouncerSnapshot {
    return {items: new Map([...this.held.keys()].map((prefix) => [prefix, 'installed'])), reasons: new Map()};
  }

  on(listener: (event: AnnouncerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: AnnouncerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
