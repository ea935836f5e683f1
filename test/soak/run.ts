/**
 * `npm run soak`, or `npm run soak -- --minutes 2`: BFD at 50 ms × 3 between an agent that runs 1,000 checks a second
 * and a BIRD, with all services failing and recovering once a minute. Passes if no session of BFD or BGP was ever lost.
 */

import {readFile} from 'node:fs/promises';
import {loadavg} from 'node:os';
import {setTimeout as pause} from 'node:timers/promises';
import {parseArgs} from 'node:util';
import {Worker} from 'node:worker_threads';
import {Lab, type LabOwner} from '../lab/lab.js';
import {LoadedAgent} from '../lab/loaded.js';
import {prepare} from '../lab/packages.js';

const [checksPerSecond, bfdMs] = [1000, 50];
/** Beyond the minutes asked for: the start, the bursts, the end. */
const graceMs = 120_000;
/** Below this share of the checks that were due the machine was not up to it, and the rest proves little. */
const leastShare = 0.9;

const say = (line: string) => process.stdout.write(`${line}\n`);
const minutes = minutesAsked();
const problem = await prepare('interop', say);
if (problem) {
  say(`soak: cannot run: ${problem}`);
  process.exit(1);
}

/** The lab ends with the program, however that ends. */
const endings: (() => Promise<void>)[] = [];
let verdict: readonly string[] = ['it was interrupted'];
const owner: LabOwner = {teardown: (fn) => void endings.push(fn), passing: () => verdict.length === 0};
const end = once(async () => {
  for (const ending of endings.reverse()) await ending();
  say(verdict.length === 0 ? 'soak: PASSED' : `soak: FAILED: ${verdict.join('; ')}`);
  process.exit(verdict.length === 0 ? 0 : 1);
});
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => void end());
setTimeout(
  () => {
    verdict = ['it did not end in time'];
    void end();
  },
  minutes * 60_000 + graceMs,
).unref();

try {
  verdict = await soak();
} catch (error) {
  verdict = [error instanceof Error ? error.message : String(error)];
}
await end();

/** What went wrong; nothing: it passed. */
async function soak(): Promise<readonly string[]> {
  say(`soak: ${minutes} min, BFD at ${bfdMs} ms × 3, ${checksPerSecond} checks a second`);
  const lab = await Lab.create(owner);
  const loaded = await LoadedAgent.start(lab, {checksPerSecond, intervalMs: 100, bfdMs, logLevel: 'info'});
  const view = await loaded.routersView();
  const idle = new Worker(new URL('stall-thread.js', import.meta.url));
  let [steadyMs, checks] = [0, 0];
  const began = performance.now();
  for (let minute = 1; performance.now() - began < minutes * 60_000; minute++) {
    // A burst of withdrawals and log lines, then checks alone for the rest of the minute.
    await loaded.fail();
    await loaded.recover();
    const [before, from] = [await loaded.answered(), performance.now()];
    const left = began + Math.min(minute, minutes) * 60_000 - from;
    await pause(Math.max(1_000, left));
    checks += (await loaded.answered()) - before;
    steadyMs += performance.now() - from;
    const rate = Math.round((checks / steadyMs) * 1000);
    const {cpuS, residentMib} = await usage(loaded.agent.pid);
    say(
      `  ${Math.min(minute, minutes)} min: ${rate} checks a second, ${loaded.falls.length} sessions lost, ` +
        `agent ${residentMib} MiB and ${cpuS} s of CPU, load ${loadavg()[0]?.toFixed(1)}`,
    );
  }
  const stallMs = await new Promise<number>((resolve) => {
    idle.once('message', resolve);
    idle.postMessage('end');
  });
  const share = checks / ((steadyMs / 1000) * checksPerSecond);
  const viewNow = await loaded.routersView();
  say(`  BIRD: ${viewNow}`);
  say(`  a thread that does nothing was kept waiting for ${stallMs} ms at most`);
  const losses = [
    ...loaded.falls.slice(0, 10),
    ...(viewNow === view ? [] : [`BIRD lost a session: before ${view}`]),
  ];
  // Where nobody gets to run for so long, BIRD does not either.
  const isUnfit = losses.length > 0 && stallMs > loaded.detectMs / 3;
  return [
    ...losses,
    ...(isUnfit
      ? [`the machine keeps whoever runs on it waiting for ${stallMs} ms: try again when it is idle`]
      : []),
    ...(share < leastShare ? [`only ${Math.round(share * 100)} % of the checks were made`] : []),
  ];
}

async function usage(pid: number): Promise<{cpuS: number; residentMib: number}> {
  const [stat, status] = await Promise.all(
    ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
  );
  // The fields after the name in brackets, which may hold blanks: utime and stime are the 14th and 15th of all.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = Number(/VmRSS:\s+(\d+)/.exec(status ?? '')?.[1]);
  return {cpuS: Math.round(ticks / 100), residentMib: Math.round(resident / 1024)};
}

function minutesAsked(): number {
  try {
    const {values} = parseArgs({options: {minutes: {type: 'string', default: '10'}}});
    const asked = Number(values.minutes);
    if (asked > 0 && asked <= 24 * 60) return asked;
  } catch {
    // Said below.
  }
  say('usage: npm run soak -- [--minutes N]');
  process.exit(2);
}

function once(fn: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= fn();
    return running;
  };
}
