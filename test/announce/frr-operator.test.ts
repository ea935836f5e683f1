/** The operator's own `network` lines: kept aside, given back, and with `only_configured` all that is announced. */

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {route} from '../fake/route.js';
import {type Desk, newDesk} from './frr-harness.js';

const a = '10.1.1.1/32';
const b = '10.1.1.2/32';
const six = 'fd01::1/128';
const line = (prefix: string) => `network ${prefix} route-map BGP1`;
const only = {config: {onlyConfigured: true}} as const;

function journal(desk: Desk): readonly string[] {
  return [...desk.newJournal().entries()].toSorted();
}

t.test('the line gives way in place, and stands in the journal before', async (t) => {
  const ours = new Set([a]);
  const desk = newDesk(t, {bgpd: {networks: [line(a), line(b)]}, managed: (prefix) => ours.has(prefix)});
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  t.match(bgpd.lines.get(parsePrefix(a)), /route-map EIP-HEALTH-/);
  t.same(journal(desk), [line(a)]);
  t.notOk(
    bgpd.commands.some((command) => command.startsWith('no network')),
    'without a withdrawal in between',
  );
  await desk.have([]);
  t.same(bgpd.originated(), [b], 'a service that is down is not announced by anybody');
  t.equal(
    bgpd.lines.get(parsePrefix(b)),
    line(b),
    'the line of a prefix that is nothing of ours is left alone',
  );
  ours.clear();
  await desk.have([]);
  await desk.pass(10_000);
  t.equal(bgpd.lines.get(parsePrefix(a)), line(a), 'given back as it was');
  t.same(journal(desk), []);
  t.same(desk.status(), []);
});

t.test('a service that goes while it is up: its line is given back without a gap', async (t) => {
  const ours = new Set([a]);
  const desk = newDesk(t, {bgpd: {networks: [line(a)]}, managed: (prefix) => ours.has(prefix)});
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  ours.clear();
  await desk.have([]);
  t.equal(bgpd.lines.get(parsePrefix(a)), line(a));
  t.same(desk.events, [`installed ${a}`, `removed ${a}`]);
  t.notOk(bgpd.commands.some((command) => command.startsWith('no network')));
});

t.test('a line that cannot be changed in place goes first', async (t) => {
  const labelled = `${line(a)} label-index 7`;
  const desk = newDesk(t, {bgpd: {networks: [labelled]}});
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  t.ok(bgpd.commands.includes(`no ${labelled}`));
  t.same(desk.status(), [`${a} announced`]);
  t.same(journal(desk), [labelled]);
});

t.test('until every service has settled the line stays: nothing drops while moving over', async (t) => {
  const desk = newDesk(t, {bgpd: {networks: [line(a), line(b)]}});
  const bgpd = await desk.start();
  await desk.have([], {complete: false});
  t.same(bgpd.originated(), [a, b]);
  t.same(desk.status(), [`${a} announced`, `${b} announced`]);
  await desk.have([route(a)], {complete: false});
  t.same(bgpd.originated(), [a, b]);
  await desk.have([route(a)]);
  t.same(bgpd.originated(), [a]);
  t.same(desk.status(), [`${a} announced`]);
  t.ok(desk.log.includes(`info: withdrawing ${b}: its service is not up`));
  t.ok(desk.events.includes(`removed ${b}`));
});

t.test(
  "only_configured: out is out of the configuration, in is the operator's line with its route-map",
  async (t) => {
    const desk = newDesk(t, {...only, bgpd: {networks: [line(a), line(six)]}});
    const bgpd = await desk.start();
    await desk.have([route(a), route(b), route(six)]);
    t.same(desk.status(), [
      `${a} announced`,
      `${b} failed: FRR's configuration has no "network ${b}", and only_configured is set`,
      `${six} announced`,
    ]);
    t.equal(bgpd.changes, 0);
    await desk.have([route(six)]);
    t.same(bgpd.originated(), [six]);
    t.same(journal(desk), [line(a)]);
    await desk.have([route(a), route(six)]);
    t.equal(bgpd.lines.get(parsePrefix(a)), line(a));
    t.same(journal(desk), []);
    t.equal(bgpd.routeMaps.size, 0, 'none of ours');
    await desk.have([route(a, {med: 3}), route(six)]);
    t.match(
      desk.status().find((text) => text.startsWith(a)),
      /failed: only_configured announces FRR's own lines as they are, without med$/,
    );
  },
);

t.test('what was up in this life and is down goes, settled or not', async (t) => {
  const desk = newDesk(t, {...only, bgpd: {networks: [line(a), line(b)]}});
  const bgpd = await desk.start();
  await desk.have([route(a)], {complete: false});
  await desk.have([], {complete: false});
  t.same(bgpd.originated(), [b]);
  t.same(desk.events.at(-1), `removed ${a}`);
});

t.test('only_configured: a later life puts back what an earlier one took out', async (t) => {
  const desk = newDesk(t, {...only, bgpd: {networks: [line(a)]}});
  const bgpd = await desk.start();
  await desk.have([route(a)]);
  await Promise.all([desk.announcer.stop('withdraw'), desk.quiet()]);
  t.same(bgpd.originated(), []);
  t.match(readFileSync(join(desk.folder, 'frr.journal'), 'utf8'), line(a));
  const second = desk.newAnnouncer();
  await second.start();
  second.set({items: [route(a)], adopt: new Set(), complete: true});
  await desk.quiet();
  t.equal(bgpd.lines.get(parsePrefix(a)), line(a));
  await second.stop('keep');
});

t.test('a journal that cannot be written: ours takes no place, but what is down goes', async (t) => {
  const desk = newDesk(t, {bgpd: {networks: [line(a), line(b)]}});
  const bgpd = await desk.start();
  desk.diskFault = 'ENOSPC: no space left on device';
  await desk.have([route(a)]);
  t.same(bgpd.originated(), [a]);
  t.equal(bgpd.lines.get(parsePrefix(a)), line(a));
  t.match(
    desk.status().find((text) => text.startsWith(a)),
    /: the operator's line "network .* BGP1" cannot be kept aside: ENOSPC: no space left on device$/,
  );
  t.ok(
    desk.log.some((text) =>
      /^error: the operator's line ".*" goes without a note of it in the journal/.test(text),
    ),
  );
  desk.diskFault = null;
  await desk.pass(10_000);
  t.match(bgpd.lines.get(parsePrefix(a)), /EIP-HEALTH-/);
  t.same(desk.status(), [`${a} announced`]);
  t.same(journal(desk), [line(a)]);
});

t.test("Quagga: the operator's lines the same way", async (t) => {
  const desk = newDesk(t, {...only, bgpd: {dialect: 'quagga', networks: [line(a), line(six)]}});
  const bgpd = await desk.start();
  await desk.have([route(six)]);
  t.same(bgpd.originated(), [six]);
  await desk.have([route(a)]);
  t.same(bgpd.originated(), [a]);
  t.same(journal(desk), [line(six)]);
});
