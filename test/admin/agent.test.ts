/** What the admin state does to what is announced. */

import t from 'tap';
import {Agent} from '../../agent/agent.js';
import type {ServiceConfig} from '../../agent/config/types.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {
  Address,
  AdminState,
  AgentEvent,
  AnnouncerName,
  Community,
  Prefix,
  Route,
} from '../../agent/types.js';
import {configOf} from '../config/fixture.js';
import {FakeCheck, fakeEffects} from '../fake/checks.js';
import {FakeClock, settle} from '../fake/clock.js';
import {checkConfig, serviceConfig} from '../fake/config.js';
import {FakeInstaller} from '../fake/installer.js';

/** `first`: what people want at the start; null: nothing, ever, but what the configuration says. */
async function rig(keys: Partial<ServiceConfig> = {}, first: AdminState | null = 'enabled') {
  const clock = new FakeClock();
  const journal: string[] = [];
  const events: AgentEvent[] = [];
  const check = new FakeCheck(clock);
  const bgp = new FakeInstaller<Route>('bgp', journal);
  let wanted = first ?? 'enabled';
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
    ...(first !== null && {adminOf: () => ({state: wanted, reason: 'by alice: kernel update'})}),
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

const graceful = {forMs: 10_000, override: {communities: ['65535:0' as Community], localPreference: 0}};

t.test('disabled with a drain: worse first, with the checks going on, then all of it', async (t) => {
  const {agent, bgp, check, clock, events, happened, order} = await rig({drain: graceful});
  await happened();
  await order('disabled');
  t.match(bgp.desired.items, [{communities: ['65535:0'], localPreference: 0}]);
  const runs = check.starts.length;
  await clock.run(9999);
  t.same(await happened(), ['~bgp 192.0.2.1/32']);
  t.equal(check.starts.length, runs + 10);
  await clock.run(1);
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32'], 'the time does not count twice');
  await clock.run(5000);
  t.equal(check.starts.length, runs + 10, 'and no check runs any more');
  t.same(
    events.flatMap((event) => (event.kind === 'admin-state' ? [`${event.from} ${event.to}`] : [])),
    ['enabled drained', 'drained disabled'],
  );
  await agent.stop('withdraw');
  t.equal(clock.pending, 0);
});

t.test('drained, then disabled meanwhile: the drain takes its time', async (t) => {
  const {agent, bgp, clock, happened, order} = await rig({drain: graceful});
  await happened();
  await order('drained');
  await clock.run(4000);
  await order('disabled');
  await clock.run(5999);
  t.match(bgp.desired.items, [{communities: ['65535:0']}]);
  await clock.run(1);
  t.same(await happened(), ['~bgp 192.0.2.1/32', '-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  await agent.stop('withdraw');
});

t.test(
  'a stop in the middle of a drain waits for what is left of it, one after it for nothing',
  async (t) => {
    for (const [goneMs, leftMs] of [
      [4000, 6000],
      [50_000, 0],
    ] as const) {
      const {agent, clock, happened, order} = await rig({drain: graceful});
      await order('drained');
      await clock.run(goneMs);
      await happened();
      let isOver = false;
      const stopped = agent.stop('withdraw').then(() => {
        isOver = true;
      });
      await clock.run(Math.max(0, leftMs - 1));
      t.equal(isOver, leftMs === 0, `${goneMs}`);
      await clock.run(1);
      await stopped;
      t.same(
        (await happened()).filter((line) => line.startsWith('-')),
        [...(leftMs > 0 ? ['-bgp 192.0.2.1/32'] : []), '-address 192.0.2.1/32'],
      );
      t.equal(clock.pending, 0);
    }
  },
);

t.test('the address of one that was drained has stayed its time when the agent stops', async (t) => {
  const {agent, clock, happened, order} = await rig({drain: {forMs: 5000, override: {}}});
  await order('drained');
  await clock.run(3000);
  await happened();
  const stopped = agent.stop('withdraw');
  await clock.run(1999);
  t.same(await happened(), []);
  await clock.run(1);
  await stopped;
  t.ok((await happened()).includes('-address 192.0.2.1/32'));
});

t.test('a reload that takes a service out, or switches it off, drains it', async (t) => {
  for (const how of ['removed', 'off'] as const) {
    const {agent, bgp, check, clock, config, events, happened} = await rig({drain: graceful}, null);
    await happened();
    const [service] = config.services;
    if (!service) throw new Error('no service');
    const services = how === 'removed' ? [] : [{...service, enabled: false}];
    await agent.reload({...config, services});
    t.match(bgp.desired.items, [{communities: ['65535:0'], localPreference: 0}], how);
    t.match(agent.services, [{state: {settled: 'up', admin: 'drained'}}]);
    t.equal(agent.isLeaving(parsePrefix('192.0.2.1/32')), how === 'removed');
    t.equal(agent.isLeaving(parsePrefix('192.0.2.2/32')), false);
    const runs = check.starts.length;
    await clock.run(5000);
    t.equal(check.starts.length, runs + 5, 'its checks go on');
    await agent.reload({...config, services});
    await clock.run(4999);
    t.same(await happened(), ['~bgp 192.0.2.1/32']);
    await clock.run(1);
    t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
    t.match(agent.services, how === 'removed' ? [] : [{state: {admin: 'disabled'}}]);
    t.equal(agent.isLeaving(parsePrefix('192.0.2.1/32')), false);
    t.match(
      events.find(({kind}) => kind === 'admin-state'),
      {
        to: 'drained',
        reason: how === 'removed' ? 'removed from the configuration' : 'as its configuration says',
      },
    );
    await clock.run(5000);
    t.equal(check.starts.length, runs + 10, 'and have ended');
    await agent.stop('withdraw');
    t.equal(clock.pending, 0);
  }
});

t.test('one that fails while it is taken out is withdrawn, one that comes back stays', async (t) => {
  const {agent, bgp, check, clock, config, happened} = await rig({drain: graceful}, null);
  await happened();
  await agent.reload({...config, services: []});
  await clock.run(3000);
  await agent.reload(config);
  t.match(bgp.desired.items, [{communities: []}]);
  await clock.run(20_000);
  t.same(await happened(), ['~bgp 192.0.2.1/32', '~bgp 192.0.2.1/32']);
  await agent.reload({...config, services: []});
  check.verdict = 'fail';
  await clock.run(1000);
  t.same(await happened(), ['~bgp 192.0.2.1/32', '-bgp 192.0.2.1/32']);
  await clock.run(10_000);
  t.same(agent.services, []);
  await agent.stop('withdraw');
  t.equal(clock.pending, 0);
});

t.test('a reload that takes a prefix from a service drains that, as long as the service is up', async (t) => {
  const {agent, bgp, check, clock, config, happened} = await rig({drain: graceful}, null);
  const [service] = config.services;
  if (!service) throw new Error('no service');
  const more = serviceConfig('web', ['192.0.2.1', '192.0.2.2'], {checks: service.checks, drain: graceful});
  const said = () => bgp.desired.items.map(({prefix, communities}) => `${prefix} ${communities}`).sort();
  await agent.reload({...config, services: [more]});
  await clock.run(100);
  await happened();
  await agent.reload(config);
  t.same(said(), ['192.0.2.1/32 ', '192.0.2.2/32 65535:0']);
  t.equal(agent.isLeaving(parsePrefix('192.0.2.2/32')), true);
  await clock.run(9999);
  t.same(said(), ['192.0.2.1/32 ', '192.0.2.2/32 65535:0']);
  await clock.run(1);
  t.same(
    (await happened()).filter((line) => !line.startsWith('~')),
    ['-bgp 192.0.2.2/32', '-address 192.0.2.2/32'],
  );
  t.equal(agent.isLeaving(parsePrefix('192.0.2.2/32')), false);
  await agent.reload({...config, services: [more]});
  await clock.run(100);
  await agent.reload(config);
  check.verdict = 'fail';
  await clock.run(1000);
  t.same(said(), []);
  const stopped = agent.stop('withdraw');
  await clock.run(10_000);
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

t.test('a hold: route, drain, address, and nothing of the other prefix', async (t) => {
  const held = new Set<Prefix>();
  const clock = new FakeClock();
  const journal: string[] = [];
  const check = new FakeCheck(clock);
  const service = serviceConfig('web', ['192.0.2.1', '2001:db8::1'], {
    checks: [checkConfig({options: 'web', rise: 1, fall: 1, intervalMs: 1000})],
    kernelRoute: true,
    drain: {forMs: 5000, override: {}},
  });
  const agent = new Agent({
    config: {...configOf({main: 'kernel: {}'}), services: [service]},
    effects: fakeEffects(clock),
    cron: () => () => {},
    createCheck: () => check,
    addresses: new FakeInstaller<Address>('address' as AnnouncerName, journal),
    announcers: ['bgp' as const, 'kernel' as const].map((name) => new FakeInstaller<Route>(name, journal)),
    adopt: false,
    held: () => held,
    emit: () => {},
  });
  await agent.start();
  await clock.run(100);
  t.equal(journal.splice(0).length, 6);
  held.add(parsePrefix('192.0.2.1'));
  agent.applyAdmin();
  await clock.run(0);
  await agent.quiet(1000);
  t.same(journal.splice(0), ['-bgp 192.0.2.1/32']);
  await clock.run(4999);
  t.same(journal.splice(0), []);
  await clock.run(1);
  t.same(journal.splice(0), ['-kernel 192.0.2.1/32', '-address 192.0.2.1/32']);
  await clock.run(60_000);
  t.same(journal.splice(0), [], 'it stays so whatever the checks say');
  held.clear();
  agent.applyAdmin();
  await clock.run(0);
  t.same(
    journal.splice(0),
    ['+address 192.0.2.1/32', '+kernel 192.0.2.1/32', '+bgp 192.0.2.1/32'].sort(byStep),
  );
  const stopped = agent.stop('withdraw');
  await clock.run(20_000);
  await stopped;
});

/** The address first; what needs it comes in no order. */
function byStep(a: string, b: string): number {
  return Number(b.includes('address')) - Number(a.includes('address')) || (a < b ? -1 : 1);
}
