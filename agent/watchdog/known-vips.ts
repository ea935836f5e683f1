/**
 * The VIPs that IPVS listed before, in `state_dir/ipvs.json`: one that is gone from the table has no servers, which is
 * something else than never having been there. It outlives the boot.
 */

import {join} from 'node:path';
import {z} from 'zod';
import {readFileIfThere, writeFileAtomic} from '../io/state-file.js';
import {AddressError, parseAddress} from '../lib/prefix.js';
import type {IpAddress} from '../types.js';

/** VIP → when it was listed last, wall clock. */
export type KnownVips = ReadonlyMap<IpAddress, number>;

const fileSchema = z.object({schema: z.literal(1), vips: z.record(z.string(), z.iso.datetime())});

/** What cannot be read as such is as good as nothing: the VIPs in the table are found again. */
export function readKnownVips(stateDir: string): KnownVips {
  const vips = new Map<IpAddress, number>();
  try {
    const file = fileSchema.parse(JSON.parse(readFileIfThere(fileOf(stateDir)) ?? 'null'));
    for (const [text, at] of Object.entries(file.vips)) vips.set(parseAddress(text), Date.parse(at));
  } catch (error) {
    const isDamage = error instanceof z.ZodError || error instanceof SyntaxError;
    if (!isDamage && !(error instanceof AddressError)) throw error;
  }
  return vips;
}

/** Throws when it cannot be written; the old file is then still there. */
export function writeKnownVips(stateDir: string, known: KnownVips): void {
  const vips = Object.fromEntries([...known].map(([vip, at]) => [vip, new Date(at).toISOString()]));
  writeFileAtomic(fileOf(stateDir), `${JSON.stringify({schema: 1, vips}, null, 1)}\n`);
}

/** After another look at the table: what is listed is known, and what is not listed for long is forgotten. */
export function afterLook(
  known: KnownVips,
  listed: readonly IpAddress[],
  now: number,
  forgetAfterMs: number,
): KnownVips {
  const isListed = new Set(listed);
  const kept = [...known].filter(([vip, at]) => !isListed.has(vip) && now - at <= forgetAfterMs);
  // The clock may have been set back since.
  return new Map([
    ...kept.map(([vip, at]) => [vip, Math.min(at, now)] as const),
    ...listed.map((vip) => [vip, now] as const),
  ]);
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'ipvs.json');
}
