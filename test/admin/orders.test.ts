import t from 'tap';
import type {Presence} from '../../agent/admin/disable-files.js';
import {describeAdmin, mostWithdrawn, Orders} from '../../agent/admin/orders.js';
import {order} from '../../agent/admin/request.js';
import type {AdminSource} from '../../agent/events/status.js';
import type {JsonObject} from '../../agent/types.js';
import {FakeClock} from '../fake/clock.js';
import {serviceConfig} from '../fake/config.js';
import {memoryStore} from '../fake/store.js';

process.env.TZ = 'UTC';

function setUp() {
  const clock = new FakeClock();
  const changed: number[] = [];
  const files = new Map<string, Presence>();
  const orders = new Orders({
    store: memoryStore(),
    clock,
    presence: (path) => files.get(path) ?? null,
    onChange: () => changed.push(clock.now()),
  });
  const web = serviceConfig('web', ['192.0.2.1', '2001:db8::1'], {
    disableFile: '/run/web',
    maintenance: [{schedule: '0 3 * * *', forMs: 7_200_000}],
  });
  const dns = serviceConfig('dns', ['192.0.2.2'], {enabled: false});
  const services = [web, dns];
  const give = (command: Parameters<typeof order>[0], args: JsonObject) =>
    order(
      command,
      {services: null, by: 'alice', reason: null, for_ms: null, ...args},
      {services, orders, clock},
    );
  return {changed, clock, dns, files, give, orders, web};
}

const nobody = {by: 'alice', at: '2026-01-01T00:00:00.000Z', until: null, reason: null};

t.test('the most withdrawn wins, and all are listed', async (t) => {
  const source = (source: AdminSource['source'], state: AdminSource['state']): AdminSource => ({
    source,
    state,
    ...nobody,
  });
  const command = (state: AdminSource['state']): AdminSource => source('command', state);
  const off = source('configuration', 'disabled');
  const [file, maintenance] = [source('file', 'drained'), source('maintenance', 'drained')];
  const rows = [
    [[], 'enabled'],
    [[off], 'disabled'],
    [[command('drained')], 'drained'],
    [[command('forced-up')], 'forced-up'],
    [[command('drained'), off], 'disabled'],
    [[command('forced-up'), off], 'disabled'],
    [[command('disabled'), off], 'disabled'],
    [[file], 'drained'],
    [[command('forced-up'), file], 'drained'],
    [[command('disabled'), file, maintenance], 'disabled'],
    [[command('forced-up'), maintenance], 'drained'],
  ] as const;
  for (const [sources, state] of rows) {
    const admin = mostWithdrawn(sources, []);
    t.equal(admin.state, state, JSON.stringify(sources));
    t.same(admin.sources, sources);
  }
});

t.test('a file and a maintenance window drain, and say so', async (t) => {
  const {changed, clock, files, orders, web} = setUp();
  orders.follow([web]);
  orders.start();
  t.match(orders.of(web), {state: 'enabled', sources: []});
  files.set('/run/web', Date.UTC(2025, 11, 31));
  t.match(orders.of(web), {
    state: 'drained',
    by: 'file',
    at: '2025-12-31T00:00:00.000Z',
    until: null,
    reason: '/run/web exists',
    sources: [{source: 'file'}],
  });
  t.equal(describeAdmin(orders.of(web)), 'by file: /run/web exists');
  files.set('/run/web', 'unknown');
  t.match(orders.of(web), {state: 'drained', at: null, reason: '/run/web cannot be looked at'});
  files.clear();
  clock.advance(3 * 3_600_000 - 1);
  t.same(changed, []);
  clock.advance(1);
  t.same(changed, [3 * 3_600_000]);
  t.equal(describeAdmin(orders.of(web)), 'by maintenance until 2026-01-01T05:00:00.000Z: "0 3 * * *" for 2h');
  t.match(orders.of(web), {at: '2026-01-01T03:00:00.000Z', sources: [{source: 'maintenance'}]});
  clock.advance(2 * 3_600_000);
  t.same(changed, [3 * 3_600_000, 5 * 3_600_000]);
  t.equal(orders.of(web).state, 'enabled');
  orders.stop();
  t.equal(clock.pending, 0);
});

t.test('a hold is of prefixes: it drains the service only when none is left', async (t) => {
  const {changed, clock, orders, web} = setUp();
  const [first, second] = web.prefixes;
  if (!first || !second) throw new Error('no prefixes');
  const hold = {...nobody, until: '2026-01-01T00:10:00.000Z', reason: 'new cable'};
  orders.hold([first], hold);
  t.match(orders.of(web), {
    state: 'enabled',
    by: null,
    sources: [{source: 'hold', state: 'drained', by: 'alice', prefixes: [first]}],
  });
  orders.hold([second], {...hold, until: null});
  t.match(orders.of(web), {state: 'drained', by: 'alice', reason: 'new cable'});
  t.equal(orders.of(web).sources.length, 2);
  t.same([...orders.held().keys()], [first, second]);
  clock.advance(600_000);
  t.same(changed, [600_000]);
  t.same([...orders.held().keys()], [second]);
  t.equal(orders.of(web).state, 'enabled');
  orders.hold([first, second], null);
  t.equal(orders.held().size, 0);
  t.equal(clock.pending, 0);
});

t.test('an order ends by itself', async (t) => {
  const {clock, changed, give, orders, web} = setUp();
  t.match(give('drain', {services: ['web'], for_ms: 7_200_000, reason: 'kernel update'}), {
    services: [{name: 'web', admin: {state: 'drained', by: 'alice', until: '2026-01-01T02:00:00.000Z'}}],
  });
  t.equal(describeAdmin(orders.of(web)), 'by alice until 2026-01-01T02:00:00.000Z: kernel update');
  clock.advance(7_199_999);
  t.equal(orders.of(web).state, 'drained');
  clock.advance(1);
  t.equal(orders.of(web).state, 'enabled');
  t.same(changed, [7_200_000]);
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
    code: 2,
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
