/**
 * `npm run bench`, or `npm run bench -- NAME…` for some of the benchmarks. Each is a process of its own; what it
 * starts ends with it.
 */

import {spawn} from 'node:child_process';
import {cpus, loadavg} from 'node:os';
import {fileURLToPath} from 'node:url';
import {sweep} from '../lab/namespace.js';

const benchmarks: Readonly<Record<string, {readonly timeoutMs: number}>> = {
  latency: {timeoutMs: 120_000},
  checks: {timeoutMs: 240_000},
  memory: {timeoutMs: 120_000},
  start: {timeoutMs: 60_000},
  table: {timeoutMs: 120_000},
  bird: {timeoutMs: 180_000},
  frr: {timeoutMs: 180_000},
  bfd: {timeoutMs: 360_000},
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  process.stderr.write(
    `no benchmark "${unknown.join('", "')}": there are ${Object.keys(benchmarks).join(', ')}\n`,
  );
  process.exit(2);
}

const cores = cpus();
process.stdout.write(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cores.length} cores (${cores[0]?.model ?? 'unknown'})\n`,
);
for (const [name, {timeoutMs}] of Object.entries(benchmarks)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stdout.write(
    `\nload before ${name}: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}\n`,
  );
  if (!(await run(name, timeoutMs))) process.exitCode = 1;
}
await sweep();

/** False when it failed or took too long. */
function run(name: string, timeoutMs: number): Promise<boolean> {
  const file = fileURLToPath(new URL(`${name}.js`, import.meta.url));
  // A group of its own: at the timeout everything it started goes with it.
  const child = spawn(process.execPath, [file], {stdio: 'inherit', detached: true});
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  };
  const timer = setTimeout(() => {
    process.stderr.write(`${name}: not finished after ${timeoutMs / 1000} s\n`);
    kill();
  }, timeoutMs);
  process.once('exit', kill);
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('exit', kill);
      kill();
      resolve(code === 0);
    });
  });
}
