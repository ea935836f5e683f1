import t from 'tap';
import {openJournal} from '../../agent/io/journal.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {communities, route} from '../fake/route.js';
import {newDesk} from './gobgp-harness.js';

const [a, b, six] = ['10.1.1.1/32', '10.1.1.2/32', 'fd01::1/128'];
const elsewhere = {address: '10.0.0.9', isUp: true, families: ['ipv4']} as const;

t.test('routes go in with their attributes, and out again', async (t) => {
  const desk = newDesk(t, {config: {localAddress6: parseAddress('2001:db8::9')}});
  await desk.start();
  await desk.have([
    route(a, {
      med: 0,
      localPreference: 200,
      asPathPrepend: 2,
      communities: communities('64512:7', '65535:65281', 'large:4200000000:1:2', 'large:64512:1:2'),
      nextHop: {ipv4: parseAddress('192.0.2.99')},
    }),
    route(b),
    route(six),
  ]);
  t.same(desk.gobgp.rib.get(a), [
    {
      id: 153,
      attributes: {
        origin: 'igp',
        nexthop: '192.0.2.99',
        aspath: '65001,65001',
        med: '0',
        'local-pref': '200',
        community: '64512:7,65535:65281',
        'large-community': '4200000000:1:2,64512:1:2',
      },
    },
  ]);
  t.same(desk.gobgp.rib.get(b), [{id: 153, attributes: {origin: 'igp'}}]);
  t.same(desk.gobgp.rib.get(six), [{id: 153, attributes: {origin: 'igp', nexthop: '2001:db8::9'}}]);
  t.same(desk.status(), [`${a} announced`, `${b} announced`, `${six} announced`]);
  t.same(desk.log, [
    'info: gobgpd answers at 127.0.0.1:50051',
    `announced ${a} next hop 192.0.2.99`,
    `announced ${b}`,
    `announced ${six} next hop 2001:db8::9`,
  ]);
  t.same(desk.journalled(), [a, b, six]);

  desk.log.length = 0;
  await desk.have([route(b, {med: 5})]);
  t.same(desk.gobgp.rib.get(b), [{id: 153, attributes: {origin: 'igp', med: '5'}}]);
  t.same(desk.log, [`withdrawn ${a}`, `withdrawn ${six}`], 'a change in place is no announcement anew');
  t.same(desk.journalled(), [b]);
});

t.test('a withdrawal goes before additions, and does not wait behind a thousand of them', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  const many = Array.from({length: 300}, (_, i) => route(`10.2.${i >> 8}.${i & 255}/32`));
  await desk.have([route(a), route(b)]);
  const before = desk.gobgp.changes.length;
  desk.set([route(a), ...many]);
  desk.gobgp.before = () => {
    // While the first of them are told.
    if (desk.gobgp.changes.length === before + 20) desk.set(many);
  };
  await desk.quiet();
  const changes = desk.gobgp.changes.slice(before);
  t.equal(changes[0], `del ${b}`);
  t.ok(changes.indexOf(`del ${a}`) < 30, `told as number ${changes.indexOf(`del ${a}`)}`);
  t.equal(changes.length, 302, 'and nothing twice');
  t.equal(desk.gobgp.mostAtOnce, 4, 'processes at once');
  t.equal(desk.gobgp.ours().length, 300);
  t.same(
    desk.status().filter((line) => !line.endsWith(' announced')),
    [],
  );
});

t.test('a large table is not read for a few prefixes', async (t) => {
  const desk = newDesk(t, {prepare: (gobgp) => (gobgp.others = 900_000)});
  await desk.start();
  await desk.have(
    ['10.1.0.1/32', '10.1.0.2/32', '10.1.0.3/32', '10.1.0.4/32'].map((prefix) => route(prefix)),
  );
  t.equal(desk.gobgp.questions.filter((text) => text === 'global rib -a ipv4').length, 0);
  desk.gobgp.others = 0;
  await desk.pass(10_000);
  t.equal(desk.gobgp.questions.filter((text) => text === 'global rib -a ipv4').length, 1);
});

t.test('what somebody else has added is never taken out', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  desk.gobgp.add(b, {attributes: {origin: 'igp', med: '1'}});
  await desk.have([route(a), route(b)]);
  t.match(desk.status(), [
    `${a} announced`,
    `${b} failed: GoBGP prefers another path of its own to it, which something else has added`,
  ]);
  await desk.have([]);
  t.match(desk.status(), [
    `${b} withdraw-pending: GoBGP still originates it: something else has added a path of its own to it`,
  ]);
  t.same(desk.gobgp.rib.get(b), [{id: 0, attributes: {origin: 'igp', med: '1'}}]);
  desk.gobgp.delete(b);
  await desk.pass(2_000);
  t.same(desk.status(), []);
  t.ok(desk.events.includes(`removed ${b}`));
});

t.test('present means originated here: what a neighbor sends says nothing', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  desk.gobgp.add(a, {neighbor: '10.0.0.9', attributes: {aspath: '65002', 'local-pref': '300'}});
  await desk.have([route(a)]);
  t.same(desk.status(), [`${a} failed: GoBGP prefers the path that neighbor 10.0.0.9 sends`]);
  await desk.have([]);
  t.same(desk.status(), []);
  t.same(desk.gobgp.rib.get(a)?.length, 1, 'the other one is still there');
});

t.test('a route that was taken out by hand is told again', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a), route(b)]);
  desk.log.length = 0;
  desk.gobgp.delete(a, 153);
  await desk.pass(10_000);
  t.same(desk.gobgp.ours(), [b, a]);
  t.same(desk.log, [`warn: gobgpd no longer holds ${a}: telling it again`, `announced ${a}`]);
  const before = desk.gobgp.changes.length;
  await desk.pass(60_000);
  t.equal(desk.gobgp.changes.length, before, 'and nothing is told while all is well');
});

t.test('an import policy that rejects, or changes, is said', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  desk.gobgp.rejected.add(a);
  await desk.have([route(a)]);
  t.same(desk.status(), [
    `${a} failed: GoBGP does not hold it, although it was told to: does an import policy reject it?`,
  ]);
  t.same(desk.gobgp.changes, [`add ${a}`, `add ${a}`]);
  desk.gobgp.rejected.clear();
  await desk.pass(2_000);
  t.same(desk.status(), [`${a} announced`]);
  desk.gobgp.policyMed = '9';
  await desk.have([route(a, {med: 5})]);
  t.match(desk.status(), [
    `${a} failed: GoBGP holds it with other attributes than it was told (next hop 0.0.0.0, med 9; told: next hop 0.0.0.0, med 5)`,
  ]);
});

t.test('no session of the family: peer-down, and announced with the next one', async (t) => {
  const desk = newDesk(t, {
    prepare: (gobgp) => {
      gobgp.neighbors = [{address: '10.0.0.9', isUp: true, families: ['ipv4']}];
    },
  });
  await desk.start();
  await desk.have([route(a), route(six)]);
  t.same(desk.status(), [
    `${a} announced`,
    `${six} peer-down: no neighbor of GoBGP for this family has a session`,
  ]);
  await desk.have([route(a)]);
  t.same(
    desk.log.filter((line) => line.includes(six)),
    [],
    'what was never announced is not withdrawn',
  );
  await desk.have([route(a), route(six)]);
  desk.gobgp.neighbors = [elsewhere, {address: 'fd00::9', isUp: true}];
  await desk.pass(2_000);
  t.same(desk.status(), [`${a} announced`, `${six} announced`]);
});

t.test('IPv6 prefixes without a next hop do not go into IPv4 sessions', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a), route(six)]);
  t.match(desk.status(), [
    `${a} announced`,
    /^fd01::1\/128 failed: .*IPv4 sessions: set gobgp\.local_address6/,
  ]);
  t.same(desk.gobgp.ours(), [a]);
  await desk.have([route(a), route(six, {nextHop: {ipv6: parseAddress('2001:db8::9')}})]);
  t.same(desk.status(), [`${a} announced`, `${six} announced`]);
});

t.test('what is not allowed any more, or cannot be said, goes out', async (t) => {
  const allowed = new Set([a, b]);
  const desk = newDesk(t, {allowed: (prefix) => allowed.has(prefix)});
  await desk.start();
  await desk.have([route(a), route(b), route('10.9.9.9/32')]);
  t.same(desk.gobgp.ours(), [a, b]);
  t.same(desk.status()[2], '10.9.9.9/32 failed: not covered by `allow`');
  allowed.delete(a);
  await desk.have([route(a), route(b, {peers: ['tor']})]);
  t.same(desk.gobgp.ours(), []);
  t.same(desk.status(), [`${a} failed: not covered by \`allow\``, `${b} failed: GoBGP cannot be told peers`]);
});

t.test('leftovers of an earlier life: adopted, or taken out at once', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a), route(b), route('10.1.1.3/32')]);
  await desk.announcer.stop('keep');
  desk.gobgp.add('10.8.8.8/32');
  desk.log.length = 0;

  const next = desk.newAnnouncer();
  await next.start();
  await desk.quiet();
  t.equal(desk.gobgp.ours().length, 3, 'before the first set nobody knows what is wanted');
  next.set({items: [], adopt: new Set([parsePrefix(a), parsePrefix(b)]), complete: false});
  await desk.quiet();
  t.same(desk.gobgp.ours(), [a, b]);
  t.same(desk.status(next), [`${a} announced`, `${b} announced`]);
  t.same(desk.log, [
    'info: gobgpd answers at 127.0.0.1:50051',
    'info: withdrawing 10.1.1.3/32: left over, and of no service that is up',
  ]);
  next.set({items: [route(a, {med: 3})], adopt: new Set(), complete: true});
  await desk.quiet();
  t.same(desk.gobgp.ours(), [a]);
  t.same(desk.gobgp.rib.get(a), [{id: 153, attributes: {origin: 'igp', med: '3'}}]);
  await next.stop('withdraw');
  t.same([...desk.gobgp.rib.keys()], ['10.8.8.8/32'], 'never what was not ours');
  t.same(desk.journalled(), []);
});

t.test('what cannot be noted is not told', async (t) => {
  const desk = newDesk(t);
  await desk.start();
  await desk.have([route(a)]);
  desk.diskFault = 'ENOSPC: no space left on device, write';
  await desk.have([route(a), route(b)]);
  t.same(desk.status(), [
    `${a} announced`,
    `${b} failed: cannot note it in state_dir: ENOSPC: no space left on device, write`,
  ]);
  t.same(desk.gobgp.ours(), [a]);
  desk.diskFault = null;
  await desk.pass(2_000);
  t.same(desk.gobgp.ours(), [a, b]);
  t.ok(openJournal(`${desk.folder}/gobgp.journal`, 'boot').entries().has(b));
});
