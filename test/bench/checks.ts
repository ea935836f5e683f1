/**
 * (b) What a check costs: CPU time of the process, for each run, of the real agent beside a bare loop of the same
 * client with the same options; and how many checks a second it runs before one is missed.
 */

import {enterOwnNetwork} from '../lab/own-network.js';
import type {CheckLoadApi, Client, Measured} from './check-load.js';
import {pause} from './lib/clock.js';
import {Helper} from './lib/helper.js';
import {aim, header, note, row, spreadCells, spreadHeader, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';
import type {ServersApi} from './servers.js';

const loads: readonly {client: Client; perSecond: number; limitFrom: number}[] = [
  {client: 'got', perSecond: 1000, limitFrom: 1000},
  {client: 'net.connect', perSecond: 1000, limitFrom: 4000},
  {client: 'execa', perSecond: 100, limitFrom: 200},
];
const windows = {repeats: 2, count: 3, ms: 1000};
/** Until code that runs often is compiled, and its memory has the size that it keeps. */
const warmUpMs = 3000;
const aimRatio = 1.5;

// Thousands of short connections leave nothing behind in the machine's own network.
enterOwnNetwork();
const servers = Helper.start<ServersApi>('servers.js', import.meta.url);
const ports = await servers.ask('listen', '127.0.0.1');

title('(b) CPU per check (milliseconds of user and system time)');
note('reference: a bare loop of the same client with the same options, at the same rate');
header(...spreadHeader, 'ratio', 'aim');
for (const {client, perSecond} of loads) await compare(client, perSecond);

title('(b) Highest rate without a missed or failed run (interval 250 ms)');
header('a second', 'next tried');
for (const {client, limitFrom} of loads) await findLimit(client, limitFrom);
await servers.stop();
process.exit(0);

async function compare(client: Client, perSecond: number): Promise<void> {
  const samples: Record<'agent' | 'bare', number[]> = {agent: [], bare: []};
  for (let i = 0; i < windows.repeats; i++) {
    for (const who of ['bare', 'agent'] as const) {
      const measured = await runLoad(who, {client, perSecond, intervalMs: 1000}, windows);
      for (const {cpuMs, runs, failed} of measured) {
        if (failed > 0) note(`${who}: ${failed} of ${runs} runs failed`);
        samples[who].push(cpuMs / runs);
      }
    }
  }
  const [ours, reference] = [spreadOf(samples.agent), spreadOf(samples.bare)];
  const ratio = ours.median / reference.median;
  row(
    `check by ${client}, ${perSecond} a second`,
    ...spreadCells(ours, 3),
    `${ratio.toFixed(2)}x`,
    `  ${aim(ratio, aimRatio, 'x')}`,
  );
  row(`  bare ${client}`, ...spreadCells(reference, 3));
}

/** Doubles the rate until a run is missed, then looks twice between the last two. */
async function findLimit(client: Client, from: number): Promise<void> {
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  for (let rate = from, halvings = 0; halvings <= 2; ) {
    const [measured] = await runLoad(
      'agent',
      {client, perSecond: rate, intervalMs: 250},
      {count: 1, ms: 2500},
    );
    const kept = measured !== undefined && measured.missed === 0 && measured.failed === 0;
    if (kept) good = rate;
    else bad = rate;
    if (bad < Number.POSITIVE_INFINITY) halvings++;
    rate = bad < Number.POSITIVE_INFINITY ? (good + bad) / 2 : rate * 2;
  }
  row(`checks by ${client}`, good.toFixed(0), bad.toFixed(0));
}

async function runLoad(
  who: 'agent' | 'bare',
  {client, intervalMs, perSecond}: {client: Client; perSecond: number; intervalMs: number},
  {count, ms}: {count: number; ms: number},
): Promise<readonly Measured[]> {
  const process = Helper.start<CheckLoadApi>('check-load.js', import.meta.url);
  try {
    const port = client === 'got' ? ports.http : ports.tcp;
    await process.ask(who, {client, port, perSecond, intervalMs});
    // First runs of services are 2 ms apart.
    await pause(2 * ((perSecond * intervalMs) / 1000) + warmUpMs);
    const measured: Measured[] = [];
    for (let i = 0; i < count; i++) measured.push(await process.ask('measure', ms));
    return measured;
  } finally {
    await process.stop();
  }
}
