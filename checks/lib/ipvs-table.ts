/** Reads the IPVS table of this host: from /proc, else through `ipvsadm`. */

import {type IpvsTable, parseIpvsadm, parseProcIpVs} from '../../agent/control/ipvs-protocol.js';
import type {CheckContext} from '../../agent/types.js';
import {CannotCheck, describe} from './result.js';

/** Readable without any privilege; there once the ip_vs module is loaded. */
export const kernelTable = '/proc/net/ip_vs';

export interface ReadableTable {
  /** Where it was read: a path, or a command. */
  readonly source: string;
  readonly table: Extract<IpvsTable, {ok: true}>;
}

type Context = Pick<CheckContext, 'exec' | 'files' | 'timeoutMs' | 'signal'>;
type TimedContext = Context & Pick<CheckContext, 'clock'>;

/** Reads `path`; where that does not exist, asks `ipvsadm -Ln`. Throws `CannotCheck`, which says what is missing. */
export async function readIpvsTable(ctx: Context, path = kernelTable): Promise<ReadableTable> {
  return (await readKernelTable(ctx.files, path)) ?? askIpvsadm(ctx, path);
}

/** Between two readings lies this many times what one took, at most `longestShareMs`. */
const shareFactor = 10;
const longestShareMs = 200;

/**
 * `readIpvsTable` for many checks at once. With hundreds of services the kernel and our parser need milliseconds for a
 * table, so checks that come during a reading, or soon after it, get the same one: reading never takes more than a
 * tenth of the time, and no check gets a table that is older than 200 ms and the reading itself.
 */
export function sharedIpvsTable(path = kernelTable): (ctx: TimedContext) => Promise<ReadableTable> {
  const shared = new WeakMap<CheckContext['files'], SharedReading>();
  return async (ctx) => {
    const {clock, files} = ctx;
    const known = shared.get(files);
    const reading = known && clock.now() < known.freshUntil ? known : startReading(files, path, clock);
    shared.set(files, reading);
    // Each asks ipvsadm itself: what one does is ended with its own timeout.
    return (await reading.table) ?? askIpvsadm(ctx, path);
  };
}

interface SharedReading {
  readonly table: Promise<ReadableTable | null>;
  /** As `Clock.now`. */
  freshUntil: number;
}

function startReading(
  files: CheckContext['files'],
  path: string,
  clock: CheckContext['clock'],
): SharedReading {
  const start = clock.now();
  const table = readKernelTable(files, path);
  const reading: SharedReading = {table, freshUntil: Number.POSITIVE_INFINITY};
  const end = (isTable: boolean): void => {
    const now = clock.now();
    reading.freshUntil = isTable ? now + Math.min(longestShareMs, shareFactor * (now - start)) : now;
  };
  table.then(
    (found) => end(found !== null),
    () => end(false),
  );
  return reading;
}

/** Null where there is no such file. */
async function readKernelTable(files: CheckContext['files'], path: string): Promise<ReadableTable | null> {
  const text = await readSteadily(files, path).catch((error: unknown) => {
    throw new CannotCheck(`${path}: ${describe(error).reason}`);
  });
  return text === null ? null : readable(path, parseProcIpVs(text));
}

async function askIpvsadm(ctx: Context, path: string): Promise<ReadableTable> {
  return readable('ipvsadm -Ln', parseIpvsadm(await runIpvsadm(ctx, path)));
}

function readable(source: string, table: IpvsTable): ReadableTable {
  if (!table.ok) throw new CannotCheck(`${source} gave no IPVS table: ${table.reason}`);
  return {source, table};
}

/** The kernel hands out no more at once (fs/seq_file.c: a page, or more only for a single service that needs it). */
const pieceCharacters = 4096;
const mostReadings = 4;

/**
 * The kernel finds the place of the next piece by counting services: where one comes or goes between two pieces, another
 * one is missing or told twice (seen on Linux 6.1 in 3 of 100 readings while services came and went). So a
 * table of several pieces is read until two readings tell the same services.
 */
async function readSteadily(files: CheckContext['files'], path: string): Promise<string | null> {
  let text = await files.readText(path);
  for (let readings = 1; text !== null && text.length >= pieceCharacters; readings++) {
    if (readings === mostReadings) break;
    const before = servicesIn(text);
    text = await files.readText(path);
    if (text !== null && servicesIn(text) === before) break;
  }
  return text;
}

/** The lines of services, without those of their servers. */
function servicesIn(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('  ->'))
    .join('\n');
}

async function runIpvsadm(ctx: Context, path: string): Promise<string> {
  const result = await ctx.exec.run(['ipvsadm', '-Ln'], {
    timeoutMs: ctx.timeoutMs,
    maxBytes: 4 * 1024 ** 2,
    signal: ctx.signal,
  });
  if (result.outcome !== 'exited' || result.code !== 0 || result.truncated) {
    const why = result.truncated ? 'its output is too long' : result.stderr.trim() || result.reason;
    throw new CannotCheck(`no ${path} (is the ip_vs module loaded?), and ipvsadm -Ln failed: ${why}`);
  }
  return result.stdout;
}
