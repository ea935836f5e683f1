import t from 'tap';
import type {LifeBefore} from '../../agent/admin/life.js';
import {BgpAnnouncer} from '../../agent/announce/bgp.js';
import type {Open} from '../../agent/bgp/wire/message.js';
import type {BfdConfig, PeerConfig} from '../../agent/config/types.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Prefix} from '../../agent/types.js';
import {FakeBfd} from '../fake/bfd.js';
import {bgpConfig, FakeNetwork, interfaceAddress, peerConfig} from '../fake/bgp-config.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeConnector} from '../fake/connector.js';
import type {FakePeerOptions} from '../fake/peer.js';
import {route} from '../fake/route.js';

const [vip, vip6] = ['192.0.2.1/32', '2001:db8::1/128'].map(parsePrefix) as [Prefix, Prefix];
const gracefulRestart = {restartTimeMs: 30_000, longLivedMs: 0};
const bfd: BfdConfig = {
  receiveIntervalMs: 300,
  transmitIntervalMs: 300,
  detectMultiplier: 3,
  mode: 'multihop',
  passive: false,
  minimumTtl: 1,
  graceful: true,
  authentication: null,
  strict: false,
};

interface LabOptions {
  readonly peer?: Partial<PeerConfig>;
  readonly keeps?: FakePeerOptions['keeps'];
  readonly lifeBefore?: LifeBefore;
  readonly onLo?: readonly string[];
  /** Whether it is configured. */
  readonly restarts?: boolean;
}

async function lab({peer = {}, keeps = 'routes', lifeBefore, onLo = [], restarts = true}: LabOptions = {}) {
  const clock = new FakeClock();
  const connector = new FakeConnector({autoAccept: '10.0.240.156', closesBack: true, peer: {keeps}});
  const events: AgentEvent[] = [];
  const fake = new FakeBfd();
  const base = peerConfig({...(restarts && {gracefulRestart}), ...peer});
  const announcer = new BgpAnnouncer({
    config: bgpConfig(base),
    routerId: parseAddress('10.0.240.156'),
    allowed: () => true,
    isOurs: () => false,
    network: new FakeNetwork(
      interfaceAddress('10.0.240.156'),
      interfaceAddress('2001:db8:ffff::1'),
      ...onLo.map((address) => interfaceAddress(address, {interface: 'lo'})),
    ),
    connector,
    bfd: fake,
    ...(lifeBefore && {lifeBefore}),
    clock,
    emit: (event) => void events.push(event),
    random: () => 0.999999,
  });
  await announcer.start();
  await settle();
  const set = async (items: readonly Prefix[], {adopt = [] as readonly Prefix[], complete = true} = {}) => {
    announcer.set({items: items.map((prefix) => route(prefix)), adopt: new Set(adopt), complete});
    await settle();
  };
  const notes = () => events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
  /** How the latest session ended, as the peer saw it. */
  const farewell = () => {
    const last = connector.last.peer.received.at(-1);
    return last?.type === 'notification' ? `${last.code}/${last.subcode}` : 'no NOTIFICATION';
  };
  return {announcer, base, clock, connector, fake, farewell, notes, set, status: () => announcer.peers()[0]};
}

/** `RN F-`: bits of an OPEN, F for IPv4 and for IPv6. */
function bits(open: Open): string {
  const restart = open.capabilities.find((capability) => capability.kind === 'graceful-restart');
  if (!restart) return 'none';
  const forwarding = restart.families.map(({forwarding}) => (forwarding ? 'F' : '-')).join('');
  return `${restart.restarted ? 'R' : '-'}${restart.notification ? 'N' : '-'} ${forwarding}`;
}

t.test('R and F are true: of the life before, and of what it left', async (t) => {
  const left = {adopted: true, addresses: [vip, vip6]};
  const cases: [string, LabOptions, string][] = [
    ['a first start', {}, '-N --'],
    ['everything is there', {lifeBefore: left, onLo: ['192.0.2.1', '2001:db8::1']}, 'RN FF'],
    ['an IPv6 address was lost meanwhile', {lifeBefore: left, onLo: ['192.0.2.1']}, 'RN F-'],
    ['nothing of it may be adopted', {lifeBefore: {...left, adopted: false}, onLo: ['192.0.2.1']}, 'RN --'],
    ['addresses are none of our business', {lifeBefore: {adopted: true, addresses: []}}, 'RN FF'],
  ];
  for (const [what, options, expected] of cases) {
    const {connector} = await lab(options);
    t.equal(bits(await connector.last.peer.message('open')), expected, what);
  }
  const {connector, clock} = await lab({lifeBefore: {...left, adopted: false}});
  connector.last.close('read ECONNRESET');
  await clock.run(2_000);
  t.equal(connector.attempts.length, 2);
  t.equal(
    bits(await connector.last.peer.message('open')),
    '-N FF',
    'a session that was lost: nothing restarted',
  );
});

t.test('keep: the connection is closed without a word, once everything due is sent', async (t) => {
  const {announcer, connector, farewell, notes, set} = await lab();
  await set([vip, vip6]);
  announcer.set({items: [route(vip)], adopt: new Set(), complete: true});
  await announcer.stop('keep');
  t.equal(farewell(), 'no NOTIFICATION');
  t.equal(connector.last.state, 'destroyed');
  t.same([...connector.last.peer.rib.routes.keys()], [vip], 'what had gone was told before');
  t.same(notes(), []);
});

t.test('keep, and the peer keeps nothing: a Cease, and two warnings', async (t) => {
  const {announcer, farewell, notes, set, status} = await lab({keeps: 'nothing'});
  t.match(status()?.gracefulRestart, {negotiated: false});
  await set([vip]);
  await announcer.stop('keep');
  t.equal(farewell(), '6/2');
  t.same(notes(), [
    'peer nrec-1 does no graceful restart: what is announced to it goes with the session',
    'peer nrec-1 does not keep what is announced to it: graceful restart was not agreed on',
  ]);
  const off = await lab({restarts: false, keeps: 'notification'});
  t.equal(bits(await off.connector.last.peer.message('open')), 'none');
  t.notOk('gracefulRestart' in (off.status() ?? {}), 'not configured, not in the status');
});

t.test('withdraw: withdrawals, then a hard reset to those who know it', async (t) => {
  for (const [keeps, expected] of [
    ['routes', '6/2'],
    ['notification', '6/9'],
  ] as const) {
    const {announcer, connector, farewell, set, status} = await lab({keeps});
    t.match(status()?.gracefulRestart, {negotiated: true, notification: keeps === 'notification'});
    await set([vip]);
    await announcer.stop('withdraw');
    t.same(connector.last.peer.rib.journal, [`+${vip}`, `-${vip}`]);
    t.equal(farewell(), expected);
  }
});

t.test('after a restart: each prefix follows its service, the rest goes with End-of-RIB', async (t) => {
  const {connector, set, status} = await lab({lifeBefore: {adopted: true, addresses: []}});
  const {rib} = connector.last.peer;
  await set([], {adopt: [vip, vip6], complete: false});
  t.same([rib.journal, rib.endOfRib], [[], []], 'nothing is said before the checks have spoken');
  await set([vip6], {adopt: [vip], complete: false});
  t.same([rib.journal, rib.endOfRib], [[`+${vip6}`], []]);
  await set([vip6], {adopt: [], complete: false});
  t.same(rib.journal.at(-1), `-${vip}`, 'it died: the peer need not wait for the other services');
  t.match(status()?.gracefulRestart, {endOfRib: []});
  await set([vip6]);
  t.same(rib.endOfRib, ['ipv4', 'ipv6']);
  t.match(status()?.gracefulRestart, {endOfRib: ['ipv4', 'ipv6']});
  t.equal(rib.journal.length, 2);
});

t.test('what the life before left and this one does not have any more is withdrawn at once', async (t) => {
  const {connector, set} = await lab({lifeBefore: {adopted: true, addresses: [vip, vip6]}});
  await set([], {adopt: [vip6], complete: false});
  t.same(connector.last.peer.rib.journal, [`-${vip}`]);
});

t.test('reload: the session is renewed, and the peer keeps what it has meanwhile', async (t) => {
  const {announcer, base, connector, farewell, set} = await lab();
  await set([vip]);
  const [first] = connector.attempts;
  announcer.reconfigure(bgpConfig({...base, gracefulRestart: {...gracefulRestart, restartTimeMs: 60_000}}));
  await settle();
  await settle();
  t.equal(connector.attempts.length, 2);
  t.notOk(first?.peer.received.some(({type}) => type === 'notification'));
  t.equal(bits(await connector.last.peer.message('open')), '-N FF');
  t.same(connector.last.peer.rib.journal, [`+${vip}`]);

  announcer.reconfigure(bgpConfig(peerConfig()));
  await settle();
  await settle();
  t.match(
    connector.attempts[1]?.peer.received.at(-1),
    {code: 6, subcode: 6},
    'it is to keep nothing any more',
  );
  t.equal(bits(await connector.last.peer.message('open')), 'none');

  const moved = await lab();
  await moved.set([vip]);
  moved.announcer.reconfigure(bgpConfig({...moved.base, localAs: 64999}));
  await settle();
  await settle();
  t.match(
    moved.connector.attempts[0]?.peer.received.at(-1),
    {code: 6, subcode: 6},
    'another neighbor to the peer',
  );
  t.equal(bits(await moved.connector.last.peer.message('open')), '-N --');
  t.equal(farewell(), 'no NOTIFICATION');
});

t.test('bfd graceful: BFD down leaves the peer what it has, where that was agreed on', async (t) => {
  const graceful = await lab({peer: {bfd}});
  await graceful.set([vip]);
  graceful.fake.sessions[0]?.change('up');
  graceful.fake.sessions[0]?.change('down', {reason: 'control detection time expired'});
  await settle();
  t.equal(graceful.farewell(), 'no NOTIFICATION');
  t.match(graceful.status(), {lastError: 'BFD down: control detection time expired'});
  await graceful.clock.run(2_000);
  t.equal(graceful.status()?.state, 'established', 'and BGP comes back');

  const plain = await lab({peer: {bfd}, keeps: 'nothing'});
  await plain.set([vip]);
  plain.fake.sessions[0]?.change('up');
  plain.fake.sessions[0]?.change('down', {reason: 'path down'});
  await settle();
  t.equal(plain.farewell(), '6/10');
  t.match(plain.notes(), [
    /does no graceful restart/,
    /^bfd session nrec-1 up/,
    /^bfd session nrec-1 down/,
    'peer nrec-1 does not keep its routes while bfd is down: graceful restart was not agreed on',
  ]);

  const hard = await lab({peer: {bfd: {...bfd, graceful: false}}, keeps: 'notification'});
  hard.fake.sessions[0]?.change('up');
  hard.fake.sessions[0]?.change('down', {reason: 'path down'});
  await settle();
  t.equal(hard.farewell(), '6/9', 'RFC 9384 §3: a hard reset');
});
