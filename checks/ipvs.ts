/** `ipvs`: counts the realservers behind a virtual service of the kernel's load balancer. */

import {z} from 'zod';
import type {IpvsService} from '../agent/control/ipvs-protocol.js';
import {familyOf, parseAddress} from '../agent/lib/prefix.js';
import type {Check, CheckContext, IpAddress, JsonObject} from '../agent/types.js';
import type {CheckType} from './check-type.js';
import {count, ipAddress} from './lib/fields.js';
import {kernelTable, type ReadableTable, sharedIpvsTable} from './lib/ipvs-table.js';
import {
  combined,
  type Endpoint,
  isCounted,
  judge,
  nameOf,
  parseEndpoint,
  type Quorum,
  type Tally,
  type Thresholds,
} from './lib/realservers.js';
import {CannotCheck, type Finding, runTimed} from './lib/result.js';

const percentage = /^(\d{1,3})%$/;
const positive = count.refine((value) => value >= 1, 'must be 1 or more');
const endpoint = z
  .string()
  .refine((value) => parseEndpoint(value) !== null, 'must be an address or address:port, like 10.0.0.1:80');

const schema = z
  .strictObject({
    vip: ipAddress.optional(),
    port: count
      .refine((value) => value <= 65535, 'must be a port number, 0 (every port) to 65535')
      .optional(),
    protocol: z.enum(['tcp', 'udp', 'sctp']).optional(),
    fwmark: positive.refine((value) => value <= 0xffffffff, 'must be a firewall mark below 2^32').optional(),
    min_up: positive.optional(),
    max_down: count.optional(),
    min_weight: count.optional(),
    count: z.enum(['servers', 'weight']).optional(),
    expected: z.union([positive, z.literal('seen')], 'must be a number of servers, or seen').optional(),
    degraded_below: z
      .union(
        [positive, z.string().refine(isPercentage, 'must be 1% to 100%')],
        'must be a number, or like 50%',
      )
      .optional(),
    exclude: z.union([endpoint, z.array(endpoint)]).optional(),
    ports: z.union([z.enum(['all', 'any']), positive], 'must be all, any or a number').optional(),
  })
  .refine(({vip, fwmark}) => vip !== undefined || fwmark !== undefined, 'needs vip or fwmark')
  .refine(
    ({fwmark, port, protocol}) => fwmark === undefined || (port === undefined && protocol === undefined),
    'a fwmark has no port and no protocol: give either fwmark, or vip with these',
  )
  .refine(({min_up = 1, max_down = 0}) => max_down < min_up, 'max_down must be below min_up')
  .refine(
    ({degraded_below, expected}) => typeof degraded_below !== 'string' || expected !== undefined,
    'degraded_below as a percentage needs expected: a number of servers, or seen',
  );

export type IpvsOptions = z.infer<typeof schema>;

/** The check type, reading the table from `path`; where that does not exist, from `ipvsadm -Ln`. */
export function ipvsCheckType(path = kernelTable): CheckType<IpvsOptions> {
  const readTable = sharedIpvsTable(path);
  return {type: 'ipvs', schema, create: (options) => create(options, readTable)};
}

export const ipvs = ipvsCheckType();

function create(options: IpvsOptions, readTable: (ctx: CheckContext) => Promise<ReadableTable>): Check {
  const vip = options.vip === undefined ? null : parseAddress(options.vip);
  const excluded = [options.exclude ?? []].flat().flatMap((text) => parseEndpoint(text) ?? []);
  const thresholds = thresholdsOf(options);
  const quorum: Quorum = options.ports ?? 'all';
  const wanted = wantedName(options, vip);
  /** The most counted per service since this check was made. */
  const mostSeen = new Map<string, number>();
  return {
    type: 'ipvs',
    title: `ipvs ${wanted}`,
    run: (ctx) => runTimed(ctx, () => look(ctx)),
    ...(options.expected === 'seen' && {memory, recall}),
  };

  function memory(): JsonObject {
    return {seen: Object.fromEntries(mostSeen)};
  }

  function recall({seen}: JsonObject): void {
    if (typeof seen !== 'object') return;
    for (const [name, most] of Object.entries(seen ?? {})) {
      if (typeof most === 'number' && most >= 0) mostSeen.set(name, Math.max(most, mostSeen.get(name) ?? 0));
    }
  }

  async function look(ctx: CheckContext): Promise<Finding> {
    const {source, table} = await readTable(ctx);
    const services = selected(table.services, options, vip);
    // A line that cannot be read may be the service looked for, or one more of its ports.
    const [unreadable] = table.unreadable;
    const isPinned = options.port !== undefined || options.fwmark !== undefined;
    if (unreadable !== undefined && (services.length === 0 || !isPinned)) {
      throw new CannotCheck(`${source}: cannot read "${unreadable}"`);
    }
    if (services.length === 0) {
      return {verdict: 'fail', reason: `${wanted} is not in the IPVS table`, details: {source, services: []}};
    }
    const tallies = services.map((service) => tally(service));
    const {verdict, reason} = combined(tallies, quorum);
    return {
      verdict,
      reason,
      details: {
        source,
        services: tallies.map(({name, counted, expected, listed}) => ({name, counted, expected, listed})),
      },
      transcript: services.flatMap((service) => linesOf(service, excluded, thresholds)),
    };
  }

  function tally(service: IpvsService): Tally {
    const name = nameOf(service);
    const up = service.servers.filter((server) => isCounted(server, excluded, thresholds.minWeight));
    const counted =
      thresholds.unit === 'servers' ? up.length : up.reduce((sum, server) => sum + server.weight, 0);
    const expected = options.expected === 'seen' ? seen(name, counted) : (options.expected ?? null);
    return judge(service, counted, expected, thresholds);
  }

  function seen(name: string, counted: number): number {
    // A fwmark service that lost its last server has lost its family in /proc, and so a part of its name.
    const key = [...mostSeen.keys()].find((known) => known.startsWith(`${name} `)) ?? name;
    const most = Math.max(counted, mostSeen.get(key) ?? 0);
    mostSeen.set(key, most);
    return most;
  }
}

/** The services a check is about. */
function selected(
  services: readonly IpvsService[],
  options: IpvsOptions,
  vip: IpAddress | null,
): readonly IpvsService[] {
  if (options.fwmark !== undefined) {
    const marked = services.filter((service) => service.kind === 'fwmark' && service.mark === options.fwmark);
    if (vip === null) return marked;
    // There is at most one service per mark and family; one whose family nobody tells may be the one meant.
    const exact = marked.filter((service) => service.kind === 'fwmark' && service.family === familyOf(vip));
    const untold = marked.filter((service) => service.kind === 'fwmark' && service.family === null);
    return exact.length > 0 ? exact : untold;
  }
  return services.filter(
    (service) =>
      service.kind === 'address' &&
      service.address === vip &&
      (options.port === undefined || service.port === options.port) &&
      (options.protocol === undefined || service.protocol === options.protocol),
  );
}

function thresholdsOf(options: IpvsOptions): Thresholds {
  const below = options.degraded_below;
  return {
    unit: options.count ?? 'servers',
    minUp: options.min_up ?? 1,
    maxDown: options.max_down ?? 0,
    minWeight: options.min_weight ?? 1,
    degradedBelow:
      below === undefined
        ? null
        : typeof below === 'number'
          ? {kind: 'number', value: below}
          : {kind: 'percent', value: Number(percentage.exec(below)?.[1])},
  };
}

function linesOf(
  service: IpvsService,
  excluded: readonly Endpoint[],
  {minWeight}: Thresholds,
): readonly string[] {
  return [
    `${nameOf(service)} ${service.scheduler}`,
    ...service.servers.map((server) => {
      const mark = isCounted(server, excluded, minWeight) ? '+' : '-';
      const name = server.address.includes(':') ? `[${server.address}]` : server.address;
      return `  ${mark} ${name}:${server.port} ${server.forward} weight ${server.weight}`;
    }),
    ...service.unreadable.map((line) => `  ? ${line}`),
  ];
}

function wantedName(options: IpvsOptions, vip: IpAddress | null): string {
  if (options.fwmark !== undefined) return `fwmark ${options.fwmark}${vip ? ` ${familyOf(vip)}` : ''}`;
  const protocol = options.protocol === undefined ? '' : `${options.protocol.toUpperCase()} `;
  if (options.port === undefined) return `${protocol}${vip}`;
  return `${protocol}${vip?.includes(':') ? `[${vip}]` : vip}:${options.port}`;
}

function isPercentage(value: string): boolean {
  const percent = Number(percentage.exec(value)?.[1]);
  return percent >= 1 && percent <= 100;
}
