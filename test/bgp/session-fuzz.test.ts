import fc from 'fast-check';
import t from 'tap';
import {AdjRibOut} from '../../agent/bgp/adj-out.js';
import {Session} from '../../agent/bgp/session.js';
import {encodeSimple} from '../../agent/bgp/wire/codec.js';
import {cease} from '../../agent/bgp/wire/notification.js';
import {encodeUpdate} from '../../agent/bgp/wire/update.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {PeerWord} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeConnector} from '../fake/connector.js';

const states: readonly PeerWord[] = ['idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];

const valid: readonly Uint8Array[] = [
  encodeSimple({type: 'keepalive'}),
  encodeSimple({type: 'route-refresh', afi: 1, subtype: 0, safi: 1}),
  encodeSimple(cease(2, 'bye')),
  encodeUpdate(
    {
      withdrawn: [parsePrefix('10.9.0.0/16')],
      attributes: [
        {kind: 'origin', origin: 'igp'},
        {kind: 'as-path', segments: [{kind: 'sequence', as: [65535]}]},
        {kind: 'next-hop', address: parseAddress('10.255.255.1')},
      ],
      announced: [parsePrefix('10.1.0.0/16')],
    },
    {fourOctetAs: true},
  ),
];

/** A valid message with some of its bytes overwritten, perhaps cut off. */
const spoiled = fc
  .record({
    message: fc.constantFrom(...valid),
    changes: fc.array(fc.tuple(fc.nat(60), fc.nat(255)), {maxLength: 4}),
    length: fc.nat(80),
    cut: fc.boolean(),
  })
  .map(({message, changes, length, cut}) => {
    const bytes = Uint8Array.from(message);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return cut ? bytes.subarray(0, length) : bytes;
  });

t.test('whatever a peer sends, the session lives on or ends with one NOTIFICATION (property)', async (t) => {
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.oneof({weight: 5, arbitrary: spoiled}, fc.uint8Array({maxLength: 60})), {maxLength: 12}),
      async (answers, chunks) => {
        const clock = new FakeClock();
        const connector = new FakeConnector({autoAccept: '10.0.240.156', closesBack: true, peer: {answers}});
        const session = new Session({
          settings: {
            local: {as: 64512, id: parseAddress('10.0.240.156'), holdTimeS: 9, families: ['ipv4', 'ipv6']},
            remoteAs: 65535,
            connectRetryMs: 5_000,
            passive: false,
          },
          clock,
          random: () => 0,
          out: new AdjRibOut(),
          dial: {
            connector,
            target: {
              address: parseAddress('10.255.255.1'),
              port: 179,
              localAddress: null,
              ttl: 1,
              password: null,
            },
          },
          handlers: {
            state: () => undefined,
            selfNextHop: (local) => ({ipv4: local, ipv6: null}),
            objection: () => null,
            news: {announced: () => undefined, withdrawn: () => undefined},
            update: (update) => void update.prefixes(),
          },
        });
        session.start();
        await settle();
        const connection = connector.last;
        for (const chunk of chunks) {
          connection.peer.send(chunk);
          await settle();
        }
        t.ok(states.includes(session.state));
        const notifications = connection.peer.received.filter(({type}) => type === 'notification').length;
        const lives = connection.state === 'connected';
        const isTold = notifications === 1;
        const wasTold = session.lastError?.startsWith('received NOTIFICATION') ?? false;
        if (!lives) ended++;
        if (lives ? notifications > 0 : isTold === wasTold) {
          throw new Error(`${connection.state}, ${notifications} NOTIFICATIONs, ${session.lastError}`);
        }
        await session.stop(cease(2));
      },
    ),
    {numRuns: 150, endOnFailure: true},
  );
  t.ok(ended > 20, `${ended} sessions were ended`);
});
