/** `drain`, `enable`, `disable` and `force-up` as the control socket takes them. */

import {z} from 'zod';
import {ApiError} from '../api/protocol.js';
import type {ServiceConfig} from '../config/types.js';
import {maxDurationMs} from '../lib/duration.js';
import {didYouMeanOneOf} from '../lib/suggest.js';
import type {AdminState, Clock, JsonObject, ServiceName} from '../types.js';
import type {Admin, Orders} from './orders.js';

/** Command → what becomes of the service. */
export const adminCommands = {
  drain: 'drained',
  enable: 'enabled',
  disable: 'disabled',
  'force-up': 'forced-up',
} as const satisfies Readonly<Record<string, AdminState>>;

export type AdminCommand = keyof typeof adminCommands;

/** One for each service that was meant. */
export type AdminAnswer = {
  readonly services: readonly {
    readonly name: ServiceName;
    /** `drain_until`: as in `status`; absent without a daemon. */
    readonly admin: Admin & {readonly drain_until?: string | null};
  }[];
};

const requestSchema = z.strictObject({
  /** null: all. */
  services: z.array(z.string()).min(1).nullable(),
  by: z.string().min(1).max(64),
  reason: z.string().min(1).max(200).nullable(),
  for_ms: z.int().min(1000).max(maxDurationMs).nullable(),
});

export interface AdminScene {
  readonly services: readonly ServiceConfig[];
  readonly orders: Orders;
  readonly clock: Clock;
}

/** Notes the order for good. Throws `ApiError` for a request that is wrong: nothing has changed then. */
export function order(
  command: AdminCommand,
  args: JsonObject,
  {services, orders, clock}: AdminScene,
): AdminAnswer {
  const {data, error} = requestSchema.safeParse(args);
  if (!data) {
    const [issue] = error.issues;
    throw new ApiError(2, `${command}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const known = services.map(({name}) => String(name));
  const unknown = data.services?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ApiError(2, `there is no service "${unknown}"${didYouMeanOneOf(unknown, known)}`);
  }
  const meant = services.filter(({name}) => data.services === null || data.services.includes(name));
  const state = adminCommands[command];
  const now = clock.wallMs();
  orders.put(
    meant.map(({name}) => name),
    state === 'enabled'
      ? null
      : {
          state,
          by: data.by,
          at: new Date(now).toISOString(),
          until: data.for_ms === null ? null : new Date(now + data.for_ms).toISOString(),
          reason: data.reason,
        },
  );
  return {services: meant.map((service) => ({name: service.name, admin: orders.of(service)}))};
}
