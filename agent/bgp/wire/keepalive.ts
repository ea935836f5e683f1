/** KEEPALIVE (RFC 4271 §4.4): a header and nothing else. */

import {encodeMessage} from './frame.js';
import {MessageType} from './iana.js';

export function encodeKeepalive(): Uint8Array {
  return encodeMessage(MessageType.keepalive, () => undefined);
}
