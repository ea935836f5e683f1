/**
 * The state machine of RFC 5880 §6.2 and §6.8 as a literal: for each state and event, the next state and what is done.
 * `agent/bfd/README.md` holds the same table for people; a test compares the two.
 */

import type {BfdWord} from '../types.js';

export const eventNames = [
  'start', // §6.8.16, enabled
  'stop', // §6.8.16, disabled
  'fail', // what BFD stands for on this host does not work: taken down and held there (§6.8.18)
  'configure', // other intervals or another multiplier (§6.8.3)
  'transmit-expired', // §6.8.7
  'detection-expired', // §6.8.4
  // A packet of the peer (§6.8.6) with its state:
  'peer-admin-down',
  'peer-down',
  'peer-init',
  'peer-up',
] as const;

export type EventName = (typeof eventNames)[number];

/** What is done on the way; `fsm.ts` has one function for each. */
export type Reaction =
  | 'ignore'
  | 'enable'
  | 'disable'
  | 'configure'
  | 'transmit'
  | 'forget-peer'
  | 'note-peer'
  | 'follow-peer'
  | 'report-peer-down'
  | 'report-silence'
  | 'report-failure';

export interface Cell {
  readonly to: BfdWord;
  readonly does: Reaction;
}

type Row = {readonly [Event in EventName]: Cell};

export const table = {
  'admin-down': {
    start: {to: 'down', does: 'enable'},
    stop: {to: 'admin-down', does: 'ignore'},
    fail: {to: 'admin-down', does: 'ignore'},
    configure: {to: 'admin-down', does: 'configure'},
    'transmit-expired': {to: 'admin-down', does: 'transmit'},
    'detection-expired': {to: 'admin-down', does: 'forget-peer'},
    // §6.8.6: "If bfd.SessionState is AdminDown, discard the packet".
    'peer-admin-down': {to: 'admin-down', does: 'ignore'},
    'peer-down': {to: 'admin-down', does: 'ignore'},
    'peer-init': {to: 'admin-down', does: 'ignore'},
    'peer-up': {to: 'admin-down', does: 'ignore'},
  },
  down: {
    start: {to: 'down', does: 'ignore'},
    stop: {to: 'admin-down', does: 'disable'},
    fail: {to: 'down', does: 'ignore'},
    configure: {to: 'down', does: 'configure'},
    'transmit-expired': {to: 'down', does: 'transmit'},
    'detection-expired': {to: 'down', does: 'forget-peer'},
    'peer-admin-down': {to: 'down', does: 'note-peer'},
    'peer-down': {to: 'init', does: 'follow-peer'},
    'peer-init': {to: 'up', does: 'follow-peer'},
    'peer-up': {to: 'down', does: 'note-peer'},
  },
  init: {
    start: {to: 'init', does: 'ignore'},
    stop: {to: 'admin-down', does: 'disable'},
    fail: {to: 'down', does: 'report-failure'},
    configure: {to: 'init', does: 'configure'},
    'transmit-expired': {to: 'init', does: 'transmit'},
    'detection-expired': {to: 'down', does: 'report-silence'},
    'peer-admin-down': {to: 'down', does: 'report-peer-down'},
    'peer-down': {to: 'init', does: 'note-peer'},
    'peer-init': {to: 'up', does: 'follow-peer'},
    'peer-up': {to: 'up', does: 'follow-peer'},
  },
  up: {
    start: {to: 'up', does: 'ignore'},
    stop: {to: 'admin-down', does: 'disable'},
    fail: {to: 'down', does: 'report-failure'},
    configure: {to: 'up', does: 'configure'},
    'transmit-expired': {to: 'up', does: 'transmit'},
    'detection-expired': {to: 'down', does: 'report-silence'},
    'peer-admin-down': {to: 'down', does: 'report-peer-down'},
    'peer-down': {to: 'down', does: 'report-peer-down'},
    'peer-init': {to: 'up', does: 'note-peer'},
    'peer-up': {to: 'up', does: 'note-peer'},
  },
} as const satisfies Record<BfdWord, Row>;

/** The table's cell for an event. */
export function cellOf(state: BfdWord, event: EventName): Cell {
  return table[state][event];
}
