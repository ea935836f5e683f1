import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {detectionMs, initialSession, step, transmitMs} from '../../agent/bfd/fsm.js';
import {cellOf, type EventName, eventNames, table} from '../../agent/bfd/fsm-table.js';
import type {BfdAction, BfdEvent, BfdSettings, BfdState, BfdStep} from '../../agent/bfd/fsm-types.js';
import type {ControlPacket} from '../../agent/bfd/packet.js';
import type {BfdWord} from '../../agent/types.js';
import {root} from '../root.js';

const settings: BfdSettings = {
  transmitMs: 300,
  receiveMs: 300,
  detectMultiplier: 3,
  discriminator: 11,
  passive: false,
};
const states = Object.keys(table) as BfdWord[];
const luck = {now: 0, random: 1};

const packet = (state: BfdWord, keys: Partial<ControlPacket> = {}): BfdEvent => ({
  kind: 'packet',
  packet: {
    state,
    diagnostic: 0,
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 22,
    yourDiscriminator: 11,
    desiredMinTxUs: state === 'up' ? 300_000 : 1_000_000,
    requiredMinRxUs: 300_000,
    requiredMinEchoRxUs: 0,
    ...keys,
  },
});

/** One event for each name of the table. */
const sample: Record<EventName, BfdEvent> = {
  start: {kind: 'start'},
  stop: {kind: 'stop'},
  fail: {kind: 'fail'},
  configure: {kind: 'configure', timers: {transmitMs: 200, receiveMs: 250, detectMultiplier: 4}},
  'transmit-expired': {kind: 'timer', timer: 'transmit'},
  'detection-expired': {kind: 'timer', timer: 'detection'},
  'peer-admin-down': packet('admin-down'),
  'peer-down': packet('down'),
  'peer-init': packet('init'),
  'peer-up': packet('up'),
};

/** Events that lead into each state. */
const path: Record<BfdWord, readonly BfdEvent[]> = {
  'admin-down': [],
  down: [sample.start],
  init: [sample.start, sample['peer-down']],
  up: [sample.start, sample['peer-init']],
};

function run(events: readonly BfdEvent[], session = initialSession(settings)): BfdState {
  return events.reduce((before, event) => step(before, event, luck).session, session);
}

const sent = ({actions}: BfdStep): ControlPacket[] =>
  actions.flatMap((action) => (action.kind === 'send' ? [action.packet] : []));

function timer(actions: readonly BfdAction[], name: string): number | undefined {
  for (const action of actions) if (action.kind === 'set-timer' && action.timer === name) return action.ms;
  return undefined;
}

/** Up, and the Poll that told our intervals answered. */
const settled = (): BfdState => run([packet('up', {final: true})], run(path.up));

t.test('every state and event does what the table of the README says', (t) => {
  const documented = readTable();
  let walked = 0;
  for (const state of states) {
    for (const event of eventNames) {
      t.same(cellOf(state, event), documented.get(`${state} ${event}`), `${state} × ${event} in both`);
      const session = run(path[state]);
      t.equal(session.state, state);
      const played = step(session, sample[event], luck);
      t.equal(played.session.state, cellOf(state, event).to, `${state} × ${event} is played so`);
      const changes = played.actions.filter((action) => action.kind === 'state');
      t.equal(changes.length, played.session.state === state ? 0 : 1, 'a change is told once');
      for (const each of sent(played)) {
        t.notOk(each.poll && each.final, 'P and F never stand together');
        t.notOk(each.controlPlaneIndependent);
        if (each.state !== 'up') t.ok(each.desiredMinTxUs >= 1_000_000, 'at least a second until up');
      }
      walked++;
    }
  }
  t.equal(walked, 4 * eventNames.length);
  t.equal(documented.size, walked);
  t.end();
});

function readTable(): Map<string, {to: string; does: string}> {
  const text = readFileSync(join(root, 'agent/bfd/README.md'), 'utf8');
  const rows = text.matchAll(/^\| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$/gm);
  return new Map(
    [...rows].flatMap(([, state = '', event = '', to = '', does = '']) =>
      states.some((known) => known === state) ? [[`${state} ${event}`, {to, does}] as const] : [],
    ),
  );
}

t.test('the way up: a second each until up, then the configured interval at once, told with a Poll', (t) => {
  const started = step(initialSession(settings), sample.start, luck);
  t.match(sent(started), [{state: 'down', yourDiscriminator: 0, desiredMinTxUs: 1_000_000, poll: false}]);
  t.equal(timer(started.actions, 'transmit'), 1000);
  t.equal(timer(started.actions, 'detection'), undefined, 'nobody was heard');

  const init = step(started.session, sample['peer-down'], luck);
  t.match(sent(init), [{state: 'init', yourDiscriminator: 22, poll: false}]);
  t.equal(timer(init.actions, 'detection'), 3000, "three of the peer's seconds");

  const up = step(init.session, sample['peer-init'], luck);
  t.match(sent(up), [{state: 'up', poll: true, desiredMinTxUs: 300_000, requiredMinRxUs: 300_000}]);
  t.equal(timer(up.actions, 'transmit'), 300, 're-armed: the slow timer would fail the peer');

  const again = step(up.session, sample['transmit-expired'], luck);
  t.match(sent(again), [{poll: true}], 'polls until it is answered');
  const final = step(again.session, packet('up', {final: true}), luck);
  t.same(sent(final), []);
  t.equal(timer(final.actions, 'detection'), 900);
  t.match(sent(step(final.session, sample['transmit-expired'], luck)), [{poll: false}]);
  t.end();
});

t.test('jitter: a quarter less at most; with a multiplier of 1 a tenth less at least', (t) => {
  const interval = (detectMultiplier: number, random: number): number | undefined => {
    const session = {...settled(), settings: {...settings, detectMultiplier}};
    return timer(step(session, sample['transmit-expired'], {now: 0, random}).actions, 'transmit');
  };
  t.equal(interval(3, 0), 225);
  t.equal(interval(3, 1), 300);
  t.equal(interval(1, 0), 225);
  t.equal(interval(1, 1), 270);
  t.end();
});

t.test('intervals are negotiated: the slower side decides', (t) => {
  const fast = packet('up', {final: true, desiredMinTxUs: 50_000, requiredMinRxUs: 50_000});
  t.equal(transmitMs(run([fast], run(path.up))), 300, 'we do not send faster than configured');
  t.equal(detectionMs(run([fast], run(path.up))), 900, 'nor does the peer have to');
  const slow = packet('up', {desiredMinTxUs: 700_000, requiredMinRxUs: 500_000, detectMultiplier: 5});
  const played = step(settled(), slow, luck);
  t.equal(transmitMs(played.session), 500);
  t.equal(timer(played.actions, 'transmit'), 500);
  t.equal(timer(played.actions, 'detection'), 3500, "the peer's multiplier");
  const mute = step(settled(), packet('up', {requiredMinRxUs: 0}), luck);
  t.ok(mute.actions.some((action) => action.kind === 'clear-timer' && action.timer === 'transmit'));
  const demand = step(settled(), packet('up', {demand: true}), luck);
  t.equal(transmitMs(demand.session), null, 'RFC 5880 §6.6: a peer in Demand mode wants no packets');
  t.end();
});

t.test('a Poll is answered at once with a Final, in every state that listens', (t) => {
  let answered = 0;
  for (const state of states) {
    for (const said of states) {
      const played = step(run(path[state]), packet(said, {poll: true}), luck);
      const finals = sent(played).filter(({final}) => final);
      t.equal(finals.length, state === 'admin-down' ? 0 : 1, `${state}, polled by ${said}`);
      answered += finals.length;
    }
  }
  t.equal(answered, 12);
  t.end();
});

t.test('new intervals while up: told with a Poll; what could fail the peer waits for the Final', (t) => {
  const timers = {transmitMs: 500, receiveMs: 100, detectMultiplier: 4};
  const polled = step(settled(), {kind: 'configure', timers}, luck);
  t.match(sent(polled), [
    {poll: true, desiredMinTxUs: 500_000, requiredMinRxUs: 100_000, detectMultiplier: 4},
  ]);
  t.equal(transmitMs(polled.session), 300, 'still as often as before');
  t.equal(detectionMs(polled.session), 900, 'still as patient as before');
  const twice = step(polled.session, {kind: 'configure', timers: {...timers, transmitMs: 600}}, luck);
  const first = step(twice.session, packet('up', {final: true}), luck);
  t.equal(transmitMs(first.session), 300, 'that Final answered the Poll before');
  const second = step(first.session, packet('up', {final: true}), luck);
  t.equal(transmitMs(second.session), 600);
  t.equal(detectionMs(second.session), 900, 'the peer sends every 300 ms');
  t.equal(second.session.polling, 'no');

  const faster = step(settled(), {kind: 'configure', timers: {...timers, transmitMs: 200}}, luck);
  t.equal(transmitMs(faster.session), 300, 'the peer asks for no more');
  t.equal(faster.session.inForce.desiredMinTxMs, 200, 'sending faster needs no leave');
  t.end();
});

t.test('the next packet counts from the last one, however often the peer changes its mind', (t) => {
  const [first, second] = [
    packet('up', {requiredMinRxUs: 400_000}),
    packet('up', {requiredMinRxUs: 450_000}),
  ];
  const at = (session: BfdState, event: BfdEvent, now: number) => step(session, event, {now, random: 1});
  const sentAt100 = at(settled(), sample['transmit-expired'], 100).session;
  const slower = at(sentAt100, first, 300);
  t.equal(timer(slower.actions, 'transmit'), 200, 'at 500: 400 after the last');
  const again = at(slower.session, second, 450);
  t.equal(timer(again.actions, 'transmit'), 100, 'at 550');
  const faster = at(again.session, packet('up'), 520);
  t.equal(timer(faster.actions, 'transmit'), 0, '§6.8.3: no longer than the new interval, which is over');
  const polled = at(faster.session, packet('up', {poll: true, requiredMinRxUs: 600_000}), 530);
  t.match(sent(polled), [{final: true}]);
  t.equal(
    timer(polled.actions, 'transmit'),
    170,
    'a Final is out of turn: still 600 after the packet at 100',
  );
  t.end();
});

t.test('§6.5: no packet only for the sake of a Poll; what is new goes out at once', (t) => {
  const polledUp = step(run(path.init), packet('up', {poll: true}), luck);
  t.match(sent(polledUp), [{state: 'up', final: true, poll: false, desiredMinTxUs: 300_000}]);
  t.equal(sent(polledUp).length, 1, 'the Final says that we are up: our Poll goes with the next packet');
  t.match(sent(step(polledUp.session, sample['transmit-expired'], luck)), [{poll: true}]);
  const twice = {kind: 'configure', timers: {transmitMs: 200, receiveMs: 300, detectMultiplier: 3}} as const;
  const before = step(settled(), sample.configure, luck).session;
  t.match(sent(step(before, twice, luck)), [{poll: true, desiredMinTxUs: 200_000}], 'also while polling');
  t.same(sent(step(step(before, twice, luck).session, twice, luck)), [], 'the same once more is no news');
  t.end();
});

t.test('silence: down with its diagnostic, and the peer is forgotten', (t) => {
  const played = step(settled(), sample['detection-expired'], luck);
  t.match(played.actions[0], {kind: 'state', from: 'up', to: 'down', diagnostic: 1});
  t.match(sent(played), [{state: 'down', diagnostic: 1, yourDiscriminator: 0, poll: false}]);
  t.equal(timer(played.actions, 'transmit'), 1000);
  t.match(sent(step(played.session, sample['peer-down'], luck)), [{state: 'init', diagnostic: 1}]);
  t.end();
});

t.test('the peer takes the session down, and says whether by hand', (t) => {
  const played = step(settled(), sample['peer-admin-down'], luck);
  t.match(played.actions[0], {to: 'down', diagnostic: 3, remote: {state: 'admin-down'}});
  t.match(step(settled(), sample['peer-down'], luck).actions[0], {diagnostic: 3, remote: {state: 'down'}});
  t.end();
});

t.test('stop: AdminDown, until the peer was silent for a detection time', (t) => {
  const stopped = step(settled(), sample.stop, luck);
  t.match(sent(stopped), [{state: 'admin-down', diagnostic: 7, yourDiscriminator: 22, poll: false}]);
  t.match(sent(step(stopped.session, sample['transmit-expired'], luck)), [{state: 'admin-down'}]);
  const over = step(stopped.session, sample['detection-expired'], luck);
  t.match(over.actions, [{kind: 'clear-timer', timer: 'transmit'}]);
  t.same(step(over.session, sample['transmit-expired'], luck).actions, []);
  t.end();
});

t.test('passive: not a word before the peer has spoken, nor after it fell silent', (t) => {
  const passive = initialSession({...settings, passive: true});
  const started = step(passive, sample.start, luck);
  t.same(
    started.actions.map(({kind}) => kind),
    ['state'],
  );
  const init = step(started.session, sample['peer-down'], luck);
  t.match(sent(init), [{state: 'init'}]);
  t.equal(timer(init.actions, 'transmit'), 1000);
  const up = step(init.session, sample['peer-init'], luck);
  const silent = step(up.session, sample['detection-expired'], luck);
  t.same(sent(silent), []);
  t.ok(silent.actions.some((action) => action.kind === 'clear-timer' && action.timer === 'transmit'));
  t.end();
});

t.test('a failure on our side takes the session down', (t) => {
  t.match(sent(step(settled(), sample.fail, luck)), [{state: 'down', diagnostic: 5}]);
  t.end();
});
