/**
 * Whatever happens to a daemon that is driven (it dies, comes back, hangs, is changed by others), in whatever order, and
 * whatever is wanted meanwhile: it ends where the desired set is, and everything that was asked for was told.
 */

import fc from 'fast-check';
import t, {type Test} from 'tap';
import type {AnnouncerEvent, Desired, Prefix, Route} from '../../agent/types.js';
import {route} from '../fake/route.js';
import {newDesk as newBirdDesk} from './bird-harness.js';
import {newDesk as newFrrDesk} from './frr-harness.js';
import {newDesk as newGobgpDesk} from './gobgp-harness.js';

const prefixes = ['10.1.1.1/32', '10.1.1.2/32', 'fd01::1/128'] as const;

/** A daemon with an announcer before it. */
interface World {
  readonly announcer: {
    set(desired: Desired<Route>): void;
    on(listener: (event: AnnouncerEvent) => void): void;
  };
  readonly pass: (ms: number) => Promise<void>;
  readonly status: () => readonly string[];
  readonly log: readonly string[];
  /** What can go wrong, by name. */
  readonly faults: Readonly<Record<Fault, () => unknown>>;
  /** It runs again, and answers. */
  readonly heal: () => Promise<void>;
  readonly announced: () => readonly string[];
  readonly end: () => Promise<void>;
}

const faultNames = ['kill', 'restart', 'hang', 'wake', 'drop', 'meddle'] as const;
type Fault = (typeof faultNames)[number];

async function bird(t: Test, version: string): Promise<World> {
  const desk = newBirdDesk(t, {version, bird: {routes: prefixes}});
  let now = await desk.start();
  let isRunning = true;
  const kill = async () => {
    isRunning = false;
    await now.stop();
  };
  const restart = async () => {
    if (!isRunning) now = await desk.startBird();
    isRunning = true;
  };
  return {
    ...desk,
    announcer: desk.announcer,
    pass: (ms) => desk.pass(ms),
    status: () => desk.status(),
    faults: {
      kill,
      restart,
      hang: () => isRunning && now.hang(),
      wake: () => now.resume(),
      drop: () => now.drop(),
      meddle: () => now.forget(),
    },
    heal: async () => {
      now.resume();
      await restart();
    },
    announced: () => now.exported(),
    end: () => desk.end(),
  };
}

async function frr(t: Test, through: 'socket' | 'vtysh'): Promise<World> {
  const desk = newFrrDesk(t, {through});
  let now = await desk.start();
  const restart = async () => {
    if (!now.isRunning) now = await desk.startBgpd();
  };
  return {
    ...desk,
    announcer: desk.announcer,
    pass: (ms) => desk.pass(ms),
    status: () => desk.status(),
    faults: {
      kill: () => now.stop(),
      restart,
      hang: () => now.isRunning && now.hang(),
      wake: () => now.wake(),
      drop: () => now.drop(),
      meddle: () => now.lines.clear(),
    },
    heal: async () => {
      now.wake();
      await restart();
    },
    announced: () => now.originated(),
    end: () => desk.end(),
  };
}

async function gobgp(t: Test): Promise<World> {
  const desk = newGobgpDesk(t, {
    prepare: (gobgp) => {
      gobgp.neighbors = [{address: 'fd00::9', isUp: true}];
    },
  });
  const {gobgp} = desk;
  await desk.start();
  return {
    ...desk,
    announcer: desk.announcer,
    pass: (ms) => desk.pass(ms),
    status: () => desk.status(),
    faults: {
      kill: () => gobgp.kill(),
      restart: () => gobgp.restart(),
      hang: () => {
        gobgp.isHanging = gobgp.isRunning;
      },
      wake: () => {
        gobgp.isHanging = false;
      },
      drop: () => gobgp.drop(),
      meddle: () => gobgp.rib.clear(),
    },
    heal: async () => {
      gobgp.isHanging = false;
      gobgp.restart();
    },
    announced: () => gobgp.ours(),
    end: () => desk.end(),
  };
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    wanted: fc.subarray([0, 1, 2]),
    med: fc.integer({min: 1, max: 2}),
  }),
  fc.record({kind: fc.constant('fault' as const), name: fc.constantFrom(...faultNames)}),
  fc.record({kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 60, 1_100, 4_000)}),
);

/** Of every prefix the last `set` that added or took it out is answered by an event, at the latest when all is well. */
function follow(world: World): {set(items: readonly Route[]): void; owed(): readonly string[]} {
  const owed = new Map<Prefix, 'installed' | 'removed'>();
  let before = new Set<Prefix>();
  world.announcer.on(({kind, prefix}) => {
    if (owed.get(prefix) === kind) owed.delete(prefix);
  });
  return {
    set(items) {
      const now = new Set(items.map(({prefix}) => prefix));
      for (const prefix of now) owed.set(prefix, 'installed');
      for (const prefix of before) if (!now.has(prefix)) owed.set(prefix, 'removed');
      before = now;
      world.announcer.set({items, adopt: new Set(), complete: true});
    },
    owed: () => [...owed].map(([prefix, kind]) => `${kind} ${prefix}`),
  };
}

function ends(name: string, make: (t: Test) => Promise<World>, numRuns: number): void {
  t.test(`${name}: whatever happens, it ends where the desired set is (property)`, async (t) => {
    let faults = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 3, maxLength: 12}), async (steps) => {
        const world = await make(t);
        const {owed, set} = follow(world);
        let wanted: readonly string[] = [];
        for (const one of steps) {
          if (one.kind === 'set') {
            wanted = one.wanted.map((i) => prefixes[i] ?? '');
            set(wanted.map((prefix) => route(prefix, name.startsWith('bird') ? {} : {med: one.med})));
          } else if (one.kind === 'fault') {
            faults++;
            await world.faults[one.name]();
          } else await world.pass(one.ms);
        }
        await world.heal();
        await world.pass(45_000);
        const state = {
          announced: world.announced().toSorted(),
          status: world.status().toSorted(),
          owed: owed(),
        };
        await world.end();
        const should = {
          announced: wanted.toSorted(),
          status: wanted.map((prefix) => `${prefix} announced`).toSorted(),
          owed: [],
        };
        if (JSON.stringify(state) !== JSON.stringify(should)) {
          throw new Error(`${JSON.stringify(state)}\n${world.log.join('\n')}`);
        }
      }),
      {numRuns, seed: 1},
    );
    t.ok(faults > numRuns, `${faults} faults`);
  });
}

ends('bird 2.0.12', (t) => bird(t, '2.0.12'), 25);
ends('bird 3.0.1', (t) => bird(t, '3.0.1'), 10);
ends('frr at its socket', (t) => frr(t, 'socket'), 25);
ends('frr through vtysh', (t) => frr(t, 'vtysh'), 10);
ends('gobgp', gobgp, 40);
