import t from 'tap';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Json, Prefix} from '../../agent/types.js';
import {comeToRest} from '../../agent/watchdog/rest.js';
import {FakeClock, settle} from '../fake/clock.js';

const prefix = parsePrefix('192.0.2.1');

function lab() {
  const clock = new FakeClock();
  const world = {atRest: true, word: 'installed' as Json, idle: async (): Promise<void> => {}};
  let restedAt: number | null = null;
  const installer = {
    name: 'frr',
    snapshot: () => ({items: new Map([[prefix, world.word]]), reasons: new Map<Prefix, string>()}),
    idle: () => world.idle(),
  };
  const rest = (): void =>
    void comeToRest({
      installers: [installer],
      isAtRest: () => world.atRest,
      clock,
      stepMs: 2000,
      limitMs: 20_000,
    }).then(() => {
      restedAt = clock.now();
    });
  /** In small steps: it waits for more than timers. */
  const pass = async (ms: number): Promise<void> => {
    for (const end = clock.now() + ms; clock.now() < end; ) {
      await clock.run(5);
      await settle();
      await settle();
    }
  };
  return {clock, pass, rest, restedAt: () => restedAt, world};
}

t.test('what is as it should be is not waited for', async (t) => {
  const {clock, rest, restedAt} = lab();
  rest();
  await clock.run(0);
  await clock.run(0);
  t.equal(restedAt(), 0);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test("what fails is given a step's time, and no more", async (t) => {
  const {pass, rest, restedAt, world} = lab();
  world.word = 'failed';
  rest();
  await pass(1000);
  t.equal(restedAt(), null);
  await pass(1100);
  t.not(restedAt(), null);

  const other = lab();
  other.world.word = 'pending';
  other.rest();
  await other.pass(500);
  other.world.word = 'announced';
  await other.pass(100);
  t.ok((other.restedAt() ?? 0) >= 500 && (other.restedAt() ?? 9999) < 600, 'nor longer than it takes');
});

t.test('a drain is waited for, up to the limit', async (t) => {
  const {pass, rest, restedAt, world} = lab();
  world.atRest = false;
  rest();
  await pass(10_000);
  t.equal(restedAt(), null);
  world.atRest = true;
  await pass(100);
  t.not(restedAt(), null);

  const endless = lab();
  endless.world.atRest = false;
  endless.rest();
  await endless.pass(20_100);
  t.not(endless.restedAt(), null);
});

t.test('an installer that never comes to rest holds up a step only', async (t) => {
  const {pass, rest, restedAt, world} = lab();
  world.idle = () => new Promise(() => {});
  rest();
  await pass(1900);
  t.equal(restedAt(), null);
  await pass(200);
  t.not(restedAt(), null);
});
