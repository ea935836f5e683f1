import fc from 'fast-check';
import t from 'tap';
import {Fanout} from '../../agent/announce/fanout.js';
import type {ServiceConfig} from '../../agent/config/types.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {Contributions} from '../../agent/service/contribution.js';
import {type OrderedPlan, plan} from '../../agent/service/plan.js';
import type {Address, AnnouncerName, Prefix, Route, Settled} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {announceBlock, serviceConfig, serviceState} from '../fake/config.js';
import {FakeInstaller} from '../fake/installer.js';

const vip = parsePrefix('192.0.2.1');

function rig(names: readonly AnnouncerName[] = ['bgp', 'kernel'], withAddresses = true) {
  const journal: string[] = [];
  const clock = new FakeClock();
  const addresses = withAddresses ? new FakeInstaller<Address>('address' as AnnouncerName, journal) : null;
  const announcers = new Map(names.map((name) => [name, new FakeInstaller<Route>(name, journal)]));
  const fanout = new Fanout({addresses, announcers: [...announcers.values()], clock, stepTimeoutMs: 2000});
  const contributions = new Contributions(names);
  const planOf = (services: [ServiceConfig, Settled][]): OrderedPlan =>
    plan(
      services.map(([config, settled]) => ({config, state: serviceState(config, {settled})})),
      {contributions, adopting: false, settleOver: true, draining: false},
    );
  const at = (name: AnnouncerName): FakeInstaller<Route> => {
    const found = announcers.get(name);
    if (!found) throw new Error(name);
    return found;
  };
  /** What happened since the last call. */
  const happened = async (): Promise<string[]> => {
    await settle();
    return journal.splice(0);
  };
  return {fanout, clock, addresses, at, planOf, happened};
}

const web = serviceConfig('web', ['192.0.2.1'], {kernelRoute: true});

t.test('up: address, then routes; down: routes, host route, address', async (t) => {
  const {fanout, planOf, happened} = rig();
  fanout.set(planOf([[web, 'up']]));
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  fanout.set(planOf([[web, 'down']]));
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-kernel 192.0.2.1/32', '-address 192.0.2.1/32']);
});

t.test('nothing is complete while a route waits for its address', async (t) => {
  const {addresses, at, fanout, planOf, happened} = rig(['bgp']);
  if (!addresses) throw new Error('no addresses');
  addresses.auto = false;
  const [first, second] = [serviceConfig('first', ['192.0.2.1']), serviceConfig('second', ['192.0.2.2'])];
  fanout.set(
    planOf([
      [first, 'up'],
      [second, 'up'],
    ]),
  );
  t.same(await happened(), []);
  t.notOk(at('bgp').desired.complete, 'End-of-RIB would say that there is nothing to come');
  addresses.break(parsePrefix('192.0.2.2'));
  addresses.carryOut();
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32']);
  t.ok(at('bgp').desired.complete, 'what failed is not waited for');

  const alone = rig(['bgp']);
  if (alone.addresses) alone.addresses.auto = false;
  alone.fanout.set(alone.planOf([[first, 'up']]));
  await alone.happened();
  t.notOk(alone.at('bgp').desired.complete);
  alone.addresses?.break(vip);
  alone.addresses?.carryOut();
  await alone.happened();
  t.ok(alone.at('bgp').desired.complete, 'nor is that there is nothing at all');
});

t.test('no announcement without its address', async (t) => {
  const {addresses, fanout, planOf, happened} = rig();
  addresses?.break(vip);
  fanout.set(planOf([[web, 'up']]));
  t.same(await happened(), []);
  addresses?.mend(vip);
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  addresses?.break(vip);
  t.same(
    await happened(),
    ['-bgp 192.0.2.1/32', '-kernel 192.0.2.1/32'],
    'an address that is lost takes its route along',
  );
});

t.test('an address waits for a slow announcer, but not for ever', async (t) => {
  const {at, clock, fanout, planOf, happened} = rig(['bgp', 'bird', 'kernel']);
  fanout.set(planOf([[web, 'up']]));
  await happened();
  at('bird').auto = false;
  fanout.set(planOf([[web, 'down']]));
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
  await clock.run(1999);
  t.same(await happened(), []);
  await clock.run(1);
  t.same(
    await happened(),
    ['-kernel 192.0.2.1/32', '-address 192.0.2.1/32'],
    'given up on after step_timeout',
  );
  at('bird').carryOut();
  t.same(await happened(), ['-bird 192.0.2.1/32']);
});

t.test('a slow prefix delays no other', async (t) => {
  const {at, fanout, planOf, happened} = rig();
  const dns = serviceConfig('dns', ['192.0.2.53']);
  fanout.set(
    planOf([
      [web, 'up'],
      [dns, 'up'],
    ]),
  );
  await happened();
  at('bgp').auto = false;
  fanout.set(
    planOf([
      [web, 'down'],
      [dns, 'up'],
    ]),
  );
  await settle();
  at('bgp').auto = true;
  fanout.set(
    planOf([
      [web, 'down'],
      [dns, 'down'],
    ]),
  );
  t.same(
    (await happened()).filter((line) => line.includes('.53')),
    ['-bgp 192.0.2.53/32', '-address 192.0.2.53/32'],
  );
});

t.test('drain: the address stays for its time after the last withdrawal', async (t) => {
  const {clock, fanout, planOf, happened} = rig();
  const slow = serviceConfig('web', ['192.0.2.1'], {kernelRoute: true, drain: {forMs: 5000, override: {}}});
  fanout.set(planOf([[slow, 'up']]));
  await happened();
  fanout.set(planOf([[slow, 'down']]));
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
  await clock.run(4999);
  t.same(await happened(), []);
  await clock.run(1);
  t.same(await happened(), ['-kernel 192.0.2.1/32', '-address 192.0.2.1/32']);
});

t.test('back up while draining: nothing but the announcement changes', async (t) => {
  const {clock, fanout, planOf, happened} = rig();
  const slow = serviceConfig('web', ['192.0.2.1'], {kernelRoute: true, drain: {forMs: 5000, override: {}}});
  fanout.set(planOf([[slow, 'up']]));
  fanout.set(planOf([[slow, 'down']]));
  await clock.run(4000);
  await happened();
  fanout.set(planOf([[slow, 'up']]));
  t.same(await happened(), ['+bgp 192.0.2.1/32']);
  await clock.run(10_000);
  t.same(await happened(), []);
  fanout.set(planOf([[slow, 'down']]));
  await clock.run(4999);
  t.same(await happened(), ['-bgp 192.0.2.1/32'], 'the drain time starts anew');
});

t.test('a host route that a daemon learns is the announcement itself: out first, then drain', async (t) => {
  const {clock, fanout, planOf, happened} = rig(['kernel']);
  const slow = serviceConfig('web', ['192.0.2.1'], {kernelRoute: true, drain: {forMs: 5000, override: {}}});
  fanout.set(planOf([[slow, 'up']]));
  t.same(await happened(), ['+address 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  fanout.set(planOf([[slow, 'down']]));
  t.same(await happened(), ['-kernel 192.0.2.1/32']);
  await clock.run(4999);
  t.same(await happened(), []);
  await clock.run(1);
  t.same(await happened(), ['-address 192.0.2.1/32']);
});

t.test('an aggregate stays while one member is up; a member takes its own address along', async (t) => {
  const {fanout, planOf, happened} = rig(['bgp']);
  const member = (name: string, prefix: string): ServiceConfig =>
    serviceConfig(name, [prefix], {announce: [announceBlock({aggregate: {ipv4: 24}})]});
  const [a, b] = [member('a', '192.168.0.1'), member('b', '192.168.0.2')];
  fanout.set(
    planOf([
      [a, 'up'],
      [b, 'down'],
    ]),
  );
  t.same(await happened(), ['+address 192.168.0.1/32', '+bgp 192.168.0.0/24']);
  fanout.set(
    planOf([
      [a, 'up'],
      [b, 'up'],
    ]),
  );
  t.same(await happened(), ['~bgp 192.168.0.0/24', '+address 192.168.0.2/32']);
  fanout.set(
    planOf([
      [a, 'down'],
      [b, 'up'],
    ]),
  );
  t.same(await happened(), ['~bgp 192.168.0.0/24', '-address 192.168.0.1/32']);
  fanout.set(
    planOf([
      [a, 'down'],
      [b, 'down'],
    ]),
  );
  t.same(await happened(), ['-bgp 192.168.0.0/24', '-address 192.168.0.2/32']);
});

t.test('without a kernel part routes go out alone', async (t) => {
  const {fanout, planOf, happened} = rig(['bgp'], false);
  fanout.set(planOf([[web, 'up']]));
  t.same(await happened(), ['+bgp 192.0.2.1/32']);
  fanout.set(planOf([[web, 'down']]));
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
});

t.test('the same plan again hands nothing out', async (t) => {
  const {at, addresses, fanout, planOf, happened} = rig();
  fanout.set(planOf([[web, 'up']]));
  await happened();
  const sets = [at('bgp').sets, at('kernel').sets, addresses?.sets];
  fanout.set(planOf([[web, 'up']]));
  await settle();
  t.same([at('bgp').sets, at('kernel').sets, addresses?.sets], sets);
});

t.test('what is adopted stays adopted until it can be put in; then it is simply wanted', async (t) => {
  const {addresses, at, fanout, planOf, happened} = rig(['bird', 'kernel']);
  if (!addresses) throw new Error('no addresses');
  const adopting = new Set([vip]);
  addresses.auto = false;
  fanout.set({...planOf([[web, 'unknown']]), adopt: adopting});
  await happened();
  fanout.set(planOf([[web, 'up']]));
  await settle();
  for (const name of ['bird', 'kernel'] as const) {
    t.same([at(name).desired.items.length, [...at(name).desired.adopt]], [0, [vip]], name);
  }
  addresses.auto = true;
  addresses.carryOut();
  t.same(await happened(), ['+address 192.0.2.1/32', '+bird 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  for (const name of ['bird', 'kernel'] as const) {
    t.same([at(name).desired.items.length, at(name).desired.adopt.size], [1, 0], name);
  }
});

t.test(
  'what is adopted and not wanted goes in order: announcement, drain, host route, address',
  async (t) => {
    const {addresses, at, clock, fanout, planOf, happened} = rig(['bird', 'frr', 'kernel']);
    if (!addresses) throw new Error('no addresses');
    const slow = {...web, drain: {forMs: 5000, override: {}}};
    const [item] = planOf([[web, 'up']]).routes;
    const [address] = planOf([[web, 'up']]).addresses;
    if (!item || !address) throw new Error('nothing is planned');
    const [bird, frr, kernel] = [at('bird'), at('frr'), at('kernel')];
    for (const installer of [bird, frr, kernel]) installer.auto = false;
    addresses.auto = false;
    for (const installer of [bird, kernel]) installer.held.set(vip, item);
    addresses.held.set(vip, address);
    fanout.set({...planOf([[slow, 'unknown']]), adopt: new Set([vip])});
    await happened();
    fanout.set(planOf([[slow, 'down']]));
    const adopted = (): readonly boolean[] =>
      [bird, frr, kernel, addresses].map((installer) => installer.desired.adopt.has(vip));
    t.same(adopted(), [false, false, true, true]);
    t.notOk(fanout.isAtRest);
    bird.carryOut();
    t.same(await happened(), ['-bird 192.0.2.1/32'], 'FRR never had it: nobody waits for it');
    await clock.run(4999);
    t.same(adopted(), [false, false, true, true], 'until drain is over');
    await clock.run(1);
    t.same(adopted(), [false, false, false, true]);
    kernel.carryOut();
    t.same(await happened(), ['-kernel 192.0.2.1/32']);
    t.same(adopted(), [false, false, false, false]);
    t.ok(fanout.isAtRest);
    t.equal(clock.pending, 0);
  },
);

t.test('what is adopted, given up and wanted again stays', async (t) => {
  const {addresses, at, fanout, planOf, happened} = rig(['bird', 'kernel']);
  if (!addresses) throw new Error('no addresses');
  const up = planOf([[web, 'up']]);
  const [item] = up.routes;
  if (!item) throw new Error('nothing is planned');
  at('bird').auto = false;
  at('bird').held.set(vip, item);
  fanout.set({...planOf([[web, 'unknown']]), adopt: new Set([vip])});
  fanout.set(planOf([[web, 'down']]));
  fanout.set(up);
  at('bird').auto = true;
  at('bird').carryOut();
  await happened();
  t.same([at('bird').desired.items.length, at('kernel').desired.items.length], [1, 1]);
  t.same([...addresses.held.keys()], [vip]);
  t.ok(fanout.isAtRest);
});

t.test('what is adopted goes when its service is down, or its address cannot be had', async (t) => {
  for (const settled of ['down', 'up'] as const) {
    const {addresses, at, fanout, planOf} = rig();
    addresses?.break(vip);
    fanout.set({...planOf([[web, 'unknown']]), adopt: new Set([vip])});
    t.same([...at('kernel').desired.adopt], [vip]);
    fanout.set(planOf([[web, settled]]));
    await settle();
    t.equal(at('kernel').desired.adopt.size, 0, settled);
  }
});

t.test('an owner of a shared route changes its address', async (t) => {
  const {fanout, planOf, happened} = rig(['bgp']);
  const member = (name: string, prefix: string): ServiceConfig =>
    serviceConfig(name, [prefix], {announce: [announceBlock({aggregate: {ipv4: 24}})]});
  const [a, b] = [member('a', '192.168.0.1'), member('b', '192.168.0.2')];
  fanout.set(
    planOf([
      [a, 'up'],
      [b, 'up'],
    ]),
  );
  await happened();
  fanout.set(
    planOf([
      [a, 'up'],
      [member('b', '192.168.0.3'), 'up'],
    ]),
  );
  t.same(await happened(), ['+address 192.168.0.3/32', '-address 192.168.0.2/32'].sort().reverse());
});

t.test(
  'address and host route go while the announcement stays, if only they are not wanted any more',
  async (t) => {
    const {fanout, planOf, happened} = rig();
    fanout.set(planOf([[web, 'up']]));
    await happened();
    fanout.set(planOf([[{...web, kernelRoute: false}, 'up']]));
    t.same(await happened(), ['~bgp 192.0.2.1/32', '-kernel 192.0.2.1/32']);
    fanout.set(planOf([[{...web, kernelRoute: false, addressMode: 'never'}, 'up']]));
    t.same(await happened(), ['~bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
    fanout.set(planOf([[{...web, kernelRoute: false, addressMode: 'never'}, 'down']]));
    t.same(await happened(), ['-bgp 192.0.2.1/32']);
  },
);

t.test(
  'an address in place of another: on before the other is off, under the same announcement',
  async (t) => {
    const {addresses, fanout, planOf, happened} = rig(['bgp']);
    if (!addresses) throw new Error('no addresses');
    const pool = (host: string): ServiceConfig =>
      serviceConfig('pool', ['192.0.2.0/24'], {addresses: [parsePrefix(host)]});
    fanout.set(planOf([[pool('192.0.2.1'), 'up']]));
    await happened();
    addresses.auto = false;
    fanout.set(planOf([[pool('192.0.2.2'), 'up']]));
    await settle();
    addresses.auto = true;
    addresses.carryOut();
    t.same(await happened(), ['+address 192.0.2.2/32', '~bgp 192.0.2.0/24', '-address 192.0.2.1/32']);
  },
);

t.test('quiet does not wait for ever, and leaves nothing behind', async (t) => {
  const {addresses, clock, fanout, planOf} = rig();
  addresses?.break(vip);
  fanout.set(planOf([[web, 'up']]));
  let quiet = false;
  void fanout.quiet(2000).then(() => (quiet = true));
  await clock.run(1999);
  t.equal(quiet, false);
  await clock.run(1);
  t.equal(quiet, true);
  void fanout.quiet(2000);
  addresses?.mend(vip);
  await settle();
  t.equal(clock.pending, 0);
});

t.test('many removals in one burst reach the kernel as one set', async (t) => {
  const {addresses, fanout, planOf, happened} = rig(['bgp']);
  const many = Array.from({length: 200}, (_, i) => serviceConfig(`s${i}`, [`10.0.0.${i}`]));
  fanout.set(planOf(many.map((config) => [config, 'up'])));
  await happened();
  const before = addresses?.sets ?? 0;
  fanout.set(planOf(many.map((config) => [config, 'down'])));
  const lines = await happened();
  t.equal(lines.length, 400);
  t.ok((addresses?.sets ?? 0) - before <= 2, `${(addresses?.sets ?? 0) - before} sets`);
});

t.test('withdraw leaves hosts until release', async (t) => {
  const {clock, fanout, planOf, happened} = rig();
  const slow = serviceConfig('web', ['192.0.2.1'], {kernelRoute: true, drain: {forMs: 3000, override: {}}});
  fanout.set(planOf([[slow, 'up']]));
  await happened();
  let withdrawn = false;
  const done = fanout.withdraw().then(() => (withdrawn = true));
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
  await clock.run(2999);
  t.equal(withdrawn, false);
  await clock.run(1);
  await done;
  t.same(await happened(), []);
  await fanout.release();
  t.same(await happened(), ['-kernel 192.0.2.1/32', '-address 192.0.2.1/32']);
});

t.test(
  'whatever happens, it ends where the plan is, and no route stands without its address (property)',
  async (t) => {
    const services = [
      serviceConfig('a', ['192.168.0.1'], {
        kernelRoute: true,
        announce: [announceBlock(), announceBlock({aggregate: {ipv4: 24}})],
      }),
      serviceConfig('b', ['192.168.0.2'], {
        announce: [announceBlock({aggregate: {ipv4: 24}})],
        drain: {forMs: 700, override: {}},
      }),
      serviceConfig('c', ['192.168.0.3', '2001:db8::3'], {
        kernelRoute: true,
        drain: {forMs: 300, override: {}},
      }),
    ];
    const step = fc.record({
      states: fc.array(fc.constantFrom<Settled>('up', 'down', 'degraded'), {minLength: 3, maxLength: 3}),
      slow: fc.subarray<AnnouncerName>(['bgp', 'bird', 'kernel']),
      ms: fc.integer({min: 0, max: 3000}),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 1, maxLength: 8}), async (steps) => {
        const {addresses, at, clock, fanout, planOf} = rig(['bgp', 'bird', 'kernel']);
        const all = (['bgp', 'bird', 'kernel'] as const).map(at);
        let last: OrderedPlan | null = null;
        for (const {states, slow, ms} of steps) {
          for (const announcer of all) announcer.auto = !slow.includes(announcer.name);
          last = planOf(services.map((config, i) => [config, states[i] ?? 'up']));
          fanout.set(last);
          await clock.run(ms);
          for (const announcer of all) {
            for (const route of announcer.desired.items) {
              const groups = last.needs.get(route);
              const there = (prefix: Prefix): boolean => addresses?.held.has(prefix) ?? false;
              t.ok(
                !groups || groups.some((group) => group.every(there)),
                `${announcer.name} ${route.prefix}`,
              );
            }
          }
        }
        for (const announcer of all) {
          announcer.auto = true;
          announcer.carryOut();
        }
        await clock.run(10_000);
        for (const announcer of all) {
          const planned =
            last?.routes.filter(({via}) => via?.includes(announcer.name)).map(({prefix}) => prefix) ?? [];
          t.same([...announcer.held.keys()].sort(), [...new Set(planned)].sort(), announcer.name);
        }
        t.same([...(addresses?.held.keys() ?? [])].sort(), last?.addresses.map(({prefix}) => prefix).sort());
      }),
      {numRuns: 60},
    );
  },
);
