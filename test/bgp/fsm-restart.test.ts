/** Graceful restart in the machine: what an OPEN says, and which ends leave a peer what it has. */

import t from 'tap';
import {initialPeer, step} from '../../agent/bgp/fsm.js';
import type {PeerEvent, PeerSettings, PeerState, Step} from '../../agent/bgp/fsm-types.js';
import type {Capability, Message, Open} from '../../agent/bgp/wire/message.js';
import {localOpen, type Preserved} from '../../agent/bgp/wire/negotiate.js';
import {cease} from '../../agent/bgp/wire/notification.js';
import {parseAddress} from '../../agent/lib/prefix.js';

const settings: PeerSettings = {
  local: {
    as: 64512,
    id: parseAddress('192.0.2.1'),
    holdTimeS: 9,
    families: ['ipv4', 'ipv6'],
    gracefulRestart: {restartTimeS: 30, longLivedS: 0},
  },
  remoteAs: 64513,
  connectRetryMs: 5_000,
  passive: false,
};
const moment = {now: 1_000, random: 0.5};

function openOf(notification: boolean | null): Open {
  const {gracefulRestart: _, ...helper} = settings.local;
  const open = localOpen({...helper, as: 64513, id: parseAddress('192.0.2.2')});
  const help: Capability[] =
    notification === null
      ? []
      : [{kind: 'graceful-restart', restarted: false, notification, restartTimeS: 0, families: []}];
  return {...open, capabilities: [...open.capabilities, ...help]};
}

function after(peer: PeerState, ...events: readonly PeerEvent[]): PeerState {
  return events.reduce((before, event) => step(before, event, moment).peer, peer);
}

const connected: readonly PeerEvent[] = [{kind: 'start'}, {kind: 'connected'}];
const upWith = (notification: boolean | null): readonly PeerEvent[] => [
  ...connected,
  {kind: 'message', message: openOf(notification)},
  {kind: 'message', message: {type: 'keepalive'}},
];

function sent({actions}: Step): Message[] {
  return actions.flatMap((action) => (action.kind === 'send' ? [action.message as Message] : []));
}

/** What the OPEN of the next connection says of graceful restart. */
function said(peer: PeerState): string {
  const [open] = sent(step(peer, {kind: 'connected'}, moment));
  if (open?.type !== 'open') throw new Error('no OPEN was sent');
  const restart = open.capabilities.find((capability) => capability.kind === 'graceful-restart');
  if (!restart) return 'nothing';
  const forwarding = restart.families.map(({forwarding}) => (forwarding ? 'F' : '-')).join('');
  return `${restart.restarted ? 'R' : '-'}${restart.notification ? 'N' : '-'} ${forwarding}`;
}

t.test('R and F: from the life before, then from this one', (t) => {
  const fresh = initialPeer(settings);
  t.equal(said(after(fresh, {kind: 'start'})), '-N --');
  const before: Preserved = {restarted: true, forwarding: ['ipv6']};
  const restarted = after(initialPeer(settings, before), {kind: 'start'});
  t.equal(said(restarted), 'RN -F');
  const failed = after(
    restarted,
    {kind: 'closed', reason: 'connect ECONNREFUSED'},
    {kind: 'timer', timer: 'connect-retry'},
  );
  t.equal(said(failed), 'RN -F', 'until there was a session');
  const lost = after(
    initialPeer(settings, before),
    ...upWith(true),
    {kind: 'closed', reason: 'read ECONNRESET'},
    {kind: 'timer', timer: 'idle-hold'},
  );
  t.equal(said(lost), '-N FF', 'nothing was restarted, and all is still forwarded');
  const {gracefulRestart: _, ...plain} = settings.local;
  t.equal(said(after(initialPeer({...settings, local: plain}, before), {kind: 'start'})), 'nothing');
  t.end();
});

t.test('waits do not grow while the peer counts down the restart time', (t) => {
  const waits = (peer: PeerState) => {
    let at = after(peer, {kind: 'start'});
    return Array.from({length: 10}, () => {
      const played = step(
        at,
        {kind: 'closed', reason: 'connect ECONNREFUSED'},
        {now: 1_000, random: 0.999_999},
      );
      at = after(played.peer, {kind: 'timer', timer: 'connect-retry'});
      const timer = played.actions.find((action) => action.kind === 'set-timer');
      return timer?.kind === 'set-timer' ? Math.round(timer.ms / 1_000) : null;
    });
  };
  const restarted = initialPeer(settings, {restarted: true, forwarding: []});
  t.same(waits(restarted), [1, 5, 5, 5, 5, 5, 5, 5, 10, 20]);
  t.same(waits(initialPeer(settings)), [1, 5, 10, 20, 30, 30, 30, 30, 30, 30], 'nobody waits for us');
  t.end();
});

t.test('a stop without a word: the connection is closed, not cut', (t) => {
  const played = step(
    after(initialPeer(settings), ...upWith(false)),
    {kind: 'stop', notification: null},
    moment,
  );
  t.same(sent(played), []);
  t.ok(played.actions.some((action) => action.kind === 'disconnect' && action.drain));
  t.equal(played.peer.state, 'idle');
  t.notOk(
    played.actions.some((action) => action.kind === 'set-timer'),
    'for good',
  );
  t.end();
});

t.test('what ends for good is a hard reset to those who would keep routes behind a NOTIFICATION', (t) => {
  const stop = (subcode: number): PeerEvent => ({kind: 'stop', notification: cease(subcode, 'bye')});
  const bfdDown: PeerEvent = {kind: 'fault', fault: {cause: 'bfd-down', reason: 'path down'}};
  const cases: [string, PeerEvent, string][] = [
    ['administrative shutdown', stop(2), '6/9 060203627965'],
    ['peer de-configured', stop(3), '6/9 0603'],
    ['BFD down', bfdDown, '6/9 060a'],
    ['other configuration change', stop(6), '6/6 '],
    ['hold timer', {kind: 'timer', timer: 'hold'}, '4/0 '],
    ['not synchronized', {kind: 'fault', fault: {cause: 'not-synchronized'}}, '1/1 '],
  ];
  for (const [name, event, expected] of cases) {
    const told = (notification: boolean | null) => {
      const [message] = sent(step(after(initialPeer(settings), ...upWith(notification)), event, moment));
      if (message?.type !== 'notification') throw new Error(`${name}: no NOTIFICATION`);
      return `${message.code}/${message.subcode} ${Buffer.from(message.data).toString('hex')}`;
    };
    t.equal(told(true), expected, name);
    t.notMatch(told(false), /^6\/9/, `${name}: RFC 4724 knows no hard reset, every NOTIFICATION is one`);
    t.notMatch(told(null), /^6\/9/, `${name}: without graceful restart`);
  }
  t.end();
});
