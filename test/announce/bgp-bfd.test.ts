import t from 'tap';
import {BgpAnnouncer} from '../../agent/announce/bgp.js';
import type {BfdConfig, PeerConfig} from '../../agent/config/types.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import {FakeBfd} from '../fake/bfd.js';
import {bgpConfig, FakeNetwork, interfaceAddress, peerConfig} from '../fake/bgp-config.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeConnector} from '../fake/connector.js';
import {route} from '../fake/route.js';

const bfd: BfdConfig = {
  receiveIntervalMs: 300,
  transmitIntervalMs: 300,
  detectMultiplier: 3,
  mode: 'multihop',
  passive: false,
  minimumTtl: 200,
  graceful: false,
};

async function lab(peer: Partial<PeerConfig> = {bfd}) {
  const clock = new FakeClock();
  const connector = new FakeConnector({autoAccept: '10.0.240.156', closesBack: true});
  const events: AgentEvent[] = [];
  const fake = new FakeBfd();
  const announcer = new BgpAnnouncer({
    config: bgpConfig(peerConfig(peer)),
    routerId: parseAddress('10.0.240.156'),
    allowed: () => true,
    isOurs: () => false,
    network: new FakeNetwork(interfaceAddress('10.0.240.156')),
    connector,
    bfd: fake,
    clock,
    emit: (event) => void events.push(event),
    random: () => 0.999999,
  });
  await announcer.start();
  announcer.set({items: [route('192.0.2.1/32')], adopt: new Set(), complete: true});
  await settle();
  const [session] = fake.sessions;
  const notes = () => events.flatMap((event) => (event.kind === 'note' ? [event] : []));
  const snapshot = () => announcer.peers()[0];
  return {announcer, clock, connector, fake, notes, session, snapshot};
}

t.test('BGP does not wait for BFD; the session is as configured', async (t) => {
  const {fake, session, snapshot} = await lab();
  t.match(snapshot(), {state: 'established', announced: 1, bfd: 'down'});
  t.equal(fake.sessions.length, 1);
  t.match(session?.target, {
    address: '10.255.255.1',
    port: 4784,
    minimumTtl: 200,
    passive: false,
    timers: {transmitMs: 300, receiveMs: 300, detectMultiplier: 3},
  });
  const direct = await lab({multihop: null, bfd: {...bfd, mode: 'single', minimumTtl: 255}});
  t.match(direct.session?.target, {port: 3784, minimumTtl: 255});
  t.notOk('bfd' in ((await lab({})).snapshot() ?? {}), 'none configured, none in the status');
});

t.test('BFD down: Cease with the subcode of RFC 9384 at once, then a new session', async (t) => {
  const {clock, connector, notes, session, snapshot} = await lab();
  session?.change('init');
  session?.change('up');
  session?.change('down', {reason: 'control detection time expired'});
  const [connection] = connector.attempts;
  await settle();
  t.match(connection?.peer.received.at(-1), {code: 6, subcode: 10});
  t.not(snapshot()?.state, 'established');
  t.match(snapshot(), {
    announced: 0,
    bfd: 'down',
    lastError: 'sent NOTIFICATION: BFD down: control detection time expired',
  });
  t.match(notes(), [
    {level: 'info', message: 'bfd session nrec-1 up', fields: {peer: 'nrec-1', from: 'init', to: 'up'}},
    {level: 'warn', message: 'bfd session nrec-1 down: control detection time expired'},
  ]);
  await clock.run(2_000);
  t.equal(connector.attempts.length, 2);
  t.equal(snapshot()?.state, 'established', 'BFD that was lost does not keep BGP away');
});

t.test('the peer takes BFD down by hand, or BFD was never up: BGP stays', async (t) => {
  const {connector, notes, session, snapshot} = await lab();
  session?.change('init');
  session?.change('down', {reason: 'control detection time expired'});
  session?.change('up');
  session?.change('down', {reason: 'neighbor signaled session down', byHand: true});
  await settle();
  t.equal(snapshot()?.state, 'established');
  t.equal(connector.attempts.length, 1);
  t.equal(notes().length, 2, 'what never was up cannot be lost');
});

t.test('a reload: new intervals for the session there is, a new session for another mode', async (t) => {
  const {announcer, fake, session, snapshot} = await lab();
  const faster = {...bfd, transmitIntervalMs: 100};
  announcer.reconfigure(bgpConfig(peerConfig({bfd: faster})));
  t.same(session?.configured, [{transmitMs: 100, receiveMs: 300, detectMultiplier: 3}]);
  announcer.reconfigure(bgpConfig(peerConfig({bfd: {...faster, passive: true}})));
  t.match(
    fake.sessions.map(({isOpen, target}) => [isOpen, target.passive]),
    [
      [false, false],
      [true, true],
    ],
  );
  announcer.reconfigure(bgpConfig(peerConfig()));
  t.notOk(fake.sessions[1]?.isOpen);
  await settle();
  t.equal(snapshot()?.state, 'established', 'BGP stays all the while');
  t.notOk('bfd' in (snapshot() ?? {}));
});

t.test('stop: BGP first, then AdminDown', async (t) => {
  const {announcer, connector, session} = await lab();
  const stopped = announcer.stop('withdraw');
  await settle();
  await stopped;
  t.match(connector.attempts[0]?.peer.received.at(-1), {code: 6, subcode: 2});
  t.notOk(session?.isOpen);
});
