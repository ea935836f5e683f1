/** What a peer keeps over the end of a session (RFC 4724 §4.2), and what it is told of it afterwards. */

import fc from 'fast-check';
import t from 'tap';
import {AdjRibOut} from '../../agent/bgp/adj-out.js';
import type {PeerFacts} from '../../agent/bgp/adj-out-path.js';
import type {GracefulRestart} from '../../agent/bgp/wire/message.js';
import {familyOf, parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix} from '../../agent/types.js';
import {FakeRib} from '../fake/rib.js';
import {route} from '../fake/route.js';

const agreed: GracefulRestart = {notification: true, longLived: false};

function facts(gracefulRestart: GracefulRestart | null): PeerFacts {
  return {
    localAs: 64512,
    selfNextHop: {ipv4: parseAddress('10.0.0.1'), ipv6: parseAddress('fd00::1')},
    negotiated: {
      families: ['ipv4', 'ipv6'],
      fourOctetAs: true,
      routeRefresh: true,
      gracefulRestart,
      holdTimeS: 9,
      remoteAs: 65535,
      remoteId: parseAddress('10.255.255.1'),
    },
  };
}

/** A helper: keeps what it has as stale when a session ends, and drops what is stale by then with End-of-RIB. */
class Helper {
  rib = new FakeRib();
  readonly stale = new Set<Prefix>();
  readonly #underWay: NonNullable<ReturnType<AdjRibOut['next']>>[] = [];

  constructor(readonly out: AdjRibOut) {}

  get table(): string[] {
    return [...new Set([...this.rib.routes.keys(), ...this.stale])].sort();
  }

  up(keeps = true): void {
    if (!keeps) this.stale.clear();
    this.out.up(facts(keeps ? agreed : null));
  }

  down(): void {
    // A route that is stale already when the next session ends is deleted.
    this.stale.clear();
    for (const prefix of this.rib.routes.keys()) this.stale.add(prefix);
    this.rib = new FakeRib();
    this.#underWay.length = 0;
    this.out.down();
  }

  /** Takes one batch, whose taking is told later. */
  send(limit = 64 * 1024): boolean {
    const batch = this.out.next(limit);
    if (!batch) return false;
    const before = this.rib.journal.length;
    this.rib.feed(...batch.messages);
    for (const entry of this.rib.journal.slice(before)) this.stale.delete(entry.slice(1) as Prefix);
    for (const family of this.rib.endOfRib.splice(0)) {
      for (const prefix of this.stale) if (familyOf(prefix) === family) this.stale.delete(prefix);
    }
    this.#underWay.push(batch);
    return true;
  }

  take(): void {
    const batch = this.#underWay.shift();
    if (batch) this.out.taken(batch, {announced: () => {}, withdrawn: () => {}});
  }

  drain(): void {
    while (this.send()) this.take();
  }
}

const [a, b, c] = ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128'].map(parsePrefix) as [
  Prefix,
  Prefix,
  Prefix,
];

t.test('what was dropped between two sessions is withdrawn, before End-of-RIB', (t) => {
  const peer = new Helper(new AdjRibOut());
  for (const prefix of [a, b, c]) peer.out.put(prefix, route(prefix));
  peer.up();
  peer.drain();
  peer.down();
  t.same(peer.table, [a, b, c], 'the peer keeps it');
  t.notOk(peer.out.holds(b), 'nothing can be done about it now');
  peer.out.put(b, null);
  t.same([...peer.out.prefixes()].sort(), [a, c]);
  peer.out.put(c, null);
  peer.up();
  t.ok(peer.out.holds(b), 'its withdrawal is due');
  peer.drain();
  t.same(peer.table, [a], 'a set that is not complete holds nothing up');
  t.same(peer.out.unended, ['ipv4', 'ipv6']);
  peer.out.complete(true);
  peer.drain();
  t.same(peer.out.unended, []);
  t.end();
});

t.test('of an earlier life: what it may have announced and this one does not', (t) => {
  const peer = new Helper(new AdjRibOut());
  for (const prefix of [a, b, c]) peer.stale.add(prefix);
  peer.out.lapse(a);
  peer.up();
  peer.drain();
  t.same(peer.table, [b, c], 'nobody has spoken of the others yet');
  peer.out.put(b, route(b));
  peer.out.lapse(c);
  peer.drain();
  t.same(peer.table, [b]);
  peer.out.complete(true);
  peer.drain();
  peer.rib.journal.length = 0;
  peer.out.lapse(a);
  peer.drain();
  t.same(peer.rib.journal, [], 'behind End-of-RIB the peer has nothing else');
  t.end();
});

t.test('a peer that keeps nothing is told nothing', (t) => {
  const peer = new Helper(new AdjRibOut());
  peer.out.lapse(a);
  peer.out.put(b, route(b));
  peer.up(false);
  peer.drain();
  t.same(peer.rib.journal, [`+${b}`]);
  peer.down();
  peer.out.put(b, null);
  peer.up(false);
  peer.drain();
  t.same(peer.rib.journal, [], 'a new session begins with nothing');
  t.same([...peer.out.prefixes()], []);
  t.end();
});

t.test('whatever happens, the helper ends with what is wanted (property)', (t) => {
  const pool = Array.from({length: 8}, (_, i) =>
    parsePrefix(i % 2 ? `2001:db8::${i}/128` : `192.0.2.${i}/32`),
  );
  const some = fc.constantFrom(...pool);
  const command = fc.oneof(
    {weight: 5, arbitrary: fc.record({kind: fc.constantFrom('put' as const, 'drop' as const), prefix: some})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('lapse' as const), prefix: some})},
    {
      weight: 4,
      arbitrary: fc.record({kind: fc.constant('send' as const), limit: fc.integer({min: 1, max: 20})}),
    },
    {weight: 4, arbitrary: fc.record({kind: fc.constant('take' as const)})},
    {weight: 1, arbitrary: fc.record({kind: fc.constantFrom('down' as const, 'complete' as const)})},
  );
  let runs = 0;
  fc.assert(
    fc.property(fc.array(command, {maxLength: 40}), (commands) => {
      runs++;
      const wanted = new Set<Prefix>();
      const peer = new Helper(new AdjRibOut());
      // An earlier life announced everything; of each prefix this one says in the end whether it does, too.
      for (const prefix of pool) peer.stale.add(prefix);
      peer.up();
      for (const command of commands) {
        if (command.kind === 'put') {
          wanted.add(command.prefix);
          peer.out.put(command.prefix, route(command.prefix));
        } else if (command.kind === 'drop') {
          wanted.delete(command.prefix);
          peer.out.put(command.prefix, null);
        } else if (command.kind === 'lapse') peer.out.lapse(command.prefix);
        else if (command.kind === 'send') peer.send(command.limit);
        else if (command.kind === 'take') peer.take();
        else if (command.kind === 'complete') peer.out.complete(true);
        else {
          peer.down();
          peer.up();
        }
      }
      for (const prefix of pool) if (!wanted.has(prefix)) peer.out.lapse(prefix);
      peer.drain();
      // Without End-of-RIB already, and with it.
      const hasWanted = () => JSON.stringify(peer.table) === JSON.stringify([...wanted].sort());
      if (!hasWanted()) return false;
      peer.out.complete(true);
      peer.drain();
      return hasWanted();
    }),
    {seed: 1, numRuns: 300},
  );
  t.equal(runs, 300);
  t.end();
});
