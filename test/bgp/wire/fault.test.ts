import t from 'tap';
import {describeFault, toNotification, type WireFault} from '../../../agent/bgp/wire/fault.js';
import {parseAddress} from '../../../agent/lib/prefix.js';
import {toHex} from './golden.js';

/** Those that no message on the wire shows; the documents in test/golden/bgp hold the others. */
const cases: readonly (readonly [WireFault, notification: string, text: string])[] = [
  [{cause: 'hold-timer-expired'}, '4/0', 'hold timer expired'],
  [{cause: 'send-hold-timer-expired'}, '8/0', 'send hold timer expired'],
  [{cause: 'bfd-down', reason: 'path down'}, '6/10', 'BFD down: path down'],
  [
    {cause: 'unexpected-message', state: 'open-sent', messageType: 4},
    '5/1 04',
    'unexpected message in open-sent: keepalive',
  ],
  [
    {cause: 'unexpected-message', state: 'open-confirm', messageType: 2},
    '5/2 02',
    'unexpected message in open-confirm: update',
  ],
  [
    {cause: 'unexpected-message', state: 'established', messageType: 1},
    '5/3 01',
    'unexpected message in established: open',
  ],
  [{cause: 'bad-peer-as', as: 64999, expected: 65535}, '2/2', 'bad peer AS: 64999, AS 65535 is configured'],
  [{cause: 'bad-peer-as', as: 0, expected: null}, '2/2', 'bad peer AS: 0, which RFC 7607 forbids'],
  [
    {cause: 'bad-bgp-identifier', id: parseAddress('192.0.2.1')},
    '2/3',
    'bad BGP identifier: 192.0.2.1 is our own',
  ],
  [
    {
      cause: 'unsupported-capability',
      required: [
        {kind: 'multiprotocol', afi: 2, safi: 1},
        {kind: 'route-refresh'},
        {kind: 'four-octet-as', as: 4200000000},
        {kind: 'unknown', code: 200, value: Uint8Array.of(1)},
      ],
    },
    '2/7 01040002000102004104fa56ea00c80101',
    'unsupported capability: the peer shares none of multiprotocol IPv6 unicast, route refresh, ' +
      '4-octet AS 4200000000, capability 200',
  ],
  [
    {cause: 'missing-well-known-attribute', reason: 'AS_PATH is missing', data: Uint8Array.of(2)},
    '3/3 02',
    'missing well-known attribute: AS_PATH is missing',
  ],
  [
    {
      cause: 'invalid-next-hop',
      reason: 'NEXT_HOP is 0.0.0.0',
      data: Uint8Array.of(0x40, 3, 4, 0, 0, 0, 0),
    },
    '3/8 40030400000000',
    'invalid NEXT_HOP attribute: NEXT_HOP is 0.0.0.0',
  ],
];

for (const [fault, expected, text] of cases) {
  t.test(text, (t) => {
    const {type, code, subcode, data} = toNotification(fault);
    t.equal(type, 'notification');
    t.equal(`${code}/${subcode} ${toHex(data)}`.trim(), expected);
    t.equal(describeFault(fault), text);
    t.end();
  });
}
