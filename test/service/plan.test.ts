import t from 'tap';
import type {ServiceConfig} from '../../agent/config/types.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {Contributions, levelOf} from '../../agent/service/contribution.js';
import {type OrderedPlan, type PlanContext, type PlannedService, plan} from '../../agent/service/plan.js';
import type {AnnouncerName, Community, Route, ServiceState} from '../../agent/types.js';
import {announceBlock, serviceConfig, serviceState} from '../fake/config.js';

const up = {settled: 'up'} as const;
const down = {settled: 'down', wasUp: true} as const;
const degraded = {settled: 'degraded'} as const;

function service(config: ServiceConfig, state: Partial<ServiceState>): PlannedService {
  return {config, state: serviceState(config, state)};
}

function make(
  services: readonly PlannedService[],
  context: Partial<PlanContext> & {announcers?: readonly AnnouncerName[]} = {},
): OrderedPlan {
  const {announcers = ['bgp', 'kernel'], ...rest} = context;
  return plan(services, {
    contributions: new Contributions(announcers),
    adopting: false,
    settleOver: false,
    draining: false,
    ...rest,
  });
}

/** A plan in short: `bgp 192.0.2.1/32 of web`. */
function short({routes, addresses}: OrderedPlan): {routes: string[]; addresses: string[]} {
  return {
    routes: routes
      .map(({prefix, via, owners}) => `${via?.join('+')} ${prefix} of ${owners.join('+')}`)
      .sort(),
    addresses: addresses.map(({prefix, owners}) => `${prefix} of ${owners.join('+')}`),
  };
}

const only = (p: OrderedPlan): Route => {
  const [route, ...more] = p.routes;
  if (!route || more.length > 0) throw new Error(`one route expected, not ${p.routes.length}`);
  return route;
};

t.test('the level at which a service takes part', (t) => {
  const config = serviceConfig('web', ['192.0.2.1'], {});
  const lastResort = {...config, whenDown: {fromStart: false, override: {med: 9}}};
  const fromStart = {...config, whenDown: {fromStart: true, override: {med: 9}}};
  const worse = {...config, drain: {forMs: 5, override: {med: 9}}};
  const cases: [ServiceConfig, Partial<ServiceState>, boolean, string][] = [
    [config, {}, false, 'out'],
    [config, up, false, 'up'],
    [config, degraded, false, 'degraded'],
    [config, down, false, 'out'],
    [lastResort, down, false, 'last-resort'],
    [lastResort, {settled: 'down', wasUp: false}, false, 'out'],
    [fromStart, {settled: 'down', wasUp: false}, false, 'last-resort'],
    [fromStart, {}, false, 'out'],
    [config, {...up, admin: 'drained'}, false, 'drained'],
    [config, {admin: 'drained'}, false, 'out'],
    [config, {...up, admin: 'disabled'}, false, 'disabled'],
    [config, {...down, admin: 'forced-up'}, false, 'up'],
    [config, up, true, 'drained'],
    [worse, up, true, 'draining'],
    [worse, down, true, 'out'],
  ];
  for (const [c, state, draining, level] of cases) {
    t.equal(
      levelOf(c, serviceState(c, state), draining),
      level,
      JSON.stringify([c.whenDown, state, draining]),
    );
  }
  t.end();
});

t.test('a service that is up: address, route, host route', (t) => {
  const config = serviceConfig('web', ['192.0.2.1', '2001:db8::1'], {kernelRoute: true});
  t.same(short(make([service(config, up)])), {
    routes: [
      'bgp 192.0.2.1/32 of web',
      'bgp 2001:db8::1/128 of web',
      'kernel 192.0.2.1/32 of web',
      'kernel 2001:db8::1/128 of web',
    ],
    addresses: ['192.0.2.1/32 of web', '2001:db8::1/128 of web'],
  });
  for (const state of [{}, down]) t.same(short(make([service(config, state)])), {routes: [], addresses: []});
  t.end();
});

t.test('always and never', (t) => {
  const always = serviceConfig('web', ['192.0.2.1'], {addressMode: 'always'});
  t.same(short(make([service(always, {})])), {routes: [], addresses: ['192.0.2.1/32 of web']});
  t.same(short(make([service(always, {...up, admin: 'disabled'})])).addresses, []);
  const never = serviceConfig('web', ['192.0.2.1'], {addressMode: 'never'});
  const planned = make([service(never, up)]);
  t.same(short(planned), {routes: ['bgp 192.0.2.1/32 of web'], addresses: []});
  t.equal(planned.needs.size, 0, 'no address to wait for');
  t.end();
});

t.test('drained: the address stays, the route goes', (t) => {
  const config = serviceConfig('web', ['192.0.2.1']);
  t.same(short(make([service(config, {...up, admin: 'drained'})])), {
    routes: [],
    addresses: ['192.0.2.1/32 of web'],
  });
  t.end();
});

t.test('attributes follow the state, key by key', (t) => {
  const config = serviceConfig('web', ['192.0.2.1'], {
    announce: [announceBlock({med: 10, asPathPrepend: 1, communities: ['64512:1' as Community]})],
    whenDegraded: {med: 500, communities: ['64512:2' as Community]},
    whenDown: {fromStart: false, override: {med: 1000}},
    drain: {forMs: 1000, override: {med: 900}},
  });
  t.match(only(make([service(config, up)])), {med: 10, asPathPrepend: 1, communities: ['64512:1']});
  t.match(only(make([service(config, degraded)])), {med: 500, asPathPrepend: 1, communities: ['64512:2']});
  t.match(only(make([service(config, down)])), {med: 1000, asPathPrepend: 1, communities: ['64512:1']});
  t.match(only(make([service(config, up)], {draining: true})), {med: 900});
  t.end();
});

t.test('several blocks: host route to one peer, aggregate to all', (t) => {
  const config = serviceConfig('pool', ['192.168.0.11', '192.168.0.12', '2001:db8::1'], {
    announce: [
      announceBlock({peers: ['tor'], localPreference: 100}),
      announceBlock({aggregate: {ipv4: 24}, nextHop: {ipv4: parseAddress('10.0.0.5')}}),
    ],
  });
  const planned = make([service(config, up)]);
  t.same(short(planned).routes, [
    'bgp 192.168.0.0/24 of pool',
    'bgp 192.168.0.11/32 of pool',
    'bgp 192.168.0.12/32 of pool',
    'bgp 2001:db8::1/128 of pool',
    'bgp 2001:db8::1/128 of pool',
  ]);
  const aggregate = planned.routes.find(({prefix}) => prefix === '192.168.0.0/24');
  t.match(aggregate, {aggregate: true, peers: null});
  t.same(
    aggregate && planned.needs.get(aggregate),
    [['192.168.0.11/32'], ['192.168.0.12/32']],
    'any member is enough',
  );
  t.end();
});

t.test('a prefix shorter than a host needs the addresses that lie in it', (t) => {
  const config = serviceConfig('pool', ['192.168.0.0/24', '10.0.0.0/24'], {
    addresses: [parsePrefix('192.168.0.16')],
    kernelRoute: true,
  });
  const planned = make([service(config, up)]);
  t.same(short(planned).routes, [
    'bgp 10.0.0.0/24 of pool',
    'bgp 192.168.0.0/24 of pool',
    'kernel 10.0.0.0/24 of pool',
    'kernel 192.168.0.0/24 of pool',
    'kernel 192.168.0.16/32 of pool',
  ]);
  t.same(
    planned.routes.map((route) => planned.needs.get(route) ?? []),
    [[['192.168.0.16/32']], [['192.168.0.16/32']], [], [], [['192.168.0.16/32']]],
  );
  t.end();
});

t.test('a block that speaks of some prefixes only', (t) => {
  const [v4, v6] = ['192.168.0.11', '2001:db8::1'].map(parsePrefix);
  const config = serviceConfig('pool', ['192.168.0.11', '2001:db8::1'], {
    announce: [announceBlock(), announceBlock({aggregate: {ipv4: 24}, prefixes: v4 ? [v4] : []})],
  });
  const planned = make([service(config, up)]);
  t.same(
    planned.routes.map(({prefix}) => prefix),
    [v4, v6, '192.168.0.0/24'],
  );
  t.end();
});

t.test('via', (t) => {
  const kernelOnly = serviceConfig('web', ['192.0.2.1'], {announce: [announceBlock({via: ['kernel']})]});
  t.same(short(make([service(kernelOnly, up)])).routes, ['kernel 192.0.2.1/32 of web']);
  const bgpOnly = serviceConfig('web', ['192.0.2.1'], {
    announce: [announceBlock({via: ['bgp']})],
    kernelRoute: true,
  });
  t.same(short(make([service(bgpOnly, up)])).routes, ['bgp 192.0.2.1/32 of web']);
  t.same(
    short(make([service(bgpOnly, up)], {announcers: ['kernel']})).routes,
    [],
    'not configured: not there',
  );
  t.end();
});

t.test('shared: any takes the best owner, all the worst', (t) => {
  const owner = (name: string, shared: 'any' | 'all', med: number): ServiceConfig =>
    serviceConfig(name, ['192.0.2.1'], {
      shared,
      announce: [announceBlock({med})],
      whenDegraded: {med: med + 100},
    });
  const any = ['a', 'b'].map((name, i) => owner(name, 'any', i));
  const all = ['a', 'b'].map((name, i) => owner(name, 'all', i));
  const pair = (
    [a, b]: ServiceConfig[],
    x: Partial<ServiceState>,
    y: Partial<ServiceState>,
  ): PlannedService[] => (a && b ? [service(a, x), service(b, y)] : []);
  t.match(only(make(pair(any, up, up))), {med: 0, owners: ['a', 'b']}, 'ties by name');
  t.match(only(make(pair(any, degraded, up))), {med: 1, owners: ['b', 'a']});
  t.match(only(make(pair(any, down, up))), {med: 1, owners: ['b']});
  t.equal(make(pair(any, down, down)).routes.length, 0);
  t.match(only(make(pair(all, up, up))), {med: 0});
  t.match(only(make(pair(all, up, degraded))), {med: 101});
  for (const state of [down, {}, {...up, admin: 'drained'} as const, {...up, admin: 'disabled'} as const]) {
    t.equal(make(pair(all, up, state)).routes.length, 0, JSON.stringify(state));
  }
  t.same(short(make(pair(any, down, up))).addresses, ['192.0.2.1/32 of b']);
  t.same(short(make(pair(all, down, up))).addresses, ['192.0.2.1/32 of b'], 'an owner wants it still');
  t.end();
});

t.test('equal aggregates of several services merge', (t) => {
  const member = (name: string, prefix: string, med: number): ServiceConfig =>
    serviceConfig(name, [prefix], {
      announce: [announceBlock({aggregate: {ipv4: 24}, med})],
      whenDegraded: {},
    });
  const [a, b] = [member('a', '192.168.0.1', 1), member('b', '192.168.0.2', 2)];
  t.match(only(make([service(a, degraded), service(b, up)])), {
    prefix: '192.168.0.0/24',
    med: 2,
    owners: ['b', 'a'],
  });
  t.match(only(make([service(a, up), service(b, down)])), {med: 1, owners: ['a']});
  t.equal(make([service(a, down), service(b, down)]).routes.length, 0);
  t.end();
});

t.test('a route that covers what is no host, where somebody needs one in the kernel', (t) => {
  const aggregating = (more: Partial<ServiceConfig> = {}) =>
    serviceConfig('web', ['192.168.0.1', '192.168.0.2'], {
      announce: [announceBlock({aggregate: {ipv4: 24}})],
      ...more,
    });
  const of = (config: ServiceConfig, ...announcers: AnnouncerName[]) =>
    short(make([service(config, up)], {announcers})).routes;
  t.same(of(aggregating(), 'bgp', 'bird', 'kernel'), ['bgp+bird 192.168.0.0/24 of web']);
  t.same(of(aggregating(), 'frr', 'kernel'), ['frr 192.168.0.0/24 of web', 'kernel 192.168.0.0/24 of web']);
  t.same(of(aggregating(), 'frr'), ['frr 192.168.0.0/24 of web'], 'nothing is touched in the kernel');
  t.same(
    of(aggregating({kernelRoute: true}), 'kernel'),
    ['kernel 192.168.0.0/24 of web', 'kernel 192.168.0.1/32 of web', 'kernel 192.168.0.2/32 of web'],
    'for a daemon that learns',
  );
  const elsewhere = aggregating({announce: [announceBlock({aggregate: {ipv4: 24}, via: ['bgp']})]});
  t.same(of(elsewhere, 'bgp', 'frr', 'kernel'), ['bgp 192.168.0.0/24 of web']);
  const short24 = serviceConfig('net', ['198.51.100.0/24'], {addresses: [parsePrefix('198.51.100.1')]});
  const planned = make([service(short24, up)], {announcers: ['frr', 'kernel']});
  t.same(short(planned).routes, ['frr 198.51.100.0/24 of net', 'kernel 198.51.100.0/24 of net']);
  t.same([...planned.needs.values()], [[['198.51.100.1/32']], [['198.51.100.1/32']]], 'with the address');
  t.same(make([service(short24, down)], {announcers: ['frr', 'kernel']}).routes, []);
  t.end();
});

t.test('complete and adopt', (t) => {
  const web = serviceConfig('web', ['192.0.2.1'], {announce: [announceBlock({aggregate: {ipv4: 24}})]});
  const off = serviceConfig('off', ['192.0.2.9'], {enabled: false});
  const waiting = [service(web, {}), service(off, {})];
  t.match(make(waiting), {complete: false});
  t.equal(make(waiting).adopt.size, 0, 'only when adopting');
  t.same([...make(waiting, {adopting: true}).adopt].sort(), ['192.0.2.0/24', '192.0.2.1/32']);
  t.match(make(waiting, {settleOver: true}), {complete: true});
  const settled = make([service(web, down), service(off, {})], {adopting: true});
  t.equal(settled.complete, true, 'a disabled service is not waited for');
  t.equal(settled.adopt.size, 0);
  t.end();
});

t.test('nothing changed: the very same objects', (t) => {
  const contributions = new Contributions(['bgp']);
  const shared = ['a', 'b'].map((name) => serviceConfig(name, ['192.0.2.1'], {shared: 'any'}));
  const services = shared.map((config) => service(config, up));
  const [first, second] = [make(services, {contributions}), make(services, {contributions})];
  t.equal(first.routes.length, 1);
  t.equal(first.routes[0], second.routes[0]);
  t.end();
});

t.test('a prefix that is held out, whatever its services say', (t) => {
  const both = serviceConfig('web', ['192.0.2.1', '2001:db8::1'], {kernelRoute: true});
  const held = new Set([parsePrefix('192.0.2.1')]);
  const free = {
    routes: ['bgp 2001:db8::1/128 of web', 'kernel 2001:db8::1/128 of web'],
    addresses: ['2001:db8::1/128 of web'],
  };
  t.same(short(make([service(both, up)], {held})), free);
  t.same(short(make([service({...both, addressMode: 'always'}, down)], {held})).addresses, free.addresses);
  t.same(short(make([service(both, {...down, admin: 'forced-up'})], {held})), free);
  t.same(
    [...make([service(both, {})], {held, adopting: true}).adopt],
    ['2001:db8::1/128'],
    'what is held is not adopted either',
  );
  const shared = (name: string) => service(serviceConfig(name, ['192.0.2.1'], {shared: 'any'}), up);
  t.same(short(make([shared('a'), shared('b')], {held})), {routes: [], addresses: []});
  t.end();
});

t.test('a hold changes nothing about the other prefixes', (t) => {
  const web = service(serviceConfig('web', ['192.0.2.1', '192.0.2.2']), up);
  const contributions = new Contributions(['bgp']);
  const [first] = web.config.prefixes;
  if (!first) throw new Error('no prefix');
  const before = make([web], {contributions});
  const during = make([web], {contributions, held: new Set([first])});
  t.equal(during.routes.length, 1);
  t.ok(before.routes.includes(only(during)), 'the very same route');
  t.same(make([web], {contributions, held: new Set()}).routes, before.routes);
  t.end();
});

t.test('holds and prefixes that are no hosts', (t) => {
  const aggregate = serviceConfig('web', ['192.0.2.1', '192.0.2.2'], {
    announce: [announceBlock({via: ['bgp'], aggregate: {ipv4: 24}})],
  });
  const one = make([service(aggregate, up)], {held: new Set([parsePrefix('192.0.2.1')])});
  t.same(short(one), {routes: ['bgp 192.0.2.0/24 of web'], addresses: ['192.0.2.2/32 of web']});
  t.same([...one.needs.values()], [[['192.0.2.2/32']]]);
  const all = new Set([parsePrefix('192.0.2.1'), parsePrefix('192.0.2.2')]);
  t.same(short(make([service(aggregate, up)], {held: all})), {routes: [], addresses: []});

  const pool = serviceConfig('pool', ['198.51.100.0/24', '198.51.100.1'], {
    addresses: ['198.51.100.1', '198.51.100.2'].map((text) => parsePrefix(text)),
  });
  const around = make([service(pool, up)], {held: new Set([parsePrefix('198.51.100.0/24')])});
  t.same(short(around), {
    routes: ['bgp 198.51.100.1/32 of pool'],
    addresses: ['198.51.100.1/32 of pool'],
  });
  const inside = make([service(pool, up)], {held: new Set([parsePrefix('198.51.100.1')])});
  t.same(short(inside), {
    routes: ['bgp 198.51.100.0/24 of pool'],
    addresses: ['198.51.100.2/32 of pool'],
  });
  t.same([...inside.needs.values()], [[['198.51.100.2/32']]], 'what is held is not waited for');
  t.end();
});
