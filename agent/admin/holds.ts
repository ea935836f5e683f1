/** `vip add` and `vip del` as the control socket takes them: single prefixes are held out, or let in again. */

import {z} from 'zod';
import {ApiError} from '../api/protocol.js';
import type {Config, ServiceConfig} from '../config/types.js';
import {allowGate} from '../lib/allow.js';
import {maxDurationMs} from '../lib/duration.js';
import {AddressError, parsePrefix} from '../lib/prefix.js';
import type {Clock, JsonObject, Prefix} from '../types.js';
import {describeOrder, type Orders} from './orders.js';
import type {Hold} from './store.js';

export type HoldCommand = 'vip-add' | 'vip-del';

const requestSchema = z.strictObject({
  prefixes: z.array(z.string()).min(1).max(1000),
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

/** What became of one prefix. */
export interface HoldOutcome {
  readonly prefix: Prefix;
  readonly services: readonly ServiceConfig[];
  /** What held it out before; null: nothing. */
  readonly before: Hold | null;
  readonly after: Hold | null;
}

/** Notes the holds for good. Throws `ApiError` for a request that is wrong: nothing has changed then. */
export function hold(command: HoldCommand, args: JsonObject, scene: HoldScene): readonly HoldOutcome[] {
  const {clock, orders, services} = scene;
  const {data, error} = requestSchema.safeParse(args);
  if (!data) {
    const [issue] = error.issues;
    throw new ApiError(2, `${command}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const prefixes = [...new Set(data.prefixes.map(prefixOf))];
  const before = orders.held();
  const owners = prefixes.map((prefix) => ownersOf(prefix, scene));
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
      const names = new Set(owners.flat().map(({name}) => name));
      orders.put([...names], {state: 'forced-up', ...given});
    }
    orders.hold(prefixes, null);
  }
  const after = orders.held();
  return prefixes.map((prefix) => ({
    prefix,
    services: services.filter((service) => service.prefixes.includes(prefix)),
    before: before.get(prefix) ?? null,
    after: after.get(prefix) ?? null,
  }));
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

/** The services that announce the prefix. */
function ownersOf(prefix: Prefix, {config, services}: HoldScene): readonly ServiceConfig[] {
  const owners = services.filter((service) => service.prefixes.includes(prefix));
  if (owners.length > 0) return owners;
  const holder = services.find(({addresses}) => addresses.includes(prefix));
  if (holder) {
    const around = holder.prefixes.join(', ');
    throw new ApiError(
      1,
      `${prefix} has no route of its own: service ${holder.name} announces ${around}, name that`,
    );
  }
  if (services.length > 0) throw new ApiError(1, `${prefix} is of no service`);
  if (!allowGate(config.allow)(prefix)) {
    const why = config.allow === null ? 'without `allow` only host routes are' : '`allow` does not hold it';
    throw new ApiError(1, `${prefix} may not be announced: ${why}`);
  }
  return [];
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
