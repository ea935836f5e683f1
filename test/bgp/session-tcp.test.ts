import t from 'tap';
import {AdjRibOut} from '../../agent/bgp/adj-out.js';
import {Session} from '../../agent/bgp/session.js';
import {cease} from '../../agent/bgp/wire/notification.js';
import {encodeOpen} from '../../agent/bgp/wire/open.js';
import {systemClock} from '../../agent/io/clock.js';
import {peerConnector} from '../../agent/io/peer-socket.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {PeerWord, Prefix, Route} from '../../agent/types.js';
import {route} from '../fake/route.js';
import {TcpPeer} from '../fake/tcp-peer.js';

/** A session over real TCP, and a way to wait for what becomes of it. */
function sessionTo(peer: TcpPeer, connectRetryMs = 60_000) {
  const waiting = new Set<() => void>();
  const states: {to: PeerWord; reason: string | null}[] = [];
  const out = new AdjRibOut();
  const address = parseAddress(peer.host);
  const session = new Session({
    settings: {
      local: {as: 64512, id: parseAddress('10.0.240.156'), holdTimeS: 90, families: ['ipv4', 'ipv6']},
      remoteAs: 65535,
      connectRetryMs,
      passive: false,
    },
    clock: systemClock,
    random: Math.random,
    out,
    dial: {
      connector: peerConnector,
      target: {address, port: peer.port, localAddress: null, ttl: 1, password: null},
    },
    handlers: {
      state: (_from, to, reason) => {
        states.push({to, reason});
        for (const wake of waiting) wake();
      },
      // No router takes a next hop of 127.0.0.1.
      selfNextHop: () => ({ipv4: parseAddress('10.0.240.156'), ipv6: null}),
      objection: () => null,
      news: {announced: () => undefined, withdrawn: () => undefined},
      update: () => undefined,
    },
  });
  const until = async (to: PeerWord, times = 1): Promise<string | null> => {
    const reached = () => states.filter((state) => state.to === to);
    while (reached().length < times) await new Promise<void>((resolve) => waiting.add(resolve));
    return reached()[times - 1]?.reason ?? null;
  };
  const want = (...routes: Route[]) => {
    out.want(new Map<Prefix, Route>(routes.map((route) => [route.prefix, route])));
    session.wake();
  };
  const stop = () => session.stop(cease(2));
  t.teardown(stop);
  return {session, states, until, want, stop};
}

t.test('established, announced, withdrawn, stopped with words that arrive', async (t) => {
  const peer = await TcpPeer.listen();
  const {session, until, want} = sessionTo(peer);
  want(route('192.0.2.1/32'));
  session.start();
  await until('established');
  const there = await peer.connection();
  await there.peer.until(({rib}) => rib.routes.size === 1);
  t.same(there.peer.rib.nextHops, {'192.0.2.1/32': '10.0.240.156'});
  want();
  await there.peer.until(({rib}) => rib.routes.size === 0);
  await session.stop(cease(2, 'eip-health stops'));
  t.equal(await there.closed, 'end', 'a half-close, no reset');
  t.match(there.peer.received.at(-1), {type: 'notification', code: 6, subcode: 2});
  await peer.close();
});

t.test('each wrong OPEN is answered with its NOTIFICATION, which arrives', async (t) => {
  const wrong: [string, (message: Uint8Array) => void, number, number][] = [
    ['version 3', (open) => open.set([3], 19), 2, 1],
    ['another AS', (open) => open.set([0xfe, 0x09], open.length - 2), 2, 2],
    ['identifier 0.0.0.0', (open) => open.set([0, 0, 0, 0], 24), 2, 3],
    ['hold time 2', (open) => open.set([0, 2], 22), 2, 6],
    ['an unknown parameter', (open) => open.set([9], 29), 2, 4],
    ['a length of 4097', (open) => open.set([0x10, 0x01], 16), 1, 2],
    ['type 9', (open) => open.set([9], 18), 1, 3],
    ['a broken marker', (open) => open.set([0], 3), 1, 1],
  ];
  for (const [name, spoil, code, subcode] of wrong) {
    const peer = await TcpPeer.listen({answers: false});
    const {session, until, stop} = sessionTo(peer);
    session.start();
    const there = await peer.connection();
    await there.peer.message('open');
    const open = encodeOpen(there.peer.open);
    spoil(open);
    there.peer.send(open);
    const notification = await there.peer.message('notification');
    t.match(notification, {code, subcode}, name);
    t.match(await until('idle'), /^sent NOTIFICATION: /, name);
    t.equal(await there.closed, 'end', name);
    await stop();
    await peer.close();
  }
});

t.test('peers that break off: closed, reset, refused', async (t) => {
  const closing = await TcpPeer.listen({}, ({socket}) => socket.end());
  const one = sessionTo(closing);
  one.session.start();
  t.equal(await one.until('idle'), 'connection closed by the peer');
  await one.stop();

  const resetting = await TcpPeer.listen({answers: false}, ({peer, socket}) => {
    void peer.message('open').then(() => socket.resetAndDestroy());
  });
  const two = sessionTo(resetting);
  two.session.start();
  t.match(await two.until('idle'), /ECONNRESET/);
  await two.stop();

  await closing.close();
  const three = sessionTo(closing);
  three.session.start();
  t.match(await three.until('active'), /ECONNREFUSED/);
  await three.stop();
  await resetting.close();
});

t.test('a lost session is made again, and everything announced again', async (t) => {
  const peer = await TcpPeer.listen();
  const {session, until, want} = sessionTo(peer, 20);
  want(route('192.0.2.1/32'), route('192.0.2.2/32'));
  session.start();
  await (await peer.connection(0)).peer.until(({rib}) => rib.routes.size === 2);
  (await peer.connection(0)).socket.resetAndDestroy();
  await (await peer.connection(1)).peer.until(({rib}) => rib.routes.size === 2);
  await until('established', 2);
  t.equal(session.lastError, null);
  await peer.close();
});

t.test('a NOTIFICATION of the peer is heard although it closes at once behind it', async (t) => {
  const peer = await TcpPeer.listen();
  const {session, until} = sessionTo(peer);
  session.start();
  await until('established');
  const there = await peer.connection();
  there.peer.send(cease(4, 'new software'));
  there.socket.end();
  t.equal(await until('idle'), 'received NOTIFICATION: cease: administrative reset: "new software"');
  await peer.close();
});

t.test('a hundred thousand prefixes arrive whole', async (t) => {
  const peer = await TcpPeer.listen();
  const {session, want} = sessionTo(peer);
  want(...Array.from({length: 100_000}, (_, i) => route(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`)));
  session.start();
  const there = await peer.connection();
  await there.peer.until(({rib}) => rib.routes.size === 100_000);
  t.ok(there.peer.rib.updates.length < 140, `${there.peer.rib.updates.length} UPDATEs`);
  await peer.close();
});
