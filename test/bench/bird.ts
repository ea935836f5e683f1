/**
 * Through BIRD: from the decision (`set` of the announcer) to the moment at which a BGP reader, the neighbor of a real
 * BIRD in the same network namespace, holds the last UPDATE. The reference writes the list by hand and runs `birdc
 * configure`, as health-checkers do.
 */

import {execFile} from 'node:child_process';
import {renameSync, writeFileSync} from 'node:fs';
import {promisify} from 'node:util';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {birdDefaults} from '../../agent/config/bird.js';
import {systemClock as clock} from '../../agent/io/clock.js';
import {ownedFiles} from '../../agent/io/owned-file.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import {route} from '../fake/route.js';
import {enterOwnNetwork} from '../lab/own-network.js';
import {birdProblem, startExportingBird} from './lib/bird.js';
import {now, pause} from './lib/clock.js';
import {Helper} from './lib/helper.js';
import {hostPrefixes} from './lib/prefixes.js';
import {aim, header, note, row, spreadCells, spreadHeader, times, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';
import type {ReaderApi} from './reader.js';

const sizes = [
  {routes: 1, rounds: 200, aimMs: 3},
  {routes: 200, rounds: 60, aimMs: 50},
  {routes: 1000, rounds: 20, aimMs: null},
];
/** Between rounds: everything was read back, and the processes sleep. */
const restMs = 20;
const directions = ['announce', 'withdraw'] as const;
type Direction = (typeof directions)[number];

title('Through BIRD: decision -> the neighbor of BIRD holds the last UPDATE (milliseconds)');
const problem = enterOwnNetwork() || birdProblem();
if (problem) {
  note(`SKIPPED: ${problem}`);
  process.exit(0);
}
note('reference: the list written by hand, and `birdc configure`');
note(
  '1000 routes are two UPDATEs: the second waits for the delayed ACK of the first (BIRD leaves Nagle on), 40 ms',
);
header(...spreadHeader, 'ratio', 'aim');
for (const {routes, rounds, aimMs} of sizes) await measure(routes, rounds, aimMs);
process.exit(0);

async function measure(routes: number, rounds: number, aimMs: number | null): Promise<void> {
  const reader = Helper.start<ReaderApi>('reader.js', import.meta.url);
  const prefixes = hostPrefixes(routes);
  const host = '127.0.0.1';
  const bird = await startExportingBird(
    '127.0.0.2',
    {address: host, port: await reader.ask('listen', host)},
    prefixes,
  );
  await bird.established();
  const samples = {announce: {ours: [], hand: []}, withdraw: {ours: [], hand: []}} satisfies Record<
    Direction,
    {ours: number[]; hand: number[]}
  > as Record<Direction, {ours: number[]; hand: number[]}>;

  const items = prefixes.map((prefix) => route(prefix));
  let open = 0;
  let settled = (): void => {};
  const announcer = new BirdAnnouncer({
    config: {
      ...birdDefaults,
      dummy: parsePrefix(birdDefaults.dummy),
      dummy6: parsePrefix(birdDefaults.dummy6),
      socket: bird.socket,
      socket6: null,
      file: bird.file,
      file6: null,
      confirmTimeoutMs: null,
    },
    connect: connectUnix,
    files: ownedFiles,
    allowed: () => true,
    clock,
    emit: (event: AgentEvent) => {
      if (event.kind === 'note') note(event.message);
    },
  });
  announcer.on(() => {
    if (--open === 0) settled();
  });
  await announcer.start();

  const oursRound = async (direction: Direction): Promise<number> => {
    const all = new Promise<void>((resolve) => {
      open = routes;
      settled = resolve;
    });
    const began = now();
    announcer.set({items: direction === 'announce' ? items : [], adopt: new Set(), complete: true});
    const {at} = await reader.ask('arrived', null);
    await all;
    return at - began;
  };
  const handRound = async (direction: Direction): Promise<number> => {
    const began = now();
    const temporary = `${bird.file}.tmp`;
    writeFileSync(temporary, bird.listOf(direction === 'announce' ? prefixes : []));
    renameSync(temporary, bird.file);
    await promisify(execFile)('birdc', ['-s', bird.socket, 'configure']);
    return (await reader.ask('arrived', null)).at - began;
  };
  const play = async (side: 'ours' | 'hand', count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      for (const direction of directions) {
        const [announced, withdrawn] = direction === 'announce' ? [routes, 0] : [0, routes];
        await reader.ask('expect', {announced, withdrawn, endOfRib: 0, keepBytes: false});
        await pause(restMs);
        samples[direction][side].push(await (side === 'ours' ? oursRound : handRound)(direction));
      }
    }
  };
  await play('ours', rounds);
  await announcer.stop('withdraw');
  // Some of these take seconds.
  await play('hand', 10);

  for (const direction of directions) {
    const ours = spreadOf(samples[direction].ours);
    const hand = spreadOf(samples[direction].hand);
    const verdict = aimMs === null ? '' : aim(ours.median, aimMs, 'ms');
    row(`${direction} ${routes}`, ...spreadCells(ours), times(ours.median, hand.median), `  ${verdict}`);
    row('  by hand', ...spreadCells(hand));
  }
  await bird.stop();
  await reader.stop();
}
