import t from 'tap';
import {BgpAnnouncer} from '../../agent/announce/bgp.js';
import type {BfdConfig, PeerConfig} from '../../agent/config/types.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {Secret} from '../../agent/lib/secret.js';
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
  strict: false,
  authentication: null,
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

t.test('strict: no BGP before BFD is up, and none again until it is', async (t) => {
  const {clock, connector, session, snapshot} = await lab({bfd: {...bfd, strict: true}});
  t.equal(connector.attempts.length, 0);
  t.match(snapshot(), {bfd: 'down', lastError: 'waits for bfd, which is down'});
  t.not(snapshot()?.state, 'established');
  session?.refuse('wrong password');
  t.match(snapshot(), {lastError: 'waits for bfd, which is down: packets are refused: wrong password'});
  session?.change('init');
  session?.change('up');
  await settle();
  t.equal(snapshot()?.state, 'established', 'at once');
  session?.change('down', {reason: 'control detection time expired'});
  await settle();
  t.match(connector.attempts[0]?.peer.received.at(-1), {code: 6, subcode: 10});
  await clock.run(60_000);
  t.equal(connector.attempts.length, 1, 'not tried again');
  t.match(snapshot(), {
    lastError: 'waits for bfd, which is down: control detection time expired',
    bfdReason: 'control detection time expired',
  });
  session?.change('init');
  session?.change('up');
  await settle();
  t.match(snapshot(), {state: 'established', announced: 1, lastError: null});
  session?.change('down', {reason: 'neighbor signaled session down', byHand: true});
  await settle();
  t.equal(snapshot()?.state, 'established', 'AdminDown of the peer never ends BGP');
});

t.test('strict that a reload takes out, or puts in', async (t) => {
  const strict = {...bfd, strict: true};
  const {announcer, connector, fake, snapshot} = await lab({bfd: strict});
  announcer.reconfigure(bgpConfig(peerConfig({bfd})));
  await settle();
  t.equal(snapshot()?.state, 'established', 'nothing to wait for any more');
  announcer.reconfigure(bgpConfig(peerConfig({bfd: strict})));
  await settle();
  t.equal(snapshot()?.state, 'established', 'what is there stays');
  t.equal(connector.attempts.length, 1);
  t.equal(fake.sessions.length, 1, 'BFD goes on');
});

t.test('what the peer sends is refused: a line in the log, the reason in status', async (t) => {
  const {notes, session, snapshot} = await lab();
  session?.refuse('wrong password');
  t.match(notes(), [
    {level: 'warn', message: 'bfd session nrec-1: packets of the peer are refused: wrong password'},
  ]);
  t.match(snapshot(), {state: 'established', bfdReason: 'packets are refused: wrong password'});
});

t.test('another password takes another session of BFD', async (t) => {
  const withSecret = (text: string, keyId = 1): BfdConfig => ({
    ...bfd,
    authentication: {type: 'keyed-sha1', keyId, secret: new Secret(text), file: null},
  });
  const {announcer, fake, snapshot} = await lab({bfd: withSecret('one')});
  const take = (next: BfdConfig) => announcer.reconfigure(bgpConfig(peerConfig({bfd: next})));
  take(withSecret('one'));
  t.equal(fake.sessions.length, 1);
  take(withSecret('two'));
  take(withSecret('two', 2));
  take(bfd);
  t.same(
    fake.sessions.map(({isOpen, target}) => [isOpen, target.authentication?.keyId ?? null]),
    [
      [false, 1],
      [false, 1],
      [false, 2],
      [true, null],
    ],
  );
  t.equal(snapshot()?.state, 'established');
});
