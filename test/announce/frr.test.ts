/** What the FRR announcer does while FRR does as it is told. */

import t from 'tap';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix} from '../../agent/types.js';
import {communities, route} from '../fake/route.js';
import {newDesk} from './frr-harness.js';

const a = '10.1.1.1/32';
const b = '10.1.1.2/32';
const six = 'fd01::1/128';
const quagga = {dialect: 'quagga'} as const;
/** The route-map of a route without attributes. */
const plain = 'EIP-HEALTH-881e1bab0010';

function prefixes(...texts: string[]): ReadonlySet<Prefix> {
  return new Set(texts.map(parsePrefix));
}

t.test('a route-map, then the lines in their families, then a look: and no word more', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([]);
  bgpd.commands.length = 0;
  const first = route(a);
  await desk.have([first, route(six, {med: 5, asPathPrepend: 2})]);
  const map = [...bgpd.routeMaps.keys()].find((name) => name !== plain) ?? '';
  t.same(bgpd.commands, [
    `show bgp ipv4 unicast ${a} json`,
    ...['configure terminal', `route-map ${plain} permit 10`],
    ...[`route-map ${map} permit 10`, 'set as-path prepend 64699 64699', 'set metric 5', 'end'],
    ...['configure terminal', 'router bgp 64699'],
    ...['address-family ipv4 unicast', `network ${a} route-map ${plain}`, 'exit-address-family'],
    ...['address-family ipv6 unicast', `network ${six} route-map ${map}`, 'exit-address-family', 'end'],
    ...[`show bgp ipv4 unicast ${a} json`, `show bgp ipv6 unicast ${six} json`],
  ]);
  t.same(desk.events, [`installed ${a}`, `installed ${six}`]);
  t.same(desk.status(), [`${a} announced`, `${six} announced`]);
  t.match(desk.log, [/^info: bgpd answers at DIR/, `announced ${a}`, `announced ${six}`]);
  bgpd.commands.length = 0;
  await desk.have([first]);
  t.same(bgpd.commands.slice(1), [
    ...['configure terminal', 'router bgp 64699'],
    ...['address-family ipv6 unicast', `no network ${six} route-map ${map}`, 'exit-address-family', 'end'],
    `show bgp ipv6 unicast ${six} json`,
    ...['configure terminal', `no route-map ${map}`, 'end'],
  ]);
  t.same(desk.events.slice(2), [`removed ${six}`]);
});

t.test('Quagga: IPv4 outside of any address-family, IPv6 in its own, and text to read', async (t) => {
  const desk = newDesk(t, {bgpd: quagga});
  const bgpd = await desk.start();
  await desk.have([]);
  bgpd.commands.length = 0;
  await desk.have([route(a), route(six)]);
  t.same(bgpd.commands, [
    `show ip bgp ${a}`,
    ...['configure terminal', `route-map ${plain} permit 10`, 'end'],
    ...['configure terminal', 'router bgp 64699', `network ${a} route-map ${plain}`],
    ...['address-family ipv6', `network ${six} route-map ${plain}`, 'exit-address-family', 'end'],
    ...[`show ip bgp ${a}`, `show bgp ${six}`],
  ]);
  t.same(desk.status(), [`${a} announced`, `${six} announced`]);
});

t.test('every attribute is one line of a route-map; equal attributes share it', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  const rich = {
    med: 70,
    localPreference: 200,
    asPathPrepend: 1,
    communities: communities('64512:7', '65535:65281', 'large:64512:1:2'),
    nextHop: {ipv4: parseAddress('192.0.2.9'), ipv6: parseAddress('fd00::9')},
  };
  await desk.have([route(a, rich), route(b, rich), route(six, rich)]);
  const [four, other, ...more] = [...bgpd.routeMaps.values()];
  t.same(four, [
    'set as-path prepend 64699',
    'set community no-export 64512:7',
    'set large-community 64512:1:2',
    'set ip next-hop 192.0.2.9',
    'set local-preference 200',
    'set metric 70',
  ]);
  t.ok(other?.includes('set ipv6 next-hop global fd00::9'));
  t.same(more, []);
  const {changes} = bgpd;
  await desk.pass(60_000);
  t.equal(bgpd.changes, changes, 'FRR writes them otherwise, and they are the same');
});

for (const through of ['socket', 'vtysh'] as const) {
  t.test(`through ${through}: what falls together is one batch; what changes nothing is none`, async (t) => {
    const all = Array.from({length: 200}, (_, i) => route(`10.1.${i >> 7}.${i & 127}/32`));
    const desk = newDesk(t, {through});
    const bgpd = await desk.start();
    await desk.have([]);
    bgpd.commands.length = 0;
    for (let n = 1; n <= all.length; n++) desk.set(all.slice(0, n));
    await desk.quiet();
    t.equal(bgpd.commands.filter((command) => command.startsWith('router bgp')).length, 1);
    t.equal(bgpd.originated().length, 200);
    bgpd.commands.length = 0;
    await desk.have(all.map((item) => ({...item})));
    await desk.have(all.toReversed());
    await desk.pass(60_000);
    t.notOk(bgpd.commands.includes('configure terminal'));
    t.notOk(bgpd.commands.some((command) => command.startsWith('write')));
  });
}

t.test('attributes change in place: the prefix is never away', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  await desk.have([route(a, {med: 9})]);
  await desk.pass(20_000);
  t.notOk(bgpd.commands.some((command) => command.startsWith('no network')));
  t.same(
    [...bgpd.routeMaps.values()],
    [['set metric 9']],
    'and the route-map that nothing needs any more is gone',
  );
  t.same(desk.events, [`installed ${a}`, `installed ${a}`]);
});

for (const dialect of ['frr', 'quagga'] as const) {
  t.test(`${dialect}: announced is what bgpd originates, holds valid and lets out`, async (t) => {
    const desk = newDesk(t, {bgpd: {dialect}});
    const bgpd = await desk.start();
    bgpd.withoutRoute.add(a);
    bgpd.preferred.add(b);
    bgpd.denied.add(six);
    await desk.have([route(a), route(b), route(six)]);
    await desk.pass(2_000);
    t.match(desk.status(), [
      /^10\.1\.1\.1\/32 failed: bgpd holds it invalid: "bgp network import-check" is on, and FRR has no route/,
      /^10\.1\.1\.2\/32 failed: bgpd prefers a path from elsewhere/,
      /^fd01::1\/128 failed: bgpd does not originate it, although it was told to$/,
    ]);
    bgpd.withoutRoute.clear();
    bgpd.preferred.clear();
    bgpd.denied.clear();
    await desk.pass(10_000);
    t.same(desk.status(), [`${a} announced`, `${b} announced`, `${six} announced`]);
    bgpd.established = 0;
    await desk.pass(10_000);
    t.same(desk.status().slice(0, 1), [`${a} peer-down: no neighbor of FRR for this family has a session`]);
    bgpd.established = 2;
    bgpd.keepsIn = true;
    await desk.pass(20_000);
    t.match(
      desk.status()[0],
      /failed: FRR announces it to no neighbor: .*"bgp ebgp-requires-policy", keeps it in/,
    );
    bgpd.keepsIn = false;
    await desk.pass(10_000);
    t.same(desk.status(), [`${a} announced`, `${b} announced`, `${six} announced`]);
    bgpd.redistributed.add(a);
    const events = desk.events.length;
    await desk.have([]);
    await desk.pass(2_000);
    t.match(desk.status(), [
      /^10\.1\.1\.1\/32 withdraw-pending: bgpd still originates it: something else in its/,
    ]);
    bgpd.redistributed.clear();
    await desk.pass(10_000);
    t.same(desk.status(), []);
    t.ok(desk.events.slice(events).includes(`removed ${a}`));
  });
}

t.test('what never went out to a neighbor is not said to be withdrawn', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  bgpd.established = 0;
  await desk.have([route(a)]);
  await desk.pass(2_000);
  t.match(desk.status(), [/^10\.1\.1\.1\/32 peer-down/]);
  await desk.have([]);
  t.same(desk.status(), []);
  t.notOk(
    desk.log.some((line) => line.startsWith('withdrawn')),
    desk.log.join('; '),
  );
});

t.test('a path that others announce is nothing of ours', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  bgpd.preferred.add(a);
  await desk.have([]);
  t.same(desk.status(), []);
  t.same(desk.events.at(-1), `removed ${a}`);
});

t.test('a line that somebody takes away or changes is put back, and said', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a), route(b)]);
  await desk.pass(2_000);
  bgpd.lines.delete(parsePrefix(a));
  await desk.pass(10_000);
  t.same(bgpd.originated(), [b, a]);
  bgpd.lines.set(parsePrefix(a), `network ${a} route-map THEIRS`);
  await desk.pass(10_000);
  t.equal(bgpd.lines.get(parsePrefix(a)), `network ${a} route-map ${plain}`);
  t.same([...desk.newJournal().entries()], [`network ${a} route-map THEIRS`]);
  const said = `warn: the line of FRR for ${a} was changed by something else: doing it again`;
  t.equal(desk.log.filter((line) => line === said).length, 2);
  t.same(desk.status(), [`${a} announced`, `${b} announced`]);
});

t.test('a route-map of ours that somebody changes is left for one of another name', async (t) => {
  const desk = newDesk(t);
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  bgpd.routeMaps.set(plain, ['set metric 666']);
  await desk.pass(11_000);
  t.same([...bgpd.routeMaps], [[`${plain}-1`, []]]);
  const {changes} = bgpd;
  await desk.pass(60_000);
  t.equal(bgpd.changes, changes, 'and that one is as good');
  t.notOk(bgpd.commands.some((command) => command.startsWith('no network')));
});

t.test('left over from an earlier life: adopted, or gone at once', async (t) => {
  const desk = newDesk(t);
  const lines = [a, b].map((prefix) => `network ${prefix} route-map EIP-HEALTH-old`);
  const bgpd = await desk.startBgpd({networks: lines});
  bgpd.routeMaps.set('EIP-HEALTH-old', []);
  bgpd.routeMaps.set('EIP-HEALTH-older', []);
  await desk.announcer.start();
  await desk.have([], {adopt: prefixes(a), complete: false});
  t.same(bgpd.originated(), [a]);
  t.same(desk.status(), [`${a} announced`]);
  t.same([...bgpd.routeMaps.keys()], ['EIP-HEALTH-old'], 'and a route-map that nothing needs');
  t.same(desk.events, [`removed ${b}`]);
  t.ok(desk.log.includes(`info: withdrawing ${b}: left over, and of no service that is up`));
  await desk.have([]);
  t.same(desk.events, [`removed ${b}`, `removed ${a}`]);
  t.same(bgpd.originated(), []);
});

t.test('nothing is told to FRR that may not be: it fails alone', async (t) => {
  const desk = newDesk(t, {allowed: (prefix) => prefix !== a});
  const bgpd = await desk.start();
  const many = communities(...Array.from({length: 800}, (_, i) => `64512:${i}`));
  await desk.have([
    route(a),
    route(b, {communities: many}),
    route('10.1.1.3/32', {peers: ['x']}),
    route(six),
  ]);
  t.match(desk.status(), [
    `${a} failed: not covered by \`allow\``,
    /^10\.1\.1\.2\/32 failed: a command of \d+ characters is not sent$/,
    '10.1.1.3/32 failed: FRR cannot be told peers of a single route',
    `${six} announced`,
  ]);
  t.same(bgpd.originated(), [six]);
});

for (const through of ['socket', 'vtysh'] as const) {
  t.test(
    `through ${through}: what FRR refuses fails alone, and is tried again when it changes`,
    async (t) => {
      const desk = newDesk(t, {through, bgpd: quagga});
      const bgpd = await desk.start();
      const large = communities('large:64512:1:2');
      await desk.have([route(a, {communities: large}), route(b), route(six)]);
      t.same(desk.status(), [
        `${a} failed: "set large-community 64512:1:2" is refused: Unknown command.`,
        `${b} announced`,
        `${six} announced`,
      ]);
      await desk.pass(30_000);
      t.same([...bgpd.routeMaps.keys()], [plain], 'nothing of it is left lying there');
      await desk.have([route(a, {med: 3}), route(b), route(six)]);
      t.same(bgpd.originated().toSorted(), [a, b, six]);

      bgpd.refusals.set(new RegExp(`^network ${b} `), '% Malformed prefix');
      await desk.have([route(a, {med: 4}), route(b, {med: 4}), route(six, {med: 4})]);
      t.match(desk.status(), [
        `${a} announced`,
        /^10\.1\.1\.2\/32 failed: "network .*" is refused: Malformed prefix$/,
        `${six} announced`,
      ]);
      bgpd.refusals.clear();
      await desk.pass(20_000);
      t.same(desk.status(), [`${a} announced`, `${b} announced`, `${six} announced`]);
    },
  );
}

t.test('another AS, or no BGP at all: nothing is told, and none is made', async (t) => {
  const desk = newDesk(t, {config: {localAs: 65000}});
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  t.same(desk.status(), [`${a} failed: bgpd is AS 64699: frr.local_as says 65000`]);
  bgpd.as = '0.65000';
  await desk.pass(30_000);
  t.same(desk.status(), [`${a} announced`], 'written with a dot');
  bgpd.as = null;
  await desk.have([route(b)]);
  await desk.pass(1_000);
  t.same(desk.status(), [
    `${b} failed: bgpd has no "router bgp 65000": its neighbors must be configured in FRR`,
  ]);
  t.ok(desk.events.includes(`removed ${a}`), 'no BGP announces nothing');
});
