/** From a frame to a message and back, whatever its type. */

import type {AttributeContext} from './attribute-rows.js';
import type {WireFault} from './fault.js';
import {type Frame, headerFault, headerLength} from './frame.js';
import {MessageType} from './iana.js';
import {encodeKeepalive} from './keepalive.js';
import type {Message, Update} from './message.js';
import {decodeNotification, encodeNotification} from './notification.js';
import {decodeOpen, encodeOpen} from './open.js';
import {decodeRouteRefresh, encodeRouteRefresh} from './route-refresh.js';
import {decodeUpdate} from './update.js';

export type MessageAnswer =
  | {readonly ok: true; readonly message: Message}
  | {readonly ok: false; readonly fault: WireFault};

/** Decodes a frame of the `Framer`. Never throws; messages may hold views of the frame's body. */
export function decodeMessage(frame: Frame, context: AttributeContext): MessageAnswer {
  const fault = headerFault(frame.type, headerLength + frame.body.length);
  if (fault) return {ok: false, fault};
  switch (frame.type) {
    case MessageType.open:
      return decodeOpen(frame.body);
    case MessageType.update:
      return decodeUpdate(frame.body, context);
    case MessageType.notification:
      return {ok: true, message: decodeNotification(frame.body)};
    case MessageType.routeRefresh:
      return {ok: true, message: decodeRouteRefresh(frame.body)};
    default:
      return {ok: true, message: {type: 'keepalive'}};
  }
}

/** Any message but an UPDATE, which is made by the functions of `update.ts`. */
export function encodeSimple(message: Exclude<Message, Update>): Uint8Array {
  switch (message.type) {
    case 'open':
      return encodeOpen(message);
    case 'notification':
      return encodeNotification(message);
    case 'keepalive':
      return encodeKeepalive();
    case 'route-refresh':
      return encodeRouteRefresh(message);
  }
}
