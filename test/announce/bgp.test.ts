import t from 'tap';
import {BgpAnnouncer, type BgpAnnouncerOptions} from '../../agent/announce/bgp.js';
import type {PeerConfig} from '../../agent/config/types.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {Secret} from '../../agent/lib/secret.js';
import type {AgentEvent, Route} from '../../agent/types.js';
import {installerContract} from '../contract/announcer.js';
import {FakeBfd} from '../fake/bfd.js';
import {bgpConfig, FakeNetwork, interfaceAddress, ours, peerConfig} from '../fake/bgp-config.js';
import {FakeClock, settle} from '../fake/clock.js';
import {type FakeConnection, FakeConnector} from '../fake/connector.js';
import {communities, route} from '../fake/route.js';

const eth0 = interfaceAddress('10.0.240.156');
const eth0v6 = interfaceAddress('2001:700:2:8300::2aa');
const second = peerConfig({name: 'nrec-2', address: parseAddress('10.255.255.2')});

function lab(peers: readonly PeerConfig[] = [peerConfig()], options: Partial<BgpAnnouncerOptions> = {}) {
  const clock = new FakeClock();
  const connector = new FakeConnector({autoAccept: '10.0.240.156', closesBack: true});
  const network = new FakeNetwork(eth0, eth0v6);
  const events: AgentEvent[] = [];
  const told: string[] = [];
  const announcer = new BgpAnnouncer({
    config: bgpConfig(...peers),
    routerId: parseAddress('10.0.240.156'),
    allowed: () => true,
    isOurs: () => false,
    network,
    connector,
    bfd: new FakeBfd(),
    clock,
    emit: (event) => void events.push(event),
    random: () => 0.999999,
    ...options,
  });
  announcer.on((event) => void told.push(`${event.kind} ${event.prefix}`));
  const set = async (...items: readonly Route[]) => {
    announcer.set({items, adopt: new Set(), complete: true});
    await settle();
  };
  const start = async () => {
    await announcer.start();
    await settle();
  };
  /** The latest connection to a peer. */
  const at = (name: string): FakeConnection => {
    const address = announcer.peers().find((peer) => peer.name === name)?.address;
    const found = connector.attempts.findLast(({target}) => target.address === address);
    if (!found) throw new Error(`nothing was connected to ${name}`);
    return found;
  };
  const wire = () =>
    events.flatMap((event) =>
      event.kind === 'route-announced'
        ? [`+${event.prefix} ${event.to} ${event.nextHop}`]
        : event.kind === 'route-withdrawn'
          ? [`-${event.prefix} ${event.to}`]
          : [],
    );
  const notes = () => events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
  return {announcer, at, clock, connector, events, network, notes, set, start, told, wire};
}

installerContract(
  'bgp',
  async () => {
    const {announcer, at, connector} = lab();
    const rib = () => at('nrec-1').peer.rib;
    return {
      installer: announcer,
      items: [route('192.0.2.1/32'), route('192.0.2.2/32', {med: 100}), route('2001:db8::1/128')],
      changed: (item: Route) => ({...item, med: 500}),
      holds: () => (at('nrec-1').state === 'connected' ? [...rib().routes.keys()] : []),
      changes: () => rib().updates.filter(({endOfRib}) => endOfRib === null).length,
      ready: async () => {
        await settle();
        connector.last.peer.rib.updates.length = 0;
      },
      quiet: settle,
      end: () => announcer.stop('withdraw'),
    };
  },
  {keeps: false},
);

t.test('before start a set is only stored; then it goes to the peer', async (t) => {
  const {announcer, at, connector, set, start, told, wire} = lab();
  await set(route('192.0.2.1/32'));
  t.equal(connector.attempts.length, 0);
  t.same(told, [], 'nothing is installed while no peer is there');
  t.same(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {'nrec-1': {state: 'peer-down'}});
  await start();
  t.same(at('nrec-1').peer.rib.nextHops, {'192.0.2.1/32': '10.0.240.156'});
  t.same(told, ['installed 192.0.2.1/32']);
  t.same(wire(), ['+192.0.2.1/32 nrec-1 10.0.240.156']);
});

t.test('status in the words of the contract', async (t) => {
  const {announcer, set, start} = lab();
  await start();
  await set(route('192.0.2.1/32', {med: 100}), route('2001:db8::1/128'));
  t.same(Object.fromEntries(announcer.snapshot().items), {
    '192.0.2.1/32': {'nrec-1': {state: 'announced', next_hop: '10.0.240.156', med: 100}},
    '2001:db8::1/128': {'nrec-1': {state: 'announced', next_hop: '2001:700:2:8300::2aa', med: null}},
  });
  t.match(announcer.peers(), [
    {
      name: 'nrec-1',
      address: '10.255.255.1',
      remoteAs: 65535,
      state: 'established',
      announced: 2,
      received: 0,
      lastError: null,
    },
  ]);
});

t.test('events and log lines come after the wire', async (t) => {
  const {announcer, at, set, start, told, wire} = lab();
  await start();
  await set(route('192.0.2.1/32'));
  at('nrec-1').block();
  await set();
  t.same(told, ['installed 192.0.2.1/32']);
  t.equal(wire().length, 1);
  t.match(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {
    'nrec-1': {state: 'withdraw-pending'},
  });
  t.match(announcer.snapshot().reasons.get(parsePrefix('192.0.2.1/32')), /not taken the withdrawal/);
  at('nrec-1').unblock();
  await settle();
  t.same(told, ['installed 192.0.2.1/32', 'removed 192.0.2.1/32']);
  t.same(wire(), ['+192.0.2.1/32 nrec-1 10.0.240.156', '-192.0.2.1/32 nrec-1']);
  t.equal(announcer.snapshot().items.size, 0);
});

t.test('two peers: one is enough to be installed, all must let go to be removed', async (t) => {
  const {announcer, at, set, start, told} = lab([peerConfig(), second]);
  await start();
  at('nrec-2').block();
  await set(route('192.0.2.1/32'));
  t.same(told, ['installed 192.0.2.1/32']);
  at('nrec-2').unblock();
  await settle();
  at('nrec-2').block();
  await set();
  t.same(told, ['installed 192.0.2.1/32'], 'one still has it');
  t.match(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {
    'nrec-1': {state: 'not-wanted'},
    'nrec-2': {state: 'withdraw-pending'},
  });
  at('nrec-2').unblock();
  await settle();
  t.same(told, ['installed 192.0.2.1/32', 'removed 192.0.2.1/32']);
});

t.test('a dead peer holds up nobody: its loss counts as removed', async (t) => {
  const {announcer, at, connector, set, start, told} = lab([peerConfig(), second]);
  await start();
  await set(route('192.0.2.1/32'));
  connector.autoAccept = null;
  at('nrec-2').block();
  await set();
  t.notOk(told.includes('removed 192.0.2.1/32'));
  at('nrec-2').close('read ETIMEDOUT');
  await settle();
  t.ok(told.includes('removed 192.0.2.1/32'));
  await set(route('192.0.2.2/32'));
  t.ok(told.includes('installed 192.0.2.2/32'));
  t.match(announcer.snapshot().items.get(parsePrefix('192.0.2.2/32')), {
    'nrec-1': {state: 'announced'},
    'nrec-2': {state: 'peer-down'},
  });
  t.match(
    announcer.snapshot().reasons.get(parsePrefix('192.0.2.2/32')),
    /peer nrec-2 is idle: read ETIMEDOUT/,
  );
});

t.test('no peer is established: removal is at once', async (t) => {
  const {connector, set, start, told} = lab();
  connector.autoAccept = null;
  await start();
  await set(route('192.0.2.1/32'));
  t.same(told, []);
  await set();
  t.same(told, ['removed 192.0.2.1/32']);
});

t.test('routes for certain peers only; the one that names a peer goes first', async (t) => {
  const {announcer, at, set, start} = lab([peerConfig(), second]);
  await start();
  await set(
    route('192.0.2.1/32', {peers: ['nrec-2']}),
    route('192.0.2.2/32', {med: 1}),
    route('192.0.2.2/32', {med: 2, peers: ['nrec-1']}),
    route('192.0.2.3/32'),
  );
  t.same(Object.keys(at('nrec-1').peer.rib.nextHops), ['192.0.2.2/32', '192.0.2.3/32']);
  t.same(Object.keys(at('nrec-2').peer.rib.nextHops), ['192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32']);
  t.match(announcer.snapshot().items.get(parsePrefix('192.0.2.2/32')), {
    'nrec-1': {med: 2},
    'nrec-2': {med: 1},
  });
  t.same(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {
    'nrec-1': {state: 'not-wanted'},
    'nrec-2': {state: 'announced', next_hop: '10.0.240.156', med: null},
  });
});

t.test('the last gate: what is not allowed never goes out', async (t) => {
  let allowed = false;
  const {announcer, at, events, set, start, told} = lab([peerConfig()], {allowed: () => allowed});
  await start();
  await set(route('192.0.2.1/32'));
  t.equal(at('nrec-1').peer.rib.routes.size, 0);
  t.same(told, ['failed 192.0.2.1/32']);
  t.match(events.at(-1), {kind: 'route-failed', prefix: '192.0.2.1/32', to: 'bgp', reason: /allow/});
  t.same(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {'nrec-1': {state: 'failed'}});
  t.match(announcer.snapshot().reasons.get(parsePrefix('192.0.2.1/32')), /allow/);
  allowed = true;
  announcer.reconfigure(bgpConfig(peerConfig()));
  await settle();
  t.equal(at('nrec-1').peer.rib.routes.size, 1);
  t.same(told.at(-1), 'installed 192.0.2.1/32');
  allowed = false;
  announcer.reconfigure(bgpConfig(peerConfig()));
  await settle();
  t.equal(at('nrec-1').peer.rib.routes.size, 0, 'and is taken back when it is no longer allowed');
});

t.test('no next hop: said once, told in status, mended by the network', async (t) => {
  const {announcer, at, network, notes, set, start, told} = lab();
  network.change(eth0);
  await start();
  const six = parsePrefix('2001:db8::1/128');
  await set(route('192.0.2.1/32'), route('2001:db8::1/128'));
  await set(route('192.0.2.1/32'), route('2001:db8::1/128'), route('2001:db8::2/128'));
  t.same(notes(), [
    'IPv6 routes are not announced to nrec-1: interface eth0 has no global IPv6 address for a next hop: set local_address6',
  ]);
  t.same(announcer.snapshot().items.get(six), {'nrec-1': {state: 'no-next-hop'}});
  t.match(announcer.snapshot().reasons.get(six), /set local_address6/);
  t.ok(told.includes(`failed ${six}`));
  network.change(eth0, eth0v6);
  await settle();
  t.same(announcer.snapshot().items.get(six), {
    'nrec-1': {state: 'announced', next_hop: '2001:700:2:8300::2aa', med: null},
  });
  t.ok(told.includes(`installed ${six}`));
  at('nrec-1').peer.rib.journal.length = 0;
  network.change(eth0, interfaceAddress('2001:700:2:8300::2bb'));
  await settle();
  t.same(
    at('nrec-1').peer.rib.journal,
    ['+2001:db8::1/128', '+2001:db8::2/128'],
    'the IPv4 route is not repeated',
  );
  network.change(eth0);
  await settle();
  t.equal(notes().length, 2, 'a new lack is a new warning');
});

t.test('a family that the peer does not take', async (t) => {
  const {announcer, connector, set, told} = lab([peerConfig({families: ['ipv4']})]);
  await announcer.start();
  await settle();
  await set(route('192.0.2.1/32'), route('2001:db8::1/128'));
  t.equal(connector.attempts.length, 1);
  t.same(announcer.snapshot().items.get(parsePrefix('2001:db8::1/128')), {
    'nrec-1': {state: 'not-negotiated'},
  });
  t.match(announcer.snapshot().reasons.get(parsePrefix('2001:db8::1/128')), /does not take IPv6/);
  t.same(told.sort(), ['failed 2001:db8::1/128', 'installed 192.0.2.1/32']);
});

t.test('our own prefix is never the source of a session', async (t) => {
  const {announcer, start} = lab([peerConfig()], {isOurs: ours('10.0.240.156')});
  await start();
  const [peer] = announcer.peers();
  t.equal(peer?.state, 'active');
  t.match(peer?.lastError, /10\.0\.240\.156, which lies in one of our own prefixes: set local_address/);
});

t.test('End-of-RIB waits for a complete set', async (t) => {
  const {announcer, at, start} = lab();
  announcer.set({items: [route('192.0.2.1/32')], adopt: new Set(), complete: false});
  await start();
  t.same(at('nrec-1').peer.rib.endOfRib, []);
  announcer.set({items: [route('192.0.2.1/32')], adopt: new Set(), complete: true});
  await settle();
  t.same(at('nrec-1').peer.rib.endOfRib, ['ipv4', 'ipv6']);
});

t.test('TTL and password go to the socket', async (t) => {
  const internal = peerConfig({
    name: 'rr',
    address: parseAddress('10.1.1.1'),
    remoteAs: 'internal',
    multihop: null,
  });
  const password = new Secret('s3cret');
  const direct = peerConfig({
    name: 'tor',
    address: parseAddress('10.1.1.2'),
    remoteAs: 'external',
    multihop: null,
    password,
  });
  const far = peerConfig({
    name: 'far',
    address: parseAddress('10.1.1.3'),
    multihop: 4,
    localAddress: parseAddress('10.0.240.156'),
  });
  const {connector, start} = lab([internal, direct, far]);
  await start();
  t.same(
    connector.attempts.map(({target}) => [target.address, target.ttl, target.localAddress]),
    [
      ['10.1.1.1', 64, null],
      ['10.1.1.2', 1, null],
      ['10.1.1.3', 4, '10.0.240.156'],
    ],
  );
  t.equal(connector.attempts[1]?.target.password?.reveal(), 's3cret');
});

t.test('internal peers get LOCAL_PREF and no AS of ours; old ones the AS_PATH in two parts', async (t) => {
  const local = 4200000000;
  const connector = new FakeConnector({
    autoAccept: '10.0.240.156',
    closesBack: true,
    peer: ({address}) => (address === '10.1.1.1' ? {as: local} : {as: 65535, fourOctetAs: false}),
  });
  const internal = peerConfig({name: 'rr', address: parseAddress('10.1.1.1'), remoteAs: 'internal'});
  const old = peerConfig({name: 'old', address: parseAddress('10.1.1.2')});
  const {announcer, set, start} = lab([internal, old], {connector});
  await start();
  await set(route('192.0.2.1/32', {localPreference: 200, med: 5}));
  const attributesAt = (address: string) => {
    const connection = connector.attempts.find(({target}) => target.address === address);
    const learned = connection?.peer.rib.routes.get(parsePrefix('192.0.2.1/32'));
    return Object.fromEntries(learned?.attributes.map(({kind, ...rest}) => [kind, rest]) ?? []);
  };
  t.match(attributesAt('10.1.1.1'), {
    'as-path': {segments: []},
    'local-preference': {value: 200},
    med: {value: 5},
  });
  t.match(attributesAt('10.1.1.2'), {
    'as-path': {segments: [{as: [23456]}]},
    'as4-path': {segments: [{as: [local]}]},
    med: {value: 5},
  });
  t.notOk('local-preference' in attributesAt('10.1.1.2'));
  await announcer.stop('withdraw');
});

t.test('stop(withdraw): withdrawals, then a Cease with words, then nothing', async (t) => {
  const {announcer, at, clock, set, start, told, wire} = lab();
  await start();
  await set(route('192.0.2.1/32'));
  await announcer.stop('withdraw');
  const {peer} = at('nrec-1');
  t.equal(peer.rib.journal.at(-1), '-192.0.2.1/32');
  const notification = peer.received.at(-1);
  t.match(notification, {type: 'notification', code: 6, subcode: 2});
  t.match(
    notification?.type === 'notification' ? Buffer.from(notification.data).toString() : '',
    /eip-health stops/,
  );
  t.equal(told.at(-1), 'removed 192.0.2.1/32');
  t.equal(wire().at(-1), '-192.0.2.1/32 nrec-1');
  t.equal(clock.pending, 0);
});

t.test('stop(withdraw) does not wait for ever for a peer that does not read', async (t) => {
  const {announcer, at, clock, set, start} = lab();
  await start();
  await set(route('192.0.2.1/32'));
  at('nrec-1').block();
  let stopped = false;
  void announcer.stop('withdraw').then(() => {
    stopped = true;
  });
  await clock.run(1_999);
  t.notOk(stopped);
  await clock.run(1_001);
  t.ok(stopped);
});

t.test('reload: only what must bounce a session does; an equal one sends nothing', async (t) => {
  const password = new Secret('s3cret');
  const base = peerConfig({password});
  const changes: [string, Partial<PeerConfig>, boolean][] = [
    ['nothing', {password: new Secret('s3cret')}, false],
    ['connect_retry', {connectRetryMs: 60_000}, false],
    ['address', {address: parseAddress('10.255.255.9')}, true],
    ['port', {port: 1179}, true],
    ['local_address', {localAddress: parseAddress('10.0.240.156')}, true],
    ['local_as', {localAs: 4200000001}, true],
    ['remote_as', {remoteAs: 'external'}, true],
    ['password', {password: new Secret('other')}, true],
    ['no password', {password: null}, true],
    ['families', {families: ['ipv4']}, true],
    ['hold_time', {holdTimeMs: 9_000}, true],
    ['TTL', {multihop: 2}, true],
  ];
  for (const [what, keys, bounces] of changes) {
    const {announcer, at, connector, set, start} = lab([base]);
    await start();
    await set(route('192.0.2.1/32'));
    const first = at('nrec-1');
    const updates = first.peer.rib.updates.length;
    announcer.reconfigure(bgpConfig({...base, ...keys}));
    await settle();
    await settle();
    t.equal(connector.attempts.length, bounces ? 2 : 1, what);
    t.equal(first.peer.rib.updates.length, updates, `${what}: not one UPDATE on the old session`);
    // A router that has another in its place is a peer no more; for the same one something has changed.
    const subcode = what === 'address' ? 3 : 6;
    if (bounces) t.match(first.peer.received.at(-1), {type: 'notification', code: 6, subcode}, what);
    t.equal(connector.last.peer.rib.routes.size, 1, `${what}: the route is there`);
  }
});

t.test('reload: the next hop of the other family changes in place', async (t) => {
  const {announcer, at, connector, set, start} = lab();
  await start();
  await set(route('192.0.2.1/32'), route('2001:db8::1/128'));
  at('nrec-1').peer.rib.journal.length = 0;
  announcer.reconfigure(bgpConfig(peerConfig({localAddress6: parseAddress('2001:db8:ffff::1')})));
  await settle();
  t.equal(connector.attempts.length, 1);
  t.same(at('nrec-1').peer.rib.journal, ['+2001:db8::1/128']);
  t.equal(at('nrec-1').peer.rib.nextHops['2001:db8::1/128'], '2001:db8:ffff::1');
});

t.test('reload: peers that go and come', async (t) => {
  const {announcer, at, events, set, start} = lab();
  await start();
  await set(route('192.0.2.1/32'));
  const first = at('nrec-1');
  announcer.reconfigure(bgpConfig(second));
  await settle();
  await settle();
  t.match(first.peer.received.at(-1), {type: 'notification', code: 6, subcode: 3});
  t.same(
    announcer.peers().map(({name}) => name),
    ['nrec-2'],
  );
  t.equal(at('nrec-2').peer.rib.routes.size, 1);
  t.ok(events.some((event) => event.kind === 'peer-state' && event.peer === 'nrec-1' && event.to === 'idle'));
  t.same(Object.keys(Object(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')))), ['nrec-2']);
});

t.test('changed attributes replace, and a set in place of another sends only the difference', async (t) => {
  const {at, set, start} = lab();
  await start();
  await set(route('192.0.2.1/32'), route('192.0.2.2/32'));
  const {rib} = at('nrec-1').peer;
  rib.journal.length = 0;
  await set(route('192.0.2.1/32', {communities: communities('65535:0')}), route('192.0.2.2/32'));
  t.same(rib.journal, ['+192.0.2.1/32']);
  const attributes = rib.routes.get(parsePrefix('192.0.2.1/32'))?.attributes ?? [];
  t.ok(attributes.some(({kind}) => kind === 'communities'));
});
