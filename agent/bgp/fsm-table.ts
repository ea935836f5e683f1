/**
 * The finite state machine of RFC 4271 §8.2.2 as a literal: for each state and event, the next state and what is done.
 * `agent/bgp/README.md` holds the same table for people; a test compares the two.
 */

import type {PeerWord} from '../types.js';

/** The events of RFC 4271 §8.1 that can happen to us, with the RFC's numbers. */
export const eventNames = [
  'start', // 1, 3
  'start-passive', // 4, 5
  'stop', // 2, 8
  'connect-retry-expired', // 9
  'hold-expired', // 10
  'keepalive-expired', // 11
  'idle-hold-expired', // 13
  'send-hold-expired', // 29, RFC 9687
  'connected', // 16, 17
  'closed', // 18
  'taken', // the socket took what we wrote (RFC 9687 §3: a message was sent)
  'open', // 19; an unacceptable one is a `fault` (22)
  'keepalive', // 26
  'update', // 27
  'notification', // 24, 25
  'route-refresh', // RFC 2918
  'fault', // 21, 22, 28
] as const;

export type EventName = (typeof eventNames)[number];

/** What is done on the way; `fsm.ts` has one function for each. */
export type Reaction =
  | 'ignore'
  | 'connect'
  | 'connect-again'
  | 'wait-for-peer'
  | 'wait-and-retry'
  | 'send-open'
  | 'accept-open'
  | 'establish'
  | 'restart-hold'
  | 'restart-send-hold'
  | 'send-keepalive'
  | 'deliver-update'
  | 'deliver-refresh'
  | 'stop'
  | 'report-hold-expired'
  | 'report-send-hold-expired'
  | 'report-fault'
  | 'report-fsm-error'
  | 'note-closed'
  | 'note-notification';

export interface Cell {
  readonly to: PeerWord;
  readonly does: Reaction;
}

/** `otherwise` is the RFC's "any other event". */
type Row = {readonly [Event in EventName]?: Cell} & {readonly otherwise: Cell};

export const table = {
  idle: {
    start: {to: 'connect', does: 'connect'},
    'start-passive': {to: 'active', does: 'wait-for-peer'},
    stop: {to: 'idle', does: 'stop'},
    'idle-hold-expired': {to: 'connect', does: 'connect'},
    otherwise: {to: 'idle', does: 'ignore'},
  },
  connect: {
    start: {to: 'connect', does: 'ignore'},
    'start-passive': {to: 'connect', does: 'ignore'},
    stop: {to: 'idle', does: 'stop'},
    'connect-retry-expired': {to: 'connect', does: 'connect-again'},
    connected: {to: 'open-sent', does: 'send-open'},
    closed: {to: 'active', does: 'wait-and-retry'},
    taken: {to: 'connect', does: 'ignore'},
    otherwise: {to: 'idle', does: 'report-fsm-error'},
  },
  active: {
    start: {to: 'active', does: 'ignore'},
    'start-passive': {to: 'active', does: 'ignore'},
    stop: {to: 'idle', does: 'stop'},
    'connect-retry-expired': {to: 'connect', does: 'connect'},
    connected: {to: 'open-sent', does: 'send-open'},
    closed: {to: 'idle', does: 'note-closed'},
    taken: {to: 'active', does: 'ignore'},
    otherwise: {to: 'idle', does: 'report-fsm-error'},
  },
  'open-sent': {
    start: {to: 'open-sent', does: 'ignore'},
    'start-passive': {to: 'open-sent', does: 'ignore'},
    stop: {to: 'idle', does: 'stop'},
    'hold-expired': {to: 'idle', does: 'report-hold-expired'},
    closed: {to: 'idle', does: 'note-closed'},
    taken: {to: 'open-sent', does: 'ignore'},
    open: {to: 'open-confirm', does: 'accept-open'},
    notification: {to: 'idle', does: 'note-notification'},
    fault: {to: 'idle', does: 'report-fault'},
    otherwise: {to: 'idle', does: 'report-fsm-error'},
  },
  'open-confirm': {
    start: {to: 'open-confirm', does: 'ignore'},
    'start-passive': {to: 'open-confirm', does: 'ignore'},
    stop: {to: 'idle', does: 'stop'},
    'hold-expired': {to: 'idle', does: 'report-hold-expired'},
    'keepalive-expired': {to: 'open-confirm', does: 'send-keepalive'},
    closed: {to: 'idle', does: 'note-closed'},
    taken: {to: 'open-confirm', does: 'ignore'},
    keepalive: {to: 'established', does: 'establish'},
    notification: {to: 'idle', does: 'note-notification'},
    fault: {to: 'idle', does: 'report-fault'},
    otherwise: {to: 'idle', does: 'report-fsm-error'},
  },
  established: {
    start: {to: 'established', does: 'ignore'},
    'start-passive': {to: 'established', does: 'ignore'},
    stop: {to: 'idle', does: 'stop'},
    'hold-expired': {to: 'idle', does: 'report-hold-expired'},
    'keepalive-expired': {to: 'established', does: 'send-keepalive'},
    'send-hold-expired': {to: 'idle', does: 'report-send-hold-expired'},
    closed: {to: 'idle', does: 'note-closed'},
    taken: {to: 'established', does: 'restart-send-hold'},
    keepalive: {to: 'established', does: 'restart-hold'},
    update: {to: 'established', does: 'deliver-update'},
    'route-refresh': {to: 'established', does: 'deliver-refresh'},
    notification: {to: 'idle', does: 'note-notification'},
    fault: {to: 'idle', does: 'report-fault'},
    otherwise: {to: 'idle', does: 'report-fsm-error'},
  },
} as const satisfies Record<PeerWord, Row>;

/** The cell for an event, the row's `otherwise` where it names no own. */
export function cellOf(state: PeerWord, event: EventName): Cell {
  const row: Row = table[state];
  return row[event] ?? row.otherwise;
}
