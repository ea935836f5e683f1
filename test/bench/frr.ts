/**
 * Through FRR: from the decision (`set` of the announcer) to the moment at which a BGP reader, the neighbor of a real
 * FRR in the same network namespace, holds the last UPDATE. bgpd lets every change lie in its process queue for 50 ms
 * (bgpd/bgp_route.c, `spec.hold`; `show work-queues`): what is aimed at is what comes on top. The reference hands the
 * same lines to one `vtysh -c`, as health-checkers do.
 */

import {FrrAnnouncer} from '../../agent/announce/frr.js';
import {frrDefaults} from '../../agent/config/frr.js';
import {systemClock as clock} from '../../agent/io/clock.js';
import {systemExec} from '../../agent/io/exec.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import type {AgentEvent} from '../../agent/types.js';
import {route} from '../fake/route.js';
import {enterOwnNetwork, ip} from '../lab/own-network.js';
import {now, pause} from './lib/clock.js';
import {frrProblem, startFrr} from './lib/frr.js';
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
/** What no command and no configuration makes shorter. */
const bgpdHoldMs = 50;
/** Between rounds: everything was read back, and the processes sleep. */
const restMs = 20;
const directions = ['announce', 'withdraw'] as const;
type Direction = (typeof directions)[number];

title('Through FRR: decision -> the neighbor of FRR holds the last UPDATE (milliseconds)');
const problem = enterOwnNetwork() || frrProblem();
if (problem) {
  note(`SKIPPED: ${problem}`);
  process.exit(0);
}
note(`of each time ${bgpdHoldMs} ms are bgpd's own; reference: the same lines in one \`vtysh -c\``);
header(...spreadHeader, 'ratio', 'on top', 'aim');
for (const {routes, rounds, aimMs} of sizes) await measure(routes, rounds, aimMs);
process.exit(0);

async function measure(routes: number, rounds: number, aimMs: number | null): Promise<void> {
  const reader = Helper.start<ReaderApi>('reader.js', import.meta.url);
  const prefixes = hostPrefixes(routes);
  // zebra has no routes to 127.0.0.0/8.
  const [host, own] = ['10.99.0.1', '10.99.0.2'];
  for (const address of [host, own]) ip(`address replace ${address}/24 dev lo`);
  const port = await reader.ask('listen', host);
  const frr = await startFrr(own, {address: host, port}, prefixes);
  await frr.established();
  const samples: Record<Direction, {ours: number[]; hand: number[]}> = {
    announce: {ours: [], hand: []},
    withdraw: {ours: [], hand: []},
  };
  const items = prefixes.map((prefix) => route(prefix, {med: 100}));
  const kept = new Set<string>();
  let open = 0;
  let settled = (): void => {};
  const announcer = new FrrAnnouncer({
    config: {...frrDefaults, vtySockets: frr.sockets},
    connect: connectUnix,
    exec: systemExec,
    journal: {entries: () => kept, add: (line) => kept.add(line), remove: (line) => kept.delete(line)},
    allowed: () => true,
    managed: () => true,
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
    const no = direction === 'announce' ? '' : 'no ';
    const began = now();
    await frr.vtysh([
      ...['configure terminal', 'router bgp 64512', 'address-family ipv4 unicast'],
      ...prefixes.map((prefix) => `${no}network ${prefix}`),
    ]);
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
  // The first UPDATEs after the session came up wait for a second.
  await play('hand', 1);
  for (const direction of directions) samples[direction].hand.length = 0;
  await play('ours', rounds);
  await announcer.stop('withdraw');
  await play('hand', Math.min(rounds, 20));

  for (const direction of directions) {
    const ours = spreadOf(samples[direction].ours);
    const hand = spreadOf(samples[direction].hand);
    const onTop = ours.median - bgpdHoldMs;
    const verdict = aimMs === null ? '' : aim(onTop, aimMs, 'ms');
    row(
      `${direction} ${routes}`,
      ...spreadCells(ours),
      times(ours.median, hand.median),
      onTop.toFixed(2),
      `  ${verdict}`,
    );
    row('  by vtysh', ...spreadCells(hand));
  }
  await frr.stop();
  await reader.stop();
}
