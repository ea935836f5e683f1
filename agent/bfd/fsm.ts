/**
 * The BFD state machine (RFC 5880 §6.8) as a pure function, asynchronous mode: everything that happens to a session
 * is an event, everything it wants done is an action. `fsm-table.ts` says what follows what; `session.ts` plays it.
 */

import {type Cell, cellOf, type EventName, type Reaction} from './fsm-table.js';
import type {
  BfdAction,
  BfdEvent,
  BfdSettings,
  BfdState,
  BfdStep,
  Intervals,
  Moment,
  RemoteSide,
} from './fsm-types.js';
import {type ControlPacket, Diagnostic} from './packet.js';

/** RFC 5880 §6.8.3: while a session is not up, at most one packet a second is asked for. */
const SLOW_MS = 1_000;

export function initialSession(settings: BfdSettings): BfdState {
  const intervals = intervalsFor(settings, 'admin-down');
  return {
    settings,
    state: 'admin-down',
    diagnostic: Diagnostic.none,
    remote: null,
    told: intervals,
    inForce: intervals,
    polling: 'no',
    sentAt: null,
  };
}

/** What one event does to a session, and what is to be done about it, in order. */
export function step(session: BfdState, event: BfdEvent, moment: Moment): BfdStep {
  const cell = cellOf(session.state, nameOf(event));
  const reacted = reactions[cell.does](session, event, cell);
  const settled = withIntervals(session, reacted);
  const answers = event.kind === 'packet' && cell.does !== 'ignore';
  const packets = packetsOf(session, settled, {answers, event});
  const next = packets.some(({final}) => !final) ? {...settled, sentAt: moment.now} : settled;
  const actions: BfdAction[] = [];
  if (next.state !== session.state) {
    const {diagnostic, remote, state} = next;
    // What the peer said is told even where its silence made us forget it.
    actions.push({
      kind: 'state',
      from: session.state,
      to: state,
      diagnostic,
      remote: remote ?? session.remote,
    });
  }
  actions.push(...packets.map((packet): BfdAction => ({kind: 'send', packet})));
  actions.push(...transmitTimer(session, next, {expired: isExpiryOf(event, 'transmit'), moment}));
  if (answers) actions.push({kind: 'set-timer', timer: 'detection', ms: detectionMs(next)});
  return {session: next, actions};
}

/** §6.8.4: so long the peer may be silent; 0 while it was not heard. */
export function detectionMs({inForce, remote}: BfdState): number {
  if (remote === null) return 0;
  return remote.detectMultiplier * Math.max(inForce.requiredMinRxMs, remote.desiredMinTxMs);
}

/** §6.8.7: the time between two packets before jitter; null: none are sent by themselves. */
export function transmitMs({inForce, polling, remote, settings, state}: BfdState): number | null {
  if (remote === null) return settings.passive || state === 'admin-down' ? null : inForce.desiredMinTxMs;
  if (remote.requiredMinRxMs === 0) return null;
  const isDemand = remote.demand && remote.state === 'up' && state === 'up';
  if (isDemand && polling === 'no') return null;
  return Math.max(inForce.desiredMinTxMs, remote.requiredMinRxMs);
}

type React = (session: BfdState, event: BfdEvent, cell: Cell) => BfdState;

const reactions: Record<Reaction, React> = {
  ignore: (session) => session,
  transmit: (session) => session,
  enable: (session) => ({...session, state: 'down', diagnostic: Diagnostic.none}),
  disable: (session) => ({...session, state: 'admin-down', diagnostic: Diagnostic.administrativelyDown}),
  configure: (session, event) =>
    event.kind === 'configure' ? {...session, settings: {...session.settings, ...event.timers}} : session,
  // §6.8.1: the peer's discriminator is forgotten when it was silent for a detection time.
  'forget-peer': (session) => ({...session, remote: null}),
  'note-peer': heard,
  'follow-peer': (session, event, {to}) => ({
    ...heard(session, event),
    state: to,
    diagnostic: to === 'up' ? Diagnostic.none : session.diagnostic,
  }),
  'report-peer-down': (session, event) => ({
    ...heard(session, event),
    state: 'down',
    diagnostic: Diagnostic.neighborSignaledDown,
  }),
  'report-silence': (session) => ({
    ...session,
    state: 'down',
    diagnostic: Diagnostic.detectionTimeExpired,
    remote: null,
  }),
  'report-failure': (session) => ({...session, state: 'down', diagnostic: Diagnostic.pathDown}),
};

function nameOf(event: BfdEvent): EventName {
  if (event.kind === 'timer') return `${event.timer}-expired`;
  return event.kind === 'packet' ? `peer-${event.packet.state}` : event.kind;
}

/** What a packet says of the peer; a Final ends the Poll it answers (§6.8.6), and what was told is in force. */
function heard(session: BfdState, event: BfdEvent): BfdState {
  if (event.kind !== 'packet') return session;
  const {packet} = event;
  const remote: RemoteSide = {
    state: packet.state,
    diagnostic: packet.diagnostic,
    discriminator: packet.myDiscriminator,
    desiredMinTxMs: packet.desiredMinTxUs / 1000,
    requiredMinRxMs: packet.requiredMinRxUs / 1000,
    detectMultiplier: packet.detectMultiplier,
    demand: packet.demand,
  };
  if (!packet.final || session.polling === 'no') return {...session, remote};
  if (session.polling === 'again') return {...session, remote, polling: 'yes'};
  return {...session, remote, polling: 'no', inForce: session.told};
}

function intervalsFor({receiveMs, transmitMs}: BfdSettings, state: BfdState['state']): Intervals {
  return {
    desiredMinTxMs: state === 'up' ? transmitMs : Math.max(SLOW_MS, transmitMs),
    requiredMinRxMs: receiveMs,
  };
}

/**
 * §6.8.3: a changed interval is told with a Poll. While the session is up, sending more slowly and expecting packets
 * sooner wait until the peer has confirmed it.
 */
function withIntervals(before: BfdState, next: BfdState): BfdState {
  const told = intervalsFor(next.settings, next.state);
  const isTold =
    told.desiredMinTxMs === next.told.desiredMinTxMs && told.requiredMinRxMs === next.told.requiredMinRxMs;
  const polling = next.remote === null ? 'no' : next.polling;
  if (isTold) return next.state === 'up' ? {...next, polling} : {...next, polling, inForce: told};
  const waits = before.state === 'up' && next.state === 'up';
  const inForce: Intervals = waits
    ? {
        desiredMinTxMs: Math.min(next.inForce.desiredMinTxMs, told.desiredMinTxMs),
        requiredMinRxMs: Math.max(next.inForce.requiredMinRxMs, told.requiredMinRxMs),
      }
    : told;
  // Nobody who could confirm it; and a session that is disabled hears no Final.
  if (next.remote === null || next.state === 'admin-down') return {...next, told, inForce, polling: 'no'};
  return {...next, told, inForce, polling: polling === 'no' ? 'yes' : 'again'};
}

/**
 * §6.8.7: a Poll is answered at once; what is new is told at once, unless the answer tells it; else packets go when the
 * timer says so, a Poll of ours among them (§6.5: "additional packets MUST NOT be sent").
 */
function packetsOf(
  before: BfdState,
  next: BfdState,
  {answers, event}: {readonly answers: boolean; readonly event: BfdEvent},
): ControlPacket[] {
  if (answers && event.kind === 'packet' && event.packet.poll) return [packetOf(next, {final: true})];
  const isNews = next.state !== before.state || next.told !== before.told;
  const isDue = isExpiryOf(event, 'transmit') && transmitMs(next) !== null;
  const isSilent = next.remote === null && next.settings.passive;
  return !isSilent && (isNews || isDue) ? [packetOf(next, {final: false})] : [];
}

/** What the session has to say (§4.1). P and F never stand in one packet (§6.5). */
export function packetOf(session: BfdState, {final}: {readonly final: boolean}): ControlPacket {
  const {diagnostic, polling, remote, settings, state, told} = session;
  return {
    state,
    diagnostic,
    poll: polling !== 'no' && !final,
    final,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: settings.detectMultiplier,
    myDiscriminator: settings.discriminator,
    yourDiscriminator: remote?.discriminator ?? 0,
    desiredMinTxUs: Math.round(told.desiredMinTxMs * 1000),
    requiredMinRxUs: Math.round(told.requiredMinRxMs * 1000),
    // No Echo function here (§6.8.9).
    requiredMinEchoRxUs: 0,
  };
}

/**
 * Armed anew when it expired, and when the interval is another: waiting out a slow one would fail the peer. It counts
 * from the last packet (§6.8.3), or a peer that changes its mind often enough would never hear of us.
 */
function transmitTimer(
  before: BfdState,
  next: BfdState,
  {expired, moment}: {readonly expired: boolean; readonly moment: Moment},
): BfdAction[] {
  const ms = transmitMs(next);
  if (!expired && ms === transmitMs(before)) return [];
  if (ms === null) return expired ? [] : [{kind: 'clear-timer', timer: 'transmit'}];
  const waitMs = ms * jitter(next.settings.detectMultiplier, moment.random);
  const passedMs = moment.now - (next.sentAt ?? moment.now);
  return [{kind: 'set-timer', timer: 'transmit', ms: Math.max(0, waitMs - passedMs)}];
}

/** §6.8.7: up to 25 % less; with a multiplier of 1 at least 10 % less, or each packet would come too late. */
function jitter(detectMultiplier: number, random: number): number {
  return detectMultiplier === 1 ? 0.75 + 0.15 * random : 0.75 + 0.25 * random;
}

function isExpiryOf(event: BfdEvent, timer: 'transmit' | 'detection'): boolean {
  return event.kind === 'timer' && event.timer === timer;
}
