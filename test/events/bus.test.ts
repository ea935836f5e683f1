import t from 'tap';
import {createBus} from '../../agent/events/bus.js';
import type {AgentEvent} from '../../agent/types.js';

const note = (message: string): AgentEvent => ({kind: 'note', level: 'info', message, fields: {}});

t.test('every sink hears every event until it is cancelled', async (t) => {
  const bus = createBus();
  const heard: string[] = [];
  const cancel = bus.on((event) => heard.push(`a ${event.kind === 'note' ? event.message : ''}`));
  bus.on((event) => heard.push(`b ${event.kind === 'note' ? event.message : ''}`));
  bus.emit(note('one'));
  cancel();
  bus.emit(note('two'));
  t.strictSame(heard, ['a one', 'b one', 'b two']);
});

t.test('a sink that throws is counted, reported once, and keeps nobody from hearing', async (t) => {
  const reports: string[] = [];
  const bus = createBus((line) => reports.push(line));
  let heard = 0;
  bus.on(() => {
    throw new Error('broken sink');
  });
  bus.on(() => {
    heard += 1;
  });
  t.doesNotThrow(() => bus.emit(note('one')));
  bus.emit(note('two'));
  t.equal(heard, 2);
  t.equal(bus.failures(), 2);
  t.equal(reports.length, 1);
  t.match(reports[0], /^a listener of events failed at note: Error: broken sink\n/);
});

t.test('what a sink emits itself comes after the event it heard, at every sink', async (t) => {
  const bus = createBus();
  const heard: string[] = [];
  bus.on((event) => {
    if (event.kind === 'note' && event.message === 'one') bus.emit(note('answer'));
  });
  bus.on((event) => heard.push(event.kind === 'note' ? event.message : ''));
  bus.emit(note('one'));
  t.strictSame(heard, ['one', 'answer']);
});
