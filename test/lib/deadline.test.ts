import t from 'tap';
import {Deadline} from '../../agent/lib/deadline.js';
import {FakeClock} from '../fake/clock.js';

function lab() {
  const clock = new FakeClock();
  const fired: number[] = [];
  return {clock, fired, deadline: new Deadline(clock, () => fired.push(clock.now()))};
}

t.test('fires once, when it is due', (t) => {
  const {clock, deadline, fired} = lab();
  deadline.set(100);
  clock.advance(99);
  t.same(fired, []);
  clock.advance(1000);
  t.same(fired, [100]);
  t.equal(clock.pending, 0);
  t.end();
});

t.test('moved on a thousand times it still has one timer, and fires at the last time set', (t) => {
  const {clock, deadline, fired} = lab();
  for (let i = 0; i < 1000; i++) {
    deadline.set(90);
    clock.advance(1);
  }
  t.ok(clock.pending <= 1);
  clock.advance(1000);
  t.same(fired, [1089]);
  t.end();
});

t.test('brought forward, cleared, set again', (t) => {
  const {clock, deadline, fired} = lab();
  deadline.set(1000);
  deadline.set(10);
  clock.advance(10);
  t.same(fired, [10]);
  deadline.set(10);
  deadline.clear();
  clock.advance(100);
  t.same(fired, [10]);
  t.equal(clock.pending, 0);
  deadline.set(10);
  clock.advance(10);
  t.same(fired, [10, 120]);
  t.end();
});
