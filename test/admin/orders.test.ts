import t from 'tap';
import {adminOf, describeAdmin, Orders} from '../../agent/admin/orders.js';
import {order} from '../../agent/admin/request.js';
import type {AdminOrder, AdminStore} from '../../agent/admin/store.js';
import type {JsonObject} from '../../agent/types.js';
import {FakeClock} from '../fake/clock.js';
import {serviceConfig} from '../fake/config.js';

function memoryStore(): AdminStore {
  const orders = new Map<string, AdminOrder>();
  return {
    orders: () => orders,
    put(names, order) {
      for (const name of names) {
        if (order === null) orders.delete(name);
        else orders.set(name, order);
      }
    },
  };
}

function setUp() {
  const clock = new FakeClock();
  const expired: number[] = [];
  const orders = new Orders({store: memoryStore(), clock, onExpiry: () => expired.push(clock.now())});
  const web = serviceConfig('web', ['192.0.2.1']);
  const dns = serviceConfig('dns', ['192.0.2.2'], {enabled: false});
  const services = [web, dns];
  const give = (command: Parameters<typeof order>[0], args: JsonObject) =>
    order(
      command,
      {services: null, by: 'alice', reason: null, for_ms: null, ...args},
      {services, orders, clock},
    );
  return {clock, dns, expired, give, orders, web};
}

t.test('the most withdrawn wins, and all are listed', async (t) => {
  const command = (state: AdminOrder['state']): AdminOrder => ({
    state,
    by: 'alice',
    at: '2026-01-01T00:00:00.000Z',
    until: null,
    reason: null,
  });
  const rows = [
    [true, null, 'enabled', []],
    [false, null, 'disabled', ['configuration']],
    [true, command('drained'), 'drained', ['command']],
    [true, command('forced-up'), 'forced-up', ['command']],
    [false, command('drained'), 'disabled', ['command', 'configuration']],
    [false, command('forced-up'), 'disabled', ['command', 'configuration']],
    [false, command('disabled'), 'disabled', ['command', 'configuration']],
  ] as const;
  for (const [enabled, given, state, sources] of rows) {
    const admin = adminOf(enabled, given, 0);
    t.equal(admin.state, state);
    t.same(
      admin.sources.map(({source}) => source),
      sources,
    );
  }
  t.equal(adminOf(false, command('drained'), 0).reason, 'disabled by its configuration');
});

t.test('an order ends by itself', async (t) => {
  const {clock, expired, give, orders, web} = setUp();
  t.match(give('drain', {services: ['web'], for_ms: 7_200_000, reason: 'kernel update'}), {
    services: [{name: 'web', admin: {state: 'drained', by: 'alice', until: '2026-01-01T02:00:00.000Z'}}],
  });
  t.equal(describeAdmin(orders.of(web)), 'by alice until 2026-01-01T02:00:00.000Z: kernel update');
  clock.advance(7_199_999);
  t.equal(orders.of(web).state, 'drained');
  clock.advance(1);
  t.equal(orders.of(web).state, 'enabled');
  t.same(expired, [7_200_000]);
  t.equal(clock.pending, 0);
});

t.test('enable takes a command away, not what the configuration says', async (t) => {
  const {dns, give, orders, web} = setUp();
  give('drain', {});
  t.equal(orders.of(web).state, 'drained');
  t.match(give('enable', {}), {
    services: [
      {name: 'web', admin: {state: 'enabled', sources: []}},
      {name: 'dns', admin: {state: 'disabled', reason: 'disabled by its configuration'}},
    ],
  });
  t.equal(orders.of(dns).sources.length, 1);
});

t.test('a request that is wrong changes nothing', async (t) => {
  const {give, orders, web} = setUp();
  t.throws(() => give('drain', {services: ['web', 'wbe']}), {
    code: 1,
    message: 'there is no service "wbe": did you mean `web`?',
  });
  for (const args of [{services: []}, {services: 'web'}, {for_ms: 1}, {by: ''}, {reason: ''}, {since: 1}]) {
    t.throws(
      () => give('disable', args as JsonObject),
      {code: 2, message: /^disable: /},
      JSON.stringify(args),
    );
  }
  t.equal(orders.of(web).state, 'enabled');
});
