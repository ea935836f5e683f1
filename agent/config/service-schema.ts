/** One service document. */

import {basename, extname} from 'node:path';
import {z} from 'zod';
import {remember} from '../lib/collections.js';
import {contains, isHost} from '../lib/prefix.js';
import type {Prefix, ServiceName} from '../types.js';
import {
  announceKeyNames,
  plainBlock,
  type ReadBlock,
  readAnnounce,
  readDrain,
  readWhenDegraded,
  readWhenDown,
} from './announce-schema.js';
import {separateBlocks} from './announce-targets.js';
import {type CheckTypes, knownKeys, type ReadCheck, readChecks} from './check-schema.js';
import {readOwnKernel} from './kernel-schema.js';
import type {MainParts} from './main-schema.js';
import {readMaintenance} from './maintenance-schema.js';
import {key, part, Section} from './section.js';
import {timingKeys} from './timing.js';
import type {ServiceConfig} from './types.js';
import type {Value} from './value.js';
import {absolutePath, flag, isServiceName, quoted, serviceName, servicePrefix} from './values.js';

const serviceKeys = {
  ...timingKeys,
  name: key(serviceName),
  prefixes: part('vips', 'ip_prefix'),
  check: part(),
  checks: part(),
  require: part(),
  enabled: key(flag),
  shared: key(z.enum(['any', 'all'])),
  addresses: part(),
  kernel: part(),
  disable_file: key(absolutePath),
  maintenance: part(),
  drain: part(),
  announce: part(),
  when_degraded: part(),
  when_down: part(),
};

/** Every key of a service document, without other names for it. */
export const serviceKeyNames = Object.keys(serviceKeys);

const laterKeys = [
  ...['damping', 'min_up_time', 'hold_down', 'requires', 'on_change', 'any_ip'],
  ...['guard', 'canary', 'watch'],
];

/** Where a document stands. */
export interface ServiceOrigin {
  readonly file: string;
  readonly line: number;
  /** Whether a service without a name is called like its file. */
  readonly isNamedByFile: boolean;
}

/** What a document says, sound or not, and where. */
export interface ReadService {
  readonly section: Section<typeof serviceKeys>;
  /** null: it has none that could be used. */
  readonly name: ServiceName | null;
  readonly prefixes: readonly {readonly prefix: Prefix; readonly value: Value}[];
  readonly checks: readonly ReadCheck[];
  readonly blocks: readonly ReadBlock[];
  /** Good for use only if nothing was reported as an error. */
  readonly config: ServiceConfig;
}

/** Reads a service document and reports what is wrong in it. */
export function readService(
  value: Value,
  origin: ServiceOrigin,
  main: MainParts,
  types: CheckTypes,
): ReadService {
  const section = new Section(value, serviceKeys, {later: laterKeys, elsewhere: elsewhere(types)});
  section.require('prefixes', 'list what is announced while the service is up');
  const name = readName(section, origin);
  const prefixes = readPrefixes(section.get('prefixes'));
  const own = prefixes.map(({prefix}) => prefix);
  const checks = readChecks(section, main.pacing, types);
  const [kernel, announce] = [section.get('kernel'), section.get('announce')];
  const ownKernel = kernel ? readOwnKernel(kernel, main.kernel) : {};
  const blocks = announce ? readAnnounce(announce, main) : [{block: plainBlock, value}];
  const [disableFile, maintenance] = [section.get('disable_file'), section.get('maintenance')];
  const [drain, degraded, down] = [
    section.get('drain'),
    section.get('when_degraded'),
    section.get('when_down'),
  ];
  const config: ServiceConfig = {
    name: name ?? ('' as ServiceName),
    file: origin.file,
    line: origin.line,
    prefixes: own,
    addresses: [...own.filter(isHost), ...readAddresses(section.get('addresses'), own)],
    addressMode: ownKernel.addresses ?? main.kernel?.addresses ?? 'never',
    kernelRoute: ownKernel.routes ?? main.kernel?.routes ?? false,
    checks: checks.map((check) => check.config),
    require: readRequire(section.get('require'), section.get('checks')?.items().length ?? 1),
    enabled: section.get('enabled') ?? true,
    shared: section.get('shared') ?? null,
    ...(disableFile !== undefined && {disableFile}),
    ...(maintenance && {maintenance: readMaintenance(maintenance)}),
    drain: drain ? readDrain(drain, main) : {forMs: 0, override: {}},
    announce: separateBlocks(blocks, own, main.bgp?.peers.map((peer) => peer.name) ?? []),
    whenDegraded: degraded ? readWhenDegraded(degraded, main) : null,
    whenDown: down ? readWhenDown(down, main) : 'withdraw',
  };
  return {section, name, prefixes, checks, blocks, config};
}

const hints = new WeakMap<CheckTypes, Readonly<Record<string, string>>>();

/** Keys that people write beside those they belong under. */
function elsewhere(types: CheckTypes): Readonly<Record<string, string>> {
  return remember(hints, types, () => {
    const options = [...types.values()].flatMap((type) => knownKeys(type) ?? []);
    return Object.fromEntries([
      ...['type', ...options].map((name) => [name, 'under `check`']),
      ...announceKeyNames.map((name) => [name, 'under `announce`']),
    ]);
  });
}

function readName(section: Section<typeof serviceKeys>, origin: ServiceOrigin): ServiceName | null {
  if (section.has('name')) return section.get('name') ?? null;
  const byFile = basename(origin.file, extname(origin.file));
  if (!origin.isNamedByFile) {
    section.require('name', 'a service in the main file has no file to be named after');
  } else if (isServiceName(byFile)) {
    return byFile;
  } else {
    section.require('name', `${quoted(byFile)}, the name of the file, cannot be one`);
  }
  return null;
}

/** A list of prefixes, or one. */
function readPrefixes(value: Value | undefined): ReadService['prefixes'] {
  if (!value) return [];
  const items = value.isList ? value.items() : [value];
  if (items.length === 0) value.error('must have at least one prefix');
  const read: {prefix: Prefix; value: Value}[] = [];
  const seen = new Set<Prefix>();
  for (const item of items) {
    const prefix = item.read(servicePrefix);
    if (prefix === undefined) continue;
    if (seen.has(prefix)) item.error(`${prefix} is in this list already`);
    seen.add(prefix);
    read.push({prefix, value: item});
  }
  return read;
}

/** Host addresses in the service's shorter prefixes. */
function readAddresses(value: Value | undefined, prefixes: readonly Prefix[]): readonly Prefix[] {
  if (!value) return [];
  const addresses = new Set<Prefix>();
  for (const item of value.isList ? value.items() : [value]) {
    const address = item.read(servicePrefix);
    if (address === undefined) continue;
    if (!isHost(address)) {
      item.error(`only /32 and /128 go on an interface, not ${address}`);
    } else if (prefixes.includes(address)) {
      item.error(`${address} is one of the prefixes: it goes on the interface by itself`);
    } else if (!prefixes.some((prefix) => contains(prefix, address))) {
      item.error(`${address} lies in none of the service's prefixes`);
    }
    addresses.add(address);
  }
  return [...addresses];
}

/** How many checks must pass. */
function readRequire(value: Value | undefined, checks: number): ServiceConfig['require'] {
  const written = value?.plain();
  if (!value || written === 'all') return 'all';
  if (written === 'any') return 'any';
  if (value.isNothing) {
    value.error('has no value');
  } else if (typeof written !== 'number' || !Number.isInteger(written) || written < 1) {
    value.error('must be all, any, or a number of checks');
  } else if (written > checks) {
    value.error(`there ${checks === 1 ? 'is only one check' : `are only ${checks} checks`}`);
  } else {
    return written;
  }
  return 'all';
}
