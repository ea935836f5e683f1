import t from 'tap';
import {describeOutcome, type HoldCommand, hold} from '../../agent/admin/holds.js';
import {Orders} from '../../agent/admin/orders.js';
import type {ServiceConfig} from '../../agent/config/types.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {JsonObject} from '../../agent/types.js';
import {configOf} from '../config/fixture.js';
import {FakeClock} from '../fake/clock.js';
import {announceBlock, serviceConfig} from '../fake/config.js';
import {memoryStore} from '../fake/store.js';

const web = serviceConfig('web', ['192.0.2.1', '2001:db8::1']);

function setUp(services: readonly ServiceConfig[] = [web], main = 'kernel: {}') {
  const clock = new FakeClock();
  const orders = new Orders({store: memoryStore(), clock, presence: () => null, onChange: () => {}});
  const config = configOf({main});
  const give = (
    command: HoldCommand,
    targets: Readonly<Record<string, readonly string[]>>,
    args: JsonObject = {},
  ) =>
    hold(
      command,
      {
        targets: Object.entries(targets).map(([name, prefixes]) => ({name, prefixes})),
        by: 'alice',
        reason: null,
        for_ms: null,
        force: false,
        ...args,
      },
      {config, services, orders, clock},
    );
  return {clock, give, held: () => [...orders.held().keys()], orders};
}

t.test('held out and let in again, and what is said of it', async (t) => {
  const {give, held} = setUp();
  const out = give('vip-del', {'vip.tld': ['192.0.2.1', '2001:db8::1']}, {reason: 'cable', for_ms: 60_000});
  t.match(out.outcomes, [
    {prefix: '192.0.2.1/32', services: [{name: 'web'}], before: null, after: {by: 'alice', reason: 'cable'}},
    {prefix: '2001:db8::1/128', before: null},
  ]);
  t.same(held(), ['192.0.2.1/32', '2001:db8::1/128']);
  const [first] = out.outcomes;
  if (!first) throw new Error('no outcome');
  t.equal(
    describeOutcome(first, 'alice'),
    '192.0.2.1/32 held out by alice until 2026-01-01T00:01:00.000Z: cable',
  );
  const [back] = give('vip-add', {'192.0.2.1': ['192.0.2.1']}, {by: 'bob'}).outcomes;
  t.match(back, {before: {by: 'alice'}, after: null});
  t.equal(back && describeOutcome(back, 'bob'), '192.0.2.1/32 let in again by bob');
  t.same(held(), ['2001:db8::1/128']);
});

t.test('force: the services of the prefix are announced whatever their checks say', async (t) => {
  const {give, orders} = setUp([web, serviceConfig('dns', ['192.0.2.2'])]);
  give('vip-del', {a: ['192.0.2.1']});
  give('vip-add', {a: ['192.0.2.1']}, {force: true, reason: 'I know'});
  t.match(orders.of(web), {state: 'forced-up', reason: 'I know'});
  t.equal(orders.of(serviceConfig('dns', ['192.0.2.2'])).state, 'enabled');
});

t.test('of a name, addresses of other hosts are left alone, unless it has no others', async (t) => {
  const {give, held} = setUp();
  const {outcomes, skipped} = give('vip-del', {'vip.tld': ['192.0.2.1', '192.0.2.77']});
  t.same(
    outcomes.map(({prefix}) => prefix),
    ['192.0.2.1/32'],
  );
  t.same(skipped, [{name: 'vip.tld', prefix: '192.0.2.77/32', reason: 'is of no service'}]);
  t.throws(() => give('vip-del', {'web.tld': ['2001:db8::1'], 'other.tld': ['192.0.2.78', '192.0.2.77']}), {
    code: 1,
    message: 'other.tld: 192.0.2.78/32 is of no service\nother.tld: 192.0.2.77/32 is of no service',
  });
  t.same(held(), ['192.0.2.1/32'], 'one that is wrong changes nothing about the others');
});

t.test('what cannot be held out', async (t) => {
  const pool = serviceConfig('pool', ['198.51.100.0/24'], {addresses: [parsePrefix('198.51.100.1')]});
  const {give, held} = setUp([web, pool]);
  const rows = [
    [
      '198.51.100.1',
      '198.51.100.1/32 has no route of its own: service pool announces 198.51.100.0/24, name that',
    ],
    ['198.51.100.2', '198.51.100.2/32 is of no service'],
    ['198.51.100.7/24', '"198.51.100.7/24" has host bits set: the network is 198.51.100.0/24'],
  ] as const;
  for (const [word, message] of rows) t.throws(() => give('vip-del', {[word]: [word]}), {message});
  for (const args of [{by: ''}, {for_ms: 1}, {targets: []}, {reason: ''}, {more: 1}]) {
    t.throws(() => give('vip-del', {a: ['192.0.2.1']}, args), {code: 2, message: /^vip-del: /});
  }
  t.same(held(), []);
});

t.test('without services whatever may be announced', async (t) => {
  t.match(setUp([]).give('vip-del', {a: ['192.0.2.77']}).outcomes, [{prefix: '192.0.2.77/32', services: []}]);
  const {give} = setUp([], 'kernel: {}\nallow: [192.0.2.0/24]');
  t.equal(give('vip-del', {a: ['192.0.2.77']}).outcomes.length, 1);
  t.throws(() => give('vip-del', {'203.0.113.7': ['203.0.113.7']}), {
    message: '203.0.113.7/32 may not be announced: `allow` does not hold it',
  });
});

t.test('what is held is let in again, also when its service is gone', async (t) => {
  const {clock, give, held, orders} = setUp();
  give('vip-del', {a: ['192.0.2.1']});
  const later = {config: configOf({main: 'kernel: {}'}), services: [serviceConfig('dns', ['192.0.2.9'])]};
  const args = {
    targets: [{name: 'a', prefixes: ['192.0.2.1']}],
    by: 'bob',
    reason: null,
    for_ms: null,
    force: false,
  };
  t.throws(() => hold('vip-del', args, {...later, orders, clock}), {
    message: 'a: 192.0.2.1/32 is of no service',
  });
  t.match(hold('vip-add', args, {...later, orders, clock}).outcomes, [{before: {by: 'alice'}, after: null}]);
  t.same(held(), []);
});

t.test('where BIRD switches whole services, all of one or nothing', async (t) => {
  const main = 'bird: {socket: /run/bird.ctl, form: protocol}';
  const dns = serviceConfig('dns', ['192.0.2.2', '192.0.2.3'], {announce: [announceBlock({via: ['frr']})]});
  const {give, held} = setUp([web, dns], main);
  t.throws(() => give('vip-del', {a: ['192.0.2.1']}), {
    message:
      'BIRD switches all of service web (`form: protocol`): name 2001:db8::1/128 as well, or drain web',
  });
  t.same(held(), []);
  give('vip-del', {a: ['192.0.2.1', '2001:db8::1']});
  give('vip-del', {b: ['192.0.2.2']});
  t.equal(held().length, 3, 'a service that does not go through BIRD can be taken apart');
});
