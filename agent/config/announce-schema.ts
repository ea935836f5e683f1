/** `announce:` and what replaces it key by key: `when_degraded:`, `when_down:`, `drain:`. */

import {z} from 'zod';
import {familyOf} from '../lib/prefix.js';
import {didYouMean} from '../lib/suggest.js';
import type {AnnouncerName, Community, NextHop} from '../types.js';
import type {BirdConfig} from './bird.js';
import {parseCommunity, sortedCommunities} from './communities.js';
import type {ExabgpConfig} from './exabgp.js';
import type {FrrConfig} from './frr.js';
import type {GobgpConfig} from './gobgp.js';
import {type Keys, key, part, Section} from './section.js';
import type {AnnounceBlock, AnnounceOverride, BgpConfig, KernelConfig} from './types.js';
import type {Value} from './value.js';
import {duration, nextHopOfFamily, plainName, whole} from './values.js';

/** What there is to announce with; undefined: wrong, so that nothing can be said about what depends on it. */
export interface Announcers {
  readonly bgp: BgpConfig | null | undefined;
  readonly bird: BirdConfig | null | undefined;
  readonly frr: FrrConfig | null | undefined;
  readonly exabgp: ExabgpConfig | null | undefined;
  readonly gobgp: GobgpConfig | null | undefined;
  readonly kernel: KernelConfig | null | undefined;
}

const u32 = whole(0, 0xffff_ffff);
/** Longer paths are filtered by many networks. */
const maxPrepend = 64;

const attributeKeys = {
  via: part(),
  peers: part(),
  next_hop: part(),
  med: key(u32),
  local_preference: key(u32),
  communities: part(),
  as_path_prepend: key(whole(0, maxPrepend)),
} satisfies Keys;

const blockKeys = {...attributeKeys, aggregate: part()};
const drainKeys = {...attributeKeys, for: key(duration(0))};
const whenDownKeys = {...attributeKeys, from_start: key(z.boolean())};

/** Where the keys of an announcement belong when they are found beside it. */
export const announceKeyNames = Object.keys(blockKeys);

const usual: Omit<AnnounceBlock, 'aggregate'> = {
  via: null,
  peers: null,
  nextHop: 'self',
  med: null,
  localPreference: null,
  communities: [],
  asPathPrepend: 0,
};

export interface ReadBlock {
  readonly block: AnnounceBlock;
  readonly value: Value;
}

/** One block, or a list of blocks. */
export function readAnnounce(value: Value, announcers: Announcers): readonly ReadBlock[] {
  if (value.isList && value.items().length === 0) {
    value.error('is an empty list: leave it out to announce every prefix as it is');
  }
  return (value.isList ? value.items() : [value]).map((item) => {
    const section = new Section(item, blockKeys, {later: ['link_bandwidth']});
    const aggregate = readAggregate(section.get('aggregate'));
    return {block: {...usual, ...readAttributes(section, announcers), aggregate}, value: item};
  });
}

/** The block that stands where `announce:` is left out. */
export const plainBlock: AnnounceBlock = {...usual, aggregate: null};

const noAggregate = {aggregate: 'under `announce`, and cannot change with the state'};

/** What is written, and no more: it replaces `announce` key by key. */
export function readWhenDegraded(value: Value, announcers: Announcers): AnnounceOverride {
  return readAttributes(new Section(value, attributeKeys, {elsewhere: noAggregate}), announcers);
}

/** `withdraw`, or what is announced as last resort. */
export function readWhenDown(
  value: Value,
  announcers: Announcers,
): {readonly fromStart: boolean; readonly override: AnnounceOverride} | 'withdraw' {
  if (!value.isMapping) {
    value.read(z.literal('withdraw', 'must be withdraw, or keys of `announce` to stay announced with'));
    return 'withdraw';
  }
  const section = new Section(value, whenDownKeys, {elsewhere: noAggregate});
  return {fromStart: section.get('from_start') ?? false, override: readAttributes(section, announcers)};
}

/** A bare duration, or `for:` with keys of `announce` that hold while draining. */
export function readDrain(
  value: Value,
  announcers: Announcers,
): {readonly forMs: number; readonly override: AnnounceOverride} {
  if (!value.isMapping) return {forMs: value.read(duration(0)) ?? 0, override: {}};
  const section = new Section(value, drainKeys, {elsewhere: noAggregate});
  return {forMs: section.get('for') ?? 0, override: readAttributes(section, announcers)};
}

function readAttributes(section: Section<typeof attributeKeys>, announcers: Announcers): AnnounceOverride {
  const [med, localPreference, asPathPrepend] = [
    section.get('med'),
    section.get('local_preference'),
    section.get('as_path_prepend'),
  ];
  const via = section.get('via');
  const peers = section.get('peers');
  const nextHop = section.get('next_hop');
  const communities = section.get('communities');
  const override = {
    ...(via && {via: readVia(via, announcers)}),
    ...(peers && {peers: readPeerNames(peers, announcers)}),
    ...(nextHop && {nextHop: readNextHop(nextHop)}),
    ...(med !== undefined && {med}),
    ...(localPreference !== undefined && {localPreference}),
    ...(communities && {communities: readCommunities(communities, announcers)}),
    ...(asPathPrepend !== undefined && {asPathPrepend}),
  };
  if (override.peers && override.via?.length && !override.via.includes('bgp')) {
    section.at('peers').error('only `bgp` has peers, and `via` leaves it out');
  }
  if (localPreference !== undefined && announcers.bgp) {
    const targets = announcers.bgp.peers.filter(({name}) => override.peers?.includes(name) ?? true);
    const isInternal = targets.some(({remoteAs, localAs}) => remoteAs === 'internal' || remoteAs === localAs);
    if (targets.length > 0 && !isInternal) {
      section.at('local_preference').warning('is not sent to peers of another AS, and all of these are');
    }
  }
  return override;
}

const announcerNames = ['bgp', 'bird', 'frr', 'exabgp', 'gobgp', 'kernel'] as const;

function readVia(value: Value, announcers: Announcers): readonly AnnouncerName[] {
  const names: AnnouncerName[] = [];
  for (const item of value.isList ? value.items() : [value]) {
    const written = item.read(z.string());
    if (written === undefined) continue;
    const name = announcerNames.find((known) => known === written);
    if (name === undefined) item.error('must be bgp, bird, frr, exabgp, gobgp or kernel');
    else if (announcers[name] === null) item.error(`the main file has no \`${name}\` block`);
    else names.push(name);
  }
  if (value.isList && value.items().length === 0) value.error('must not be empty');
  return [...new Set(names)].sort();
}

function readPeerNames(value: Value, {bgp}: Announcers): readonly string[] {
  const names: string[] = [];
  const known = bgp?.peers.map(({name}) => name) ?? [];
  for (const item of value.isList ? value.items() : [value]) {
    const name = item.read(plainName);
    if (name === undefined) continue;
    if (bgp === null) item.error('the main file has no `bgp` block, so there are no peers');
    else if (bgp && !known.includes(name)) {
      item.error(
        `there is no peer \`${name}\`${didYouMean(name, known) || `: there are ${known.slice(0, 10).join(', ')}`}`,
      );
    } else names.push(name);
  }
  if (value.isList && value.items().length === 0)
    value.error('must not be empty: leave it out for every peer');
  return [...new Set(names)].sort();
}

const nextHopKeys = {ipv4: part(), ipv6: part()};

/** `self`, an address for its family, or one for each. */
function readNextHop(value: Value): NextHop {
  if (!value.isMapping) {
    if (value.plain() === 'self') return 'self';
    const address = value.read(nextHopOfFamily(null));
    return address === undefined ? 'self' : {[familyOf(address)]: address};
  }
  const section = new Section(value, nextHopKeys);
  const hops = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const given = section.get(family);
    if (!given || given.plain() === 'self') return [];
    const address = given.read(nextHopOfFamily(family));
    return address === undefined ? [] : [[family, address] as const];
  });
  return hops.length === 0 ? 'self' : Object.fromEntries(hops);
}

function readCommunities(value: Value, {bgp}: Announcers): readonly Community[] {
  const communities: Community[] = [];
  const aliases = bgp === undefined ? null : (bgp?.communities ?? {});
  for (const item of value.isList ? value.items() : [value]) {
    const written = item.read(z.string());
    if (written === undefined) continue;
    const result = parseCommunity(written, aliases);
    if ('error' in result) item.error(result.error);
    else if (result.community !== null) communities.push(result.community);
  }
  return sortedCommunities(communities);
}

const aggregateKeys = {ipv4: key(whole(0, 32)), ipv6: key(whole(0, 128))};

function readAggregate(value: Value | undefined): AnnounceBlock['aggregate'] {
  if (!value) return null;
  if (!value.isMapping) {
    const ipv4 = value.read(aggregateKeys.ipv4.schema ?? z.never());
    return ipv4 === undefined ? null : {ipv4};
  }
  const section = new Section(value, aggregateKeys);
  const [ipv4, ipv6] = [section.get('ipv4'), section.get('ipv6')];
  if (section.value.fields().length === 0) value.error('must name `ipv4`, `ipv6` or both');
  return {...(ipv4 !== undefined && {ipv4}), ...(ipv6 !== undefined && {ipv6})};
}
