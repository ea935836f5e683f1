/** What we write reads as what was meant. */

import {deepEqual} from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {encodeAttributes} from '../../agent/bgp/wire/attributes.js';
import {decodeMessage} from '../../agent/bgp/wire/codec.js';
import {Framer} from '../../agent/bgp/wire/frame.js';
import type {Message, Update} from '../../agent/bgp/wire/message.js';
import {nlriOf} from '../../agent/bgp/wire/nlri.js';
import {cease, encodeNotification, shutdownText} from '../../agent/bgp/wire/notification.js';
import {encodeOpen} from '../../agent/bgp/wire/open.js';
import {packAnnounce, packWithdraw} from '../../agent/bgp/wire/pack.js';
import {encodeRouteRefresh} from '../../agent/bgp/wire/route-refresh.js';
import {encodeUpdate} from '../../agent/bgp/wire/update.js';
import {bytesOf} from '../../agent/lib/prefix.js';
import {anyAttributes, anyOpen, anyPrefix, hostAddress, octets, record} from '../bgp/wire/arbitraries.js';

/** The messages in these bytes, as an internal peer's. Throws for anything that is not right. */
function read(bytes: readonly Uint8Array[], fourOctetAs = true): Message[] {
  const framer = new Framer();
  for (const piece of bytes) framer.push(piece);
  const messages: Message[] = [];
  for (let answer = framer.next(); answer.kind !== 'more'; answer = framer.next()) {
    if (answer.kind === 'fault') throw new Error(JSON.stringify(answer.fault));
    const decoded = decodeMessage(answer, {fourOctetAs, external: false});
    if (!decoded.ok) throw new Error(JSON.stringify(decoded.fault));
    messages.push(decoded.message);
  }
  return messages;
}

function updates(bytes: readonly Uint8Array[]): Update[] {
  return read(bytes).filter((message) => message.type === 'update');
}

t.test('OPEN', (t) => {
  fc.assert(
    fc.property(anyOpen, (open) => deepEqual(read([encodeOpen(open)]), [open])),
    {seed: 1, numRuns: 500},
  );
  t.pass('no property was broken');
  t.end();
});

t.test('NOTIFICATION', (t) => {
  const any = record({
    type: fc.constant('notification' as const),
    code: fc.nat(255),
    subcode: fc.nat(255),
    data: fc.uint8Array({maxLength: 300}),
  });
  fc.assert(
    fc.property(any, (notification) => deepEqual(read([encodeNotification(notification)]), [notification])),
    {seed: 2, numRuns: 500},
  );
  fc.assert(
    fc.property(fc.string({unit: 'grapheme', maxLength: 100}), (text) => {
      const said = shutdownText(cease(2, text)) ?? '';
      return text.startsWith(said) && (said === text || Buffer.byteLength(said) > 255 - 4);
    }),
    {seed: 3, numRuns: 500},
  );
  t.pass('no property was broken');
  t.end();
});

t.test('ROUTE-REFRESH', (t) => {
  const any = record({
    type: fc.constant('route-refresh' as const),
    afi: fc.nat(0xffff),
    subtype: fc.nat(255),
    safi: fc.nat(255),
  });
  fc.assert(
    fc.property(any, (refresh) => deepEqual(read([encodeRouteRefresh(refresh)]), [refresh])),
    {seed: 4, numRuns: 200},
  );
  t.pass('no property was broken');
  t.end();
});

t.test('UPDATE', (t) => {
  for (const fourOctetAs of [true, false]) {
    fc.assert(
      fc.property(
        anyAttributes(fourOctetAs),
        fc.array(anyPrefix('ipv4'), {maxLength: 30}),
        fc.array(anyPrefix('ipv4'), {maxLength: 30}),
        (attributes, announced, withdrawn) => {
          const [update] = read(
            [encodeUpdate({withdrawn, attributes, announced}, {fourOctetAs})],
            fourOctetAs,
          );
          if (update?.type !== 'update') throw new Error('no UPDATE');
          deepEqual(update.attributes, attributes);
          deepEqual(update.faults, []);
          const prefixes = update.prefixes();
          deepEqual(
            prefixes.announced.map(({prefix}) => prefix),
            announced,
          );
          deepEqual(prefixes.withdrawn, withdrawn);
        },
      ),
      {seed: 5, numRuns: 300},
    );
  }
  t.pass('no property was broken');
  t.end();
});

t.test('packed UPDATEs', (t) => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const nextHop = family === 'ipv4' ? hostAddress.map(bytesOf) : octets(16);
    fc.assert(
      fc.property(
        anyAttributes(true).map((list) => list.filter(({kind}) => kind !== 'next-hop')),
        nextHop,
        fc.array(anyPrefix(family), {minLength: 1, maxLength: 400, size: 'max'}),
        (attributes, hop, prefixes) => {
          const nlri = prefixes.map(nlriOf);
          const announcing: Uint8Array[] = [];
          const encoded = encodeAttributes(attributes, {fourOctetAs: true});
          if (!packAnnounce(family, encoded, hop, nlri, (message) => announcing.push(message))) return false;
          const announced = updates(announcing);
          for (const update of announced) {
            const rest = update.attributes.filter(({kind}) => kind !== 'next-hop' && kind !== 'mp-reach');
            deepEqual(rest, attributes);
            deepEqual(update.faults, []);
          }
          const withdrawing: Uint8Array[] = [];
          packWithdraw(family, nlri, (message) => withdrawing.push(message));
          deepEqual(
            announced.flatMap((update) => update.prefixes().announced.map(({prefix}) => prefix)),
            prefixes,
          );
          deepEqual(
            updates(withdrawing).flatMap((update) => update.prefixes().withdrawn),
            prefixes,
          );
          return true;
        },
      ),
      {seed: 6, numRuns: 60},
    );
  }
  t.pass('no property was broken');
  t.end();
});
