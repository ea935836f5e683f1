/**
 * The BGP finite state machine (RFC 4271 §8) as a pure function: everything that happens to a peer is an event,
 * everything the machine wants done is an action. `fsm-table.ts` says what follows what, `fsm-reactions.ts` how,
 * and `session.ts` plays the actions.
 */

import {type Happening, reactions} from './fsm-reactions.js';
import {cellOf} from './fsm-table.js';
import type {Moment, PeerEvent, PeerSettings, PeerState, Step} from './fsm-types.js';
import type {Open} from './wire/message.js';
import {negotiate, nothingPreserved, type Preserved} from './wire/negotiate.js';

/** `preserved`: what the peer may hold from an earlier life of this speaker. */
export function initialPeer(settings: PeerSettings, preserved: Preserved = nothingPreserved): PeerState {
  return {
    settings,
    state: 'idle',
    failures: 0,
    negotiated: null,
    preserved,
    establishedAt: null,
    lastError: null,
  };
}

/** What one event does to a peer, and what is to be done about it, in order. Never throws. */
export function step(peer: PeerState, event: PeerEvent, moment: Moment): Step {
  const {agreed, event: meant, name} = classify(peer, event);
  const {to, does} = cellOf(peer.state, name);
  // Field by field: V8 takes five times as long over a spread here, with a kilobyte of garbage for every message.
  return reactions[does]({name, event: meant, agreed, peer, moment, to});
}

/** The event by the table's name for it. */
function classify(peer: PeerState, event: PeerEvent): Pick<Happening, 'name' | 'event' | 'agreed'> {
  switch (event.kind) {
    case 'start':
      return {name: peer.settings.passive ? 'start-passive' : 'start', event, agreed: null};
    case 'timer':
      return {name: `${event.timer}-expired`, event, agreed: null};
    case 'message':
      return event.message.type === 'open' && peer.state === 'open-sent'
        ? judgeOpen(peer.settings, event.message)
        : {name: event.message.type, event, agreed: null};
    default:
      return {name: event.kind, event, agreed: null};
  }
}

/** RFC 4271 §8.1.5 knows two events: an OPEN that is acceptable (19) and one that is not (22). */
function judgeOpen(
  {local, remoteAs}: PeerSettings,
  message: Open,
): Pick<Happening, 'name' | 'event' | 'agreed'> {
  const expectedAs = remoteAs === 'any' ? message.as : remoteAs;
  const answer = negotiate({...local, expectedAs}, message);
  return answer.ok
    ? {name: 'open', event: {kind: 'message', message}, agreed: answer.negotiated}
    : {name: 'fault', event: {kind: 'fault', fault: answer.fault}, agreed: null};
}
