/** Communities as people write them: names, aliases, `64512:7`, `large:64512:1:2`. */

import {wellKnownCommunities} from '../bgp/wire/iana.js';
import {suggest} from '../lib/suggest.js';
import type {Community} from '../types.js';

/** Other names that daemons and manuals use for the well-known ones. */
const synonyms: Readonly<Record<string, string>> = {
  'local-as': 'no-export-subconfed',
  'graceful-shut': 'graceful-shutdown',
  gshut: 'graceful-shutdown',
};

const u32Max = 0xffff_ffff;

/** Whether a name already means a community everywhere, so that it cannot be an alias. */
export function isWellKnown(name: string): boolean {
  return wellKnownCommunities.has(synonyms[name] ?? name);
}

/**
 * The canonical form, or a sentence that says what would be right.
 * `aliases`: null where they are not known, and a name may be one of them.
 */
export function parseCommunity(
  written: string,
  aliases: Readonly<Record<string, Community>> | null,
): {readonly community: Community | null} | {readonly error: string} {
  const known = wellKnownCommunities.get(synonyms[written] ?? written) ?? ownValue(aliases, written);
  if (known) return {community: known};
  const isLarge = written.startsWith('large:');
  const parts = (isLarge ? written.slice('large:'.length) : written).split(':');
  if (parts.every((part) => /^\d{1,10}$/.test(part)) && (isLarge || parts.length > 1)) {
    return ofNumbers(written, parts.map(Number), isLarge);
  }
  if (aliases === null && !written.includes(':')) return {community: null};
  const meant = suggest(written, [...Object.keys(aliases ?? {}), ...wellKnownCommunities.keys()]);
  const right =
    'write 64512:7, large:64512:1:2, a well-known name like no-export, or a name of `bgp.communities`';
  return {
    error: `${JSON.stringify(written.slice(0, 60))} is no community: ${meant === null ? right : `did you mean \`${meant}\`?`}`,
  };
}

function ofNumbers(
  written: string,
  numbers: readonly number[],
  isLarge: boolean,
): {readonly community: Community} | {readonly error: string} {
  if (!isLarge && numbers.length === 3)
    return {error: `"${written}" is a large community: write large:${written}`};
  const [count, max, form] = isLarge ? [3, u32Max, 'large:A:B:C'] : [2, 0xffff, 'A:B'];
  if (numbers.length !== count || numbers.some((number) => number > max)) {
    return {error: `"${written}" is no community: ${form} takes ${count} numbers of at most ${max}`};
  }
  return {community: `${isLarge ? 'large:' : ''}${numbers.join(':')}` as Community};
}

/** Standard ones before large ones, then by their numbers; each once. */
export function sortedCommunities(communities: readonly Community[]): readonly Community[] {
  return [...new Set(communities)].sort((a, b) => compare(numbersOf(a), numbersOf(b)));
}

function numbersOf(community: Community): readonly number[] {
  return community.replace('large:', '').split(':').map(Number);
}

function compare(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return a.length - b.length;
  return a.map((number, i) => number - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

function ownValue(aliases: Readonly<Record<string, Community>> | null, name: string): Community | undefined {
  return aliases !== null && Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}
