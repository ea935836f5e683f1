/** ROUTE-REFRESH (RFC 2918 §3; the octet between AFI and SAFI: RFC 7313 §3.2). */

import {encodeMessage} from './frame.js';
import {MessageType} from './iana.js';
import type {RouteRefresh} from './message.js';
import {Reader} from './reader.js';

export function encodeRouteRefresh(refresh: RouteRefresh): Uint8Array {
  return encodeMessage(MessageType.routeRefresh, (writer) =>
    writer.u16(refresh.afi).u8(refresh.subtype).u8(refresh.safi),
  );
}

/** Decodes what stands behind the header: 4 octets, as `headerFault` has made sure. */
export function decodeRouteRefresh(body: Uint8Array): RouteRefresh {
  const reader = new Reader(body);
  return {type: 'route-refresh', afi: reader.u16(), subtype: reader.u8(), safi: reader.u8()};
}
