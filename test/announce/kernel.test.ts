import t, {type Test} from 'tap';
import {addressFlag} from '../../agent/control/rtnetlink-protocol.js';
import type {Route} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeKernel} from '../fake/kernel.js';
import {address, Harness, type HarnessOptions, MemoryJournal, route} from './kernel-harness.js';

const v4 = '192.0.2.1/32';
const v6 = '2001:db8::1/128';
const markedV4 = `lo ${v4} lo:eip proto 153`;
const markedV6 = `lo ${v6} proto 153`;
const ourRouteV4 = `${v4} dev lo table 254 proto 153 scope 253 metric 0`;
const ourRouteV6 = `${v6} dev lo table 254 proto 153 scope 0 metric 1024`;

interface Bench extends Harness {
  readonly fake: FakeKernel;
  readonly clock: FakeClock;
}

function bench(t: Test, fake = strict(t), options: Partial<HarnessOptions> = {}): Bench {
  const clock = new FakeClock();
  return Object.assign(new Harness(t, {open: fake.open, clock, ...options}), {fake, clock});
}

function strict(t: Test): FakeKernel {
  return new FakeKernel((message) => t.fail(message));
}

/** Started, and told what to have. */
async function running(
  t: Test,
  addresses: readonly string[],
  routes: readonly string[] = [],
): Promise<Bench> {
  const b = bench(t);
  await b.kernel.start();
  b.setAddresses(addresses);
  b.setRoutes(routes);
  await settle();
  for (const of of ['emitted', 'addressEvents', 'routeEvents'] as const) b.taken(of);
  return b;
}

t.test('addresses and host routes come and go, in their form, marked as ours', async (t) => {
  const b = bench(t);
  await b.kernel.start();
  t.same(b.fake.changes, [], 'nothing is touched before the first set');
  b.setAddresses([v4, v6]);
  b.setRoutes([v4, v6]);
  t.same(b.addressEvents, [], 'set returns before anything is told');
  await settle();
  t.same(b.fake.addresses(), [markedV4, markedV6]);
  t.same(b.fake.routes(), [ourRouteV4, ourRouteV6]);
  t.match(b.fake.addressInfo('192.0.2.1'), {scope: 0, hasBroadcast: false, length: 32});
  const info = b.fake.addressInfo('2001:db8::1');
  t.equal(info?.preferredSeconds, 0);
  t.equal((info?.flags ?? 0) & 0x202, addressFlag.NODAD | addressFlag.NOPREFIXROUTE);
  t.same(b.taken('addressEvents'), [`installed ${v4}`, `installed ${v6}`]);
  t.same(b.taken('routeEvents'), [`installed ${v4}`, `installed ${v6}`]);
  t.same(b.taken('emitted').sort(), [
    `address-added ${v4}`,
    `address-added ${v6}`,
    `route-announced ${v4} web`,
    `route-announced ${v6} web`,
  ]);
  t.same(b.addresses(), [`${v4} installed`, `${v6} installed`]);

  b.setRoutes([]);
  b.setAddresses([v6]);
  await settle();
  t.same(b.fake.addresses(), [markedV6]);
  t.same(b.fake.routes(), []);
  t.same(b.taken('addressEvents'), [`removed ${v4}`]);
  t.same(b.taken('routeEvents'), [`removed ${v4}`, `removed ${v6}`]);
  t.same(b.taken('emitted').sort(), [
    `address-removed ${v4}`,
    `route-withdrawn ${v4} web`,
    `route-withdrawn ${v6} web`,
  ]);
  t.same(b.addresses(), [`${v6} installed`]);
  t.same(b.journal.history, [], 'this kernel keeps marks');
});

t.test('each prefix that a set adds, changes or takes out is told of; the others are not', async (t) => {
  const b = await running(t, [v4, v6]);
  b.setAddresses([v4, v6]);
  await settle();
  t.same(b.taken('addressEvents'), [], 'the same set again');
  const changed = {...address(v4), owners: [...address(v4).owners]};
  b.kernel.addresses.set({items: [changed, address(v6)], adopt: new Set(), complete: true});
  await settle();
  t.same(b.taken('addressEvents'), [`installed ${v4}`], 'another item of the same prefix');
  b.setAddresses([]);
  b.setAddresses([v6]);
  await settle();
  t.same(
    b.taken('addressEvents'),
    [`removed ${v4}`, `installed ${v6}`],
    'out and in again before anything happened',
  );
  t.same(b.fake.changes.slice(-1), [`RTM_DELADDR ${v4}`]);
  t.same(b.taken('emitted'), [`address-removed ${v4}`]);
});

t.test('a long interface name leaves no room for the label', async (t) => {
  const fake = strict(t);
  fake.addLink('anycast-vips');
  const b = bench(t, fake, {config: {interface: 'anycast-vips'}});
  await b.kernel.start();
  b.setAddresses([v4]);
  await settle();
  t.same(fake.addresses(), [`anycast-vips ${v4} anycast-vips proto 153`]);
  b.setAddresses([]);
  await settle();
  t.same(fake.addresses(), []);
});

t.test('what is foreign counts as installed and is never touched', async (t) => {
  const fake = strict(t);
  fake.addAddress('lo', v4);
  fake.addAddress('lo', '2001:db8::1/64', {protocol: 7});
  fake.addRoute({prefix: v4, oif: 'lo'});
  const b = bench(t, fake);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4]);
  await settle();
  t.same(
    fake.changes.filter((change) => change.includes('ADDR')),
    [],
  );
  t.same(b.addresses(), [`${v4} foreign`, `${v6} foreign`]);
  t.same(b.routes(), [`${v4} foreign`]);
  t.same(b.taken('addressEvents'), [`installed ${v4}`, `installed ${v6}`]);
  t.same(b.taken('routeEvents'), [`installed ${v4}`]);
  await b.kernel.stop('withdraw');
  t.same(b.taken('addressEvents'), [`removed ${v4}`, `removed ${v6}`]);
  t.same(fake.addresses(), ['lo 192.0.2.1/32 lo', 'lo 2001:db8::1/64 proto 7']);
  t.same(fake.routes(), [`${v4} dev lo table 254 proto 3 scope 253 metric 0`]);
  t.same(b.emitted, []);
});

t.test('what is foreign and goes is replaced by ours', async (t) => {
  const fake = strict(t);
  fake.addAddress('lo', v4);
  const b = bench(t, fake);
  await b.kernel.start();
  b.setAddresses([v4]);
  await settle();
  fake.removeAddress('lo', v4);
  await settle();
  await settle();
  t.same(fake.addresses(), [markedV4]);
  t.same(b.addresses(), [`${v4} installed`]);
});

t.test('a route that is in the way but not equal: failed, and added when it goes', async (t) => {
  const b = await running(t, []);
  b.fake.addRoute({prefix: v4, oif: 'lo', viaGateway: true});
  b.setRoutes([v4]);
  await settle();
  t.same(b.taken('routeEvents'), [`failed ${v4} RTM_NEWROUTE EEXIST: file already exists`]);
  t.same(b.routes(), [`${v4} failed: RTM_NEWROUTE EEXIST: file already exists`]);
  await b.clock.run(5_000);
  t.same(b.taken('routeEvents'), [], 'told once');
  b.fake.removeRoute(v4);
  await settle();
  await settle();
  t.same(b.taken('routeEvents'), [`installed ${v4}`]);
  t.same(b.fake.routes(), [ourRouteV4]);
  t.same(b.emitted, [
    `route-failed ${v4} RTM_NEWROUTE EEXIST: file already exists`,
    `route-announced ${v4} web`,
  ]);
});

t.test('what is not for the kernel: nothing is done, nobody waits', async (t) => {
  const b = await running(t, []);
  b.setRoutes([route('198.51.100.0/24'), route(v4, {aggregate: true}), route(v6, {via: ['bgp']})]);
  await settle();
  t.same(b.fake.changes, []);
  t.same(b.taken('routeEvents'), [`installed 198.51.100.0/24`, `installed ${v4}`, `installed ${v6}`]);
  t.same(b.routes(), ['198.51.100.0/24 not-wanted', `${v4} not-wanted`, `${v6} not-wanted`]);
  // Of two routes of one prefix one may concern the kernel.
  b.setRoutes([route(v4, {via: ['bgp']}), route(v4, {via: ['kernel'], peers: ['x']})]);
  await settle();
  t.same(b.fake.routes(), [ourRouteV4]);
});

const covering = 'table 254 proto 153 scope 0 metric 4278198272';

t.test('routes that cover a network come and go, whatever it is announced through', async (t) => {
  const [net, net6] = ['198.51.100.0/24', '2001:db8:5::/48'];
  const b = bench(t);
  b.allowed = () => true;
  await b.kernel.start();
  const cover = (text: string): Route => route(text, {via: ['kernel'], aggregate: true});
  const items = [cover(net), cover(net6)];
  b.setRoutes(items);
  await settle();
  t.same(b.fake.routes(), [`${net} dev undefined ${covering}`, `${net6} dev lo ${covering}`]);
  t.same(b.taken('routeEvents'), [`installed ${net}`, `installed ${net6}`]);
  t.same(b.routes(), [`${net} installed`, `${net6} installed`]);
  b.fake.removeRoute(net);
  await settle();
  t.equal(b.fake.routes().length, 2, 'what somebody removes comes back');
  b.setRoutes(items.slice(0, 1));
  await settle();
  t.same(b.taken('routeEvents'), [`removed ${net6}`]);
  await b.kernel.stop('withdraw');
  t.same(b.fake.routes(), []);
});

t.test('a covering route of somebody else, and one that is left over in another table', async (t) => {
  const net = '198.51.100.0/24';
  const fake = strict(t);
  fake.addRoute({prefix: net, oif: 'lo', type: 7, metric: 4_278_198_272});
  fake.addRoute({prefix: net, oif: 'lo', type: 7, metric: 4_278_198_272, protocol: 153, table: 1000});
  fake.addRoute({prefix: '10.0.0.0/8', oif: 'lo', type: 7, metric: 5, protocol: 153, table: 1000});
  const b = bench(t, fake);
  b.allowed = () => true;
  await b.kernel.start();
  t.same(b.taken('emitted'), [`route-withdrawn ${net}`]);
  b.setRoutes([route(net, {via: ['kernel']})]);
  await settle();
  t.same(b.routes(), [`${net} foreign`]);
  await b.kernel.stop('withdraw');
  t.equal(fake.routes().length, 2, 'what is not of our form is not ours either');
});

t.test('the allow list is asked last', async (t) => {
  const b = bench(t);
  b.allowed = (prefix) => prefix === v6;
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  await settle();
  t.same(b.fake.addresses(), [markedV6]);
  t.same(b.taken('addressEvents'), [`failed ${v4} ${v4} is not in the allow list`, `installed ${v6}`]);
  b.allowed = (prefix) => prefix === v4;
  b.setAddresses([v4, v6]);
  await settle();
  t.same(b.fake.addresses(), [markedV4], 'a reload changed it');
  t.same(b.taken('addressEvents'), [`installed ${v4}`, `failed ${v6} ${v6} is not in the allow list`]);
});

t.test('start: what may be adopted stays until it settles, other leftovers go at once', async (t) => {
  const fake = strict(t);
  const first = bench(t, fake);
  await first.kernel.start();
  first.setAddresses([v4, v6, '192.0.2.2/32']);
  first.setRoutes([v4, v6]);
  await settle();
  await first.die();
  t.equal(fake.addresses().length, 3);

  fake.changes.length = 0;
  const b = bench(t, fake);
  await b.kernel.start();
  t.same(fake.changes, []);
  b.setAddresses([], [v4, v6]);
  b.setRoutes([], [v4]);
  await settle();
  t.same(fake.changes, ['RTM_DELADDR 192.0.2.2/32', `RTM_DELROUTE ${v6}`]);
  t.same(b.taken('emitted').sort(), ['address-removed 192.0.2.2/32', `route-withdrawn ${v6}`]);
  t.same(b.addresses(), [`${v4} installed`, `${v6} installed`]);
  b.setAddresses([v4], [v6]);
  b.setRoutes([v4]);
  await settle();
  t.same(b.taken('addressEvents'), ['removed 192.0.2.2/32', `installed ${v4}`], 'up: nothing was touched');
  b.setAddresses([v4], []);
  await settle();
  t.same(b.taken('addressEvents'), [`removed ${v6}`], 'down');
  t.same(fake.changes.slice(2), [`RTM_DELADDR ${v6}`]);
  t.same(fake.addresses(), [markedV4]);
});

t.test('what may be adopted but is not there is not added', async (t) => {
  const b = bench(t);
  await b.kernel.start();
  b.setAddresses([], [v4]);
  await settle();
  t.same(b.taken('addressEvents'), []);
  b.setAddresses([], []);
  await settle();
  t.same(b.taken('addressEvents'), [`removed ${v4}`]);
  t.same(b.fake.changes, []);
});

t.test('leftovers on another interface and in another table go at start', async (t) => {
  const fake = strict(t);
  fake.addLink('old0');
  fake.addAddress('old0', v4, {label: 'old0:eip', protocol: 153});
  fake.addAddress('old0', '192.0.2.9/32');
  fake.addRoute({prefix: v4, oif: 'old0', protocol: 153});
  fake.addRoute({prefix: v6, oif: 'lo', protocol: 153, table: 1000});
  const b = bench(t, fake);
  await b.kernel.start();
  t.same(fake.addresses(), ['old0 192.0.2.9/32 old0']);
  t.same(fake.routes(), []);
  t.same(b.taken('emitted'), [`route-withdrawn ${v4}`, `route-withdrawn ${v6}`, `address-removed ${v4}`]);
});

t.test('stop: withdraw removes all of ours, keep leaves all, both end every timer', async (t) => {
  const b = await running(t, [v4, v6], [v4]);
  b.fake.addAddress('lo', '192.0.2.7/32');
  await b.kernel.stop('withdraw');
  t.same(b.fake.addresses(), ['lo 192.0.2.7/32 lo']);
  t.same(b.fake.routes(), []);
  t.same(b.fake.changes.slice(-3), [`RTM_DELROUTE ${v4}`, `RTM_DELADDR ${v4}`, `RTM_DELADDR ${v6}`]);
  t.equal(b.clock.pending, 0);

  const kept = await running(t, [v4], [v4]);
  await kept.kernel.stop('keep');
  t.same(kept.fake.addresses(), [markedV4]);
  t.same(kept.fake.routes(), [ourRouteV4]);
  t.equal(kept.clock.pending, 0);
  kept.fake.removeAddress('lo', v4);
  await settle();
  t.same(kept.fake.addresses(), [], 'nothing is put back any more');
});

t.test('stop without a set removes what an earlier life left', async (t) => {
  const fake = strict(t);
  fake.addAddress('lo', v4, {protocol: 153, label: 'lo:eip'});
  const b = bench(t, fake);
  await b.kernel.start();
  await b.kernel.stop('withdraw');
  t.same(fake.addresses(), []);
});

t.test('what somebody removes comes back, nobody is told of a failure', async (t) => {
  const b = await running(t, [v4, v6], [v4]);
  b.fake.removeAddress('lo', v4);
  b.fake.removeAddress('lo', v6);
  b.fake.removeRoute(v4);
  await settle();
  await settle();
  t.same(b.fake.addresses(), [markedV4, markedV6]);
  t.same(b.fake.routes(), [ourRouteV4]);
  t.same([...b.addressEvents, ...b.routeEvents], []);
  t.same(b.taken('emitted').sort(), [
    `address-added ${v4}`,
    `address-added ${v6}`,
    `route-announced ${v4} web`,
    'warn 2 addresses were removed from lo by something else',
    `warn kernel route ${v4} was removed from table main by something else`,
  ]);
});

t.test('a removal storm: one warning, then every 10 s, until a minute was quiet', async (t) => {
  const b = await running(t, [v4]);
  const steal = async () => {
    b.fake.removeAddress('lo', v4);
    await settle();
    await settle();
  };
  for (let i = 0; i < 10; i++) {
    await steal();
    t.same(b.fake.addresses(), [markedV4], `put back at once (${i})`);
    await b.clock.run(100);
  }
  t.same(b.taken('addressEvents'), []);
  b.taken('emitted');
  await steal();
  t.same(b.fake.addresses(), []);
  const reason = 'something else keeps removing it from lo: it is put back every 10 s';
  t.same(b.taken('addressEvents'), [`failed ${v4} ${reason}`]);
  t.same(b.addresses(), [`${v4} failed: ${reason}`]);
  const warning = `warn address ${v4} was removed from lo again and again by something else: put back every 10 s from now on`;
  t.same(b.taken('emitted'), [`address-failed ${v4} ${reason}`, warning]);
  for (let i = 0; i < 7; i++) {
    await b.clock.run(9_900);
    t.same(b.fake.addresses(), [], 'not before 10 s');
    await b.clock.run(200);
    t.same(b.fake.addresses(), [markedV4]);
    t.same(b.taken('addressEvents'), [`installed ${v4}`]);
    await steal();
    t.same(b.taken('addressEvents'), [`failed ${v4} ${reason}`]);
  }
  t.same(new Set(b.taken('emitted')), new Set([`address-added ${v4}`]), 'no further warning');
  await b.clock.run(10_100);
  await b.clock.run(61_000);
  await steal();
  t.same(b.fake.addresses(), [markedV4], 'at once again');
});

t.test('failures are retried after 100 ms … 30 s, with the exact reason, told once', async (t) => {
  const b = await running(t, []);
  for (let i = 0; i < 12; i++)
    b.fake.refusals.push({errno: 13, text: 'ipv6: IPv6 is disabled on this device'});
  b.setAddresses([v6]);
  await settle();
  const reason = 'RTM_NEWADDR EACCES: ipv6: IPv6 is disabled on this device';
  t.same(b.addresses(), [`${v6} failed: ${reason}`]);
  const waits: number[] = [];
  for (let tries = b.fake.changes.length; b.fake.refusals.length > 0; tries++) {
    const from = b.clock.now();
    while (b.fake.changes.length === tries) await b.clock.run(50);
    waits.push(b.clock.now() - from);
  }
  t.same(waits.slice(0, 3), [100, 200, 400]);
  t.equal(waits.at(-1), 30_000);
  t.same(b.taken('addressEvents'), [`failed ${v6} ${reason}`]);
  await b.clock.run(30_000);
  t.same(b.taken('addressEvents'), [`installed ${v6}`]);
  t.same(b.emitted, [`address-failed ${v6} ${reason}`, `address-added ${v6}`]);
});

t.test('a removal that fails stays withdraw-pending and is retried', async (t) => {
  const b = await running(t, [v4]);
  b.fake.refusals.push({errno: 105, text: null});
  b.setAddresses([]);
  await settle();
  t.same(b.addresses(), [`${v4} withdraw-pending: RTM_DELADDR ENOBUFS: no buffer space available`]);
  t.same(b.taken('addressEvents'), [`failed ${v4} RTM_DELADDR ENOBUFS: no buffer space available`]);
  await b.clock.run(100);
  t.same(b.taken('addressEvents'), [`removed ${v4}`]);
  t.same(b.addresses(), []);
});

t.test('without CAP_NET_ADMIN: one clear line, every item failed', async (t) => {
  const fake = strict(t);
  fake.isDenied = true;
  const b = bench(t, fake);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4]);
  await settle();
  await b.clock.run(1_000);
  t.same(b.addresses(), [
    `${v4} failed: not permitted: it needs CAP_NET_ADMIN`,
    `${v6} failed: not permitted: it needs CAP_NET_ADMIN`,
  ]);
  t.equal(b.emitted.filter((line) => /^error .*without CAP_NET_ADMIN: run as root/.test(line)).length, 1);
  t.equal(b.emitted.length, 4, 'and each item once');
});

t.test('the interface goes down and comes up', async (t) => {
  const b = await running(t, [v4, v6], [v4, v6]);
  b.fake.setLink('lo', false);
  await settle();
  await settle();
  t.same(b.addresses(), [`${v4} failed: interface lo is down`, `${v6} failed: interface lo is down`]);
  t.same(b.routes(), [`${v4} failed: interface lo is down`, `${v6} failed: interface lo is down`]);
  t.same(b.taken('addressEvents'), [
    `failed ${v4} interface lo is down`,
    `failed ${v6} interface lo is down`,
  ]);
  b.fake.setLink('lo', true);
  await settle();
  await settle();
  t.same(b.fake.addresses(), [markedV4, markedV6]);
  t.same(b.fake.routes(), [ourRouteV4, ourRouteV6], 'IPv4 routes went without a word');
  t.same(b.taken('addressEvents'), [`installed ${v4}`, `installed ${v6}`]);
  t.notOk(
    b.emitted.some((line) => line.startsWith('warn')),
    'nobody took them away',
  );
});

t.test('down and up so fast that both are seen at once', async (t) => {
  const b = await running(t, [v4, v6], [v4]);
  b.fake.setLink('lo', false);
  b.fake.setLink('lo', true);
  await settle();
  await settle();
  t.same(b.fake.addresses(), [markedV4, markedV6]);
  t.same(b.fake.routes(), [ourRouteV4]);
  t.notOk(b.emitted.some((line) => line.startsWith('warn')));
});

t.test('the interface is not there yet, comes, goes, and comes back as another one', async (t) => {
  const fake = strict(t);
  const b = bench(t, fake, {config: {interface: 'dummy0'}});
  await b.kernel.start();
  b.setAddresses([v4]);
  b.setRoutes([v4]);
  await settle();
  t.same(b.addresses(), [`${v4} failed: there is no interface dummy0`]);
  fake.addLink('dummy0', {up: false});
  await settle();
  await settle();
  t.same(b.addresses(), [`${v4} failed: interface dummy0 is down`]);
  for (let i = 0; i < 2; i++) {
    fake.setLink('dummy0', true);
    await settle();
    await settle();
    t.same(fake.addresses(), [`dummy0 ${v4} dummy0:eip proto 153`]);
    t.same(fake.routes(), [`${v4} dev dummy0 table 254 proto 153 scope 253 metric 0`]);
    t.same(b.addresses(), [`${v4} installed`]);
    fake.removeLink('dummy0');
    await settle();
    await settle();
    t.same(b.addresses(), [`${v4} failed: there is no interface dummy0`]);
    fake.addLink('dummy0', {up: false});
    await settle();
  }
  t.notOk(b.emitted.some((line) => line.startsWith('warn')));
});

t.test('an address taken out while the interface is away is removed', async (t) => {
  const fake = strict(t);
  fake.addLink('dummy0');
  const b = bench(t, fake, {config: {interface: 'dummy0'}});
  await b.kernel.start();
  b.setAddresses([v4]);
  await settle();
  fake.removeLink('dummy0');
  await settle();
  await settle();
  b.taken('addressEvents');
  b.setAddresses([]);
  await settle();
  t.same(b.taken('addressEvents'), [`removed ${v4}`]);
});

t.test('lost events: a full look finds what happened', async (t) => {
  const b = await running(t, [v4, v6], [v4]);
  b.fake.removeAddress('lo', v4);
  b.fake.removeRoute(v4);
  b.fake.overrun();
  await settle();
  await settle();
  t.same(b.fake.addresses(), [markedV4, markedV6]);
  t.same(b.fake.routes(), [ourRouteV4]);
  for (let i = 0; i < 5; i++) {
    b.fake.removeAddress('lo', v6);
    b.fake.overrun();
    await settle();
  }
  await b.clock.run(100);
  t.same(b.fake.addresses(), [markedV4, markedV6], 'also when more are lost during the look');
});

t.test('what is taken out while events are lost is removed all the same', async (t) => {
  const b = await running(t, []);
  b.setAddresses([v4, v6]);
  b.fake.losesEvents = true;
  await settle();
  t.same(b.addresses(), [`${v4} pending`, `${v6} pending`], 'acknowledged, not seen');
  b.setAddresses([v6]);
  await settle();
  await settle();
  t.same(b.fake.addresses(), [markedV6]);
  t.same(b.taken('addressEvents').sort(), [`installed ${v6}`, `removed ${v4}`]);
  b.fake.overrun();
  await b.kernel.stop('withdraw');
  t.same(b.fake.addresses(), []);
});

t.test('a look every 30 s finds what no event told', async (t) => {
  const b = await running(t, [v4]);
  const dumps = b.fake.dumps;
  await b.clock.run(29_000);
  t.equal(b.fake.dumps, dumps);
  await b.clock.run(1_100);
  t.ok(b.fake.dumps > dumps);
  await b.clock.run(30_000);
  t.same(b.taken('emitted'), []);
});

t.test('what happens during a slow look is not undone by it', async (t) => {
  const b = await running(t, [v4, v6]);
  b.fake.changes.length = 0;
  b.fake.dumpsSlowly = true;
  b.clock.advance(30_000);
  // The links, then IPv4 addresses: the look has seen what it now loses.
  for (const dumps = b.fake.dumps; b.fake.dumps < dumps + 2; ) await settle();
  b.setAddresses([v6]);
  b.fake.removeAddress('lo', v6);
  for (let i = 0; i < 20; i++) await settle();
  t.same(b.fake.changes.sort(), [`RTM_DELADDR ${v4}`, `RTM_NEWADDR ${v6}`]);
  t.same(b.addresses(), [`${v6} installed`]);
});

t.test('a route replaced by somebody else is found foreign', async (t) => {
  const b = await running(t, [], [v4]);
  b.fake.replaceRoute({prefix: v4, oif: 'lo'});
  await settle();
  await settle();
  t.same(b.routes(), [`${v4} foreign`]);
  b.setRoutes([]);
  await settle();
  t.same(b.fake.routes(), [`${v4} dev lo table 254 proto 3 scope 253 metric 0`], 'and is left alone');
});

t.test('route events of other tables and forms change nothing', async (t) => {
  const b = await running(t, [], [v4]);
  b.fake.addRoute({prefix: v4, oif: 'lo', table: 255});
  b.fake.addRoute({prefix: v4, oif: 'lo', metric: 7});
  b.fake.removeRoute(v4);
  await settle();
  await settle();
  t.equal(b.fake.routes().filter((line) => line === ourRouteV4).length, 1);
  t.same(b.routes(), [`${v4} installed`]);
});

t.test('routes are watched only once somebody wants one', async (t) => {
  const fake = strict(t);
  fake.addRoute({prefix: v4, oif: 'lo'});
  const b = bench(t, fake);
  await b.kernel.start();
  b.setRoutes([]);
  b.setRoutes([v4]);
  await settle();
  t.same(b.routes(), [`${v4} foreign`]);
  fake.removeRoute(v4);
  await settle();
  await settle();
  t.same(fake.routes(), [ourRouteV4]);
});

t.test('an IPv6 address counts once the kernel tells of it', async (t) => {
  const b = await running(t, []);
  b.fake.tellsIpv6Late = true;
  b.setAddresses([v6]);
  await settle();
  t.same(b.addresses(), [`${v6} pending`]);
  t.same(b.taken('addressEvents'), []);
  b.fake.finishIpv6();
  await settle();
  t.same(b.taken('addressEvents'), [`installed ${v6}`]);
  t.same(b.taken('emitted'), [`address-added ${v6}`]);

  b.setAddresses([v6, '2001:db8::2']);
  await settle();
  await b.clock.run(100);
  t.same(b.taken('addressEvents'), ['installed 2001:db8::2/128'], 'or once a look has found it');
});

t.test('a kernel that acknowledges but does nothing', async (t) => {
  const b = await running(t, []);
  b.fake.refusals.push({errno: 0, text: null});
  b.setAddresses([v4]);
  await settle();
  t.same(b.addresses(), [`${v4} pending`]);
  await b.clock.run(100);
  t.same(b.taken('addressEvents'), [`failed ${v4} the kernel acknowledged it, but it is not there`]);
  await b.clock.run(100);
  t.same(b.taken('addressEvents'), [`installed ${v4}`]);
});

t.test('before 5.18 the kernel drops the mark: a journal keeps it', async (t) => {
  const old = (journal: MemoryJournal): Bench => {
    const b = bench(t, fake, {journal});
    return b;
  };
  const fake = strict(t);
  fake.removeAddress('lo', '::1/128');
  fake.keepsAddressProtocol = false;
  const journal = new MemoryJournal();
  const first = old(journal);
  await first.kernel.start();
  first.setAddresses([v4, v6, '192.0.2.2']);
  await settle();
  t.same(journal.history, [`+lo ${v4}`, `+lo ${v6}`, '+lo 192.0.2.2/32']);
  t.same(
    first.addresses(),
    [`${v4} installed`, `${v6} installed`, '192.0.2.2/32 installed'],
    'ours, not foreign',
  );
  first.setAddresses([v4, v6]);
  await settle();
  t.same([...journal.lines], [`lo ${v4}`, `lo ${v6}`]);
  await first.die();

  fake.addAddress('lo', '192.0.2.2/32');
  const second = old(journal);
  await second.kernel.start();
  second.setAddresses([], [v4]);
  await settle();
  t.same(fake.addresses(), [`lo ${v4} lo:eip`, 'lo 192.0.2.2/32 lo'], 'known again: adopted, or removed');
  await second.kernel.stop('withdraw');
  t.same(fake.addresses(), ['lo 192.0.2.2/32 lo']);
  t.same([...journal.lines], []);
});

t.test('killed between journal and add: the note dies with the next start', async (t) => {
  const fake = strict(t);
  fake.removeAddress('lo', '::1/128');
  fake.keepsAddressProtocol = false;
  const journal = new MemoryJournal();
  journal.add(`lo ${v4}`);
  journal.add(`lo ${v6}`);
  // Meanwhile somebody put one of them there, in a form that is not ours.
  fake.addAddress('lo', v6);
  const b = bench(t, fake, {journal});
  await b.kernel.start();
  t.same([...journal.lines], []);
  fake.addAddress('lo', v4, {label: 'lo:eip'});
  b.setAddresses([]);
  await settle();
  t.same(fake.addresses(), [`lo ${v4} lo:eip`, `lo ${v6}`], 'foreign');
});

t.test('an add that fails leaves no note; one that cannot be noted is not done', async (t) => {
  const fake = strict(t);
  fake.removeAddress('lo', '::1/128');
  fake.keepsAddressProtocol = false;
  const b = bench(t, fake);
  await b.kernel.start();
  fake.refusals.push({errno: 28, text: null});
  b.setAddresses([v4]);
  await settle();
  t.same(b.journal.history, [`+lo ${v4}`, `-lo ${v4}`]);
  b.journal.isBroken = true;
  await b.clock.run(100);
  t.same(fake.addresses(), []);
  t.match(b.addresses(), [/failed: the journal in state_dir cannot be written: .*no space left/]);
  b.journal.isBroken = false;
  await b.clock.run(1_000);
  t.same(b.addresses(), [`${v4} installed`]);
  b.journal.isBroken = true;
  b.setAddresses([]);
  await settle();
  t.same(fake.addresses(), [], 'a journal that cannot be written hinders no removal');
  t.match(b.emitted.at(-2), /warn the journal of addresses in state_dir cannot be written/);
});

t.test('the mark is read back: once the kernel kept one, the journal is done', async (t) => {
  const fake = strict(t);
  fake.removeAddress('lo', '::1/128');
  const b = bench(t, fake);
  await b.kernel.start();
  b.setAddresses([v4, '192.0.2.2']);
  await settle();
  t.same(b.journal.history, [`+lo ${v4}`, `-lo ${v4}`]);
});

t.test('an interrupted dump is taken again', async (t) => {
  const fake = strict(t);
  fake.addAddress('lo', v4, {protocol: 153, label: 'lo:eip'});
  const b = bench(t, fake);
  fake.interruptedDumps = 3;
  await b.kernel.start();
  b.setAddresses([v4]);
  await settle();
  t.same(fake.changes, []);
  t.same(b.addresses(), [`${v4} installed`]);
});

t.test('a thousand addresses in one set', async (t) => {
  const many = Array.from({length: 1_000}, (_, i) => `198.18.${i >> 8}.${i & 255}/32`);
  const b = await running(t, []);
  b.setAddresses(many);
  while (b.addressEvents.length < many.length) await settle();
  t.equal(b.fake.addresses().length, many.length);
  t.same(
    b.taken('addressEvents'),
    many.map((prefix) => `installed ${prefix}`),
  );
  await b.kernel.stop('withdraw');
  t.same(b.fake.addresses(), []);
});
