/** The kernel's part against a real Linux kernel, in a network of the test's own, as `ip` sees it. */

import t, {type Test} from 'tap';
import {NetlinkClient} from '../../agent/control/netlink-client.js';
import {systemClock} from '../../agent/io/clock.js';
import {openNetlinkSocket} from '../../agent/io/netlink-socket.js';
import {sysctl} from '../../agent/io/sysctl.js';
import {addressOf, parsePrefix} from '../../agent/lib/prefix.js';
import {enterOwnNetwork, ip, ipJson} from '../lab/own-network.js';
import {Harness, type HarnessOptions, route, waitUntil} from './kernel-harness.js';

const skip = enterOwnNetwork();
const v4 = '192.0.2.1/32';
const v6 = '2001:db8::1/128';

interface IpAddress {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly label?: string;
  readonly broadcast?: string;
  readonly [flag: string]: unknown;
}

/** `ip addr`, without what the kernel itself puts on a loopback. */
function addressesOf(link: string): IpAddress[] {
  const [found] = ipJson<{addr_info: IpAddress[]}[]>(`-d addr show dev ${link}`);
  return (found?.addr_info ?? []).filter(({scope}) => scope === 'global');
}

function localsOf(link: string): string[] {
  return addressesOf(link).map(({local, prefixlen}) => `${local}/${prefixlen}`);
}

function routesOf(family: '4' | '6'): object[] {
  return ipJson<{protocol: string}[]>(`-${family} -d route show`).filter(({protocol}) => protocol === '153');
}

function harness(t: Test, options: Partial<HarnessOptions> = {}): Harness {
  return new Harness(t, {open: openNetlinkSocket, clock: systemClock, ...options});
}

/** Somebody else on the same machine, who is faster than starting `ip`. */
function somebody(t: Test): NetlinkClient {
  const client = new NetlinkClient({open: openNetlinkSocket, clock: systemClock});
  t.teardown(() => client.stop());
  return client;
}

async function cleanly(b: Harness): Promise<void> {
  await b.kernel.stop('withdraw');
  await b.die();
}

t.test('addresses and routes look as promised to ip', {skip}, async (t) => {
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4, v6]);
  await waitUntil(() => b.addressEvents.length === 2 && b.routeEvents.length === 2);
  t.same(b.addresses(), [`${v4} installed`, `${v6} installed`]);
  const [four, six] = addressesOf('lo');
  t.match(four, {family: 'inet', local: '192.0.2.1', prefixlen: 32, scope: 'global', label: 'lo:eip'});
  t.notOk(four?.broadcast, 'no broadcast');
  t.match(six, {
    family: 'inet6',
    local: '2001:db8::1',
    prefixlen: 128,
    scope: 'global',
    nodad: true,
    noprefixroute: true,
    deprecated: true,
    preferred_life_time: 0,
    valid_life_time: 4294967295,
  });
  t.notOk(six?.tentative, 'usable at once');
  t.match(routesOf('4'), [
    {type: 'unicast', dst: '192.0.2.1', dev: 'lo', protocol: '153', scope: 'link', flags: []},
  ]);
  t.match(routesOf('6'), [{type: 'unicast', dst: '2001:db8::1', dev: 'lo', protocol: '153', metric: 1024}]);
  const marks = await b.client.dumpAddresses();
  t.same(
    marks.filter(({protocol}) => protocol === 153).map(({address}) => address),
    ['192.0.2.1', '2001:db8::1'],
    'IFA_PROTO',
  );
  t.match(ip('route get 192.0.2.1'), /^local 192\.0\.2\.1 dev lo/);
  t.match(ip('-6 route get 2001:db8::1'), /^local 2001:db8::1 .*dev lo/);
  t.same([...b.journal.lines], [], 'nothing left to journal');

  await cleanly(b);
  t.same(localsOf('lo'), []);
  t.same([...routesOf('4'), ...routesOf('6')], []);
});

t.test(
  'routes that cover a network: unreachable, the last choice, adopted and removed like others',
  {skip},
  async (t) => {
    const nets = ['203.0.113.0/24', '2001:db8:5::/48'];
    const items = nets.map((net) => route(net, {via: ['kernel'], aggregate: true}));
    const b = harness(t);
    b.allowed = () => true;
    await b.kernel.start();
    b.setRoutes(items);
    await waitUntil(() => b.routeEvents.length === 2);
    t.same(b.taken('routeEvents'), [`installed ${nets[0]}`, `installed ${nets[1]}`]);
    t.match(ipJson('-4 -d route show proto 153'), [
      {type: 'unreachable', dst: nets[0], scope: 'global', metric: 4_278_198_272},
    ]);
    t.match(ipJson('-6 -d route show proto 153'), [
      {type: 'unreachable', dst: nets[1], scope: 'global', metric: 4_278_198_272},
    ]);
    // Where there is an address, the more specific route wins.
    ip(`route del unreachable ${nets[0]} metric 4278198272`);
    await waitUntil(() => routesOf('4').length === 1);
    await b.die();

    // Somebody's own, better one beside it says nothing about ours.
    ip(`route add blackhole ${nets[0]} metric 5`);
    const next = harness(t);
    next.allowed = () => true;
    await next.kernel.start();
    next.setRoutes([], [nets[1] ?? '']);
    await waitUntil(() => routesOf('4').length === 0);
    t.equal(routesOf('6').length, 1, 'adopted');
    t.same(next.routes(), [`${nets[1]} installed`]);
    next.setRoutes([]);
    await waitUntil(() => routesOf('6').length === 0);
    t.equal(ipJson<object[]>(`-4 route show ${nets[0]}`).length, 1);
    ip(`route del blackhole ${nets[0]}`);

    // An equal one that is not marked is as good, and stays.
    ip(`route add unreachable ${nets[0]} metric 4278198272`);
    next.setRoutes(items.slice(0, 1));
    await waitUntil(() => next.routes().includes(`${nets[0]} foreign`));
    await next.kernel.stop('withdraw');
    t.equal(ipJson<object[]>(`-4 route show ${nets[0]}`).length, 1);
    ip(`route del unreachable ${nets[0]}`);
    await next.die();
  },
);

t.test('a table of its own', {skip}, async (t) => {
  const b = harness(t, {config: {table: 4711, protocol: 154}});
  await b.kernel.start();
  b.setRoutes([v4, v6]);
  await waitUntil(() => b.routeEvents.length === 2);
  t.match(ipJson('-d route show table 4711'), [
    {dst: '192.0.2.1', dev: 'lo', protocol: '154', scope: 'link'},
  ]);
  t.match(ipJson('-6 -d route show table 4711'), [
    {dst: '2001:db8::1', dev: 'lo', protocol: '154', metric: 1024},
  ]);
  await cleanly(b);
  t.same(b.routeEvents.slice(2), [`removed ${v4}`, `removed ${v6}`]);
});

t.test('what was there before us is foreign and stays', {skip}, async (t) => {
  ip('addr add 192.0.2.1/32 dev lo');
  ip('addr add 2001:db8::1/64 dev lo nodad');
  ip('route add 192.0.2.1/32 dev lo proto static');
  ip('-6 route add 2001:db8::1/128 dev lo');
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4, v6]);
  await waitUntil(() => b.addressEvents.length === 2 && b.routeEvents.length === 2);
  t.same(
    [...b.addresses(), ...b.routes()],
    [`${v4} foreign`, `${v6} foreign`, `${v4} foreign`, `${v6} foreign`],
  );
  await cleanly(b);
  t.same(localsOf('lo'), ['192.0.2.1/32', '2001:db8::1/64']);
  t.match(ipJson('route show proto static'), [{dst: '192.0.2.1'}]);
  ip('route del 192.0.2.1/32 dev lo');
  ip('-6 route del 2001:db8::1/128 dev lo');
  ip('addr del 192.0.2.1/32 dev lo');
  ip('addr del 2001:db8::1/64 dev lo');
});

t.test('another route of the same prefix is in the way until it goes', {skip}, async (t) => {
  ip('link add out0 type veth peer name out1');
  ip('link set out0 up');
  ip('link set out1 up');
  ip('route add 192.0.2.1/32 dev out0');
  const b = harness(t);
  await b.kernel.start();
  b.setRoutes([v4]);
  await waitUntil(() => b.routeEvents.length === 1);
  t.match(b.routes(), [/failed: RTM_NEWROUTE EEXIST: /]);
  ip('route del 192.0.2.1/32 dev out0');
  await waitUntil(() => b.routeEvents.length === 2);
  t.same(b.routes(), [`${v4} installed`]);
  ip('route replace 192.0.2.1/32 dev lo proto static');
  await waitUntil(() => b.routes()[0] === `${v4} foreign`);
  ip('route del 192.0.2.1/32 dev lo');
  await waitUntil(() => routesOf('4').length === 1);
  await cleanly(b);
  ip('link del out0');
});

t.test('ip addr del, ip route del: everything is back', {skip}, async (t) => {
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4]);
  await waitUntil(() => b.addressEvents.length === 2 && b.routeEvents.length === 1);
  b.taken('emitted');
  ip('addr del 192.0.2.1/32 dev lo');
  ip('addr del 2001:db8::1/128 dev lo');
  ip('route del 192.0.2.1/32 dev lo');
  await waitUntil(() => b.emitted.filter((line) => /added|announced/.test(line)).length === 3);
  t.same(localsOf('lo'), ['192.0.2.1/32', '2001:db8::1/128']);
  t.equal(routesOf('4').length, 1);
  t.equal(b.addressEvents.length, 2, 'no failure was told');

  const other = somebody(t);
  const times: number[] = [];
  for (const prefix of [v4, v6, v4, v6].map(parsePrefix)) {
    b.taken('emitted');
    const from = performance.now();
    await other.deleteAddress({index: 1, address: addressOf(prefix), label: null});
    await waitUntil(() => b.emitted.some((line) => line.startsWith('address-added')));
    times.push(performance.now() - from);
  }
  t.comment(`deleted by somebody → back: ${times.map((ms) => ms.toFixed(2)).join(', ')} ms`);
  await cleanly(b);
});

t.test('what an earlier life left is adopted, or removed at once', {skip}, async (t) => {
  const first = harness(t);
  await first.kernel.start();
  first.setAddresses([v4, v6, '192.0.2.2']);
  first.setRoutes([v4, v6]);
  await waitUntil(() => first.addressEvents.length === 3 && first.routeEvents.length === 2);
  await first.die();
  t.equal(localsOf('lo').length, 3, 'a kill leaves everything');
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([], [v4, v6]);
  b.setRoutes([], [v4]);
  await waitUntil(() => b.addressEvents.length === 1 && b.routeEvents.length === 1);
  t.same(localsOf('lo'), ['192.0.2.1/32', '2001:db8::1/128']);
  t.same([routesOf('4').length, routesOf('6').length], [1, 0]);
  await b.die();

  ip('link add vip0 type veth peer name vip1');
  ip('link set vip0 up');
  const elsewhere = harness(t, {config: {interface: 'vip0', table: 100}});
  await elsewhere.kernel.start();
  t.same(localsOf('lo'), [], 'also where the configuration has moved on');
  t.same(routesOf('4'), []);
  await cleanly(elsewhere);
  ip('link del vip0');
});

t.test('the interface goes down, up, away, and comes back', {skip}, async (t) => {
  const b = harness(t, {config: {interface: 'vip0'}});
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  b.setRoutes([v4, v6]);
  await waitUntil(() => b.addressEvents.length === 2);
  t.match(b.addresses(), [/failed: there is no interface vip0/, /failed: there is no interface vip0/]);
  const isComplete = (): boolean =>
    [...b.addresses(), ...b.routes()].every((line) => line.endsWith(' installed')) &&
    localsOf('vip0').length === 2 &&
    routesOf('4').length + routesOf('6').length === 2;
  for (let i = 0; i < 2; i++) {
    ip('link add vip0 type veth peer name vip1');
    await waitUntil(() => b.addresses().every((line) => line.endsWith('interface vip0 is down')));
    ip('link set vip1 up');
    ip('link set vip0 up');
    await waitUntil(isComplete);
    ip('link set vip0 down');
    await waitUntil(() => b.addresses().every((line) => line.endsWith('interface vip0 is down')));
    ip('link set vip0 up');
    await waitUntil(isComplete);
    ip('link del vip0');
    await waitUntil(() => b.addresses().every((line) => line.endsWith('there is no interface vip0')));
  }
  t.notOk(
    b.emitted.some((line) => line.startsWith('warn')),
    'nobody is accused',
  );
  await cleanly(b);
  t.same([...b.addresses(), ...b.routes()], []);
});

t.test('without CAP_NET_ADMIN', {skip}, async (t) => {
  process.seteuid?.(65534);
  let b: Harness;
  try {
    b = harness(t);
    await b.kernel.start();
    b.setAddresses([v4, v6]);
    b.setRoutes([v4]);
    await waitUntil(() => b.addressEvents.length === 2 && b.routeEvents.length === 1);
  } finally {
    process.seteuid?.(0);
  }
  const reason = 'failed: not permitted: it needs CAP_NET_ADMIN';
  t.same(b.addresses(), [`${v4} ${reason}`, `${v6} ${reason}`]);
  t.equal(b.emitted.filter((line) => line.startsWith('error ')).length, 1);
  await b.die();
});

t.test('the kernel’s own words: IPv6 is disabled', {skip}, async (t) => {
  sysctl.write('net/ipv6/conf/lo/disable_ipv6', '1');
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([v6]);
  await waitUntil(() => b.addressEvents.length === 1);
  t.match(b.addresses(), [/failed: RTM_NEWADDR EACCES: .*IPv6 is disabled on this device/]);
  sysctl.write('net/ipv6/conf/lo/disable_ipv6', '0');
  await waitUntil(() => b.addressEvents.length === 2);
  t.same(b.addresses(), [`${v6} installed`], 'retried');
  await cleanly(b);
});

t.test('more events than the socket holds', {skip}, async (t) => {
  const b = harness(t);
  await b.kernel.start();
  b.setAddresses([v4]);
  b.setRoutes(['192.0.2.9']);
  await waitUntil(() => b.addressEvents.length === 1 && b.routeEvents.length === 1);
  let overruns = 0;
  b.client.on(({overrun}) => {
    if (overrun) overruns++;
  });
  const other = somebody(t);
  // All of it without a turn of the event loop: nobody reads meanwhile.
  for (let i = 0; i < 12_000; i++) {
    const prefix = parsePrefix(`198.18.${i >> 8}.${i & 255}`);
    await other.addRoute({prefix, type: 1, oif: 1, table: 1234, protocol: 3, scope: 253, metric: 0});
  }
  await other.deleteAddress({index: 1, address: addressOf(parsePrefix(v4)), label: null});
  const ours = {type: 1, oif: 1, table: 254, protocol: 153, scope: 253, metric: 0};
  const lost = {...ours, prefix: parsePrefix('192.0.2.9')};
  await other.deleteRoute(lost);
  await waitUntil(() => overruns > 0 && localsOf('lo').length === 1 && routesOf('4').length === 1);
  t.pass(`${overruns} overruns, everything is back`);
  ip('route flush table 1234');
  await cleanly(b);
});

t.test('how long it takes', {skip}, async (t) => {
  const client = somebody(t);
  const measure = async (name: string, count: number, run: (i: number) => Promise<void>): Promise<void> => {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const from = performance.now();
      await run(i);
      times.push(performance.now() - from);
    }
    times.sort((x, y) => x - y);
    const [median, worst] = [times[count >> 1] ?? 0, times.at(-1) ?? 0];
    t.comment(`${name}, acknowledged: median ${median.toFixed(3)} ms, worst ${worst.toFixed(3)} ms`);
  };
  const prefix = (i: number) => parsePrefix(`203.0.113.${i}`);
  const address = (i: number) => ({index: 1, address: addressOf(prefix(i)), protocol: 3, label: null});
  const form = {type: 1, oif: 1, table: 254, protocol: 3, scope: 253, metric: 0};
  const route = (i: number) => ({...form, prefix: prefix(i)});
  await measure('add an address', 200, (i) => client.addAddress(address(i)));
  await measure('add a route', 200, (i) => client.addRoute(route(i)));
  await measure('delete a route', 200, (i) => client.deleteRoute(route(i)));
  await measure('delete an address', 200, (i) => client.deleteAddress(address(i)));

  const b = harness(t);
  await b.kernel.start();
  const many = Array.from({length: 200}, (_, i) => `203.0.113.${i}/32`);
  const from = performance.now();
  b.setAddresses(many);
  await waitUntil(() => b.addressEvents.length === many.length);
  t.comment(`200 addresses, set → all told: ${(performance.now() - from).toFixed(2)} ms`);
  t.equal(localsOf('lo').length, many.length);
  await cleanly(b);
});
