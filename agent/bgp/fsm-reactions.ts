/** What the BGP machine does on the way from one state to the next: one small function for each word of the table. */

import {backoffMs, jittered} from '../lib/backoff.js';
import type {PeerWord} from '../types.js';
import type {EventName, Reaction} from './fsm-table.js';
import type {Moment, PeerAction, PeerEvent, PeerState, Step, TimerName} from './fsm-types.js';
import {describeFault, toNotification, type WireFault} from './wire/fault.js';
import {ErrorCode, MessageType} from './wire/iana.js';
import type {Message, Negotiated, Notification} from './wire/message.js';
import {localOpen} from './wire/negotiate.js';
import {describeNotification, hardReset, isFinal} from './wire/notification.js';

/** One event in one state, with what the table says about it. */
export interface Happening {
  readonly peer: PeerState;
  readonly name: EventName;
  readonly event: PeerEvent;
  /** The agreement, where the event is an acceptable OPEN. */
  readonly agreed: Negotiated | null;
  readonly moment: Moment;
  readonly to: PeerWord;
}

/** RFC 4271 §8.2.2: "a HoldTimer value of 4 minutes is suggested" while the peer's OPEN is awaited. */
const OPEN_HOLD_MS = 240_000;
/** RFC 4271 §4.4: KEEPALIVEs "MUST NOT be sent more frequently than one per second". */
const MIN_KEEPALIVE_MS = 1_000;
/** RFC 9687 §4: the greater of 8 minutes and twice the hold time. */
const MIN_SEND_HOLD_MS = 480_000;
/** A session that lasted this long was a success: the failure that ended it is the first one again. */
const STABLE_MS = 30_000;
/** An attempt to connect gets this long at least: the kernel repeats a lost SYN after 1 and 3 seconds. */
const MIN_ATTEMPT_MS = 5_000;
/** The wait after a first failure is shorter than `connect_retry`. */
const FIRST_RETRY_MS = 1_000;
/** Waits grow up to this, or to `connect_retry` where that is longer. */
const RETRY_LIMIT_MS = 30_000;

const timers: readonly TimerName[] = ['connect-retry', 'hold', 'keepalive', 'send-hold', 'idle-hold'];

const messageTypes: Record<Message['type'], number> = {
  ...MessageType,
  'route-refresh': MessageType.routeRefresh,
};

export const reactions: Record<Reaction, (happening: Happening) => Step> = {
  ignore: ({peer}) => ({peer, actions: []}),

  connect: (happening) =>
    move(happening, happening.peer, [
      clear('idle-hold'),
      set('connect-retry', attemptMs(happening)),
      {kind: 'connect'},
    ]),

  'connect-again': (happening) => {
    const peer = failed(happening.peer, 'no answer to the attempt to connect');
    return move(happening, peer, [
      {kind: 'disconnect', drain: false},
      set('connect-retry', attemptMs(happening)),
      {kind: 'connect'},
    ]);
  },

  'wait-for-peer': (happening) => move(happening, happening.peer, []),

  // The RFC goes to Idle here unless DelayOpen runs. Like BIRD and FRR we wait in Active: "idle" reads as "not trying".
  'wait-and-retry': (happening) => {
    const peer = failed(happening.peer, closeReason(happening.event));
    const actions: PeerAction[] = [
      {kind: 'disconnect', drain: false},
      set('connect-retry', retryMs(peer, happening.moment)),
    ];
    return move(happening, peer, actions, peer.lastError);
  },

  'send-open': (happening) =>
    move(happening, happening.peer, [
      clear('connect-retry'),
      {kind: 'send', message: localOpen(happening.peer.settings.local, happening.peer.preserved)},
      set('hold', OPEN_HOLD_MS),
    ]),

  'accept-open': (happening) => {
    const peer = {...happening.peer, negotiated: happening.agreed};
    return move(happening, peer, [
      {kind: 'send', message: {type: 'keepalive'}},
      ...hold(peer),
      ...keepalive(peer, happening.moment),
    ]);
  },

  establish: (happening) => {
    const {families} = happening.peer.settings.local;
    const peer = {
      ...happening.peer,
      establishedAt: happening.moment.now,
      lastError: null,
      // When this session is lost nothing was restarted here, and what was announced is still served.
      preserved: {restarted: false, forwarding: families},
    };
    return move(happening, peer, [...hold(peer), ...sendHold(peer)]);
  },

  'restart-hold': ({peer}) => ({peer, actions: hold(peer)}),
  'restart-send-hold': ({peer}) => ({peer, actions: sendHold(peer)}),

  'send-keepalive': ({peer, moment}) => ({
    peer,
    actions: [{kind: 'send', message: {type: 'keepalive'}}, ...keepalive(peer, moment)],
  }),

  'deliver-update': ({peer, event}) => ({peer, actions: [...hold(peer), ...deliver(event)]}),
  'deliver-refresh': ({peer, event}) => ({peer, actions: deliver(event)}),

  stop: ({peer, event}) =>
    enterIdle(peer, {
      reason: null,
      notification: event.kind === 'stop' ? event.notification : null,
      retryMs: null,
      drain: true,
    }),

  'report-hold-expired': (happening) => report(happening, {cause: 'hold-timer-expired'}),
  'report-send-hold-expired': (happening) => report(happening, {cause: 'send-hold-timer-expired'}),
  'report-fault': (happening) =>
    happening.event.kind === 'fault' ? report(happening, happening.event.fault) : reportUnexpected(happening),
  'report-fsm-error': (happening) => reportUnexpected(happening),

  'note-closed': (happening) => fail(happening, closeReason(happening.event), null),

  // RFC 4271 §8.2.2 answers one in OpenSent with an FSM error; §6 forbids answering any, and so do all speakers.
  'note-notification': (happening) => {
    const {event} = happening;
    const message = event.kind === 'message' && event.message.type === 'notification' ? event.message : null;
    return fail(happening, `received NOTIFICATION: ${message ? describeNotification(message) : ''}`, null);
  },
};

/** The step into the state the table names, anything but Idle. */
function move(
  {to}: Happening,
  peer: PeerState,
  actions: readonly PeerAction[],
  reason: string | null = null,
): Step {
  if (peer.state === to) return {peer, actions};
  const state: PeerAction = {kind: 'state', from: peer.state, to, reason};
  return {peer: {...peer, state: to}, actions: [...actions, state]};
}

function report(happening: Happening, fault: WireFault): Step {
  return fail(happening, `sent NOTIFICATION: ${describeFault(fault)}`, toNotification(fault));
}

/** RFC 6608 has subcodes for messages; other events that a state does not know are "unspecific" (RFC 4271 §6.6). */
function reportUnexpected(happening: Happening): Step {
  const {state} = happening.peer;
  const {event} = happening;
  if (
    event.kind === 'message' &&
    (state === 'open-sent' || state === 'open-confirm' || state === 'established')
  ) {
    return report(happening, {
      cause: 'unexpected-message',
      state,
      messageType: messageTypes[event.message.type],
    });
  }
  const notification: Notification = {
    type: 'notification',
    code: ErrorCode.fsm,
    subcode: 0,
    data: new Uint8Array(),
  };
  return fail(happening, `sent NOTIFICATION: ${describeNotification(notification)}`, notification);
}

/** The end of an attempt or a session that nobody asked for: Idle, then another try. */
function fail({peer, moment}: Happening, reason: string, notification: Notification | null): Step {
  const wasStable = peer.establishedAt !== null && moment.now - peer.establishedAt >= STABLE_MS;
  const after = failed(wasStable ? {...peer, failures: 0} : peer, reason);
  // A passive peer waits for its next connection, not for a time.
  const wait = peer.settings.passive ? null : retryMs(after, moment);
  return enterIdle(after, {reason, notification, retryMs: wait, drain: notification !== null});
}

/** The one way into Idle: whatever ran is stopped, whatever was open is closed. */
function enterIdle(
  peer: PeerState,
  end: {
    readonly reason: string | null;
    readonly notification: Notification | null;
    readonly retryMs: number | null;
    /** Whether what was sent is given time to arrive. */
    readonly drain: boolean;
  },
): Step {
  const actions: PeerAction[] = timers.map(clear);
  const hasConnection = peer.state !== 'idle' && peer.state !== 'connect' && peer.state !== 'active';
  if (hasConnection && end.notification) {
    actions.push({kind: 'send', message: asMeant(end.notification, peer.negotiated)});
  }
  actions.push({kind: 'disconnect', drain: hasConnection && end.drain});
  if (peer.state !== 'idle') actions.push({kind: 'state', from: peer.state, to: 'idle', reason: end.reason});
  if (end.retryMs !== null) actions.push(set('idle-hold', end.retryMs));
  const failures = end.retryMs === null ? 0 : peer.failures;
  const idle: PeerState = {
    ...peer,
    state: 'idle',
    failures,
    negotiated: null,
    establishedAt: null,
    lastError: end.reason,
  };
  return {peer: idle, actions};
}

/** A peer that keeps routes behind a NOTIFICATION is told where it must not (RFC 8538 §4). */
function asMeant(notification: Notification, negotiated: Negotiated | null): Notification {
  return negotiated?.gracefulRestart?.notification && isFinal(notification)
    ? hardReset(notification)
    : notification;
}

function failed(peer: PeerState, reason: string): PeerState {
  return {...peer, failures: peer.failures + 1, lastError: reason};
}

function closeReason(event: PeerEvent): string {
  return event.kind === 'closed' ? event.reason : 'connection closed';
}

function deliver(event: PeerEvent): PeerAction[] {
  if (event.kind !== 'message') return [];
  const {message} = event;
  return message.type === 'update' || message.type === 'route-refresh' ? [{kind: 'deliver', message}] : [];
}

function set(timer: TimerName, ms: number): PeerAction {
  return {kind: 'set-timer', timer, ms};
}

function clear(timer: TimerName): PeerAction {
  return {kind: 'clear-timer', timer};
}

/** How long the next try waits. */
function retryMs(peer: PeerState, {random}: Moment): number {
  return jittered(waitMs(peer), random);
}

/** How long one attempt to connect may take. */
function attemptMs({peer, moment}: Happening): number {
  const {connectRetryMs} = peer.settings;
  return jittered(Math.max(MIN_ATTEMPT_MS, connectRetryMs, waitMs(peer)), moment.random);
}

function waitMs({failures, preserved, settings: {connectRetryMs, local}}: PeerState): number {
  if (failures <= 1) return Math.min(FIRST_RETRY_MS, connectRetryMs);
  // While the peer counts down the restart time the waits do not grow: there may be no second chance.
  const isAwaited = preserved.restarted || preserved.forwarding.length > 0;
  const restartMs = isAwaited ? 1_000 * (local.gracefulRestart?.restartTimeS ?? 0) : 0;
  const urgent = Math.ceil(restartMs / connectRetryMs);
  return backoffMs(Math.max(1, failures - 1 - urgent), {
    firstMs: connectRetryMs,
    limitMs: Math.max(connectRetryMs, RETRY_LIMIT_MS),
  });
}

/** A negotiated hold time of 0 means neither a hold timer nor keepalives (RFC 4271 §4.4), nor a send hold timer. */
function hold({negotiated}: PeerState): PeerAction[] {
  const holdS = negotiated?.holdTimeS ?? 0;
  return holdS > 0 ? [set('hold', holdS * 1_000)] : [clear('hold')];
}

function keepalive({negotiated}: PeerState, {random}: Moment): PeerAction[] {
  const holdS = negotiated?.holdTimeS ?? 0;
  return holdS > 0
    ? [set('keepalive', Math.max(MIN_KEEPALIVE_MS, jittered((holdS * 1_000) / 3, random)))]
    : [];
}

function sendHold({negotiated}: PeerState): PeerAction[] {
  const holdS = negotiated?.holdTimeS ?? 0;
  return holdS > 0 ? [set('send-hold', Math.max(MIN_SEND_HOLD_MS, 2 * holdS * 1_000))] : [];
}
