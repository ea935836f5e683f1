import t from 'tap';
import {Authenticator} from '../../agent/bfd/authentication.js';
import type {FromBfd, PostedTarget} from '../../agent/bfd/messages.js';
import {type ControlPacket, decodePacket, encodePacket} from '../../agent/bfd/packet.js';
import {BEAT_MS, BfdSessions} from '../../agent/bfd/sessions.js';
import type {BfdListener, BfdNetwork, BfdRoute, Datagram} from '../../agent/io/bfd-network.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {Secret} from '../../agent/lib/secret.js';
import {FakeClock} from '../fake/clock.js';

/** Notes what is sent, and brings what the test has peers say. */
class FakeBfdNetwork implements BfdNetwork {
  readonly sent: {
    readonly to: string;
    readonly port: number;
    readonly packet: ControlPacket;
    readonly isAuthenticated: boolean;
  }[] = [];
  readonly listeners = new Map<string, (datagram: Datagram) => void>();
  /** What has come and was not read yet. */
  waiting: (() => void)[] = [];
  isTaken = false;

  listen(family: string, port: number, onDatagram: (datagram: Datagram) => void): BfdListener {
    if (this.isTaken) throw new Error('bind EADDRINUSE: address already in use');
    const key = `${family} ${port}`;
    this.listeners.set(key, onDatagram);
    return {
      read: () => {
        for (const hear of this.waiting.splice(0)) hear();
      },
      close: () => void this.listeners.delete(key),
    };
  }

  sender({address, port}: BfdRoute) {
    return {
      send: (bytes: Uint8Array) => {
        const decoded = decodePacket(bytes);
        if (!decoded.ok) throw new Error(decoded.reason);
        const {isAuthenticated, packet} = decoded;
        this.sent.push({to: address, port, packet, isAuthenticated});
      },
      close: () => undefined,
    };
  }

  last(to: string): ControlPacket {
    const found = this.sent.findLast((each) => each.to === to);
    if (!found) throw new Error(`nothing was sent to ${to}`);
    return found.packet;
  }
}

const one = target('10.0.0.1');
const two = target('10.0.0.2', {port: 4784, minimumTtl: 250});

function target(address: string, keys: Partial<PostedTarget> = {}): PostedTarget {
  return {
    address: parseAddress(address),
    localAddress: null,
    port: 3784,
    timers: {transmitMs: 300, receiveMs: 300, detectMultiplier: 3},
    passive: false,
    minimumTtl: 255,
    authentication: null,
    ...keys,
  };
}

function lab() {
  const clock = new FakeClock();
  const network = new FakeBfdNetwork();
  const told: FromBfd[] = [];
  let beats = 0;
  let isAlive = true;
  let lots = 0;
  const sessions = new BfdSessions({
    network,
    clock,
    random: () => (lots++ % 97) / 97 + 0.001,
    heartbeat: () => (isAlive ? ++beats : beats),
    tell: (message) => void told.push(message),
  });
  /** What the peer with this address says, as it would: fit to what we said last. */
  const say = (
    from: PostedTarget,
    state: ControlPacket['state'],
    ttl = 255,
    keys: Partial<ControlPacket> = {},
    {by, ...ends}: {from?: string; to?: string; by?: Authenticator} = {},
  ) => {
    const packet: ControlPacket = {
      state,
      diagnostic: 0,
      poll: false,
      final: false,
      controlPlaneIndependent: false,
      demand: false,
      detectMultiplier: 3,
      myDiscriminator: 77,
      yourDiscriminator: state === 'down' ? 0 : network.last(from.address).myDiscriminator,
      desiredMinTxUs: 300_000,
      requiredMinRxUs: 300_000,
      requiredMinEchoRxUs: 0,
      ...keys,
    };
    const hear = network.listeners.get(`ipv4 ${from.port}`);
    if (!hear) throw new Error('nobody listens');
    const bytes = encodePacket(packet, by?.length);
    by?.sign(bytes);
    hear({
      bytes,
      from: ends.from === undefined ? from.address : parseAddress(ends.from),
      to: parseAddress(ends.to ?? '10.0.0.99'),
      ttl,
    });
  };
  const changes = () =>
    told.flatMap((each) => (each.kind === 'change' ? [`${each.id} ${each.change.to}`] : []));
  const open = (id: number, what: PostedTarget, again = false) =>
    sessions.handle({kind: 'open', id, target: what, again});
  const bringUp = (id: number, what: PostedTarget) => {
    open(id, what);
    say(what, 'down');
    say(what, 'up', 255, {final: true});
  };
  const alive = (is: boolean) => {
    isAlive = is;
  };
  return {alive, bringUp, changes, clock, network, open, say, sessions, told};
}

t.test('several sessions, each with its discriminator; packets find theirs', (t) => {
  const {bringUp, changes, network, open, say, sessions} = lab();
  bringUp(1, one);
  open(2, two);
  const [first, second] = [network.last(one.address), network.last(two.address)];
  t.not(first.myDiscriminator, second.myDiscriminator);
  t.ok(first.myDiscriminator > 0 && second.myDiscriminator > 0);
  t.same(changes(), ['1 down', '1 init', '1 up', '2 down']);
  say(two, 'down');
  t.same(changes().slice(4), ['2 init']);
  say(one, 'up', 255, {yourDiscriminator: second.myDiscriminator});
  say(one, 'down', 255, {yourDiscriminator: 12345});
  say(one, 'down', 255, {}, {from: '10.0.0.3'});
  t.same(changes().slice(5), [], "another port's session, a discriminator of nobody, an address of nobody");
  const known = {yourDiscriminator: first.myDiscriminator};
  say(one, 'down', 255, known, {from: '10.0.0.3'});
  t.same(changes().slice(5), ['1 down'], 'RFC 5880 §6.3: who knows our discriminator may have moved');
  t.same([...network.listeners.keys()], ['ipv4 3784', 'ipv4 4784']);
  sessions.stop();
  t.equal(network.listeners.size, 0);
  t.end();
});

t.test('two sessions with one router, from two addresses of ours', (t) => {
  const {changes, open, say} = lab();
  const from = (localAddress: string) => target('10.0.0.1', {localAddress: parseAddress(localAddress)});
  open(1, from('10.0.0.7'));
  open(2, from('10.0.0.8'));
  say(one, 'down', 255, {yourDiscriminator: 0}, {to: '10.0.0.8'});
  t.same(changes(), ['1 down', '2 down', '2 init']);
  say(one, 'down', 255, {yourDiscriminator: 0}, {to: '10.0.0.9'});
  t.same(changes().slice(3), [], 'neither: it came to another address');
  t.end();
});

t.test('a session that takes the place of one that says goodbye', (t) => {
  const {bringUp, changes, network, open, say, sessions} = lab();
  bringUp(1, one);
  const old = network.last(one.address).myDiscriminator;
  sessions.handle({kind: 'close', id: 1});
  open(2, one);
  say(one, 'down', 255, {yourDiscriminator: 0});
  say(one, 'down', 255, {yourDiscriminator: old});
  t.same(changes().slice(3), ['1 admin-down', '2 down', '2 init']);
  t.end();
});

t.test('a thread that did not run reads what waits before it believes in silence', (t) => {
  const {bringUp, changes, clock, network, say} = lab();
  bringUp(1, one);
  network.waiting = [() => say(one, 'up', 255, {yourDiscriminator: 12345}), () => say(one, 'up')];
  clock.advance(1_700);
  t.equal(changes().at(-1), '1 up', 'the packet was there in time, only not read');
  clock.advance(100);
  t.equal(changes().at(-1), '1 down');
  t.end();
});

t.test('after a thread that died the peer hears AdminDown before Down', (t) => {
  const {network, open} = lab();
  open(1, one, true);
  t.match(
    network.sent.map(({packet: {state, diagnostic, yourDiscriminator}}) => [
      state,
      diagnostic,
      yourDiscriminator,
    ]),
    [
      ['admin-down', 7, 0],
      ['down', 0, 0],
    ],
  );
  t.end();
});

const sha1 = {type: 'meticulous-keyed-sha1', keyId: 1} as const;
const secured = target('10.0.0.1', {authentication: {...sha1, password: 'hush'}});
const peerWith = (password: string, firstSequence: number) =>
  new Authenticator({...sha1, secret: new Secret(password)}, firstSequence);
const refusalsIn = (told: readonly FromBfd[]): readonly string[] =>
  told.flatMap((each) => (each.kind === 'refusal' ? [each.reason] : []));

t.test('authentication: sent with each packet, asked of each packet', (t) => {
  const {changes, clock, network, open, say, told} = lab();
  open(1, secured);
  t.equal(network.sent.at(-1)?.isAuthenticated, true);
  const peer = peerWith('hush', 100);
  for (const password of ['hush!', 'hush!', 'rush']) {
    say(secured, 'down', 255, {}, {by: peerWith(password, 0)});
  }
  say(secured, 'down');
  t.same(refusalsIn(told), ['wrong password', 'it does not authenticate, meticulous-keyed-sha1 is expected']);
  t.same(changes(), ['1 down']);
  say(secured, 'down', 255, {}, {by: peer});
  say(secured, 'up', 255, {}, {by: peer});
  t.equal(changes().at(-1), '1 up');
  const before = told.length;
  say(secured, 'down', 255, {}, {by: peerWith('hush!', 0)});
  say(secured, 'down', 255, {}, {by: peerWith('hush', 100)});
  t.equal(told.length, before, 'what others send while it is up is no news, nor are old packets taken');
  clock.advance(1_700);
  t.equal(changes().at(-1), '1 down');
  say(secured, 'down', 255, {}, {by: peerWith('hush', 5)});
  t.equal(changes().at(-1), '1 down', 'the peer may have begun anew, but not before two detection times');
  clock.advance(100);
  say(secured, 'down', 255, {}, {by: peerWith('hush', 5)});
  t.equal(changes().at(-1), '1 init');
  t.end();
});

t.test('what is refused for its TTL, or because it authenticates, is told', (t) => {
  const {open, say, told} = lab();
  open(1, one);
  open(2, two);
  say(one, 'down', 63);
  say(two, 'down', 249);
  say(one, 'down', 255, {}, {by: peerWith('hush', 0)});
  t.same(refusalsIn(told), [
    'a TTL of 63 where 255 is expected',
    'a TTL of 249 where at least 250 is expected',
    'it authenticates, which is not expected here',
  ]);
  t.end();
});

t.test('RFC 5881 §5: single hop takes a TTL of 255 only; multihop what is configured', (t) => {
  const {changes, open, say} = lab();
  open(1, one);
  open(2, two);
  say(one, 'down', 254);
  say(two, 'down', 249);
  t.same(changes(), ['1 down', '2 down']);
  say(one, 'down', 255);
  say(two, 'down', 250);
  t.same(changes().slice(2), ['1 init', '2 init']);
  t.end();
});

t.test('silence of the peer: down after three of its intervals, not before', (t) => {
  const {bringUp, changes, clock} = lab();
  bringUp(1, one);
  clock.advance(899);
  t.equal(changes().at(-1), '1 up');
  clock.advance(1);
  t.equal(changes().at(-1), '1 down');
  t.end();
});

/** The peer sends as agreed for a while. */
function live({clock, say}: ReturnType<typeof lab>, ms: number, state: ControlPacket['state'] = 'up'): void {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    say(one, state);
  }
}

t.test('packets go out often enough, and no more often than a quarter early', (t) => {
  const bench = lab();
  bench.bringUp(1, one);
  const before = bench.network.sent.length;
  live(bench, 30_000);
  const sent = bench.network.sent.length - before;
  t.ok(sent >= 100 && sent <= 134, `${sent} in 30 s at 300 ms`);
  t.end();
});

t.test('a main thread that does not answer takes BFD down, and keeps it down until it does', (t) => {
  const bench = lab();
  const {alive, bringUp, changes, clock, network, say, told} = bench;
  bringUp(1, one);
  live(bench, 1_000);
  alive(false);
  live(bench, 800);
  t.equal(changes().at(-1), '1 up', 'not at the first hiccup');
  live(bench, 200);
  t.equal(changes().at(-1), '1 down');
  t.match(network.last(one.address), {state: 'down', diagnostic: 5});
  t.match(told.at(-1), {change: {reason: 'path down', byHand: false}});
  live(bench, 5_000, 'down');
  t.equal(changes().at(-1), '1 down');
  alive(true);
  clock.advance(2 * BEAT_MS);
  say(one, 'down');
  t.equal(changes().at(-1), '1 init');
  t.end();
});

t.test('close: AdminDown, until the peer shows that it has seen it, or a second at most', (t) => {
  const {bringUp, changes, clock, network, open, say, sessions, told} = lab();
  bringUp(1, one);
  sessions.handle({kind: 'close', id: 1});
  t.match(network.last(one.address), {state: 'admin-down', diagnostic: 7});
  t.equal(changes().at(-1), '1 admin-down');
  say(one, 'up');
  t.notSame(told.at(-1), {kind: 'closed', id: 1});
  say(one, 'down');
  t.same(told.at(-1), {kind: 'closed', id: 1});

  bringUp(2, one);
  sessions.handle({kind: 'close', id: 2});
  clock.advance(999);
  t.notSame(told.at(-1), {kind: 'closed', id: 2});
  clock.advance(1);
  t.same(told.at(-1), {kind: 'closed', id: 2});

  open(3, one);
  sessions.handle({kind: 'close', id: 3});
  t.same(told.at(-1), {kind: 'closed', id: 3}, 'nobody there to tell');
  sessions.handle({kind: 'close', id: 4});
  t.same(told.at(-1), {kind: 'closed', id: 4}, 'never opened');
  t.end();
});

t.test('the peer says why, and whether by hand', (t) => {
  const {bringUp, say, told} = lab();
  bringUp(1, one);
  say(one, 'admin-down', 255, {diagnostic: 7});
  t.match(told.at(-1), {
    change: {to: 'down', byHand: true, reason: 'neighbor signaled session down (administratively down)'},
  });
  t.end();
});

t.test('a port that another program has: said once, asked for again', (t) => {
  const {clock, network, open, told} = lab();
  network.isTaken = true;
  open(1, one);
  clock.advance(20_000);
  const troubles = told.filter(({kind}) => kind === 'trouble');
  t.match(troubles, [{message: /cannot listen on UDP port 3784 \(ipv4\): bind EADDRINUSE/}]);
  t.equal(troubles.length, 1);
  network.isTaken = false;
  clock.advance(5_000);
  t.ok(network.listeners.has('ipv4 3784'));
  t.end();
});
