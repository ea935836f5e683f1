import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {initialPeer, step} from '../../agent/bgp/fsm.js';
import {cellOf, type EventName, eventNames, table} from '../../agent/bgp/fsm-table.js';
import type {PeerAction, PeerEvent, PeerSettings, PeerState, Step} from '../../agent/bgp/fsm-types.js';
import type {Message, Open} from '../../agent/bgp/wire/message.js';
import {localOpen} from '../../agent/bgp/wire/negotiate.js';
import {cease} from '../../agent/bgp/wire/notification.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {PeerWord} from '../../agent/types.js';
import {root} from '../root.js';

const local = {as: 64512, id: parseAddress('192.0.2.1'), holdTimeS: 9, families: ['ipv4', 'ipv6'] as const};
const settings: PeerSettings = {local, remoteAs: 64513, connectRetryMs: 5_000, passive: false};
const remoteOpen: Open = localOpen({...local, as: 64513, id: parseAddress('192.0.2.2'), holdTimeS: 30});
const states = Object.keys(table) as PeerWord[];
const moment = {now: 1_000, random: 0.5};

const update: Message = {
  type: 'update',
  announced: {ipv4: 1, ipv6: 0},
  withdrawn: {ipv4: 0, ipv6: 0},
  attributes: [],
  endOfRib: null,
  faults: [],
  prefixes: () => ({announced: [], withdrawn: []}),
};

/** One event for each name of the table. */
const sample: Record<EventName, PeerEvent> = {
  start: {kind: 'start'},
  'start-passive': {kind: 'start'},
  stop: {kind: 'stop', notification: cease(2, 'bye')},
  'connect-retry-expired': {kind: 'timer', timer: 'connect-retry'},
  'hold-expired': {kind: 'timer', timer: 'hold'},
  'keepalive-expired': {kind: 'timer', timer: 'keepalive'},
  'idle-hold-expired': {kind: 'timer', timer: 'idle-hold'},
  'send-hold-expired': {kind: 'timer', timer: 'send-hold'},
  connected: {kind: 'connected'},
  closed: {kind: 'closed', reason: 'read ECONNRESET'},
  taken: {kind: 'taken'},
  open: {kind: 'message', message: remoteOpen},
  keepalive: {kind: 'message', message: {type: 'keepalive'}},
  update: {kind: 'message', message: update},
  notification: {kind: 'message', message: cease(4, 'maintenance')},
  'route-refresh': {kind: 'message', message: {type: 'route-refresh', afi: 1, subtype: 0, safi: 1}},
  fault: {kind: 'fault', fault: {cause: 'not-synchronized'}},
};

/** Events that lead from Idle into each state. */
const path: Record<PeerWord, readonly PeerEvent[]> = {
  idle: [],
  connect: [sample.start],
  active: [sample.start, sample.closed],
  'open-sent': [sample.start, sample.connected],
  'open-confirm': [sample.start, sample.connected, sample.open],
  established: [sample.start, sample.connected, sample.open, sample.keepalive],
};

function run(events: readonly PeerEvent[], peer = initialPeer(settings), at = moment): PeerState {
  return events.reduce((before, event) => step(before, event, at).peer, peer);
}

function sent({actions}: Step): Message[] {
  return actions.flatMap((action) => (action.kind === 'send' ? [action.message as Message] : []));
}

function timer(actions: readonly PeerAction[], name: string): number | undefined {
  for (const action of actions) if (action.kind === 'set-timer' && action.timer === name) return action.ms;
  return undefined;
}

t.test('every state and event does what the table of the README says', (t) => {
  const documented = readTable();
  t.equal(
    documented.size,
    states.reduce((rows, state) => rows + Object.keys(table[state]).length, 0),
  );
  let walked = 0;
  for (const state of states) {
    for (const event of eventNames) {
      const row = documented.get(`${state} ${event}`) ?? documented.get(`${state} any other`);
      t.same(cellOf(state, event), row, `${state} × ${event} in code and README`);
      const passive = event === 'start-passive';
      const peer = {...run(path[state]), settings: {...settings, passive}};
      t.equal(peer.state, state);
      t.equal(step(peer, sample[event], moment).peer.state, row?.to, `${state} × ${event} is played so`);
      walked++;
    }
  }
  t.equal(walked, 6 * eventNames.length);
  t.end();
});

t.test('into Idle there is one way: every timer stopped, the connection closed', (t) => {
  let ways = 0;
  for (const state of states.filter((state) => state !== 'idle')) {
    for (const event of eventNames) {
      const played = step(run(path[state]), sample[event], moment);
      if (played.peer.state !== 'idle') continue;
      ways++;
      const cleared = played.actions.flatMap((action) =>
        action.kind === 'clear-timer' ? [action.timer] : [],
      );
      t.same(
        cleared.sort(),
        ['connect-retry', 'hold', 'idle-hold', 'keepalive', 'send-hold'],
        `${state} × ${event}`,
      );
      t.ok(played.actions.some(({kind}) => kind === 'disconnect'));
      t.match(played.peer, {negotiated: null, establishedAt: null});
      t.ok(played.actions.some((action) => action.kind === 'state' && action.to === 'idle'));
      // What begins again by itself: everything but what we stopped.
      t.equal(timer(played.actions, 'idle-hold') !== undefined, event !== 'stop');
      const last = played.actions.at(-1);
      t.ok(
        last?.kind === (event === 'stop' ? 'state' : 'set-timer'),
        'nothing is cleared behind the new timer',
      );
    }
  }
  t.ok(ways > 30);
  t.end();
});

t.test('a session from start to established', (t) => {
  let played = step(initialPeer(settings), sample.start, moment);
  t.same(
    played.actions.map(({kind}) => kind),
    ['clear-timer', 'set-timer', 'connect', 'state'],
  );
  t.equal(timer(played.actions, 'connect-retry'), 5_000 * 0.875);
  played = step(played.peer, sample.connected, moment);
  t.same(sent(played), [localOpen(local)]);
  t.equal(timer(played.actions, 'hold'), 240_000, 'RFC 4271 §8.2.2: four minutes for the OPEN');
  played = step(played.peer, sample.open, moment);
  t.same(sent(played), [{type: 'keepalive'}]);
  t.equal(timer(played.actions, 'hold'), 9_000, 'the smaller hold time of the two');
  t.equal(timer(played.actions, 'keepalive'), 3_000 * 0.875);
  played = step(played.peer, sample.keepalive, moment);
  t.equal(timer(played.actions, 'hold'), 9_000);
  t.equal(timer(played.actions, 'send-hold'), 480_000, 'RFC 9687 §4: never under 8 minutes');
  t.equal(played.peer.negotiated?.remoteAs, 64513);
  t.match(played.actions.at(-1), {kind: 'state', from: 'open-confirm', to: 'established'});
  played = step(played.peer, sample.update, moment);
  t.match(played.actions, [
    {kind: 'set-timer', timer: 'hold'},
    {kind: 'deliver', message: {type: 'update'}},
  ]);
  played = step(played.peer, sample['keepalive-expired'], moment);
  t.same(sent(played), [{type: 'keepalive'}]);
  t.ok(timer(played.actions, 'keepalive'));
  t.end();
});

t.test('keepalives are never more frequent than one a second', (t) => {
  const peer = run(path['open-sent']);
  const holdTime3 = {...remoteOpen, holdTimeS: 3};
  const played = step(peer, {kind: 'message', message: holdTime3}, {now: 0, random: 0});
  t.equal(timer(played.actions, 'keepalive'), 1_000);
  t.end();
});

t.test('a hold time of 0 means neither hold timer nor keepalives', (t) => {
  const played = step(
    run(path['open-sent']),
    {kind: 'message', message: {...remoteOpen, holdTimeS: 0}},
    moment,
  );
  t.ok(played.actions.some((action) => action.kind === 'clear-timer' && action.timer === 'hold'));
  t.notOk(played.actions.some(({kind}) => kind === 'set-timer'));
  const established = step(played.peer, sample.keepalive, moment);
  t.equal(established.peer.state, 'established');
  t.notOk(established.actions.some(({kind}) => kind === 'set-timer'));
  t.end();
});

t.test('each fault is told to the peer with its code and subcode', (t) => {
  const open = (change: Partial<Open>): PeerEvent => ({kind: 'message', message: {...remoteOpen, ...change}});
  const cases: [string, PeerWord, PeerEvent, number, number, RegExp][] = [
    ['wrong AS', 'open-sent', open({as: 64514}), 2, 2, /bad peer AS/],
    ['our own AS', 'open-sent', open({as: 64512}), 2, 2, /bad peer AS/],
    [
      'no common family',
      'open-sent',
      open({capabilities: [{kind: 'multiprotocol', afi: 25, safi: 70}]}),
      2,
      7,
      /unsupported capability/,
    ],
    ['unexpected in open-sent', 'open-sent', sample.update, 5, 1, /unexpected message in open-sent/],
    ['unexpected in open-confirm', 'open-confirm', sample.update, 5, 2, /unexpected message in open-confirm/],
    ['a second OPEN', 'established', sample.open, 5, 3, /unexpected message in established/],
    ['hold timer', 'established', sample['hold-expired'], 4, 0, /hold timer expired/],
    ['no OPEN for four minutes', 'open-sent', sample['hold-expired'], 4, 0, /hold timer expired/],
    ['send hold timer', 'established', sample['send-hold-expired'], 8, 0, /send hold timer expired/],
    ['a header', 'established', sample.fault, 1, 1, /connection not synchronized/],
  ];
  for (const [name, state, event, code, subcode, text] of cases) {
    const played = step(run(path[state]), event, moment);
    t.match(sent(played), [{type: 'notification', code, subcode}], name);
    t.match(played.peer.lastError, text, name);
    t.match(played.peer.lastError, /^sent NOTIFICATION: /, name);
    t.ok(
      played.actions.some((action) => action.kind === 'disconnect' && action.drain),
      `${name}: it arrives`,
    );
  }
  t.end();
});

t.test('a NOTIFICATION is never answered; its text is kept', (t) => {
  for (const state of ['open-sent', 'open-confirm', 'established'] as const) {
    const played = step(run(path[state]), sample.notification, moment);
    t.same(sent(played), [], state);
    t.equal(played.peer.lastError, 'received NOTIFICATION: cease: administrative reset: "maintenance"');
  }
  t.end();
});

t.test('stop says why, and is final', (t) => {
  const played = step(run(path.established), sample.stop, moment);
  t.match(sent(played), [{type: 'notification', code: 6, subcode: 2}]);
  t.equal(played.peer.lastError, null);
  for (const state of ['connect', 'active'] as const) {
    t.same(sent(step(run(path[state]), sample.stop, moment)), [], `${state}: nobody to tell`);
  }
  const waiting = step(run([...path.established, sample.closed]), sample.stop, moment);
  t.ok(waiting.actions.some((action) => action.kind === 'clear-timer' && action.timer === 'idle-hold'));
  t.end();
});

t.test('waits grow with failures, and a stable session ends the row', (t) => {
  const at = {now: 0, random: 0.999999};
  const seconds = (ms: number | undefined) => Math.round((ms ?? Number.NaN) / 1000);
  let peer = run([sample.start]);
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    const failed = step(peer, sample.closed, at);
    waits.push(seconds(timer(failed.actions, 'connect-retry')));
    peer = step(failed.peer, sample['connect-retry-expired'], at).peer;
  }
  t.same(waits, [1, 5, 10, 20, 30, 30, 30]);
  const lastAttempt = step({...peer, state: 'active'}, sample['connect-retry-expired'], at);
  t.equal(
    seconds(timer(lastAttempt.actions, 'connect-retry')),
    30,
    'an attempt may last as long as the wait',
  );

  const upAt = (now: number) =>
    run([sample.connected, sample.open, sample.keepalive], peer, {now, random: 0.5});
  const flapped = step(upAt(1_000), sample.closed, {...at, now: 30_999});
  t.equal(seconds(timer(flapped.actions, 'idle-hold')), 30, 'a short session is one more failure');
  const stable = step(upAt(1_000), sample.closed, {...at, now: 31_000});
  t.equal(seconds(timer(stable.actions, 'idle-hold')), 1);
  t.equal(stable.peer.failures, 1);

  const slow = initialPeer({...settings, connectRetryMs: 120_000});
  const failed = step(
    step(run([sample.start, sample.closed], slow), sample['connect-retry-expired'], at).peer,
    sample.closed,
    at,
  );
  t.equal(seconds(timer(failed.actions, 'connect-retry')), 120, 'a longer connect_retry is the bound itself');
  t.end();
});

t.test('jitter takes off up to a quarter', (t) => {
  const least = step(initialPeer(settings), sample.start, {now: 0, random: 0});
  t.equal(timer(least.actions, 'connect-retry'), 3_750);
  const eager = step(initialPeer({...settings, connectRetryMs: 100}), sample.start, {now: 0, random: 0});
  t.equal(
    timer(eager.actions, 'connect-retry'),
    3_750,
    'an attempt is not cut short by an eager connect_retry',
  );
  t.end();
});

t.test('an attempt without an answer is cut off and made again', (t) => {
  const again = step(run(path.connect), sample['connect-retry-expired'], moment);
  t.same(
    again.actions.map(({kind}) => kind),
    ['disconnect', 'set-timer', 'connect'],
  );
  t.equal(again.peer.failures, 1);
  t.match(again.peer.lastError, /no answer/);
  t.end();
});

t.test('a passive peer waits, and takes whoever comes when any AS will do', (t) => {
  const any: PeerSettings = {...settings, passive: true, remoteAs: 'any'};
  const waiting = step(initialPeer(any), sample.start, moment);
  t.equal(waiting.peer.state, 'active');
  t.notOk(waiting.actions.some(({kind}) => kind === 'connect' || kind === 'set-timer'));
  const up = run([sample.connected, sample.open, sample.keepalive], waiting.peer);
  t.equal(up.state, 'established');
  t.equal(up.negotiated?.remoteAs, 64513);
  const over = step(up, sample.closed, moment);
  t.equal(over.peer.state, 'idle');
  t.equal(timer(over.actions, 'idle-hold'), undefined);
  t.end();
});

function readTable(): Map<string, {to: string; does: string}> {
  const text = readFileSync(join(root, 'agent/bgp/README.md'), 'utf8');
  const rows = new Map<string, {to: string; does: string}>();
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    const [, state = '', event = '', to = '', does = ''] = cells;
    if (cells.length === 6 && states.some((known) => known === state)) {
      rows.set(`${state} ${event === 'any other' ? 'any other' : event}`, {to, does});
    }
  }
  return rows;
}
