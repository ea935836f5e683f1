import fc from 'fast-check';
import t from 'tap';
import {Queue, type Queued} from '../../agent/bgp/adj-out-queue.js';

interface Item extends Queued<Item> {
  readonly name: number;
}

function item(name: number): Item {
  return {name, queue: null};
}

t.test('first in, first out; what moves to another queue leaves the first', (t) => {
  const [a, b] = [new Queue<Item>(), new Queue<Item>()];
  const [one, two, three] = [item(1), item(2), item(3)];
  for (const each of [one, two, three]) a.push(each);
  b.push(two);
  t.same([a.size, b.size], [2, 1]);
  t.equal(a.shift(), one);
  t.equal(one.queue, null);
  t.equal(a.shift(), three);
  t.equal(a.shift(), undefined);
  t.equal(b.shift(), two);
  t.end();
});

t.test('removing from a queue that one is not in does nothing', (t) => {
  const [a, b] = [new Queue<Item>(), new Queue<Item>()];
  const one = item(1);
  a.push(one);
  b.remove(one);
  t.same([a.size, b.size, one.queue], [1, 0, a]);
  t.end();
});

t.test('it behaves like two sets (property)', (t) => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'remove', 'shift'), fc.nat(5));
  fc.assert(
    fc.property(fc.array(step, {maxLength: 600}), (steps) => {
      const queues = {a: new Queue<Item>(), b: new Queue<Item>()};
      const model = {a: new Set<Item>(), b: new Set<Item>()};
      const items = Array.from({length: 6}, (_, i) => item(i));
      for (const [what, i] of steps) {
        const one = items[i] ?? item(-1);
        if (what === 'a' || what === 'b') {
          queues[what].push(one);
          model.a.delete(one);
          model.b.delete(one);
          model[what].add(one);
        } else if (what === 'remove') {
          one.queue?.remove(one);
          model.a.delete(one);
          model.b.delete(one);
        } else {
          const first = queues.a.shift();
          t.equal(first !== undefined, model.a.size > 0);
          if (first) t.ok(model.a.delete(first));
        }
        if (queues.a.size !== model.a.size || queues.b.size !== model.b.size) t.fail('sizes differ');
      }
    }),
    {numRuns: 100},
  );
  t.end();
});
