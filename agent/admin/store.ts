/**
 * What operators told services, prefixes and peers by command, in `state_dir/admin.json`: it outlives the daemon and
 * the boot. One process at a time opens it to write: the holder of the lock.
 */

import {join} from 'node:path';
import {z} from 'zod';
import {readFileIfThere, writeFileAtomic} from '../io/state-file.js';

const given = {
  /** Who gave it, as the system knows them. */
  by: z.string(),
  /** ISO 8601, like `until`; null: until another command. */
  at: z.string(),
  until: z.iso.datetime().nullable(),
  reason: z.string().nullable(),
};

const orderSchema = z.object({state: z.enum(['drained', 'disabled', 'forced-up']), ...given});

const peerOrderSchema = z.object({
  state: z.enum(['drained', 'disabled']),
  ...given,
  /** ISO 8601; until then the peer still has the routes, marked as going away. */
  drain_until: z.iso.datetime(),
});

/** A prefix that is held out, whatever its services are told. */
const holdSchema = z.object(given);

/** A file of a later version has a higher one. */
const schemaNumber = 1;

// Sections that this version does not know stay as they are.
const fileSchema = z.looseObject({
  schema: z.literal(schemaNumber),
  orders: z.record(z.string(), orderSchema),
  holds: z.record(z.string(), holdSchema).default({}),
  peers: z.record(z.string(), peerOrderSchema).default({}),
});

const laterSchema = z.object({schema: z.int().min(schemaNumber + 1)});

type File = z.infer<typeof fileSchema>;

export type AdminOrder = Readonly<z.infer<typeof orderSchema>>;
export type Hold = Readonly<z.infer<typeof holdSchema>>;
export type PeerOrder = Readonly<z.infer<typeof peerOrderSchema>>;

export interface OrderStore<Order> {
  orders(): ReadonlyMap<string, Order>;
  /** Puts an order in the place of the one before, or takes it away (null); for all names or, when it throws, none. */
  put(names: readonly string[], order: Order | null | ((name: string) => Order)): void;
}

/** The orders that services were given, and the holds of prefixes. */
export type AdminStore = OrderStore<AdminOrder> & {readonly holds: OrderStore<Hold>};
export type PeerStore = OrderStore<PeerOrder>;

/**
 * Reads what is kept in `stateDir`. Throws when it cannot be understood: to announce what somebody has drained is worse
 * than not to start.
 */
export function openAdminStore(stateDir: string): AdminStore & {readonly peers: PeerStore} {
  const file = join(stateDir, 'admin.json');
  let kept = readFile(file);
  const write = (changed: Partial<File>): void => {
    const next = {...kept, ...changed};
    writeFileAtomic(file, `${JSON.stringify(next, null, 1)}\n`);
    kept = next;
  };
  return {
    ...section(kept.orders, (orders) => write({orders})),
    holds: section(kept.holds, (holds) => write({holds})),
    peers: section(kept.peers, (peers) => write({peers})),
  };
}

/** Orders by name, in one section of the file. */
function section<Order>(
  initial: Readonly<Record<string, Order>>,
  write: (orders: Record<string, Order>) => void,
): OrderStore<Order> {
  let orders: ReadonlyMap<string, Order> = new Map(Object.entries(initial));
  return {
    orders: () => orders,
    put(names, order) {
      const next = new Map(orders);
      for (const name of names) {
        if (order === null) next.delete(name);
        else next.set(name, order instanceof Function ? order(name) : order);
      }
      write(Object.fromEntries(next));
      orders = next;
    },
  };
}

function readFile(file: string): File {
  const text = readFileIfThere(file);
  if (text === null) return {schema: schemaNumber, orders: {}, holds: {}, peers: {}};
  const written = parsed(text);
  const {data} = fileSchema.safeParse(written);
  if (data) return data;
  const {data: later} = laterSchema.safeParse(written);
  if (later) {
    throw new Error(
      `${file} was written by a later version of eip-health (schema ${later.schema}, this one reads ${schemaNumber}): ` +
        'use that version, or remove the file to enable all services and peers',
    );
  }
  throw new Error(
    `${file} holds which services and peers are drained or disabled, and cannot be understood: ` +
      'repair it, or remove it to enable all of them',
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
