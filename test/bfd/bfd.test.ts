/** The BFD thread itself: two sessions of one host that are each other's peer, over loopback. */

import {readdirSync, readFileSync} from 'node:fs';
import {getPriority} from 'node:os';
import t from 'tap';
import {BfdClient, type BfdThread} from '../../agent/bfd/bfd.js';
import type {BfdChange, BfdTarget, ToBfd} from '../../agent/bfd/messages.js';
import {systemClock} from '../../agent/io/clock.js';
import {startThread} from '../../agent/io/thread.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import {enterOwnNetwork} from '../lab/own-network.js';

const skip = enterOwnNetwork();
const [one, two] = ['127.0.0.1', '127.0.0.2'];

function target(from: string, to: string): BfdTarget {
  return {
    address: parseAddress(to),
    localAddress: parseAddress(from),
    port: 3784,
    // Patient: a loaded machine must not be taken for a lost path here.
    timers: {transmitMs: 100, receiveMs: 100, detectMultiplier: 50},
    passive: false,
    minimumTtl: 255,
    authentication: null,
  };
}

/** A session's changes, and a way to wait for one. */
function listener() {
  const changes: BfdChange[] = [];
  const refusals: string[] = [];
  const waiting = new Map<string, () => void>();
  return {
    changes,
    hear: {
      onChange: (change: BfdChange) => {
        changes.push(change);
        waiting.get(change.to)?.();
      },
      onRefusal: (reason: string) => refusals.push(reason),
    },
    refusals,
    turns: (to: string) => new Promise<void>((resolve) => waiting.set(to, resolve)),
  };
}

/** How nice the threads of this process are that are not as nice as usual. */
function preferred(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    // The 19th field of all; the name in brackets, the second, may hold blanks.
    const nice = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    return nice === getPriority() ? [] : [nice];
  });
}

/** CAP_SYS_NICE, number 23. */
function mayPrefer(): boolean {
  const capabilities = /^CapEff:\s+([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${capabilities}`) >> 23n) & 1n) === 1n;
}

t.test('sessions come up in their thread; one that is closed says so to its peer', {skip}, async (t) => {
  const events: AgentEvent[] = [];
  const client = new BfdClient({clock: systemClock, emit: (event) => void events.push(event)});
  const [a, b] = [listener(), listener()];
  const up = [a.turns('up'), b.turns('up')];
  const first = client.open(target(one, two), a.hear);
  const second = client.open(target(two, one), b.hear);
  await Promise.all(up);
  t.equal(first.state, 'up');
  t.equal(second.state, 'up');
  t.same(
    preferred(),
    mayPrefer() ? [-14] : [],
    'the scheduler prefers this one thread, where we may ask for it',
  );

  const down = b.turns('down');
  await first.close();
  await down;
  t.match(b.changes.at(-1), {from: 'up', to: 'down', byHand: true});
  t.equal(a.changes.at(-1)?.to, 'up', 'who closes a session hears no more of it');
  await second.close();

  const again = a.turns('down');
  const third = client.open(target(one, two), a.hear);
  await again;
  t.equal(third.state, 'down', 'a new thread, and nobody there');
  await third.close();
  t.same(events, []);
});

t.test(
  'a thread that dies: its sessions come back, and nobody is told that a path is down',
  {skip},
  async (t) => {
    const notes: string[] = [];
    const emit = (event: AgentEvent) => void (event.kind === 'note' && notes.push(event.message));
    const threads: BfdThread[] = [];
    const mortal = new BfdClient({
      clock: systemClock,
      emit,
      start(module, data) {
        const thread: BfdThread = startThread(module, data);
        threads.push(thread);
        return thread;
      },
    });
    const [a, b] = [listener(), listener()];
    const up = [a.turns('up'), b.turns('up')];
    const first = mortal.open(target(one, two), a.hear);
    const second = mortal.open(target(two, one), b.hear);
    await Promise.all(up);
    const again = [a.turns('up'), b.turns('up')];
    // Nothing that it understands.
    threads[0]?.post({kind: 'open'} as unknown as ToBfd);
    await Promise.all(again);
    t.equal(first.state, 'up');
    t.equal(threads.length, 2);
    for (const {changes} of [a, b]) {
      const lost = changes.filter(({from, to}) => from === 'up' && to === 'down');
      t.match(lost, [{byHand: true, reason: 'the bfd thread ended'}]);
      t.equal(lost.length, 1);
    }
    t.equal(notes.length, 1);
    t.match(notes[0], /^the bfd thread ended and is started again: .*undefined/);
    await Promise.all([first.close(), second.close()]);
  },
);
