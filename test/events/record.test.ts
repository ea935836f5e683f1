import {mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {createRecorder} from '../../agent/events/record.js';
import {systemClock} from '../../agent/io/clock.js';
import {fileOutput} from '../../agent/io/output.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import {FakeClock} from '../fake/clock.js';
import {FakeOutput} from '../fake/output.js';

const event: AgentEvent = {kind: 'address-added', prefix: parsePrefix('192.0.2.1'), interface: 'lo'};

t.test('one line an event, with both clocks', async (t) => {
  const clock = new FakeClock();
  const output = new FakeOutput();
  clock.advance(100);
  const recorder = createRecorder(output, clock);
  clock.advance(2.5);
  recorder.sink(event);
  t.strictSame(output.lines, [
    `{"at":${clock.epochMs + 102.5},"ms":2.5,"kind":"address-added","prefix":"192.0.2.1/32","interface":"lo"}`,
  ]);
  output.full = true;
  recorder.sink(event);
  t.equal(recorder.lost(), 1);
});

t.test('it appends to a file of its own', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'eip-record-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const file = join(folder, 'events.jsonl');
  for (const _life of [1, 2]) {
    const recorder = createRecorder(fileOutput(file, systemClock), systemClock);
    for (let i = 0; i < 500; i++) recorder.sink(event);
    await recorder.close(10_000);
  }
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  t.equal(lines.length, 1000);
  t.match(JSON.parse(lines[999] ?? ''), event);
  t.equal(statSync(file).mode & 0o777, 0o600);
});

t.test(
  'a file that cannot be opened is known at once; one that takes nothing loses events and nothing else',
  async (t) => {
    t.throws(() => fileOutput('/nowhere/at/all', systemClock), {code: 'ENOENT'});
    const recorder = createRecorder(fileOutput('/dev/full', systemClock), systemClock);
    recorder.sink(event);
    await recorder.close(10_000);
    recorder.sink(event);
    t.equal(recorder.lost(), 1);
  },
);
