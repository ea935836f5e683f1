/**
 * (c) Memory: of the idle daemon, for each service with one HTTP check, and how much it grows while a peer sends a
 * full table that it has no use for.
 */

import {callDaemon} from '../../agent/api/client.js';
import {enterOwnNetwork} from '../lab/own-network.js';
import type {DaemonHeapApi} from './daemon-heap.js';
import type {DrainApi} from './drain.js';
import type {FloodApi} from './flood.js';
import {now, pause} from './lib/clock.js';
import {DaemonFolder, kill} from './lib/daemon.js';
import {Helper} from './lib/helper.js';
import {aim, header, note, row, title} from './lib/report.js';
import {rssMiB, watchRss} from './lib/rss.js';
import {spreadOf} from './lib/spread.js';
import type {ServersApi} from './servers.js';

const host = '127.0.0.1';
const few = 100;
const many = 1000;
const perServiceAimKB = 30;
const routes = 500_000;
const growthAimMB = 10;

enterOwnNetwork();
const servers = Helper.start<ServersApi>('servers.js', import.meta.url);
const flood = Helper.start<FloodApi>('flood.js', import.meta.url);
const {http: httpPort} = await servers.ask('listen', host);
const peerPort = await flood.ask('listen', host);
await flood.ask('prepare', routes);

await idleAndGrowth();
await perService();
await flood.stop();
await servers.stop();
process.exit(0);

async function idleAndGrowth(): Promise<void> {
  title('(c) Memory, resident (MiB)');
  header('median', 'min', 'max', 'growth', 'aim');
  const folder = new DaemonFolder({peerPort, httpPort, services: 1});
  const daemon = folder.run();
  const pid = daemon.pid ?? 0;
  await flood.ask('established', null);
  await pause(4000);
  const idle = await watchRss(pid, 1000);
  memoryRow('eip-health run, one service, idle', idle);

  const before = spreadOf(idle).median;
  const began = now();
  const sending = flood.ask('send', routes);
  const during = await watchUntil(pid, async () => (await receivedBy(folder.socket)) >= routes);
  const ms = now() - began;
  const {bytes, updates} = await sending;
  const growth = Math.max(...during) - before;
  memoryRow(`  while a peer sends ${routes} routes`, during, growth, aim(growth, growthAimMB, 'MB'));
  const after = await watchRss(pid, 3000);
  memoryRow('  and in the 3 s after it', after, spreadOf(after).median - before);
  await kill(daemon);
  folder.remove();

  const drain = Helper.start<DrainApi>('drain.js', import.meta.url);
  await drain.ask('received', null);
  await pause(1500);
  const bareIdle = await watchRss(drain.pid, 500);
  memoryRow('bare node with a socket, idle', bareIdle);
  await drain.ask('connect', peerPort);
  await pause(200);
  await flood.ask('established', null);
  const bareSending = flood.ask('send', routes);
  let total = Number.POSITIVE_INFINITY;
  void bareSending.then(({bytes: sent}) => {
    total = sent;
  });
  const bareDuring = await watchUntil(drain.pid, async () => (await drain.ask('received', null)) >= total);
  memoryRow(
    '  while it drops the same bytes',
    bareDuring,
    Math.max(...bareDuring) - spreadOf(bareIdle).median,
  );
  await drain.stop();
  note(
    `${routes} routes in ${updates} UPDATEs (${(bytes / 1e6).toFixed(1)} MB) were read in ${(ms / 1000).toFixed(2)} s`,
  );
}

async function perService(): Promise<void> {
  title('(c) Memory for each service with one HTTP check (kB)');
  const at = new Map<number, {readonly live: number; readonly rss: number}>();
  for (const services of [few, many]) {
    const folder = new DaemonFolder({peerPort, httpPort, services});
    const daemon = Helper.start<DaemonHeapApi>('daemon-heap.js', import.meta.url, {
      nodeOptions: ['--expose-gc'],
      quiet: true,
    });
    await daemon.ask('run', folder.config);
    // First runs are 2 ms apart, then `rise` of them every `fast_interval`.
    await pause(6000);
    const rss = spreadOf(await watchRss(daemon.pid, 1000)).median;
    const live = (await daemon.ask('live', null)) / 1e3;
    at.set(services, {live, rss: rss * 1048.576});
    await daemon.stop();
    folder.remove();
  }
  const [a, b] = [at.get(few), at.get(many)];
  if (!a || !b) return;
  header(`${few} run`, `${many} run`, 'each', 'aim');
  for (const [name, key] of [
    ['live (heap and buffers after a collection)', 'live'],
    ['resident (with what is not yet collected)', 'rss'],
  ] as const) {
    const each = (b[key] - a[key]) / (many - few);
    row(name, a[key].toFixed(0), b[key].toFixed(0), each.toFixed(1), `  ${aim(each, perServiceAimKB, 'kB')}`);
  }
}

function memoryRow(name: string, samples: readonly number[], growth?: number, verdict = ''): void {
  const {max, median} = spreadOf(samples);
  const cells = [median, Math.min(...samples), max].map((value) => value.toFixed(1));
  row(name, ...cells, growth === undefined ? '' : growth.toFixed(1), `  ${verdict}`);
}

async function watchUntil(pid: number, isOver: () => Promise<boolean>): Promise<readonly number[]> {
  const samples: number[] = [];
  let over = false;
  const asking = (async (): Promise<void> => {
    while (!over) {
      over = await isOver();
      await pause(100);
    }
  })();
  while (!over) {
    samples.push(rssMiB(pid));
    await pause(10);
  }
  await asking;
  return samples;
}

async function receivedBy(socket: string): Promise<number> {
  const status = (await callDaemon(socket, 'status', {}, 10_000)) as {peers: {received: number}[]};
  return status.peers[0]?.received ?? 0;
}
