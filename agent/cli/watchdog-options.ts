/** What `watchdog` takes on its command line, from words to values. */

import {type Command, InvalidArgumentError, Option} from 'commander';
import {ipvs} from '../../checks/ipvs.js';
import {parseEndpoint} from '../../checks/lib/realservers.js';
import {cronExpression} from '../config/values.js';
import {DurationError, parseDuration} from '../lib/duration.js';
import {AddressError, parseAddress, parsePrefix} from '../lib/prefix.js';
import type {IpAddress, JsonObject, Prefix} from '../types.js';
import type {IpvsWatch} from '../watchdog/ipvs-services.js';
import {CommandError, exitCode} from './outcome.js';

export interface WatchdogOptions {
  readonly once?: true;
  readonly schedule?: string;
  readonly timezone?: string;
  readonly ipvs?: true;
  readonly maxDown?: number;
  readonly minUp?: number;
  readonly minWeight?: number;
  readonly count?: 'servers' | 'weight';
  readonly ports?: 'all' | 'any' | number;
  readonly expected?: number | 'seen';
  readonly degradedBelow?: number | string;
  readonly degradedMed?: number;
  readonly degradedPrepend?: number;
  readonly sorry?: readonly string[];
  readonly only?: readonly Prefix[];
  readonly exclude?: readonly Prefix[];
  readonly fwmark?: ReadonlyMap<number, readonly IpAddress[]>;
  readonly forget?: number;
}

const forgetAfterMs = 24 * 3_600_000;

export function addWatchdogOptions(command: Command): Command {
  command
    .option('--once', 'check everything once, bring routes and addresses to the result, leave them, and end')
    .option(
      '--schedule <cron>',
      'stay, and check at these times ("* * * * *"; six fields begin with seconds)',
      cron,
    )
    .option(
      '--timezone <zone>',
      'of --schedule and of every `schedule` (Europe/Oslo; default: that of this host)',
      zone,
    )
    .option('--ipvs', 'every VIP that IPVS serves is a service, checked by its realservers')
    .optionsGroup('With --ipvs:');
  return addIpvsOptions(command).optionsGroup('Options:');
}

/** Those that say something of IPVS. */
export function addIpvsOptions(command: Command): Command {
  return command
    .option('--max-down <n>', 'down at or below so many realservers (default: 0)', whole(0))
    .option('--min-up <n>', 'up at or above so many; in between it stays as it is (default: 1)', whole(1))
    .addOption(
      new Option('--count <what>', 'count servers, or add up their weights').choices(['servers', 'weight']),
    )
    .option('--min-weight <n>', 'a realserver of less weight does not count (default: 1)', whole(0))
    .option('--sorry <address...>', 'realservers that do not count: sorry servers', listOf(endpoint))
    .option(
      '--ports <which>',
      "how many of a VIP's ports must do: all, any, or a number (default: all)",
      ports,
    )
    .option(
      '--expected <n>',
      'how many realservers there should be, or "seen": the most there were',
      expected,
    )
    .option(
      '--degraded-below <n>',
      'below so many, or this share of --expected (50%), a VIP is degraded',
      below,
    )
    .option('--degraded-med <med>', 'the MED of a VIP that is degraded', whole(0, 0xffff_ffff))
    .option(
      '--degraded-prepend <n>',
      'how often our AS is prepended for a VIP that is degraded',
      whole(0, 64),
    )
    .option('--only <prefix...>', 'only VIPs in these networks', listOf(prefix))
    .option('--exclude <prefix...>', 'no VIPs in these networks', listOf(prefix))
    .option('--fwmark <mark=vip,vip>', 'the VIPs that a firewall mark stands for; may be repeated', fwmark)
    .option(
      '--forget <duration>',
      'forget a VIP that IPVS has not listed for so long (default: 24h)',
      duration,
    );
}

/** What is to be watched in IPVS; null: nothing. Throws `CommandError` for what does not go together. */
export function ipvsWatchOf(options: WatchdogOptions): IpvsWatch | null {
  const {count, degradedBelow, expected, maxDown, minUp, minWeight, sorry} = options;
  const thresholds: JsonObject = {
    ...(minUp !== undefined && {min_up: minUp}),
    ...(maxDown !== undefined && {max_down: maxDown}),
    ...(minWeight !== undefined && {min_weight: minWeight}),
    ...(count !== undefined && {count}),
    ...(expected !== undefined && {expected}),
    ...(degradedBelow !== undefined && {degraded_below: degradedBelow}),
    ...(sorry !== undefined && {exclude: sorry}),
  };
  const whenDegraded: JsonObject = {
    ...(options.degradedMed !== undefined && {med: options.degradedMed}),
    ...(options.degradedPrepend !== undefined && {as_path_prepend: options.degradedPrepend}),
  };
  const {only = [], exclude = [], forget = forgetAfterMs, fwmark = new Map(), ports = 'all'} = options;
  if (!options.ipvs) {
    const given = ipvsOptionNames.find((name) => options[name] !== undefined);
    if (given !== undefined) usage(`${flagOf(given)} says something of IPVS: write --ipvs too`);
    return null;
  }
  const [issue] = ipvs.schema.safeParse({vip: '192.0.2.1', ...thresholds}).error?.issues ?? [];
  if (issue)
    usage(issue.message.replaceAll(/\b(max_down|min_up|degraded_below|expected)\b/g, (key) => flagOf(key)));
  if (Object.keys(whenDegraded).length > 0 && degradedBelow === undefined) {
    usage('--degraded-med and --degraded-prepend need --degraded-below: nothing else makes a VIP degraded');
  }
  return {thresholds, ports, only, exclude, marks: fwmark, whenDegraded, forgetAfterMs: forget};
}

const ipvsOptionNames = [
  ...['maxDown', 'minUp', 'minWeight', 'count', 'ports', 'expected', 'degradedBelow', 'degradedMed'],
  ...['degradedPrepend', 'sorry', 'only', 'exclude', 'fwmark', 'forget'],
] as readonly (keyof WatchdogOptions)[];

function flagOf(key: string): string {
  return `--${key.replaceAll('_', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function usage(message: string): never {
  throw new CommandError(exitCode.usage, `watchdog: ${message}`);
}

function whole(min: number, max = 65_535): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`write a whole number from ${min} to ${max}`);
  };
}

/** Several words, or one with commas between; may be repeated. */
function listOf<T>(read: (text: string) => T): (text: string, before?: readonly T[]) => readonly T[] {
  return (text, before = []) => [
    ...before,
    ...text.split(',').map((part) => saying(() => read(part.trim()))),
  ];
}

function endpoint(text: string): string {
  if (parseEndpoint(text)) return text;
  throw new InvalidArgumentError('write an address or address:port, like 10.0.0.1 or [2001:db8::1]:80');
}

function prefix(text: string): Prefix {
  return parsePrefix(text);
}

function ports(text: string): 'all' | 'any' | number {
  return text === 'all' || text === 'any' ? text : whole(1)(text);
}

function expected(text: string): number | 'seen' {
  return text === 'seen' ? text : whole(1)(text);
}

function below(text: string): number | string {
  if (!text.endsWith('%')) return whole(1)(text);
  whole(1, 100)(text.slice(0, -1));
  return text;
}

function fwmark(
  text: string,
  before: ReadonlyMap<number, readonly IpAddress[]> = new Map(),
): ReadonlyMap<number, readonly IpAddress[]> {
  const [mark = '', vips] = text.split('=', 2);
  if (vips === undefined) throw new InvalidArgumentError('write it like 1=192.0.2.1,2001:db8::1');
  const number = whole(1, 0xffff_ffff)(mark);
  const addresses = vips.split(',').map((vip) => saying(() => parseAddress(vip.trim())));
  return new Map([...before, [number, [...new Set([...(before.get(number) ?? []), ...addresses])]]]);
}

function cron(text: string): string {
  const {data, error} = cronExpression.safeParse(text);
  if (data !== undefined) return data;
  throw new InvalidArgumentError(error?.issues[0]?.message ?? '');
}

function zone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', {timeZone: text}).resolvedOptions().timeZone;
  } catch {
    throw new InvalidArgumentError('write the name of a time zone, like Europe/Oslo or UTC');
  }
}

function duration(text: string): number {
  return saying(() => parseDuration(text));
}

/** What is wrong with a value is said by what reads it. */
function saying<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError || error instanceof DurationError) {
      throw new InvalidArgumentError(error.message);
    }
    throw error;
  }
}
