import type {AdminOrder, AdminStore, Hold, OrderStore} from '../../agent/admin/store.js';

/** Keeps orders in memory. */
export function memoryStore(): AdminStore {
  return {...memory<AdminOrder>(), holds: memory<Hold>()};
}

function memory<Order>(): OrderStore<Order> {
  const orders = new Map<string, Order>();
  return {
    orders: () => orders,
    put(names, order) {
      for (const name of names) {
        if (order === null) orders.delete(name);
        else orders.set(name, order instanceof Function ? order(name) : order);
      }
    },
  };
}
