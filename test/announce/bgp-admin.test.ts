/** What people want of single peers: drained, switched off, and back. */

import t from 'tap';
import type {PeerPhase} from '../../agent/admin/peer-orders.js';
import {BgpAnnouncer} from '../../agent/announce/bgp.js';
import {shutdownText} from '../../agent/bgp/wire/notification.js';
import type {BfdConfig, PeerConfig} from '../../agent/config/types.js';
import {type PeerAdminStatus, peerEnabled} from '../../agent/events/status.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Route} from '../../agent/types.js';
import {FakeBfd} from '../fake/bfd.js';
import {bgpConfig, FakeNetwork, interfaceAddress, peerConfig} from '../fake/bgp-config.js';
import {FakeClock, settle} from '../fake/clock.js';
import {type FakeConnection, FakeConnector} from '../fake/connector.js';
import {communities, route} from '../fake/route.js';

const localAs = 4200000000;
const bfdConfig: BfdConfig = {
  receiveIntervalMs: 300,
  transmitIntervalMs: 300,
  detectMultiplier: 3,
  mode: 'multihop',
  passive: false,
  minimumTtl: 1,
  strict: false,
  graceful: false,
  authentication: null,
};
const tor = peerConfig({name: 'tor', bfd: bfdConfig});
const other = peerConfig({name: 'other', address: parseAddress('10.255.255.2')});
const internal = peerConfig({name: 'rr', address: parseAddress('10.255.255.3'), remoteAs: 'internal'});
const a = route('192.0.2.1/32', {communities: communities('64512:7')});

function lab(peers: readonly PeerConfig[] = [tor, other], first: Record<string, PeerPhase> = {}) {
  const clock = new FakeClock();
  const connector = new FakeConnector({
    autoAccept: '10.0.240.156',
    closesBack: true,
    peer: ({address}) => (address === internal.address ? {as: localAs} : {}),
  });
  const fakeBfd = new FakeBfd();
  const events: AgentEvent[] = [];
  const told: string[] = [];
  const phases = new Map(Object.entries(first));
  let reason: string | null = 'new line card';
  const adminOf = (peer: string): PeerAdminStatus => {
    const phase = phases.get(peer) ?? 'enabled';
    if (phase === 'enabled') return peerEnabled;
    return {
      state: phase === 'draining' ? 'drained' : phase,
      by: 'alice',
      at: '2026-01-01T00:00:00.000Z',
      until: null,
      reason,
      drain_until: phase === 'draining' ? '2026-01-01T00:01:00.000Z' : null,
    };
  };
  const announcer = new BgpAnnouncer({
    config: bgpConfig(...peers),
    routerId: parseAddress('10.0.240.156'),
    allowed: () => true,
    isOurs: () => false,
    network: new FakeNetwork(interfaceAddress('10.0.240.156')),
    connector,
    bfd: fakeBfd,
    adminOf,
    clock,
    emit: (event) => void events.push(event),
    random: () => 0.999999,
  });
  announcer.on((event) => void told.push(`${event.kind} ${event.prefix}`));
  const set = async (...items: readonly Route[]) => {
    announcer.set({items, adopt: new Set(), complete: true});
    await settle();
  };
  return {
    announcer,
    bfd: fakeBfd,
    clock,
    connector,
    told,
    set,
    start: async (...items: readonly Route[]) => {
      await announcer.start();
      await settle();
      await set(...items);
    },
    want: async (peer: string, phase: PeerPhase, why: string | null = 'new line card') => {
      phases.set(peer, phase);
      reason = why;
      announcer.applyAdmin();
      await settle();
    },
    at: (name: string): FakeConnection => {
      const address = peers.find((peer) => peer.name === name)?.address;
      const found = connector.attempts.findLast(({target}) => target.address === address);
      if (!found) throw new Error(`nothing was connected to ${name}`);
      return found;
    },
    attempts: (name: string) => {
      const address = peers.find((peer) => peer.name === name)?.address;
      return connector.attempts.filter(({target}) => target.address === address).length;
    },
    notes: () => events.flatMap((event) => (event.kind === 'note' ? [event.message] : [])),
  };
}

/** What a peer has of a prefix, attribute by attribute. */
function attributes({peer}: FakeConnection, prefix = '192.0.2.1/32'): Record<string, unknown> | null {
  const learned = peer.rib.routes.get(parsePrefix(prefix));
  return learned ? Object.fromEntries(learned.attributes.map(({kind, ...rest}) => [kind, rest])) : null;
}

t.test('draining: marked for this peer alone; then withdrawn from it; the session stays', async (t) => {
  const {announcer, at, attempts, notes, set, start, told, want} = lab();
  await start(a);
  const others = at('other').peer.rib.updates.length;
  await want('tor', 'draining');
  t.match(attributes(at('tor')), {communities: {communities: ['64512:7', '65535:0']}});
  t.notOk('local-preference' in (attributes(at('tor')) ?? {}), 'not to an external peer');
  await want('tor', 'draining');
  await set(a, route('192.0.2.2/32'));
  t.match(
    attributes(at('tor'), '192.0.2.2/32'),
    {communities: {communities: ['65535:0']}},
    'also a new route',
  );
  await want('tor', 'drained');
  t.equal(at('tor').peer.rib.routes.size, 0);
  await set(a, route('192.0.2.3/32'));
  t.same(at('tor').peer.rib.journal, [
    '+192.0.2.1/32',
    '+192.0.2.1/32',
    '+192.0.2.2/32',
    '-192.0.2.1/32',
    '-192.0.2.2/32',
  ]);
  t.same(told, [
    'installed 192.0.2.1/32',
    'installed 192.0.2.2/32',
    'removed 192.0.2.2/32',
    'installed 192.0.2.3/32',
  ]);
  t.same(
    at('other').peer.rib.updates.length,
    others + 3,
    'the other peer saw the changes of the routes only',
  );
  t.match(announcer.peers(), [{name: 'tor', state: 'established', announced: 0}, {announced: 2}]);
  t.same(announcer.snapshot().items.get(parsePrefix('192.0.2.1/32')), {
    tor: {state: 'not-wanted'},
    other: {state: 'announced', next_hop: '10.0.240.156', med: null},
  });
  t.same([...announcer.snapshot().reasons], [], 'nothing is wrong');
  await want('tor', 'enabled');
  t.equal(attempts('tor'), 1);
  t.match(attributes(at('tor')), {communities: {communities: ['64512:7']}});
  t.same(notes(), [
    'peer tor draining: by alice: new line card',
    'peer tor drained: by alice: new line card',
    'peer tor enabled: nothing holds it out any more',
  ]);
  await announcer.stop('withdraw');
});

t.test('an internal peer is told by the preference; one that has the community gets it once', async (t) => {
  const {announcer, at, start, want} = lab([internal]);
  const marked = communities('64512:7', '65535:0');
  await start(route('192.0.2.1/32', {communities: marked, localPreference: 300}));
  await want('rr', 'draining');
  t.same(attributes(at('rr'))?.['local-preference'], {value: 0});
  t.same(attributes(at('rr'))?.communities, {communities: ['64512:7', '65535:0']}, 'once');
  await want('rr', 'enabled');
  t.match(attributes(at('rr')), {'local-preference': {value: 300}});
  await announcer.stop('withdraw');
});

t.test('a session that begins while its peer drains or is drained', async (t) => {
  const {announcer, at, clock, start, want} = lab([tor], {tor: 'draining'});
  await start(a);
  t.match(attributes(at('tor')), {communities: {communities: ['64512:7', '65535:0']}});
  await want('tor', 'drained');
  at('tor').close('connection reset');
  await clock.run(10_000);
  t.equal(at('tor').peer.rib.routes.size, 0);
  t.same(at('tor').peer.rib.endOfRib, ['ipv4', 'ipv6']);
  t.same([...announcer.snapshot().reasons.values()], ['every peer that it is for is drained or disabled']);
  await announcer.stop('withdraw');
});

t.test(
  'disabled: withdrawn, then a Cease with the reason, and no call any more; enabled: back',
  async (t) => {
    const {announcer, at, attempts, bfd, clock, set, start, told, want} = lab();
    await start(a);
    const first = at('tor');
    await want('tor', 'disabled');
    t.same(first.peer.rib.journal, ['+192.0.2.1/32', '-192.0.2.1/32'], 'withdrawn first');
    const last = first.peer.received.at(-1);
    t.match(last, {type: 'notification', code: 6, subcode: 2});
    t.equal(last?.type === 'notification' ? shutdownText(last) : null, 'new line card');
    t.equal(bfd.sessions[0]?.isOpen, false);
    await clock.run(600_000);
    t.equal(attempts('tor'), 1);
    t.match(announcer.peers(), [{name: 'tor', state: 'idle', lastError: null}, {state: 'established'}]);

    await set();
    t.equal(told.at(-1), 'removed 192.0.2.1/32', 'a service that goes down waits for none of it');
    await set(a);
    await want('tor', 'enabled');
    t.equal(attempts('tor'), 2);
    t.equal(at('tor').peer.rib.routes.size, 1);
    t.same(
      bfd.sessions.map(({isOpen}) => isOpen),
      [false, true],
    );

    await want('tor', 'disabled', null);
    const again = at('tor').peer.received.at(-1);
    t.equal(
      again?.type === 'notification' ? shutdownText(again) : null,
      'disabled by the operator of eip-health',
    );
    await announcer.stop('withdraw');
    t.equal(clock.pending, 0);
  },
);

t.test('disabled from an earlier life: it is never called', async (t) => {
  const {announcer, attempts, bfd, clock, start, want} = lab([tor, other], {tor: 'disabled'});
  await start(a);
  await clock.run(60_000);
  t.equal(attempts('tor'), 0);
  t.equal(bfd.sessions.length, 0);
  announcer.reconfigure(
    bgpConfig({...tor, holdTimeMs: 9_000, bfd: {...bfdConfig, receiveIntervalMs: 50}}, other),
  );
  await clock.run(60_000);
  t.equal(attempts('tor'), 0, 'nor after a reload');
  t.equal(bfd.sessions.length, 0);
  await want('tor', 'enabled');
  t.equal(attempts('tor'), 1);
  await announcer.stop('withdraw');
});

t.test('a peer that does not read is not waited for for ever, one that is wanted back stays', async (t) => {
  const {announcer, at, attempts, clock, start, want} = lab();
  await start(a);
  at('tor').block();
  await want('tor', 'disabled');
  t.match(announcer.peers(), [{state: 'established'}, {}]);
  await want('tor', 'enabled');
  await clock.run(5_000);
  t.match(announcer.peers(), [{state: 'established'}, {}], 'before its session was closed');
  await want('tor', 'disabled');
  await clock.run(1_999);
  t.match(announcer.peers(), [{state: 'established'}, {}]);
  await clock.run(1);
  t.match(announcer.peers(), [{state: 'idle'}, {}]);
  await clock.run(5_000);
  t.equal(attempts('tor'), 1);
  await announcer.stop('withdraw');
});

t.test('another session for a peer that is drained: nothing of it comes back', async (t) => {
  const {announcer, at, start, want} = lab();
  await start(a);
  await want('tor', 'drained');
  announcer.reconfigure(bgpConfig({...tor, holdTimeMs: 9_000}, other));
  await settle();
  await settle();
  t.match(announcer.peers(), [{state: 'established', announced: 0}, {announced: 1}]);
  t.same(at('tor').peer.rib.journal, []);
  await announcer.stop('withdraw');
});
