/** Which peer gets which prefix from which block of `announce:`; no peer may get one twice. */

import {familyOf, networkAt} from '../lib/prefix.js';
import type {Prefix} from '../types.js';
import type {ReadBlock} from './announce-schema.js';
import type {AnnounceBlock, AnnounceOverride} from './types.js';
import type {Value} from './value.js';

/**
 * The blocks, those with an `aggregate` confined to what they aggregate where other blocks give the rest.
 * Reports the first prefix that a block gives to a peer as an earlier one does.
 */
export function separateBlocks(
  blocks: readonly ReadBlock[],
  prefixes: readonly Prefix[],
  peers: readonly string[],
): readonly AnnounceBlock[] {
  if (blocks.length < 2) return blocks.map(({block}) => block);
  const separate = blocks.map(({block}) => block);
  blocks.forEach(({block}, i) => {
    const confined = confine(block, separate.toSpliced(i, 1), prefixes, peers);
    if (confined) separate[i] = {...block, prefixes: confined};
  });
  for (const {later, earlier, prefix, peer} of clashes(separate, prefixes, peers)) {
    const line = blocks[earlier]?.value.position.line ?? 0;
    blocks[later]?.value.error(
      `gives ${prefix} to peer ${peer}, which gets it from the block in line ${line} already`,
    );
  }
  return separate;
}

/** Reports it when an override's `peers` or `via` make blocks give a peer the same prefix. */
export function checkOverride(
  value: Value,
  override: AnnounceOverride,
  blocks: readonly AnnounceBlock[],
  prefixes: readonly Prefix[],
  peers: readonly string[],
): void {
  if (blocks.length < 2 || !(override.peers || override.via)) return;
  const overridden = blocks.map((block) => ({...block, ...override}));
  const [clash] = clashes(overridden, prefixes, peers);
  if (!clash) return;
  const {earlier, later, prefix, peer} = clash;
  value.error(
    `with it, blocks ${earlier + 1} and ${later + 1} of \`announce\` both give ${prefix} to peer ${peer}`,
  );
}

/** What a block announces for a prefix; null: nothing. */
export function announcedAs(prefix: Prefix, {aggregate, prefixes: only}: AnnounceBlock): Prefix | null {
  if (only && !only.includes(prefix)) return null;
  const length = aggregate?.[familyOf(prefix)];
  return length === undefined ? prefix : networkAt(prefix, length);
}

/** The peers that get what a block announces. */
export function targetsOf({via, peers: only}: AnnounceBlock, peers: readonly string[]): readonly string[] {
  if (via !== null && !via.includes('bgp')) return [];
  return only ?? peers;
}

/** The prefixes of an aggregate block without those that it leaves as they are and others give to all of its peers. */
function confine(
  block: AnnounceBlock,
  others: readonly AnnounceBlock[],
  prefixes: readonly Prefix[],
  peers: readonly string[],
): readonly Prefix[] | null {
  const targets = targetsOf(block, peers);
  const rest = prefixes.filter((prefix) => announcedAs(prefix, block) === prefix);
  if (block.aggregate === null || targets.length === 0 || rest.length === 0) return null;
  const given = new Set(others.flatMap((other) => pairs(other, rest, peers).map(({key}) => key)));
  const left = new Set(rest.filter((prefix) => targets.every((peer) => given.has(keyOf(prefix, peer)))));
  return left.size > 0 ? prefixes.filter((prefix) => !left.has(prefix)) : null;
}

interface Clash {
  readonly earlier: number;
  readonly later: number;
  readonly prefix: Prefix;
  readonly peer: string;
}

/** The first clash of every two blocks. */
function clashes(
  blocks: readonly AnnounceBlock[],
  prefixes: readonly Prefix[],
  peers: readonly string[],
): Clash[] {
  const givenBy = new Map<string, number>();
  const found = new Map<string, Clash>();
  blocks.forEach((block, later) => {
    for (const {key, prefix, peer} of pairs(block, prefixes, peers)) {
      const earlier = givenBy.get(key) ?? later;
      givenBy.set(key, earlier);
      const both = `${earlier} ${later}`;
      if (earlier !== later && !found.has(both)) found.set(both, {earlier, later, prefix, peer});
    }
  });
  return [...found.values()];
}

function pairs(
  block: AnnounceBlock,
  prefixes: readonly Prefix[],
  peers: readonly string[],
): {readonly key: string; readonly prefix: Prefix; readonly peer: string}[] {
  const targets = targetsOf(block, peers);
  return prefixes.flatMap((own) => {
    const prefix = announcedAs(own, block);
    return prefix === null ? [] : targets.map((peer) => ({key: keyOf(prefix, peer), prefix, peer}));
  });
}

function keyOf(prefix: Prefix, peer: string): string {
  return `${prefix} ${peer}`;
}
