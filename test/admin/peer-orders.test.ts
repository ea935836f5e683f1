import t from 'tap';
import {describePeerAdmin, PeerOrders, phaseOf} from '../../agent/admin/peer-orders.js';
import {orderPeers, type PeerCommand, type PeerScene} from '../../agent/admin/peer-request.js';
import type {PeerOrder, PeerStore} from '../../agent/admin/store.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {JsonObject} from '../../agent/types.js';
import {configOf} from '../config/fixture.js';
import {bgpConfig, peerConfig} from '../fake/bgp-config.js';
import {FakeClock} from '../fake/clock.js';

function memoryStore(): PeerStore {
  const orders = new Map<string, PeerOrder>();
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

const bgp = bgpConfig(
  peerConfig({name: 'tor-1'}),
  peerConfig({name: 'tor-2', address: parseAddress('10.255.255.2')}),
);

function setUp(scene: Partial<PeerScene> = {}) {
  const clock = new FakeClock();
  const changes: number[] = [];
  const orders = new PeerOrders({store: memoryStore(), clock, onChange: () => changes.push(clock.now())});
  const config = {...configOf({main: 'kernel: {}'}), bgp};
  const give = (command: PeerCommand, args: JsonObject) =>
    orderPeers(
      command,
      {peers: null, by: 'alice', reason: null, for_ms: null, drain_ms: null, ...args},
      {config, orders, clock, ...scene},
    );
  const phases = () => ['tor-1', 'tor-2'].map((name) => phaseOf(orders.of(name)));
  return {changes, clock, give, orders, phases};
}

t.test('drained: marked for a minute, then withdrawn; it lasts until it is taken back', async (t) => {
  const {changes, clock, give, orders, phases} = setUp();
  t.match(give('peer-drain', {peers: ['tor-1'], reason: 'new line card'}), {
    peers: [
      {
        name: 'tor-1',
        admin: {
          state: 'drained',
          by: 'alice',
          at: '2026-01-01T00:00:00.000Z',
          until: null,
          reason: 'new line card',
          drain_until: '2026-01-01T00:01:00.000Z',
        },
      },
    ],
    warnings: [],
  });
  t.same(phases(), ['draining', 'enabled']);
  clock.advance(59_999);
  t.same(phases(), ['draining', 'enabled']);
  clock.advance(1);
  t.same(phases(), ['drained', 'enabled']);
  t.same(changes, [60_000]);
  t.equal(orders.of('tor-1').drain_until, null);
  clock.advance(86_400_000);
  t.same(phases(), ['drained', 'enabled']);
  t.equal(describePeerAdmin(orders.of('tor-1')), 'by alice: new line card');
  give('peer-enable', {peers: ['tor-1']});
  t.same(phases(), ['enabled', 'enabled']);
  t.equal(clock.pending, 0);
});

t.test('an order ends by itself, in whatever phase', async (t) => {
  for (const [forMs, phasesOverTime] of [
    [30_000, ['draining', 'enabled', 'enabled']],
    [90_000, ['draining', 'draining', 'disabled']],
  ] as const) {
    const {changes, clock, give, phases} = setUp();
    give('peer-disable', {peers: ['tor-2'], for_ms: forMs});
    const seen = [phases()[1]];
    clock.advance(30_000);
    seen.push(phases()[1]);
    clock.advance(30_000);
    seen.push(phases()[1]);
    t.same(seen, phasesOverTime);
    clock.advance(30_000);
    t.equal(phases()[1], 'enabled');
    t.equal(changes.at(-1), forMs);
  }
});

t.test('what has begun to drain is not begun again', async (t) => {
  const {clock, give, orders, phases} = setUp();
  give('peer-drain', {peers: ['tor-1']});
  clock.advance(20_000);
  give('peer-drain', {peers: null, reason: 'both'});
  t.equal(orders.of('tor-1').drain_until, '2026-01-01T00:01:00.000Z');
  t.equal(orders.of('tor-2').drain_until, '2026-01-01T00:01:20.000Z');
  clock.advance(40_000);
  t.same(phases(), ['drained', 'draining']);
  give('peer-disable', {peers: ['tor-1']});
  t.same(phases(), ['disabled', 'draining'], 'a peer without routes is closed at once');
  give('peer-drain', {peers: ['tor-2'], drain_ms: 0});
  t.same(phases(), ['disabled', 'drained'], 'unless less is asked for');
  give('peer-drain', {peers: ['tor-1']});
  t.same(phases(), ['drained', 'drained'], 'it is connected to again, without routes');
});

t.test('a restart in the middle finds what is left of it', async (t) => {
  const store = memoryStore();
  const clock = new FakeClock();
  const first = new PeerOrders({store, clock, onChange: () => {}});
  const config = {...configOf({main: 'kernel: {}'}), bgp};
  const args = {peers: ['tor-1'], by: 'alice', reason: null, for_ms: null, drain_ms: null};
  orderPeers('peer-disable', args, {config, orders: first, clock});
  first.stop();
  clock.advance(20_000);
  const changes: number[] = [];
  const second = new PeerOrders({store, clock, onChange: () => changes.push(clock.now())});
  second.start();
  t.equal(phaseOf(second.of('tor-1')), 'draining');
  clock.advance(40_000);
  t.equal(phaseOf(second.of('tor-1')), 'disabled');
  t.same(changes, [60_000]);
});

t.test('who drains the last peer is warned', async (t) => {
  t.match(setUp().give('peer-drain', {}).warnings, [/^no peer is left: nothing is announced to anybody/]);
  const away = setUp({isEstablished: (peer) => peer === 'tor-1'});
  t.match(away.give('peer-drain', {peers: ['tor-1']}).warnings, [
    /^of the peers that are left \(tor-2\) none is established/,
  ]);
  const there = setUp({isEstablished: () => true});
  t.same(there.give('peer-drain', {peers: ['tor-1']}).warnings, []);
  t.match(there.give('peer-disable', {peers: ['tor-2']}).warnings, [/^no peer is left/]);
  t.same(there.give('peer-enable', {peers: ['tor-2']}).warnings, []);
});

t.test('a request that is wrong changes nothing, and says what would be right', async (t) => {
  const {give, phases} = setUp();
  t.throws(() => give('peer-drain', {peers: ['tor-1', 'tor-3']}), {
    code: 2,
    message: 'there is no peer "tor-3": did you mean `tor-1`?',
  });
  t.throws(() => give('peer-drain', {peers: ['router']}), {
    code: 2,
    message: 'there is no peer "router": there are tor-1, tor-2',
  });
  for (const args of [{peers: []}, {for_ms: 1}, {drain_ms: -1}, {by: ''}, {services: ['web']}]) {
    t.throws(() => give('peer-disable', args as JsonObject), {code: 2, message: /^peer disable: /});
  }
  t.same(phases(), ['enabled', 'enabled']);
});

t.test('where others speak BGP it says whom to ask', async (t) => {
  const file = 'file: /etc/bird/x.conf';
  for (const [main, expected] of [
    [
      'kernel: {}',
      /^there are no peers of ours without a `bgp` block\. Services can be drained .*eip-health drain`$/,
    ],
    [`bird: {form: define, ${file}}`, /those of BIRD \(`birdc disable PROTOCOL`\)\./],
    ['frr: {}', /those of FRR \(`neighbor ADDRESS shutdown` in vtysh\)\./],
    [`frr: {}\nbird: {form: define, ${file}}`, /those of BIRD .* and FRR /],
    ['exabgp: {}', /those of ExaBGP, in its configuration\./],
  ] as const) {
    const {give} = setUp({config: configOf({main})});
    t.throws(() => give('peer-drain', {peers: ['tor-1']}), {code: 1, message: expected}, main);
  }
});
