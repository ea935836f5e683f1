import fc from 'fast-check';
import t from 'tap';
import {difference, RouteTable} from '../../agent/announce/route-table.js';
import type {Prefix, Route} from '../../agent/types.js';
import {route} from '../fake/route.js';

t.test('several routes of one prefix stay together', (t) => {
  const table = new RouteTable();
  const one = route('192.0.2.1/32', {med: 1});
  const two = route('192.0.2.1/32', {med: 2, peers: ['b']});
  const other = route('192.0.2.2/32');
  t.same([...table.set([one, other])], ['192.0.2.1/32', '192.0.2.2/32']);
  t.same([...table.set([one, other, two])], ['192.0.2.1/32']);
  t.same(table.of(one.prefix), [one, two]);
  t.same([...table.set([two, other])], ['192.0.2.1/32']);
  t.same(table.of(one.prefix), [two]);
  t.same([...table.set([two, other])], [], 'the same set touches nothing');
  t.same([...table.set([])].sort(), ['192.0.2.1/32', '192.0.2.2/32']);
  t.notOk(table.has(one.prefix));
  t.end();
});

t.test('whatever sets follow each other, the table is the last one (property)', (t) => {
  const pool: Route[] = Array.from({length: 12}, (_, i) => route(`192.0.2.${i % 8}/32`, {med: i}));
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(fc.nat(pool.length - 1))), (sets) => {
      const table = new RouteTable();
      let before = new Map<Prefix, Route[]>();
      for (const indexes of sets) {
        const items = indexes.flatMap((i) => pool[i] ?? []);
        const touched = table.set(items);
        const expected = new Map<Prefix, Route[]>();
        for (const item of items) expected.set(item.prefix, [...(expected.get(item.prefix) ?? []), item]);
        t.same(new Set(table.prefixes()), new Set(expected.keys()));
        for (const prefix of new Set([...before.keys(), ...expected.keys()])) {
          const [old, now] = [new Set(before.get(prefix)), new Set(expected.get(prefix))];
          t.same(new Set(table.of(prefix)), now);
          if (old.size !== now.size || [...old].some((route) => !now.has(route))) t.ok(touched.has(prefix));
        }
        before = expected;
      }
    }),
    {numRuns: 200},
  );
  t.end();
});

t.test('a difference is found where it is, not everywhere behind it', (t) => {
  const list = Array.from({length: 1000}, (_, i) => ({i}));
  const without = list.toSpliced(500, 1);
  t.same(difference(list, without), {added: [], removed: [list[500]]});
  t.same(difference(without, list), {added: [list[500]], removed: []});
  const changed = list.with(500, {i: -1});
  t.same(difference(list, changed), {added: [changed[500]], removed: [list[500]]});
  t.end();
});
