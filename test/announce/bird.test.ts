/** What the BIRD announcer does while BIRD does as it is told. */

import t from 'tap';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Prefix, ServiceName} from '../../agent/types.js';
import {communities, route} from '../fake/route.js';
import {newDesk} from './bird-harness.js';

const a = '10.1.1.1/32';
const b = '10.1.1.2/32';
const six = 'fd01::1/128';
const direct = {routes: [a, b, six]};

function prefixes(...texts: string[]): ReadonlySet<Prefix> {
  return new Set(texts.map(parsePrefix));
}

t.test('check, configure, wake up, read back: and announced is what BIRD exports', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  bird.commands.length = 0;
  await desk.have([route(a)]);
  t.same(bird.commands, [
    'configure check',
    'configure',
    'show status',
    'show protocols',
    `show route ${a} exported 'uplink'`,
  ]);
  t.same(desk.events, [`installed ${a}`]);
  t.same(desk.status(), [`${a} announced`]);
  t.match(desk.log, [/^info: BIRD 2\.0\.12 answers at/, `announced ${a}`]);
  await desk.have([]);
  t.same(desk.events, [`removed ${a}`]);
  t.same(desk.status(), []);
  t.same(desk.log.slice(2), [`withdrawn ${a}`]);
  t.match(desk.read(), /10\.189\.200\.255\/32\n/, 'the dummy keeps the list from being empty');
});

t.test('the wake-up comes 2 ms after configure, and only where BIRD needs it', async (t) => {
  for (const [version, needs] of [
    ['1.6.8', true],
    ['2.13.1', true],
    ['2.14', false],
    ['3.0.1', false],
  ] as const) {
    const desk = newDesk(t, {version, bird: {routes: [a]}});
    const bird = await desk.start();
    bird.commands.length = 0;
    const before = desk.clock.now();
    await desk.have([route(a)]);
    t.equal(bird.commands.includes('show status'), needs, version);
    t.equal(desk.clock.now() - before, needs ? 2 : 0, version);
    t.same(bird.exported(), [a], version);
  }
});

t.test('what falls together is one configuration; what changes nothing is none', async (t) => {
  const routes = Array.from({length: 200}, (_, i) => `10.1.${i >> 7}.${i & 127}/32`);
  const desk = newDesk(t, {bird: {routes}});
  const bird = await desk.start();
  const [changes, writes] = [bird.changes, desk.writes];
  for (let n = 1; n <= routes.length; n++) desk.set(routes.slice(0, n).map((prefix) => route(prefix)));
  await desk.quiet();
  t.equal(bird.changes, changes + 1);
  t.equal(bird.exported().length, 200);
  await desk.have(routes.map((prefix) => route(prefix)));
  await desk.have(routes.toReversed().map((prefix) => route(prefix)));
  await desk.pass(60_000);
  t.equal(bird.changes, changes + 1);
  t.equal(desk.writes, writes + 1);
});

t.test('what comes while the file is written goes out with it', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  const changes = bird.changes;
  desk.afterWrite = () => {
    desk.afterWrite = () => undefined;
    desk.set([route(a), route(b)]);
  };
  await desk.have([route(a)]);
  t.equal(bird.changes, changes + 1);
  t.same(bird.exported(), [a, b]);
});

t.test('changes that never end are configured all the same', async (t) => {
  const desk = newDesk(t, {bird: direct});
  const bird = await desk.start();
  const changes = bird.changes;
  let left = 40;
  desk.afterWrite = () => {
    if (left-- > 0) desk.set(left % 2 === 0 ? [route(a)] : [route(b)]);
  };
  await desk.have([route(a)]);
  t.ok(bird.changes - changes > 4, `${bird.changes - changes} configurations for 40 changes`);
  t.same(bird.exported(), [a]);
});

t.test('moving over from anycast-healthchecker: nothing drops before it has settled', async (t) => {
  const desk = newDesk(t, {bird: direct});
  desk.write(
    'anycast.conf',
    `# Generated 2024-05-01 by anycast-healthchecker (pid=1)
define ACAST_PS_ADVERTISE =\n    [\n        10.189.200.255/32,\n        ${a},\n        ${b}\n    ];
define ACAST6_PS_ADVERTISE = [ ${six} ];\n`,
  );
  const bird = await desk.startBird();
  t.same(bird.exported(), [a, b, six]);
  await desk.announcer.start();
  await desk.have([], {complete: false});
  t.same(bird.exported(), [a, b, six], 'nothing is known yet, everything stays');
  t.same(desk.status(), [`${a} announced`, `${b} announced`, `${six} announced`]);
  await desk.have([route(a)], {complete: false});
  t.same(bird.exported(), [a, b, six]);
  t.same(desk.events, [`installed ${a}`]);
  await desk.have([], {complete: false});
  t.same(bird.exported(), [b, six], 'what was wanted and is not any more goes at once');
  desk.set([route(six)], {complete: false});
  await desk.have([], {complete: false});
  t.same(bird.exported(), [b], 'also when it was wanted for a moment only');
  await desk.have([route(six)], {complete: true});
  t.same(bird.exported(), [six], 'everything has settled: the rest belongs to nobody');
  t.match(desk.log.join('\n'), /info: withdrawing 10\.1\.1\.2\/32: left over, and of no service that is up/);
});

t.test('with something to adopt, only that stays; what is ours and not adopted goes at once', async (t) => {
  const ours = newDesk(t, {bird: direct});
  const first = await ours.start();
  await ours.have([route(a), route(b)]);
  await ours.announcer.stop('keep');
  t.same(first.exported(), [a, b]);
  const second = ours.newAnnouncer();
  t.teardown(() => second.stop('keep'));
  await second.start();
  second.set({items: [], adopt: prefixes(b), complete: false});
  await ours.quiet();
  t.same(first.exported(), [b]);
  second.set({items: [], adopt: new Set(), complete: false});
  await ours.quiet();
  t.same(first.exported(), [], 'it has settled as down');

  const refused = newDesk(t, {bird: direct, allowed: (prefix) => prefix !== b});
  refused.write(
    'anycast.conf',
    `define ACAST_PS_ADVERTISE = [${a}, ${b}];\ndefine ACAST6_PS_ADVERTISE = [${six}];\n`,
  );
  const bird = await refused.startBird();
  await refused.announcer.start();
  await refused.have([], {complete: false, adopt: prefixes(a, b)});
  t.same(bird.exported(), [a], 'what is not allowed is not adopted');
});

t.test('static routes of an earlier life keep their attributes until they settle', async (t) => {
  const desk = newDesk(t, {config: {form: 'static'}});
  desk.write('anycast.conf', `route ${a} unreachable { bgp_med = 5; };\nroute ${b} unreachable;\n`);
  const bird = await desk.startBird();
  await desk.announcer.start();
  await desk.have([], {complete: false, adopt: prefixes(a)});
  t.same([...bird.exported()], [a]);
  t.same(bird.attributes(parsePrefix(a)), ['bgp_med = 5']);
  await desk.have([route(a, {med: 7, communities: communities('64512:7')})]);
  t.same(bird.attributes(parsePrefix(a)), ['bgp_med = 7', 'bgp_community.add((64512,7))']);
  t.same(desk.events, [`installed ${a}`]);
});

t.test('as_path_prepend takes the AS number that BIRD tells', async (t) => {
  const prepended = route(a, {asPathPrepend: 2});
  const desk = newDesk(t, {config: {form: 'static'}, version: '2.17'});
  const bird = await desk.start();
  await desk.have([prepended]);
  t.same(bird.attributes(parsePrefix(a)), ['bgp_path.prepend(65001)', 'bgp_path.prepend(65001)']);

  const old = newDesk(t, {config: {form: 'static'}, version: '1.6.8'});
  const oldBird = await old.start();
  oldBird.unknown.length = 0;
  await old.have([route(b)]);
  t.same(old.status(), [`${b} announced`]);
});

t.test('what cannot be expressed is failed, unless it is to be ignored', async (t) => {
  const rich = route(a, {med: 50, asPathPrepend: 1});
  const strict = newDesk(t, {bird: direct});
  const bird = await strict.start();
  await strict.have([rich, route(b)]);
  t.same(bird.exported(), [b]);
  t.same(strict.status(), [`${a} failed: form define cannot express med, as_path_prepend`, `${b} announced`]);
  t.same(strict.events, [`failed ${a}: form define cannot express med, as_path_prepend`, `installed ${b}`]);
  await strict.have([route(a), route(b)]);
  t.same(bird.exported(), [a, b]);
  await strict.have([rich, route(b)]);
  t.same(bird.exported(), [b], 'it does not stay out with attributes that are not meant');

  const lax = newDesk(t, {config: {attributes: 'ignore'}, bird: direct});
  const other = await lax.start();
  await lax.have([rich]);
  t.same(other.exported(), [a]);
  t.same(lax.status(), [`${a} announced`]);
});

t.test('the gate, the dummy, and a family without a file', async (t) => {
  const desk = newDesk(t, {bird: direct, allowed: (prefix) => prefix !== a});
  await desk.start();
  await desk.have([route(a), route('10.189.200.255/32')]);
  t.same(desk.status(), [
    `${a} failed: not covered by \`allow\``,
    '10.189.200.255/32 failed: 10.189.200.255/32 is the dummy prefix: set bird.dummy to another one',
  ]);
  const statics = newDesk(t, {config: {form: 'static'}});
  await statics.start();
  await statics.have([route(six)]);
  t.same(statics.status(), [`${six} failed: form static needs a file for IPv6: set bird.file6`]);
});

t.test('of two routes of a prefix BIRD takes the one that is for all peers', async (t) => {
  const desk = newDesk(t, {config: {form: 'static'}});
  const bird = await desk.start();
  await desk.have([route(a, {peers: ['x'], med: 1}), route(a, {med: 2})]);
  t.same(bird.attributes(parsePrefix(a)), ['bgp_med = 2']);
  await desk.have([route(a, {peers: ['x'], med: 1})]);
  t.same(desk.status(), [`${a} failed: form static cannot express peers`]);
});

t.test('BIRD 1.6 is two daemons, each with its socket and its file', async (t) => {
  const desk = newDesk(t, {version: '1.6.8', bird: {routes: [a, b]}, bird6: {routes: [six]}, isOne: true});
  const bird = await desk.start();
  const [, bird6] = desk.birds;
  await desk.have([route(a), route(six)]);
  t.same([bird.exported(), bird6?.exported()], [[a], [six]]);
  t.notMatch(desk.read('anycast.conf'), /fd01|ACAST6/);
  t.notMatch(desk.read('anycast6.conf'), /10\.1|ACAST_PS/);
  t.same(desk.events.toSorted(), [`installed ${a}`, `installed ${six}`]);
  bird6?.hang();
  await desk.have([route(b)]);
  t.same(bird.exported(), [b], 'one that hangs does not hold up the other');
  t.same(desk.events, [`removed ${a}`, `installed ${b}`]);
  bird6?.resume();
  await desk.pass(10_000);
  t.same(bird6?.exported(), []);
  t.ok(desk.events.includes(`removed ${six}`));
});

t.test('BIRD 1.6 alone has no IPv6, and its list is not even mentioned to it', async (t) => {
  const desk = newDesk(t, {version: '1.6.8', bird: {routes: [a]}});
  const bird = await desk.start();
  await desk.have([route(a), route(six)]);
  t.same(bird.exported(), [a]);
  t.same(desk.status(), [
    `${a} announced`,
    `${six} failed: BIRD 1.6 has one family a daemon: set bird.socket6 and bird.file6 for bird6`,
  ]);
});

t.test('what a BIRD that has not come yet must read is no more than it read before', async (t) => {
  const desk = newDesk(t, {version: '1.6.8', bird: {routes: [a]}});
  desk.write('anycast.conf', `define ACAST_PS_ADVERTISE = [ ${b} ];\n`);
  await desk.announcer.start();
  await desk.have([route(a)]);
  t.notMatch(desk.read(), /ACAST6/);
  const bird = await desk.startBird();
  await desk.pass(2_000);
  t.same(bird.exported(), [a]);

  const fresh = newDesk(t, {bird: direct});
  fresh.write('anycast.conf', `define ACAST_PS_ADVERTISE = [ ${b} ];\n`);
  await fresh.announcer.start();
  await fresh.have([route(a)]);
  t.notMatch(fresh.read(), /ACAST6/);
  await fresh.startBird({
    includes: [{form: 'define', path: fresh.path('anycast.conf'), names: ['ACAST_PS_ADVERTISE']}],
  });
  await fresh.pass(2_000);
  t.match(fresh.read(), /ACAST6/, 'a BIRD 2 gets both lists');
  t.same(fresh.status(), [`${a} announced`]);
});

t.test('functions have a return type where BIRD knows them, also after an upgrade', async (t) => {
  const desk = newDesk(t, {config: {form: 'function'}, bird: direct});
  const old = await desk.start();
  await desk.have([route(a)]);
  t.match(desk.read(), /function match_route\(\)\n/);
  await old.stop();
  await desk.startBird({version: '2.15'});
  await desk.pass(5_000);
  t.match(desk.read(), /function match_route\(\) -> bool\n/);
  t.same(desk.status(), [`${a} announced`]);

  const unseen = newDesk(t, {config: {form: 'function'}, version: '2.15', bird: direct});
  unseen.write('anycast.conf', 'function match_route() -> bool\n{\n\treturn false;\n}\n');
  await unseen.announcer.start();
  await unseen.have([route(a)]);
  t.match(
    unseen.read(),
    /function match_route\(\) -> bool\n/,
    'as it was found, while no BIRD has told its version',
  );
});

t.test('confirm_timeout: configured with a way back, and confirmed', async (t) => {
  const desk = newDesk(t, {config: {confirmTimeoutMs: 2_500}, bird: direct});
  const bird = await desk.start();
  bird.commands.length = 0;
  await desk.have([route(a)]);
  t.same(bird.commands.slice(0, 4), [
    'configure check',
    'configure timeout 3',
    'show status',
    'configure confirm',
  ]);
  t.same(bird.exported(), [a]);
});

t.test('protocols: one a service, enabled and disabled, never more often than needed', async (t) => {
  const web = (prefix: string) => route(prefix, {owners: ['web' as ServiceName]});
  const dns = (prefix: string) => route(prefix, {owners: ['dns-1' as ServiceName]});
  const desk = newDesk(t, {
    config: {form: 'protocol', file: null},
    bird: {protocols: {web_vip: [a], 'dns-1_vip': [b], other: ['10.9.9.9/32']}},
  });
  const bird = await desk.start();
  await desk.have([]);
  t.same([...bird.enabled], ['other'], 'those of services that are not up are disabled, and no others');
  await desk.have([web(a), dns(b), route('10.3.3.3/32', {owners: ['mail' as ServiceName]})]);
  t.same(bird.exported(), [a, b, '10.9.9.9/32']);
  t.same(desk.status(), [
    `${a} announced`,
    `${b} announced`,
    '10.3.3.3/32 failed: BIRD has no protocol mail_vip',
  ]);
  const {changes} = bird;
  await desk.pass(60_000);
  t.equal(bird.changes, changes);
  bird.enabled.delete('web_vip');
  await desk.pass(10_000);
  t.ok(bird.enabled.has('web_vip'), 'what somebody disabled is enabled again');
  t.match(desk.log.join('\n'), /warn: protocol web_vip of BIRD switched by something else: doing it again/);
  await desk.have([dns(b)]);
  t.same(desk.events.toSorted(), [`installed ${b}`, `removed ${a}`, 'removed 10.3.3.3/32']);
  t.same(bird.exported(), [b, '10.9.9.9/32']);
});

t.test('protocols of an earlier life stay while their services have not settled', async (t) => {
  const desk = newDesk(t, {
    config: {form: 'protocol', file: null},
    bird: {protocols: {web_vip: [a], dns_vip: [b]}},
  });
  const bird = await desk.start();
  await desk.have([], {adopt: prefixes(a), complete: false});
  t.same(bird.exported(), [a]);
  await desk.have([], {adopt: new Set(), complete: false});
  t.same(bird.exported(), []);
});

t.test('a protocol that also gives what is no longer wanted is said to', async (t) => {
  const web = (prefix: string) => route(prefix, {owners: ['web' as ServiceName]});
  const desk = newDesk(t, {config: {form: 'protocol', file: null}, bird: {protocols: {web_vip: [a, b]}}});
  await desk.start();
  await desk.have([web(a), web(b)]);
  await desk.have([web(a)]);
  await desk.pass(1_000);
  t.match(desk.status(), [
    `${a} announced`,
    /^10\.1\.1\.2\/32 withdraw-pending: BIRD still exports it to one of uplink/,
  ]);
});
