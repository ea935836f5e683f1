/** (d) From the start of the process to the moment at which a BGP reader holds the first announcement. */

import {spawn} from 'node:child_process';
import {enterOwnNetwork} from '../lab/own-network.js';
import {now} from './lib/clock.js';
import {DaemonFolder, kill} from './lib/daemon.js';
import {Helper} from './lib/helper.js';
import {header, note, row, spreadCells, spreadHeader, times, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';
import type {ReaderApi} from './reader.js';
import type {ServersApi} from './servers.js';

const host = '127.0.0.1';
const rounds = 10;

const noNetwork = enterOwnNetwork();
const servers = Helper.start<ServersApi>('servers.js', import.meta.url);
const reader = Helper.start<ReaderApi>('reader.js', import.meta.url);
const {http: httpPort} = await servers.ask('listen', host);
const peerPort = await reader.ask('listen', host);

title('(d) Start of the process -> first announcement at the reader (milliseconds; rise 1)');
note('reference: a bare node that does nothing but connect to the same reader');
header(...spreadHeader, 'ratio');
const samples = {off: [] as number[], on: [] as number[], bare: [] as number[]};
for (let i = 0; i < rounds; i++) {
  samples.off.push(await startDaemon(false));
  if (!noNetwork) samples.on.push(await startDaemon(true));
  samples.bare.push(await startBare());
}
const bare = spreadOf(samples.bare);
for (const kernel of ['off', 'on'] as const) {
  if (samples[kernel].length === 0) {
    note(`SKIPPED with the kernel part: ${noNetwork}`);
    continue;
  }
  const spread = spreadOf(samples[kernel]);
  row(`eip-health run, kernel part ${kernel}`, ...spreadCells(spread, 0), times(spread.median, bare.median));
}
row('  bare node, connected', ...spreadCells(bare, 0));
await reader.stop();
await servers.stop();
process.exit(0);

async function startDaemon(kernel: boolean): Promise<number> {
  const folder = new DaemonFolder({peerPort, httpPort, services: 1, rise: 1, kernel});
  await reader.ask('closeAll', null);
  await reader.ask('expect', {announced: 1, withdrawn: 0, endOfRib: 0, keepBytes: false});
  const began = now();
  const daemon = folder.run();
  const {at} = await reader.ask('arrived', null);
  await kill(daemon);
  folder.remove();
  return at - began;
}

async function startBare(): Promise<number> {
  await reader.ask('closeAll', null);
  const program = `require('node:net').connect(${peerPort}, '${host}')`;
  const began = now();
  const child = spawn(process.execPath, ['-e', program], {stdio: 'ignore'});
  const at = await reader.ask('connected', null);
  await kill(child);
  return at - began;
}
