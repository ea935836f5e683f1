/** The BFD thread itself: two sessions of one host that are each other's peer, over loopback. */

import t from 'tap';
import {BfdClient} from '../../agent/bfd/bfd.js';
import type {BfdChange, BfdTarget} from '../../agent/bfd/messages.js';
import {systemClock} from '../../agent/io/clock.js';
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
  };
}

/** A session's changes, and a way to wait for one. */
function listener() {
  const changes: BfdChange[] = [];
  const waiting = new Map<string, () => void>();
  return {
    changes,
    hear: (change: BfdChange) => {
      changes.push(change);
      waiting.get(change.to)?.();
    },
    turns: (to: string) => new Promise<void>((resolve) => waiting.set(to, resolve)),
  };
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
