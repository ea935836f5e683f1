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

/** Reads `path`; where that does not exist, asks `ipvsadm -Ln`. Throws `CannotCheck`, which says what is missing. */
export async function readIpvsTable(ctx: Context, path = kernelTable): Promise<ReadableTable> {
  const text = await ctx.files.readText(path).catch((error: unknown) => {
    throw new CannotCheck(`${path}: ${describe(error).reason}`);
  });
  const source = text === null ? 'ipvsadm -Ln' : path;
  const table = text === null ? parseIpvsadm(await runIpvsadm(ctx, path)) : parseProcIpVs(text);
  if (!table.ok) throw new CannotCheck(`${source} gave no IPVS table: ${table.reason}`);
  return {source, table};
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
