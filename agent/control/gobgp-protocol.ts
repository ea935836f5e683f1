/**
 * What the `gobgp` command of GoBGP 3 is told, and what it prints with `-j`: pure. Its JSON is checked as it is read:
 * what makes no sense is an error, never taken for an empty table.
 */

import {z} from 'zod';
import {type GobgpConfig, gobgpNextHop} from '../config/gobgp.js';
import {familyOf} from '../lib/prefix.js';
import {printable} from '../lib/printable.js';
import type {IpFamily, Prefix, Route} from '../types.js';

/** GoBGP does not do what it was to, for a reason that may pass; the message is for people. */
export class GobgpError extends Error {
  override readonly name: string = 'GobgpError';
}

/** GoBGP answers, and does not take this very route. */
export class GobgpRefusal extends GobgpError {
  override readonly name = 'GobgpRefusal';
}

/**
 * The path identifier of everything of ours. GoBGP keeps paths of the same prefix and source apart by it, so that
 * neither an addition nor a removal of ours ever touches a path that somebody else has added.
 */
const ourIdentifier = '153';

/** The words behind `gobgp global rib add`. `as`: the own one, which is prepended. */
export function addWords(route: Route, config: GobgpConfig, as: number): readonly string[] {
  const {asPathPrepend, communities, localPreference, med, prefix} = route;
  const {large, standard} = sorted(communities);
  const nextHop = gobgpNextHop(config, route);
  return [
    ...['global', 'rib', '-a', familyOf(prefix), 'add', prefix, 'identifier', ourIdentifier],
    ...['origin', 'igp'],
    ...(nextHop === null ? [] : ['nexthop', nextHop]),
    ...(asPathPrepend > 0 ? ['aspath', Array(asPathPrepend).fill(as).join(',')] : []),
    ...(med === null ? [] : ['med', String(med)]),
    ...(localPreference === null ? [] : ['local-pref', String(localPreference)]),
    ...(standard.length > 0 ? ['community', standard.join(',')] : []),
    ...(large.length > 0 ? ['large-community', large.join(',')] : []),
  ];
}

/** Takes out our path only; it is no error when there is none. */
export function removeWords(prefix: Prefix): readonly string[] {
  return ['global', 'rib', '-a', familyOf(prefix), 'del', prefix, 'identifier', ourIdentifier];
}

/** One path of a prefix in the global RIB. */
export interface GobgpPath {
  /** The neighbor that sent it; null: it is GoBGP's own. */
  readonly neighbor: string | null;
  readonly isBest: boolean;
  /** Its attributes; equal attributes, equal text. */
  readonly attributes: string;
}

/** A route's attributes, to be compared with those of a path. */
export function attributesOf(route: Route, config: GobgpConfig, as: number): string {
  const {asPathPrepend, communities, localPreference, med, prefix} = route;
  const {large, standard} = sorted(communities);
  const unspecified = familyOf(prefix) === 'ipv4' ? '0.0.0.0' : '::';
  return attributesText({
    nextHop: gobgpNextHop(config, route) ?? unspecified,
    asPath: Array<number>(asPathPrepend).fill(as),
    med,
    localPreference,
    standard,
    large,
  });
}

interface Attributes {
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly med: number | null;
  readonly localPreference: number | null;
  readonly standard: readonly string[];
  readonly large: readonly string[];
}

function attributesText({nextHop, asPath, med, localPreference, standard, large}: Attributes): string {
  return [
    `next hop ${nextHop}`,
    ...(asPath.length > 0 ? [`as path ${asPath.join(' ')}`] : []),
    ...(med === null ? [] : [`med ${med}`]),
    ...(localPreference === null ? [] : [`local preference ${localPreference}`]),
    ...(standard.length + large.length > 0
      ? [
          `communities ${[...standard].sort().join(' ')}${[...large]
            .sort()
            .map((one) => ` large:${one}`)
            .join('')}`,
        ]
      : []),
  ].join(', ');
}

function sorted(communities: Route['communities']): {large: readonly string[]; standard: readonly string[]} {
  const isLarge = (text: string): boolean => text.startsWith('large:');
  return {
    large: communities.filter(isLarge).map((text) => text.slice('large:'.length)),
    standard: communities.filter((text) => !isLarge(text)),
  };
}

/** Type codes of path attributes (RFC 4271, 4760, 1997, 8092). */
const code = {
  AS_PATH: 2,
  NEXT_HOP: 3,
  MED: 4,
  LOCAL_PREF: 5,
  COMMUNITIES: 8,
  MP_REACH: 14,
  LARGE: 32,
} as const;

const attributeSchema = z.object({
  type: z.number(),
  value: z.unknown().optional(),
  nexthop: z.string().optional(),
  metric: z.number().optional(),
  communities: z.array(z.number()).optional(),
  as_paths: z.array(z.object({asns: z.array(z.number())})).optional(),
});

const largeSchema = z.array(z.object({ASN: z.number(), LocalData1: z.number(), LocalData2: z.number()}));

const tableSchema = z.record(
  z.string(),
  z.array(
    z.object({
      best: z.boolean().optional(),
      attrs: z.array(attributeSchema),
      'neighbor-ip': z.string().optional(),
    }),
  ),
);

/** Reads `global rib -a FAMILY [PREFIX]`. Throws `GobgpError`. */
export function parseTable(text: string): ReadonlyMap<string, readonly GobgpPath[]> {
  const table = parsed(text, tableSchema, 'its table');
  return new Map(
    Object.entries(table).map(([prefix, paths]) => [
      prefix,
      paths.map((path) => ({
        neighbor: path['neighbor-ip'] ?? null,
        isBest: path.best === true,
        attributes: attributesText(readAttributes(path.attrs)),
      })),
    ]),
  );
}

function readAttributes(attributes: readonly z.infer<typeof attributeSchema>[]): Attributes {
  const find = (type: number) => attributes.find((attribute) => attribute.type === type);
  const localPreference = find(code.LOCAL_PREF)?.value;
  const large = largeSchema.safeParse(find(code.LARGE)?.value);
  return {
    nextHop: find(code.NEXT_HOP)?.nexthop ?? find(code.MP_REACH)?.nexthop ?? '',
    asPath: (find(code.AS_PATH)?.as_paths ?? []).flatMap(({asns}) => asns),
    med: find(code.MED)?.metric ?? null,
    localPreference: typeof localPreference === 'number' ? localPreference : null,
    standard: (find(code.COMMUNITIES)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`),
    large: (large.data ?? []).map(({ASN, LocalData1, LocalData2}) => `${ASN}:${LocalData1}:${LocalData2}`),
  };
}

/** Reads `global rib summary -a FAMILY`: how many prefixes it has. Throws `GobgpError`. */
export function parseSummary(text: string): number {
  return parsed(text, z.object({num_destination: z.number().optional()}), 'its summary').num_destination ?? 0;
}

/** Reads `global`: GoBGP's own AS; null: it was not configured yet. Throws `GobgpError`. */
export function parseGlobal(text: string): number | null {
  return parsed(text, z.object({asn: z.number().optional()}), 'its AS').asn ?? null;
}

export interface GobgpSessions {
  /** Neighbors with a session, by family. */
  readonly established: Readonly<Record<IpFamily, number>>;
  /** IPv6 prefixes would go out in an IPv4 session. */
  readonly hasMixed: boolean;
}

const established = 6;
const afi = {ipv4: 1, ipv6: 2} as const;

const neighborsSchema = z
  .array(
    z.object({
      conf: z.object({neighbor_address: z.string().optional()}).optional(),
      state: z
        .object({neighbor_address: z.string().optional(), session_state: z.number().optional()})
        .optional(),
      afi_safis: z
        .array(
          z.object({
            config: z
              .object({
                family: z.object({afi: z.number().optional(), safi: z.number().optional()}).optional(),
              })
              .optional(),
          }),
        )
        .optional(),
    }),
  )
  .nullable();

/** Reads `neighbor`. Throws `GobgpError`. */
export function parseNeighbors(text: string): GobgpSessions {
  const counts = {ipv4: 0, ipv6: 0};
  let hasMixed = false;
  for (const {conf, state, afi_safis = []} of parsed(text, neighborsSchema, 'its neighbors') ?? []) {
    const address = state?.neighbor_address ?? conf?.neighbor_address ?? '';
    const isOf = (family: IpFamily): boolean =>
      afi_safis.some(({config}) => config?.family?.afi === afi[family] && config.family.safi === 1);
    if (isOf('ipv6') && !address.includes(':')) hasMixed = true;
    if (state?.session_state !== established) continue;
    for (const family of ['ipv4', 'ipv6'] as const) if (isOf(family)) counts[family]++;
  }
  return {established: counts, hasMixed};
}

function parsed<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GobgpError(`GoBGP answers "${printable(text.slice(0, 80))}" when asked for ${what}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new GobgpError(`GoBGP tells ${what} in another way than GoBGP 3 does`);
  return result.data;
}

/** Why a command did not do its work, from what it printed; without the usage text that follows. */
export function complaintOf(output: string): string {
  const line = output.split('\n').find((found) => found.trim() !== '') ?? '';
  const text = line
    .trim()
    .replace(/^\{"error":"(.*)"\}$/, '$1')
    .replace(/^error: /, '')
    .replace(/^rpc error: code = \w+ desc = /, '');
  return printable(text.slice(0, 200));
}

/** The command gave up on gobgpd, or lost it: what `gobgp` says of it. */
export function isUnanswered(complaint: string): boolean {
  return /context deadline exceeded|connection (refused|reset|error)|transport|EOF|Unavailable/i.test(
    complaint,
  );
}
