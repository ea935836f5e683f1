/** `vip add` and `vip del` as the control socket takes them: single prefixes are held out, or let in again. */

import {z} from 'zod';
import {ApiError} from '../api/protocol.js';
import type {Config, ServiceConfig} from '../config/types.js';
import type {VipStatus} from '../events/vips.js';
import {allowGate} from '../lib/allow.js';
import {maxDurationMs} from '../lib/duration.js';
import {AddressError, contains, parsePrefix} from '../lib/prefix.js';
import type {Clock, JsonObject, Prefix} from '../types.js';
import {describeOrder, type Orders} from './orders.js';
import type {Hold} from './store.js';

export type HoldCommand = 'vip-add' | 'vip-del';

const requestSchema = z.strictObject({
  targets: z
    .array(
      z.strictObject({
        /** As the caller wrote it: an address, a network, or a name. */
        name: z.string(),
        /** What it stands for. */
        prefixes: z.array(z.string()).min(1).max(100),
      }),
    )
    .min(1)
    .max(1000),
  by: z.string().min(1).max(64),
  reason: z.string().min(1).max(200).nullable(),
  for_ms: z.int().min(1000).max(maxDurationMs).nullable(),
  /** `vip-add`: announced whatever the checks say. */
  force: z.boolean(),
});

export interface HoldScene {
  readonly config: Pick<Config, 'allow' | 'bird'>;
  /** All that there are. None: then every address that may be announced can be held out. */
  readonly services: readonly ServiceConfig[];
  readonly orders: Orders;
  readonly clock: Clock;
}

export interface HoldAnswer {
  readonly outcomes: readonly HoldOutcome[];
  /** Of names that stand for several addresses: those that are not ours. */
  readonly skipped: readonly Skipped[];
}

// A type alias, not an interface: only those are assignable to Json.
export type Skipped = {readonly name: string; readonly prefix: Prefix; readonly reason: string};

/** What became of one prefix. */
export interface HoldOutcome {
  readonly prefix: Prefix;
  readonly services: readonly ServiceConfig[];
  /** What held it out before; null: nothing. */
  readonly before: Hold | null;
  readonly after: Hold | null;
}

/** Notes the holds for good. Throws `ApiError` for a request that is wrong: nothing has changed then. */
export function hold(command: HoldCommand, args: JsonObject, scene: HoldScene): HoldAnswer {
  const {clock, orders, services} = scene;
  const {data, error} = requestSchema.safeParse(args);
  if (!data) {
    const [issue] = error.issues;
    throw new ApiError(2, `${command}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const before = orders.held();
  // What is held is let in again, also when its service is gone.
  const isKnown = (prefix: Prefix): boolean => command === 'vip-add' && before.has(prefix);
  const found = data.targets.map((target) => find(target, isKnown, scene));
  const prefixes = [...new Set(found.flatMap((target) => target.prefixes))];
  const ownersOf = (prefix: Prefix): readonly ServiceConfig[] =>
    services.filter((service) => service.prefixes.includes(prefix));
  const now = clock.wallMs();
  const given = {
    by: data.by,
    at: new Date(now).toISOString(),
    until: data.for_ms === null ? null : new Date(now + data.for_ms).toISOString(),
    reason: data.reason,
  };
  if (command === 'vip-del') {
    refuseParts(prefixes, scene);
    orders.hold(prefixes, given);
  } else {
    if (data.force) {
      const names = new Set(prefixes.flatMap(ownersOf).map(({name}) => name));
      orders.put([...names], {state: 'forced-up', ...given});
    }
    orders.hold(prefixes, null);
  }
  const after = orders.held();
  return {
    outcomes: prefixes.map((prefix) => ({
      prefix,
      services: ownersOf(prefix),
      before: before.get(prefix) ?? null,
      after: after.get(prefix) ?? null,
    })),
    skipped: found.flatMap((target) => target.skipped),
  };
}

/** What the command is told, once it is done. */
export type HoldDone = {
  readonly vips: readonly (VipStatus & {readonly was_held: boolean; readonly was_announced: boolean})[];
  readonly skipped: readonly Skipped[];
};

/** `vips`: how things are now; `announced`: what was before, as far as that is known. */
export function doneOf(
  {outcomes, skipped}: HoldAnswer,
  vips: readonly VipStatus[],
  announced: ReadonlySet<Prefix>,
): HoldDone {
  const rows = new Map(vips.map((vip) => [vip.prefix, vip]));
  return {
    vips: outcomes.map(({prefix, before}) => {
      const nowhere: VipStatus = {prefix, services: [], held: null, announcers: {}, reasons: {}};
      return {
        ...(rows.get(prefix) ?? nowhere),
        was_held: before !== null,
        was_announced: announced.has(prefix),
      };
    }),
    skipped,
  };
}

/** One line for the log. */
export function describeOutcome({after, prefix}: HoldOutcome, by: string): string {
  return after === null ? `${prefix} let in again by ${by}` : `${prefix} held out ${describeOrder(after)}`;
}

function prefixOf(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    if (error instanceof AddressError) throw new ApiError(2, error.message);
    throw error;
  }
}

interface Found {
  readonly prefixes: readonly Prefix[];
  readonly skipped: readonly Skipped[];
}

/** What of a target is ours. A name may stand for addresses of other hosts as well, but not only for such. */
function find(
  target: {readonly name: string; readonly prefixes: readonly string[]},
  isKnown: (prefix: Prefix) => boolean,
  scene: HoldScene,
): Found {
  const {name} = target;
  const asked = [...new Set(target.prefixes.map(prefixOf))];
  const faults = new Map(
    asked
      .filter((prefix) => !isKnown(prefix))
      .flatMap((prefix) => faultOf(prefix, scene).map((fault) => [prefix, fault])),
  );
  const prefixes = asked.filter((prefix) => !faults.has(prefix));
  if (prefixes.length > 0) {
    return {prefixes, skipped: [...faults].map(([prefix, reason]) => ({name, prefix, reason}))};
  }
  const whose =
    asked.length === 1 && asked.some((prefix) => prefix.startsWith(`${name}/`)) ? '' : `${name}: `;
  throw new ApiError(1, [...faults].map(([prefix, fault]) => `${whose}${prefix} ${fault}`).join('\n'));
}

/** Why the prefix cannot be held out; none: it can. */
function faultOf(prefix: Prefix, {config: {allow}, services}: HoldScene): readonly string[] {
  if (services.some((service) => service.prefixes.includes(prefix))) return [];
  const holder = services.find(({addresses}) => addresses.includes(prefix));
  if (holder) {
    const around = holder.prefixes.filter((network) => contains(network, prefix)).join(', ');
    return [`has no route of its own: service ${holder.name} announces ${around}, name that`];
  }
  if (services.length > 0) return ['is of no service'];
  if (allowGate(allow)(prefix)) return [];
  const why = allow === null ? 'without `allow` only host routes are' : '`allow` does not hold it';
  return [`may not be announced: ${why}`];
}

/** BIRD's protocols are of whole services. */
function refuseParts(prefixes: readonly Prefix[], {config, orders, services}: HoldScene): void {
  if (config.bird?.form !== 'protocol') return;
  const held = new Set([...orders.held().keys(), ...prefixes]);
  for (const {announce, name, prefixes: own} of services) {
    const goesToBird = announce.some(({via}) => via === null || via.includes('bird'));
    const rest = own.filter((prefix) => !held.has(prefix));
    if (!goesToBird || rest.length === 0 || rest.length === own.length) continue;
    throw new ApiError(
      1,
      `BIRD switches all of service ${name} (\`form: protocol\`): name ${rest.join(' and ')} as well, or drain ${name}`,
    );
  }
}
