/** The BGP wire format as the rest of the program uses it. */

export type {AttributeContext} from './attribute-rows.js';
export {encodeAttributes} from './attributes.js';
export {decodeMessage, encodeSimple, type MessageAnswer} from './codec.js';
export {describeFault, toNotification, type Verdict, type WireFault} from './fault.js';
export {type Frame, Framer, type FramerAnswer} from './frame.js';
export {
  Afi,
  asTrans,
  CeaseSubcode,
  ErrorCode,
  familyFor,
  MessageType,
  messageTypeName,
  Safi,
  wellKnownCommunities,
} from './iana.js';
export {encodeKeepalive} from './keepalive.js';
export type * from './message.js';
export {type LocalSide, localOpen, type NegotiationAnswer, negotiate} from './negotiate.js';
export {nlriOf} from './nlri.js';
export {cease, describeNotification, encodeNotification, shutdownText} from './notification.js';
export {encodeOpen} from './open.js';
export {endOfRib, packAnnounce, packWithdraw} from './pack.js';
export {encodeRouteRefresh} from './route-refresh.js';
export {encodeUpdate} from './update.js';
