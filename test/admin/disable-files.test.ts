import t from 'tap';
import {DisableFiles, type Presence} from '../../agent/admin/disable-files.js';
import {FakeClock} from '../fake/clock.js';

function setUp() {
  const clock = new FakeClock();
  const there = new Map<string, Presence>();
  const watches = new Map<string, () => void>();
  let changes = 0;
  const files = new DisableFiles({
    clock,
    look: (path) => there.get(path) ?? null,
    watch(path, onChange) {
      watches.set(path, onChange);
      return () => watches.delete(path);
    },
    onChange: () => changes++,
  });
  return {clock, files, there, watches, changes: () => changes};
}

t.test('a file that comes or goes is told of once', async (t) => {
  const {changes, files, there, watches} = setUp();
  there.set('/run/b', 5);
  files.set(['/run/a', '/run/b', '/run/a']);
  t.equal(changes(), 0);
  t.equal(files.presence('/run/b'), 5);
  there.set('/run/a', 1);
  t.equal(files.presence('/run/a'), null, 'what was told of counts');
  watches.get('/run/a')?.();
  t.equal(files.presence('/run/a'), 1);
  t.equal(changes(), 1);
  there.set('/run/a', 2);
  watches.get('/run/a')?.();
  t.equal(changes(), 1, 'written to again');
  t.equal(files.presence('/run/a'), 2);
  there.delete('/run/a');
  watches.get('/run/a')?.();
  t.equal(changes(), 2);
  files.stop();
});

t.test('also where no watch tells of it', async (t) => {
  const {changes, clock, files, there} = setUp();
  files.set(['/run/a']);
  there.set('/run/a', 'unknown');
  clock.advance(2000);
  t.equal(changes(), 1);
  t.equal(files.presence('/run/a'), 'unknown');
  files.stop();
  t.equal(clock.pending, 0);
});

t.test('only those of the configuration are watched', async (t) => {
  const {clock, files, there, watches} = setUp();
  files.set(['/run/a', '/run/b']);
  files.set(['/run/b', '/run/c']);
  t.same([...watches.keys()], ['/run/b', '/run/c']);
  there.set('/run/a', 1);
  t.equal(files.presence('/run/a'), 1, 'looked at when asked for');
  files.stop();
  t.equal(watches.size, 0);
  t.equal(clock.pending, 0);
});
