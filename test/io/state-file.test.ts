import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {makeFolder, readFileIfThere, writeFileAtomic} from '../../agent/io/state-file.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-state-file-'));
t.teardown(() => rmSync(folder, {recursive: true}));

t.test('a folder is made with those above it, and again', async (t) => {
  makeFolder(join(folder, 'a/b/c'));
  makeFolder(join(folder, 'a/b/c'));
  makeFolder(join(folder, 'a/d/'));
  t.same(readdirSync(join(folder, 'a')), ['b', 'd']);
});

t.test('where none can be made it says so, at once', async (t) => {
  writeFileSync(join(folder, 'file'), '');
  t.throws(() => makeFolder(join(folder, 'file')), {code: 'EEXIST'});
  t.throws(() => makeFolder(join(folder, 'file/below')), {code: 'ENOTDIR'});
  // Node's own recursive mkdir never returns here.
  t.throws(() => makeFolder('/proc/eip-health/state'), {code: 'ENOENT'});
});

t.test('a file is replaced whole or not at all', async (t) => {
  const path = join(folder, 'text');
  t.equal(readFileIfThere(path), null);
  writeFileAtomic(path, 'one');
  writeFileAtomic(path, 'two');
  t.equal(readFileSync(path, 'utf8'), 'two');
  mkdirSync(join(folder, 'taken'));
  t.throws(() => writeFileAtomic(join(folder, 'taken'), 'x'), {code: 'EISDIR'});
  t.notOk(readdirSync(folder).some((name) => name.endsWith('.tmp')));
});
