/** What the admin state does to what is announced. */

import t from 'tap';
import {Agent} from '../../agent/agent.js';
import type {ServiceConfig} from '../../agent/config/types.js';
import type {Address, AdminState, AgentEvent, AnnouncerName, Route} from '../../agent/types.js';
import {configOf} from '../config/fixture.js';
import {FakeCheck, fakeEffects} from '../fake/checks.js';
import {FakeClock, settle} from '../fake/clock.js';
import {checkConfig, serviceConfig} from '../fake/config.js';
import {FakeInstaller} from '../fake/installer.js';

async function rig(keys: Partial<ServiceConfig> = {}, first: AdminState = 'enabled') {
  const clock = new FakeClock();
  const journal: string[] = [];
  const events: AgentEvent[] = [];
  const check = new FakeCheck(clock);
  const bgp = new FakeInstaller<Route>('bgp', journal);
  let wanted = first;
  const service = serviceConfig('web', ['192.0.2.1'], {
    checks: [checkConfig({options: 'web', rise: 1, fall: 1, intervalMs: 1000})],
    ...keys,
  });
  const config = {...configOf({main: 'kernel: {}'}), services: [service]};
  const agent = new Agent({
    config,
    effects: fakeEffects(clock),
    cron: () => () => {},
    createCheck: () => check,
    addresses: new FakeInstaller<Address>('address' as AnnouncerName, journal),
    announcers: [bgp],
    adopt: false,
    adminOf: () => ({state: wanted, reason: 'by alice: kernel update'}),
    emit: (event) => events.push(event),
  });
  await agent.start();
  await clock.run(100);
  return {
    agent,
    bgp,
    check,
    clock,
    config,
    events,
    happened: async () => {
      await settle();
      return journal.splice(0);
    },
    order: async (state: AdminState) => {
      wanted = state;
      agent.applyAdmin();
      await clock.run(0);
    },
  };
}

const up = ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32'];

t.test('drained: the route goes, the address and the checks stay', async (t) => {
  const {agent, check, clock, events, happened, order} = await rig();
  t.same(await happened(), up);
  await order('drained');
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
  t.match(events.at(-1), {
    kind: 'admin-state',
    service: 'web',
    from: 'enabled',
    to: 'drained',
    reason: 'by alice: kernel update',
  });
  const runs = check.starts.length;
  await clock.run(3000);
  t.equal(check.starts.length, runs + 3);
  t.same(await happened(), []);
  await order('enabled');
  t.same(await happened(), ['+bgp 192.0.2.1/32']);
  const said = events.length;
  await order('enabled');
  t.equal(events.length, said, 'the same again is no news');
  await agent.stop('withdraw');
});

t.test('disabled: everything goes, and the checks start anew afterwards', async (t) => {
  const {agent, check, clock, happened, order} = await rig();
  await happened();
  await order('disabled');
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  t.match(agent.services[0]?.state, {
    settled: 'unknown',
    admin: 'disabled',
    reason: 'by alice: kernel update',
  });
  const runs = check.starts.length;
  await clock.run(5000);
  t.equal(check.starts.length, runs);
  await order('enabled');
  await clock.run(1000);
  t.same(await happened(), up);
  await agent.stop('withdraw');
});

t.test('forced up: announced though the checks fail, and not any more afterwards', async (t) => {
  const {agent, check, clock, happened, order} = await rig();
  await happened();
  check.verdict = 'fail';
  await clock.run(1000);
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  await order('forced-up');
  t.same(await happened(), up);
  await clock.run(5000);
  t.same(await happened(), []);
  await order('enabled');
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  await agent.stop('withdraw');
});

t.test('a drain with attributes: worse for a while, then out; taken back, better at once', async (t) => {
  const {agent, bgp, check, clock, happened, order} = await rig({
    drain: {forMs: 10_000, override: {med: 500}},
  });
  const meds = () => bgp.desired.items.map(({med}) => med);
  await happened();
  t.same(meds(), [null]);
  await order('drained');
  t.same(meds(), [500]);
  await order('enabled');
  t.same(meds(), [null]);
  await order('drained');
  await clock.run(9999);
  t.same(meds(), [500]);
  await clock.run(1);
  t.same(meds(), []);
  await order('enabled');
  t.same(meds(), [null]);
  await order('drained');
  check.verdict = 'fail';
  await clock.run(1000);
  t.same(meds(), [], 'a service that fails meanwhile is not announced any longer');
  const stopped = agent.stop('withdraw');
  await clock.run(20_000);
  await stopped;
  t.equal(clock.pending, 0);
});

t.test('an order from an earlier life counts from the start, and through a reload', async (t) => {
  const {agent, clock, config, happened} = await rig({}, 'disabled');
  t.same(await happened(), []);
  const [service] = config.services;
  if (!service) throw new Error('no service');
  const reloaded = agent.reload({
    ...config,
    services: [{...service, require: 'any'}, serviceConfig('new', ['192.0.2.9'])],
  });
  await clock.run(5000);
  await reloaded;
  t.same(await happened(), []);
  t.same(
    agent.services.map(({state}) => state.admin),
    ['disabled', 'disabled'],
  );
  await agent.stop('withdraw');
});
