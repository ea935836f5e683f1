/** What operators told services by command, in `state_dir/admin.json`: it outlives the daemon and the boot. */

import {join} from 'node:path';
import {z} from 'zod';
import {readFileIfThere, writeFileAtomic} from '../io/state-file.js';
import type {ServiceName} from '../types.js';

const orderSchema = z.object({
  state: z.enum(['drained', 'disabled', 'forced-up']),
  /** Who gave it, as the system knows them. */
  by: z.string(),
  /** ISO 8601, like `until`; null: until another command. */
  at: z.string(),
  until: z.iso.datetime().nullable(),
  reason: z.string().nullable(),
});

const fileSchema = z.object({schema: z.literal(1), orders: z.record(z.string(), orderSchema)});

export type AdminOrder = Readonly<z.infer<typeof orderSchema>>;

export interface AdminStore {
  orders(): ReadonlyMap<string, AdminOrder>;
  /** Puts an order in the place of the one before, or takes it away (null); for all names or, when it throws, none. */
  put(names: readonly ServiceName[], order: AdminOrder | null): void;
}

/**
 * Reads what is kept in `stateDir`. Throws when it cannot be understood: to announce what somebody has drained is worse
 * than not to start.
 */
export function openAdminStore(stateDir: string): AdminStore {
  const file = join(stateDir, 'admin.json');
  let orders = readOrders(file);
  return {
    orders: () => orders,
    put(names, order) {
      const next = new Map(orders);
      for (const name of names) {
        if (order === null) next.delete(name);
        else next.set(name, order);
      }
      writeFileAtomic(file, `${JSON.stringify({schema: 1, orders: Object.fromEntries(next)}, null, 1)}\n`);
      orders = next;
    },
  };
}

function readOrders(file: string): ReadonlyMap<string, AdminOrder> {
  const text = readFileIfThere(file);
  if (text === null) return new Map();
  try {
    return new Map(Object.entries(fileSchema.parse(JSON.parse(text)).orders));
  } catch {
    throw new Error(
      `${file} holds which services are drained or disabled, and cannot be understood: ` +
        'repair it, or remove it to enable all services',
    );
  }
}
