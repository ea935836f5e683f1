import fc from 'fast-check';
import t from 'tap';
import {AdjRibOut} from '../../agent/bgp/adj-out.js';
import {attributesTo, type PeerFacts} from '../../agent/bgp/adj-out-path.js';
import type {Negotiated} from '../../agent/bgp/wire/message.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix, Route} from '../../agent/types.js';
import {FakeRib} from '../fake/rib.js';
import {communities, route} from '../fake/route.js';

const LIMIT = 64 * 1024;
const ours = {ipv4: parseAddress('10.0.0.1'), ipv6: parseAddress('fd00::1')};

function facts(keys: Partial<Negotiated> = {}, selfNextHop: PeerFacts['selfNextHop'] = ours): PeerFacts {
  return {
    localAs: 4200000000,
    selfNextHop,
    negotiated: {
      families: ['ipv4', 'ipv6'],
      fourOctetAs: true,
      routeRefresh: true,
      gracefulRestart: null,
      holdTimeS: 9,
      remoteAs: 65535,
      remoteId: parseAddress('10.255.255.1'),
      ...keys,
    },
  };
}

function desired(...routes: readonly Route[]): Map<Prefix, Route> {
  return new Map(routes.map((route) => [route.prefix, route]));
}

/** A peer's side: takes what there is to send, and what the socket then took is told. */
class Peer {
  readonly rib = new FakeRib();
  readonly news: string[] = [];
  messages = 0;

  constructor(readonly out: AdjRibOut) {}

  drain(limit = LIMIT): void {
    for (let batch = this.out.next(limit); batch; batch = this.out.next(limit)) {
      this.messages += batch.messages.length;
      this.rib.feed(...batch.messages);
      this.out.taken(batch, {
        announced: (prefix, nextHop) => void this.news.push(`+${prefix} ${nextHop}`),
        withdrawn: (prefix) => void this.news.push(`-${prefix}`),
      });
    }
  }
}

function peerWith(...routes: readonly Route[]): Peer {
  const peer = new Peer(new AdjRibOut());
  peer.out.want(desired(...routes));
  peer.out.up(facts());
  return peer;
}

t.test('nothing is said before the session is up; then everything, once', (t) => {
  const out = new AdjRibOut();
  out.want(desired(route('192.0.2.1/32'), route('2001:db8::1/128')));
  t.equal(out.next(LIMIT), null);
  t.equal(out.standing(parsePrefix('192.0.2.1/32')).word, 'peer-down');
  const peer = new Peer(out);
  out.up(facts());
  t.equal(out.standing(parsePrefix('192.0.2.1/32')).word, 'pending');
  peer.drain();
  t.same(peer.rib.nextHops, {'192.0.2.1/32': '10.0.0.1', '2001:db8::1/128': 'fd00::1'});
  t.same(peer.news, ['+192.0.2.1/32 10.0.0.1', '+2001:db8::1/128 fd00::1']);
  t.equal(out.announced, 2);
  t.same(out.standing(parsePrefix('192.0.2.1/32')), {word: 'announced', nextHop: '10.0.0.1'});
  out.want(desired(route('192.0.2.1/32'), route('2001:db8::1/128')));
  t.equal(out.next(LIMIT), null, 'an equal set sends nothing');
  t.end();
});

t.test('withdrawals go first, whatever came first', (t) => {
  const peer = peerWith(route('192.0.2.1/32'), route('2001:db8::1/128'));
  peer.drain();
  peer.rib.journal.length = 0;
  const many = Array.from({length: 3000}, (_, i) => route(`10.1.${i >> 8}.${i & 255}/32`));
  peer.out.want(desired(...many));
  t.equal(peer.out.standing(parsePrefix('192.0.2.1/32')).word, 'withdraw-pending');
  t.ok(peer.out.holds(parsePrefix('192.0.2.1/32')));
  peer.drain(1000);
  t.same(peer.rib.journal.slice(0, 3), ['-192.0.2.1/32', '-2001:db8::1/128', '+10.1.0.0/32']);
  t.equal(peer.rib.routes.size, 3000);
  t.equal(peer.out.standing(parsePrefix('192.0.2.1/32')).word, 'not-wanted');
  t.notOk(peer.out.holds(parsePrefix('192.0.2.1/32')));
  t.same([...peer.out.prefixes()].length, 3000, 'what is gone is forgotten');
  t.end();
});

t.test('equal attributes share full UPDATEs; different ones do not', (t) => {
  const many = Array.from({length: 2000}, (_, i) =>
    route(`10.1.${i >> 8}.${i & 255}/32`, {med: i % 2 === 0 ? 100 : 200}),
  );
  const peer = peerWith(...many);
  peer.drain();
  t.equal(peer.messages, 4, '1000 prefixes of 5 octets need two messages of 4096');
  t.equal(peer.rib.routes.size, 2000);
  const meds = [...peer.rib.routes.values()].map(({attributes}) =>
    attributes.find(({kind}) => kind === 'med'),
  );
  t.match(meds.slice(0, 1), [{value: 100}]);
  t.equal(new Set(meds.map((med) => (med?.kind === 'med' ? med.value : 0))).size, 2);
  t.end();
});

t.test('what an announcement says to which kind of peer', (t) => {
  const given = route('192.0.2.1/32', {
    med: 50,
    localPreference: 200,
    asPathPrepend: 2,
    communities: communities('64512:7', '65535:65281', 'large:64512:1:2'),
  });
  const both = [
    {kind: 'origin', origin: 'igp'},
    {kind: 'med', value: 50},
    {kind: 'communities', communities: ['64512:7', '65535:65281']},
    {kind: 'large-communities', communities: ['large:64512:1:2']},
  ];
  const byKind = (attributes: readonly object[]) =>
    (attributes as readonly {kind: string}[]).toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  const as = 4200000000;
  t.same(
    byKind(attributesTo(given, facts())),
    byKind([...both, {kind: 'as-path', segments: [{kind: 'sequence', as: [as, as, as]}]}]),
    'external: our AS and what is prepended, no LOCAL_PREF',
  );
  t.same(
    byKind(attributesTo(given, facts({remoteAs: as}))),
    byKind([...both, {kind: 'as-path', segments: []}, {kind: 'local-preference', value: 200}]),
    'internal: nothing is prepended, the peer would take it for a loop',
  );
  t.same(
    byKind(attributesTo(route('192.0.2.1/32'), facts({remoteAs: as}))),
    byKind([
      {kind: 'origin', origin: 'igp'},
      {kind: 'as-path', segments: []},
      {kind: 'local-preference', value: 100},
    ]),
    'internal: LOCAL_PREF is always there',
  );
  const long = attributesTo(route('192.0.2.1/32', {asPathPrepend: 299}), facts());
  t.match(long, [{}, {segments: [{as: {length: 255}}, {as: {length: 45}}]}], 'a segment has 255 at most');
  t.end();
});

t.test('next hops: given, by family, or self', (t) => {
  const other = parseAddress('203.0.113.1');
  const peer = peerWith(
    route('192.0.2.1/32', {nextHop: {ipv4: other}}),
    route('2001:db8::1/128', {nextHop: {ipv4: other}}),
    route('192.0.2.2/32'),
  );
  peer.drain();
  t.same(peer.rib.nextHops, {
    '192.0.2.1/32': '203.0.113.1',
    '192.0.2.2/32': '10.0.0.1',
    '2001:db8::1/128': 'fd00::1',
  });
  t.end();
});

t.test('a change of our own address goes out again, and only what it changes', (t) => {
  const peer = peerWith(
    route('192.0.2.1/32'),
    route('2001:db8::1/128'),
    route('2001:db8::2/128', {nextHop: {ipv6: parseAddress('fd00::99')}}),
  );
  peer.drain();
  peer.rib.journal.length = 0;
  peer.out.reroute(ours);
  t.equal(peer.out.next(LIMIT), null, 'nothing changed');
  peer.out.reroute({...ours, ipv6: parseAddress('fd00::2')});
  peer.drain();
  t.same(peer.rib.journal, ['+2001:db8::1/128']);
  peer.out.reroute({...ours, ipv6: null});
  t.equal(peer.out.standing(parsePrefix('2001:db8::1/128')).word, 'withdraw-pending');
  peer.drain();
  t.same(peer.rib.journal, ['+2001:db8::1/128', '-2001:db8::1/128']);
  t.equal(peer.out.standing(parsePrefix('2001:db8::1/128')).word, 'no-next-hop');
  t.equal(peer.out.standing(parsePrefix('2001:db8::2/128')).word, 'announced');
  peer.out.reroute(ours);
  peer.drain();
  t.equal(peer.rib.routes.get(parsePrefix('2001:db8::1/128'))?.nextHop, 'fd00::1');
  t.end();
});

t.test('a family that was not negotiated is left out, and said to be', (t) => {
  const peer = new Peer(new AdjRibOut());
  peer.out.want(desired(route('192.0.2.1/32'), route('2001:db8::1/128')));
  peer.out.complete(true);
  peer.out.up(facts({families: ['ipv4']}));
  peer.drain();
  t.same(Object.keys(peer.rib.nextHops), ['192.0.2.1/32']);
  t.equal(peer.out.standing(parsePrefix('2001:db8::1/128')).word, 'not-negotiated');
  t.same(peer.rib.endOfRib, ['ipv4']);
  t.end();
});

t.test('attributes that fill an UPDATE alone fail, and nothing else does', (t) => {
  const many = communities(...Array.from({length: 1200}, (_, i) => `64512:${i}`));
  const peer = peerWith(route('192.0.2.1/32', {communities: many}), route('192.0.2.2/32'));
  peer.drain();
  t.same(Object.keys(peer.rib.nextHops), ['192.0.2.2/32']);
  t.equal(peer.out.standing(parsePrefix('192.0.2.1/32')).word, 'failed');
  t.end();
});

t.test('End-of-RIB: behind the routes, once a session, only when the set is complete', (t) => {
  const peer = peerWith(route('192.0.2.1/32'));
  peer.drain();
  t.same(peer.rib.endOfRib, []);
  peer.out.complete(true);
  peer.drain();
  t.same(peer.rib.endOfRib, ['ipv4', 'ipv6']);
  peer.out.want(desired(route('192.0.2.2/32')));
  peer.drain();
  t.same(peer.rib.endOfRib, ['ipv4', 'ipv6']);
  peer.out.down();
  peer.out.up(facts());
  const batch = peer.out.next(1);
  t.ok(batch);
  peer.rib.endOfRib.length = 0;
  peer.rib.feed(...(batch?.messages ?? []));
  t.equal(peer.rib.updates.at(-3)?.announced.ipv4, 1, 'the routes stand in front of it');
  t.same(peer.rib.endOfRib, ['ipv4', 'ipv6']);
  t.end();
});

t.test('a refresh sends a family again, without news and without End-of-RIB', (t) => {
  const peer = peerWith(route('192.0.2.1/32'), route('192.0.2.2/32', {med: 1}), route('2001:db8::1/128'));
  peer.out.complete(true);
  peer.drain();
  peer.rib.journal.length = 0;
  peer.rib.endOfRib.length = 0;
  peer.news.length = 0;
  peer.out.refresh('ipv4');
  peer.drain();
  t.same(peer.rib.journal.sort(), ['+192.0.2.1/32', '+192.0.2.2/32']);
  t.same([peer.news, peer.rib.endOfRib], [[], []]);
  peer.out.refresh('ipv4');
  peer.out.want(desired(route('2001:db8::1/128')));
  peer.rib.journal.length = 0;
  peer.drain();
  t.same(peer.rib.journal.sort(), ['-192.0.2.1/32', '-192.0.2.2/32'], 'withdrawn, not refreshed');
  t.end();
});

t.test('what was never on the wire is never withdrawn', (t) => {
  const peer = peerWith(route('192.0.2.1/32'));
  peer.out.want(desired());
  t.equal(peer.out.next(LIMIT), null);
  t.notOk(peer.out.holds(parsePrefix('192.0.2.1/32')));
  peer.out.want(desired(route('192.0.2.1/32')));
  peer.drain();
  peer.out.want(desired());
  peer.out.want(desired(route('192.0.2.1/32')));
  t.equal(peer.out.next(LIMIT), null, 'gone and back before anything was sent');
  t.end();
});

t.test('a change that the peer cannot see is not sent', (t) => {
  const peer = peerWith(route('192.0.2.1/32'));
  peer.drain();
  peer.out.want(desired(route('192.0.2.1/32', {localPreference: 300})));
  t.equal(peer.out.next(LIMIT), null, 'LOCAL_PREF does not go to an external peer');
  t.equal(peer.out.standing(parsePrefix('192.0.2.1/32')).word, 'announced');
  t.end();
});

t.test('what is under way counts as held, until the socket took the withdrawal', (t) => {
  const prefix = parsePrefix('192.0.2.1/32');
  const peer = peerWith(route('192.0.2.1/32'));
  const announcing = peer.out.next(LIMIT);
  peer.out.want(desired());
  t.ok(peer.out.holds(prefix));
  const withdrawing = peer.out.next(LIMIT);
  t.ok(announcing && withdrawing);
  const news: string[] = [];
  const tell = {
    announced: (prefix: Prefix) => void news.push(`+${prefix}`),
    withdrawn: (prefix: Prefix) => void news.push(`-${prefix}`),
  };
  if (announcing) peer.out.taken(announcing, tell);
  t.ok(peer.out.holds(prefix));
  if (withdrawing) peer.out.taken(withdrawing, tell);
  t.notOk(peer.out.holds(prefix));
  t.same(news, ['+192.0.2.1/32', '-192.0.2.1/32']);
  t.equal(peer.out.announced, 0);
  t.end();
});

t.test('a lost session forgets what the peer had', (t) => {
  const peer = peerWith(route('192.0.2.1/32'), route('192.0.2.2/32'));
  peer.drain();
  peer.out.down();
  t.equal(peer.out.announced, 0);
  t.notOk(peer.out.holds(parsePrefix('192.0.2.1/32')));
  peer.out.want(desired(route('192.0.2.2/32')));
  peer.rib.journal.length = 0;
  peer.out.up(facts());
  peer.drain();
  t.same(peer.rib.journal, ['+192.0.2.2/32'], 'no withdrawal of what a new session never saw');
  t.end();
});

t.test('whatever happens, replaying the UPDATEs gives the desired table (property)', (t) => {
  const pool = Array.from({length: 12}, (_, i) => (i % 3 === 0 ? `2001:db8::${i}/128` : `192.0.2.${i}/32`));
  const someRoute = fc.record({
    i: fc.nat(pool.length - 1),
    med: fc.constantFrom(null, 1, 2),
    hop: fc.constantFrom('self' as const, {ipv4: parseAddress('203.0.113.9')}),
  });
  const command = fc.oneof(
    {weight: 6, arbitrary: fc.record({kind: fc.constant('want' as const), routes: fc.array(someRoute)})},
    {
      weight: 4,
      arbitrary: fc.record({kind: fc.constant('send' as const), limit: fc.integer({min: 1, max: 40})}),
    },
    {weight: 3, arbitrary: fc.record({kind: fc.constant('taken' as const)})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('refresh' as const)})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('bounce' as const)})},
    {
      weight: 1,
      arbitrary: fc.record({kind: fc.constant('reroute' as const), last: fc.constantFrom(0, 1, 2)}),
    },
  );
  let runs = 0;
  fc.assert(
    fc.property(fc.array(command, {maxLength: 40}), (commands) => {
      runs++;
      const out = new AdjRibOut();
      let rib = new FakeRib();
      let wanted = desired();
      let self: PeerFacts['selfNextHop'] = ours;
      let told = new Map<Prefix, string>();
      const tell = {
        announced: (prefix: Prefix, nextHop: string) => void told.set(prefix, nextHop),
        withdrawn: (prefix: Prefix) => {
          if (!told.delete(prefix)) throw new Error(`${prefix} withdrawn, but never announced`);
        },
      };
      const underWay: NonNullable<ReturnType<AdjRibOut['next']>>[] = [];
      const send = (limit: number) => {
        const batch = out.next(limit);
        if (batch) {
          rib.feed(...batch.messages);
          underWay.push(batch);
        }
        return batch !== null;
      };
      const take = () => {
        const batch = underWay.shift();
        if (batch) out.taken(batch, tell);
      };
      out.up(facts({}, self));
      for (const command of commands) {
        if (command.kind === 'want') {
          wanted = desired(
            ...command.routes.map(({i, med, hop}) => route(pool[i] ?? '', {med, nextHop: hop})),
          );
          out.want(wanted);
        } else if (command.kind === 'send') send(command.limit);
        else if (command.kind === 'taken') take();
        else if (command.kind === 'refresh') out.refresh('ipv4');
        else if (command.kind === 'reroute') {
          self = {...ours, ipv6: command.last === 0 ? null : parseAddress(`fd00::${command.last}`)};
          out.reroute(self);
        } else {
          underWay.length = 0;
          rib = new FakeRib();
          told = new Map();
          out.down();
          out.up(facts({}, self));
        }
      }
      while (send(20));
      const sent = rib.updates.length;
      while (underWay.length > 0) take();
      out.want(new Map([...wanted].map(([prefix, route]) => [prefix, {...route}])));
      if (out.next(LIMIT)) throw new Error('an equal set was sent again');

      const expected: [string, string, number | null][] = [];
      for (const [prefix, {nextHop, med}] of wanted) {
        const family = prefix.includes(':') ? 'ipv6' : 'ipv4';
        const hop = (nextHop === 'self' ? undefined : nextHop[family]) ?? self[family];
        if (hop) expected.push([prefix, hop, med]);
      }
      const learned = [...rib.routes].map(([prefix, {nextHop, attributes}]) => {
        const med = attributes.find((attribute) => attribute.kind === 'med');
        return [prefix, nextHop, med?.kind === 'med' ? med.value : null];
      });
      t.same(learned.sort(), expected.sort());
      t.same([...told.keys()].sort(), expected.map(([prefix]) => prefix).sort());
      t.equal(out.announced, expected.length);
      t.equal(rib.updates.length, sent);
    }),
    {numRuns: 300},
  );
  t.ok(runs >= 300);
  t.end();
});
