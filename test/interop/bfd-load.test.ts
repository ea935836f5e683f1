/** BFD at 300 ms × 3 of an agent that is busy: no false alarm, and the right one in the right order. */

import t from 'tap';
import {Lab} from '../lab/lab.js';
import {LoadedAgent} from '../lab/loaded.js';
import {Stall} from '../lab/stall.js';
import {waitFor} from '../lab/wait.js';

const bursts = 3;
const checksPerSecond = 300;
/** What this test did not get to run for, as well as its agent, comes on top. */
const slackMs = 100;

t.test('BFD under load', async (t) => {
  t.setTimeout(120_000);
  const lab = await Lab.create(t);
  const loaded = await LoadedAgent.start(lab, {
    checksPerSecond,
    intervalMs: 200,
    bfdMs: 300,
    logLevel: 'debug',
  });
  const {agent, detectMs, peers, spoke} = loaded;

  await t.test('checks, bursts of withdrawals and of log lines: BFD stays up', async (t) => {
    const view = await loaded.routersView();
    const began = performance.now();
    for (let burst = 0; burst < bursts; burst++) {
      await loaded.fail();
      await loaded.recover();
      await loaded.checked(2 * checksPerSecond);
    }
    t.comment(`${bursts} bursts in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    t.same(loaded.falls, [], 'the agent lost nothing');
    t.equal(await loaded.routersView(), view, 'nor did BIRD');
    t.equal(view.match(/ Up /g)?.length, peers.length);
  });

  await t.test('a path that goes silent: BFD first, then BGP, in time', async (t) => {
    const before = agent.log.length;
    const stall = new Stall();
    await spoke.namespace.silence(spoke.link);
    const cutAt = Date.now();
    const lines = await waitFor(
      'the agent to lose every peer',
      () =>
        agent.log
          .slice(before)
          .filter(({msg}) => /^(bfd session|peer) \S+ (up|down|idle|established)/.test(msg)),
      (found) => found.filter(({msg}) => msg.includes(' idle')).length >= peers.length,
    );
    const stallMs = stall.end();
    for (const name of peers) {
      t.match(
        lines.filter(({peer}) => peer === name).map(({msg}) => msg),
        [
          `bfd session ${name} down: control detection time expired`,
          `peer ${name} idle: sent NOTIFICATION: BFD down: control detection time expired`,
        ],
      );
    }
    const lastAt = Math.max(...lines.map(({time}) => Date.parse(String(time))));
    t.comment(`gone after ${lastAt - cutAt} ms; this test did not run for ${Math.round(stallMs)} ms`);
    t.ok(lastAt - cutAt < detectMs + slackMs + stallMs, `after ${lastAt - cutAt} ms`);
  });
});
