/**
 * (f) BFD with a real BIRD in network namespaces: from the death of the path, or of the agent, to the end of BGP here and
 * to the end of the route in the router's kernel; and how punctual packets are while the agent has much to do.
 */

import {setTimeout as pause} from 'node:timers/promises';
import {Lab, type LabOwner} from '../lab/lab.js';
import {type Load, LoadedAgent} from '../lab/loaded.js';
import {prepare} from '../lab/packages.js';
import {waitFor} from '../lab/wait.js';
import {header, note, row, spreadCells, spreadHeader, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';

const rounds = 6;
const intervals = [300, 50];
const jitterMs = 50;
const quietS = 20;
const busyS = 40;
const barePort = 40_000;

title('(f) BFD: detection, withdrawal, punctuality (BIRD 2 in network namespaces)');
const problem = await prepare('interop', note);
if (problem) {
  note(`SKIPPED: ${problem}`);
  process.exit(0);
}
const endings: (() => Promise<void>)[] = [];
const owner: LabOwner = {teardown: (fn) => void endings.push(fn), passing: () => true};
try {
  for (const bfdMs of intervals) await detection(bfdMs);
  await punctuality();
} finally {
  for (const ending of endings.reverse()) await ending();
}
process.exit(0);

async function start(
  load: Pick<Load, 'bfdMs' | 'checksPerSecond' | 'intervalMs' | 'kernel' | 'multiplier' | 'strict'>,
): Promise<LoadedAgent> {
  return LoadedAgent.start(await Lab.create(owner), {logLevel: 'info', ...load});
}

async function detection(bfdMs: number): Promise<void> {
  const loaded = await start({bfdMs, checksPerSecond: 5, intervalMs: 200, kernel: true, strict: true});
  const {agent, detectMs, peers, spoke} = loaded;
  const monitor = spoke.namespace.spawn(['ip', '-ts', 'monitor', 'route']);
  const samples = {ours: [] as number[], theirs: [] as number[], frozen: [] as number[]};
  const routeGone = async (): Promise<number> =>
    waitFor(
      'the route to leave the kernel of the router',
      () => /\[(\S+)\] Deleted 198\.18\.0\.0 /.exec(monitor.stdout)?.[1] ?? '',
      (stamp) => stamp !== '',
    ).then((stamp) => Date.parse(stamp));
  for (let i = 0; i < rounds; i++) {
    const before = agent.log.length;
    monitor.stdout = '';
    const speak = await spoke.namespace.silence(spoke.link);
    const cutAt = Date.now();
    const lost = await waitFor(
      'the agent to drop its peers',
      () => agent.log.slice(before).filter(({msg}) => / idle: sent NOTIFICATION/.test(msg)),
      (lines) => lines.length === peers.length,
    );
    samples.ours.push(...lost.map(({time}) => Date.parse(String(time)) - cutAt));
    samples.theirs.push((await routeGone()) - cutAt);
    await speak();
    await loaded.settled();

    monitor.stdout = '';
    const frozenAt = Date.now();
    agent.freeze();
    samples.frozen.push((await routeGone()) - frozenAt);
    agent.thaw();
    await loaded.settled();
  }
  await monitor.kill();
  await agent.stop();
  note(
    `${bfdMs} ms × 3: a detection time is ${detectMs} ms, counted from the last packet that came through (milliseconds)`,
  );
  header(...spreadHeader);
  row('silent path -> our BGP sessions ended', ...spreadCells(spreadOf(samples.ours), 0));
  row('silent path -> route gone in the router', ...spreadCells(spreadOf(samples.theirs), 0));
  row('frozen agent -> route gone in the router', ...spreadCells(spreadOf(samples.frozen), 0));
}

async function punctuality(): Promise<void> {
  // Patient sessions: what comes late is to be seen, not to be the end of them.
  const loaded = await start({bfdMs: jitterMs, checksPerSecond: 1000, intervalMs: 100, multiplier: 60});
  const {agent, spoke} = loaded;
  const bare = agent.namespace.spawn([
    process.execPath,
    new URL('bfd-bare.js', import.meta.url).pathname,
    spoke.address,
    String(barePort),
    String(jitterMs),
  ]);
  // Kernel time stamps, at the router.
  const capture = spoke.namespace.spawn([
    'tcpdump',
    '-i',
    spoke.link,
    '-n',
    '-q',
    '-l',
    '-tt',
    `src ${spoke.hostAddress} and udp dst port (3784 or ${barePort})`,
  ]);
  const measure = async (seconds: number, busy: () => Promise<unknown>) => {
    capture.stdout = '';
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) await busy();
    return capture.stdout;
  };
  const steady = await measure(quietS, () => pause(500));
  const bursts = await measure(busyS, async () => {
    await loaded.fail();
    await loaded.recover();
  });
  await bare.kill();
  await capture.kill();
  note(
    `time between packets in % of ${jitterMs} ms, which RFC 5880 wants from 75 to 100; seen at the router`,
  );
  header('p1', 'median', 'p99', 'p99.9', 'max', 'packets');
  for (const [name, text] of [
    ['1,000 checks a second', steady],
    ['services failing and coming back all the time', bursts],
  ] as const) {
    row(name, ...percentiles(text, '3784'));
    row('  bare timer thread beside it', ...percentiles(text, String(barePort)));
  }
  note(`sessions lost meanwhile: ${loaded.falls.length}`);
  await agent.stop();
}

/** `1732196166.794123 IP 10.45.1.1.62563 > 10.45.1.2.3784: UDP, length 24` */
function percentiles(text: string, port: string): readonly string[] {
  const stamps = [...text.matchAll(/^(\d+\.\d+) IP \S+ > \S+\.(\d+): /gm)]
    .filter(([, , to]) => to === port)
    .map(([, stamp]) => Number(stamp) * 1000);
  const gaps = stamps.slice(1).map((stamp, i) => ((stamp - (stamps[i] ?? stamp)) / jitterMs) * 100);
  const sorted = gaps.sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(0);
  return [at(0.01), at(0.5), at(0.99), at(0.999), at(1), String(sorted.length)];
}
