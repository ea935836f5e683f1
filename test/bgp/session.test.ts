import t from 'tap';
import {AdjRibOut} from '../../agent/bgp/adj-out.js';
import type {PeerSettings} from '../../agent/bgp/fsm-types.js';
import {Session} from '../../agent/bgp/session.js';
import {cease} from '../../agent/bgp/wire/notification.js';
import {encodeUpdate} from '../../agent/bgp/wire/update.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix, Route} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeConnector} from '../fake/connector.js';
import type {FakePeerOptions} from '../fake/peer.js';
import {route} from '../fake/route.js';

const settings: PeerSettings = {
  local: {as: 64512, id: parseAddress('10.0.240.156'), holdTimeS: 9, families: ['ipv4', 'ipv6']},
  remoteAs: 65535,
  connectRetryMs: 5_000,
  passive: false,
};

/** A session against a peer that the test plays, on a clock that stands still. */
function lab(
  options: {peer?: Partial<FakePeerOptions>; objection?: () => string | null; autoAccept?: boolean} = {},
) {
  const clock = new FakeClock();
  const connector = new FakeConnector({
    autoAccept: options.autoAccept === false ? null : '10.0.240.156',
    ...(options.peer ? {peer: options.peer} : {}),
  });
  const out = new AdjRibOut();
  const states: string[] = [];
  const news: string[] = [];
  const session = new Session({
    settings,
    clock,
    random: () => 0.999999,
    out,
    dial: {
      connector,
      target: {address: parseAddress('10.255.255.1'), port: 179, localAddress: null, ttl: 1, password: null},
    },
    handlers: {
      state: (from, to, reason) => void states.push(`${from} ${to}${reason ? ` ${reason}` : ''}`),
      selfNextHop: (local) => ({ipv4: local, ipv6: parseAddress('fd00::1')}),
      objection: () => options.objection?.() ?? null,
      news: {
        announced: (prefix) => void news.push(`+${prefix}`),
        withdrawn: (prefix) => void news.push(`-${prefix}`),
      },
      update: () => undefined,
    },
  });
  const want = (...routes: Route[]) => {
    out.want(new Map<Prefix, Route>(routes.map((route) => [route.prefix, route])));
    session.wake();
  };
  /** Time passes while the peer sends a KEEPALIVE every three seconds. */
  const live = async (ms: number) => {
    for (let left = ms; left > 0; left -= 3_000) {
      connector.last.peer.send({type: 'keepalive'});
      await clock.run(Math.min(3_000, left));
    }
  };
  return {clock, connector, out, session, states, news, want, live};
}

async function established(options: Parameters<typeof lab>[0] = {}) {
  const all = lab(options);
  all.session.start();
  await settle();
  return all;
}

t.test('from start to established, and what is wanted is on the wire', async (t) => {
  const {session, want, connector, news, states} = lab();
  want(route('192.0.2.1/32'));
  t.equal(connector.attempts.length, 0, 'nothing happens before start');
  session.start();
  await settle();
  t.equal(session.state, 'established');
  t.same(states, ['idle connect', 'connect open-sent', 'open-sent open-confirm', 'open-confirm established']);
  t.same(connector.last.peer.rib.nextHops, {'192.0.2.1/32': '10.0.240.156'});
  t.same(news, ['+192.0.2.1/32']);
  t.equal(session.localAddress, '10.0.240.156');
  want();
  await settle();
  t.same(news, ['+192.0.2.1/32', '-192.0.2.1/32']);
});

t.test('what several calls of one turn bring about shares UPDATEs', async (t) => {
  const {want, connector} = await established();
  const before = connector.last.peer.rib.updates.length;
  want(route('192.0.2.1/32'));
  want(route('192.0.2.1/32'), route('192.0.2.2/32'));
  want(route('192.0.2.1/32'), route('192.0.2.2/32'), route('192.0.2.3/32'));
  await settle();
  t.equal(connector.last.peer.rib.updates.length, before + 1);
});

t.test("keepalives go out at a third of the hold time, and the peer's keep the session", async (t) => {
  const {session, connector, live} = await established();
  const {peer} = connector.last;
  const count = () => peer.received.filter(({type}) => type === 'keepalive').length;
  const before = count();
  await live(60_000);
  t.equal(session.state, 'established');
  t.equal(count() - before, 20);
});

t.test('silence ends the session: NOTIFICATION, half-close, drain, another try', async (t) => {
  const {session, connector, clock, states} = await established();
  const first = connector.last;
  await clock.run(8_999);
  t.equal(session.state, 'established');
  await clock.run(1);
  t.equal(session.state, 'idle');
  t.match(first.peer.received.at(-1), {type: 'notification', code: 4, subcode: 0});
  t.equal(first.state, 'half-closed', 'so that the NOTIFICATION arrives');
  t.match(states.at(-1), /established idle sent NOTIFICATION: hold timer expired/);
  t.equal(session.lastError, 'sent NOTIFICATION: hold timer expired');
  await clock.run(1_000);
  t.equal(first.state, 'destroyed', 'a peer that does not close its side is cut off after a second');
  t.equal(connector.attempts.length, 2);
  t.equal(session.state, 'established');
  t.equal(session.lastError, null);
});

t.test('a peer that accepts and never sends its OPEN', async (t) => {
  const {session, connector, clock} = await established({peer: {answers: false}});
  t.equal(session.state, 'open-sent');
  await clock.run(239_999);
  t.equal(session.state, 'open-sent');
  await clock.run(1);
  t.match(connector.attempts[0]?.peer.received.at(-1), {type: 'notification', code: 4});
});

t.test('a peer that stops reading is given up on by the send hold timer', async (t) => {
  const {session, connector, live, clock} = await established();
  const first = connector.last;
  first.block();
  await live(477_000);
  t.equal(session.state, 'established', 'its own keepalives keep coming');
  await live(6_000);
  t.not(connector.attempts.length, 1);
  await clock.run(1_000);
  t.equal(first.state, 'destroyed');
});

t.test('a full kernel buffer bounds what is handed to it, and withdrawals overtake', async (t) => {
  const {connector, want, news} = await established();
  const many = Array.from({length: 60_000}, (_, i) => route(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`));
  const kept = route('192.0.2.1/32');
  want(kept);
  await settle();
  connector.last.block();
  want(kept, ...many);
  await settle();
  t.ok(
    connector.last.waiting > 0 && connector.last.waiting < 256 * 1024,
    `${connector.last.waiting} octets wait`,
  );
  want(...many);
  await settle();
  t.notOk(news.includes('-192.0.2.1/32'), 'not told before the socket took it');
  const {journal} = connector.last.peer.rib;
  journal.length = 0;
  connector.last.unblock();
  for (let i = 0; connector.last.peer.rib.routes.size < many.length; i++) {
    await settle();
    if (i > 1_000) throw new Error('it never arrives');
  }
  t.ok(journal.indexOf('-192.0.2.1/32') < 30_000, 'behind what was handed out, in front of the rest');
  t.ok(news.includes('-192.0.2.1/32'));
});

t.test('a long table lets the event loop have its turns', async (t) => {
  const {connector, want, clock} = await established();
  const now = clock.now.bind(clock);
  let spent = 0;
  // Each look at the clock costs a millisecond.
  clock.now = () => now() + spent++;
  want(...Array.from({length: 60_000}, (_, i) => route(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`)));
  await settle();
  const before = connector.last.peer.rib.routes.size;
  t.ok(before < 60_000, 'it paused');
  for (let i = 0; i < 50; i++) await clock.run(1);
  t.equal(connector.last.peer.rib.routes.size, 60_000);
});

t.test('an attempt that nobody answers is made again', async (t) => {
  const {session, connector, clock} = lab({autoAccept: false});
  session.start();
  await clock.run(5_000);
  t.equal(connector.attempts.length, 2);
  t.equal(connector.attempts[0]?.state, 'destroyed');
  t.match(session.lastError, /no answer/);
  connector.attempts[0]?.handlers.closed('too late');
  connector.last.accept();
  await settle();
  t.equal(session.state, 'established', 'what an old attempt says no longer counts');
});

t.test('a refused connection waits in Active, longer each time', async (t) => {
  const {session, connector, clock} = lab({autoAccept: false});
  session.start();
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    const refusedAt = clock.now();
    connector.last.close('connect ECONNREFUSED 10.255.255.1:179');
    t.equal(session.state, 'active');
    while (connector.attempts.length === i + 1) await clock.run(100);
    waits.push(Math.round((clock.now() - refusedAt) / 1000));
  }
  t.same(waits, [1, 5, 10, 20]);
  t.equal(session.lastError, 'connect ECONNREFUSED 10.255.255.1:179');
});

t.test('bytes that are no BGP', async (t) => {
  const {connector, session} = await established();
  connector.last.peer.send(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await settle();
  t.match(connector.last.peer.received.at(-1), {type: 'notification', code: 1, subcode: 1});
  t.equal(session.state, 'idle');
});

t.test('a NOTIFICATION of the peer ends the session with its words', async (t) => {
  const {connector, states, session, clock} = await established();
  connector.last.peer.send(cease(2, 'rack moves, back at 5'));
  await settle();
  t.equal(
    states.at(-1),
    'established idle received NOTIFICATION: cease: administrative shutdown: "rack moves, back at 5"',
  );
  t.notOk(
    connector.last.peer.received.some(({type}) => type === 'notification'),
    'it is not answered',
  );
  await clock.run(1_000);
  t.equal(session.state, 'established', 'and tried again');
  t.ok(states.includes('idle connect'), 'a reason stands where it belongs, and nowhere else');
  t.equal(states.filter((state) => state.includes('rack moves')).length, 1);
});

t.test('received routes are counted and dropped; a new session counts anew', async (t) => {
  const {connector, session, clock} = await established();
  const announced = ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'].map(parsePrefix);
  const attributes = [
    {kind: 'origin', origin: 'igp'},
    {kind: 'as-path', segments: [{kind: 'sequence', as: [65535]}]},
    {kind: 'next-hop', address: parseAddress('10.255.255.1')},
  ] as const;
  connector.last.peer.send(encodeUpdate({withdrawn: [], attributes, announced}, {fourOctetAs: true}));
  await settle();
  t.equal(session.received, 3);
  connector.last.close('read ECONNRESET');
  t.equal(session.lastError, 'read ECONNRESET');
  await clock.run(1_000);
  t.equal(session.state, 'established');
  t.equal(session.received, 0);
});

t.test('ROUTE-REFRESH is answered with the family, and one for another is let pass', async (t) => {
  const {connector, want} = await established();
  want(route('192.0.2.1/32'), route('2001:db8::1/128'));
  await settle();
  const {peer} = connector.last;
  peer.rib.journal.length = 0;
  peer.send({type: 'route-refresh', afi: 2, subtype: 0, safi: 1});
  peer.send({type: 'route-refresh', afi: 25, subtype: 0, safi: 70});
  await settle();
  t.same(peer.rib.journal, ['+2001:db8::1/128']);
});

t.test('stop: a Cease, then nothing more', async (t) => {
  const {session, connector, clock} = await established();
  const stopping = session.stop(cease(2, 'eip-health stops'));
  t.match(connector.last.peer.received.at(-1), {type: 'notification', code: 6, subcode: 2});
  t.equal(connector.last.state, 'half-closed');
  let stopped = false;
  void stopping.then(() => {
    stopped = true;
  });
  await settle();
  t.notOk(stopped, 'it waits for the peer to close');
  connector.last.close('connection closed by the peer');
  await stopping;
  t.equal(clock.pending, 0, 'no timer is left');
  await clock.run(600_000);
  t.equal(connector.attempts.length, 1);
});

t.test('a session that must not be is not, and says why', async (t) => {
  let why: string | null = 'the source address 192.0.2.1 is one of our own prefixes: set local_address';
  const {session, connector, clock} = await established({objection: () => why});
  t.equal(session.state, 'active');
  t.equal(connector.attempts.length, 0);
  t.equal(session.lastError, why);
  why = null;
  await clock.run(1_000);
  t.equal(session.state, 'established');
});

t.test('sent() waits for the socket', async (t) => {
  const {session, connector, want} = await established();
  connector.last.block();
  want(route('192.0.2.1/32'));
  let sent = false;
  const waiting = session.sent().then(() => {
    sent = true;
  });
  await settle();
  t.notOk(sent);
  connector.last.unblock();
  await waiting;
  t.ok(connector.last.peer.rib.routes.has(parsePrefix('192.0.2.1/32')));
});
