/**
 * What every announcer and installer promises (`Installer` in agent/types.ts), as tests: call `installerContract` with
 * a way to make one beside the world it acts on.
 */

import t, {type Test} from 'tap';
import type {AnnouncerEvent, Desired, Installer, Prefix} from '../../agent/types.js';

export interface World<Item extends {readonly prefix: Prefix}> {
  readonly installer: Installer<Item>;
  /** At least three, of different prefixes. */
  readonly items: readonly Item[];
  /** The same prefix with something else about it; absent where items have nothing else. */
  readonly changed?: (item: Item) => Item;
  /** What the outside holds now. */
  holds(): readonly Prefix[];
  /** How often the outside was told to change something so far. */
  changes(): number;
  /** Makes the outside ready to take what comes, after `start`. */
  ready(): Promise<void>;
  /** Lets everything under way come to its end. */
  quiet(): Promise<void>;
  end(): Promise<void>;
}

export interface ContractOptions {
  /** Whether `stop('keep')` leaves what is installed. */
  readonly keeps: boolean;
}

/** Runs the contract against a fresh installer for each promise. */
export function installerContract<Item extends {readonly prefix: Prefix}>(
  name: string,
  make: () => Promise<World<Item>>,
  options: ContractOptions,
): void {
  const promise = (what: string, test: (t: Test, lab: Lab<Item>) => Promise<void>) =>
    t.test(`${name}: ${what}`, async (t) => {
      const world = await make();
      const lab = new Lab(world);
      await world.installer.start();
      await world.ready();
      await test(t, lab);
      await world.end();
    });

  promise('set installs everything and tells of each', async (t, lab) => {
    lab.set(lab.items);
    await lab.told(lab.prefixes.map((prefix) => `installed ${prefix}`));
    t.same(lab.held, lab.prefixes);
  });

  promise('the same set again changes nothing outside', async (t, lab) => {
    await lab.install(lab.items);
    const before = lab.world.changes();
    lab.set(lab.items);
    lab.set(lab.items.map((item) => ({...item})));
    await lab.world.quiet();
    t.equal(lab.world.changes(), before);
    t.same(lab.held, lab.prefixes);
  });

  promise('a set is total: what it lacks is removed, the rest stays untouched', async (t, lab) => {
    await lab.install(lab.items);
    const [first, ...rest] = lab.items;
    const before = lab.world.changes();
    lab.set(rest);
    await lab.told([`removed ${first?.prefix}`]);
    t.same(lab.held, rest.map(({prefix}) => prefix).sort());
    t.equal(lab.world.changes(), before + 1);
  });

  promise('no items: everything is removed, and told only when it is gone', async (t, lab) => {
    await lab.install(lab.items);
    const early: string[] = [];
    lab.world.installer.on((event) => {
      if (event.kind === 'removed' && lab.world.holds().includes(event.prefix)) early.push(event.prefix);
    });
    lab.set([]);
    await lab.told(lab.prefixes.map((prefix) => `removed ${prefix}`));
    t.same(lab.held, []);
    t.same(early, []);
  });

  promise('what comes and goes within a turn is told as removed', async (t, lab) => {
    lab.set(lab.items);
    lab.set([]);
    await lab.told(lab.prefixes.map((prefix) => `removed ${prefix}`));
    await lab.world.quiet();
    t.same(lab.held, []);
  });

  promise('what goes and comes within a turn stays', async (t, lab) => {
    await lab.install(lab.items);
    lab.set([]);
    lab.set(lab.items);
    await lab.told(lab.prefixes.map((prefix) => `installed ${prefix}`));
    await lab.world.quiet();
    t.same(lab.held, lab.prefixes);
    t.equal(lab.events.at(-1)?.split(' ')[0], 'installed', 'and nothing of it is told as removed later');
  });

  promise('a changed item is told as installed again', async (t, lab) => {
    const {changed} = lab.world;
    const [first, ...rest] = lab.items;
    if (!changed || !first) {
      t.pass('nothing about these items can change');
      return;
    }
    await lab.install(lab.items);
    lab.set([changed(first), ...rest]);
    await lab.told([`installed ${first.prefix}`]);
    await lab.world.quiet();
    t.notOk(lab.events.some((event) => event.startsWith('removed')));
    t.same(lab.held, lab.prefixes);
  });

  promise('any sequence of sets ends in the last one', async (t, lab) => {
    const sets = [[0, 1], [2], [0, 1, 2], [], [1, 2], [0]];
    for (const set of sets) {
      lab.set(lab.items.filter((_, i) => set.includes(i)));
      if (set.length === 3) await lab.world.quiet();
    }
    await lab.world.quiet();
    t.same(
      lab.held,
      lab.items.slice(0, 1).map(({prefix}) => prefix),
    );
  });

  promise('the snapshot names what is wanted', async (t, lab) => {
    await lab.install(lab.items);
    t.same([...lab.world.installer.snapshot().items.keys()].sort(), lab.prefixes);
    t.equal(lab.world.installer.snapshot().reasons.size, 0);
  });

  promise('a listener that was cancelled hears nothing more', async (t, lab) => {
    let heard = 0;
    const cancel = lab.world.installer.on(() => {
      heard++;
    });
    cancel();
    await lab.install(lab.items);
    t.equal(heard, 0);
  });

  promise('stop(withdraw) leaves nothing behind', async (t, lab) => {
    await lab.install(lab.items);
    await lab.world.installer.stop('withdraw');
    t.same(lab.held, []);
  });

  promise(`stop(keep) ${options.keeps ? 'leaves everything' : 'ends cleanly'}`, async (t, lab) => {
    await lab.install(lab.items);
    await lab.world.installer.stop('keep');
    if (options.keeps) t.same(lab.held, lab.prefixes);
    else t.same(lab.held, []);
  });
}

/** One installer with everything it told. */
class Lab<Item extends {readonly prefix: Prefix}> {
  events: string[] = [];
  readonly items: readonly Item[];
  readonly prefixes: readonly Prefix[];
  readonly #waiting = new Set<() => void>();

  constructor(readonly world: World<Item>) {
    this.items = world.items;
    this.prefixes = world.items.map(({prefix}) => prefix).sort();
    world.installer.on((event: AnnouncerEvent) => {
      this.events.push(`${event.kind} ${event.prefix}`);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    });
  }

  get held(): readonly Prefix[] {
    return [...this.world.holds()].sort();
  }

  /** Forgets what was told before. */
  set(items: readonly Item[]): void {
    this.events = [];
    const desired: Desired<Item> = {items, adopt: new Set(), complete: true};
    this.world.installer.set(desired);
  }

  async install(items: readonly Item[]): Promise<void> {
    this.set(items);
    await this.told(items.map(({prefix}) => `installed ${prefix}`));
    await this.world.quiet();
  }

  /** Resolves once all of these were told since the last `set`. */
  async told(expected: readonly string[]): Promise<void> {
    while (!expected.every((event) => this.events.includes(event))) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }
}
