import {appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {openJournal} from '../../agent/io/journal.js';

function fileIn(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-journal-`));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  return join(folder, 'kernel.journal');
}

t.test('what was noted is there in the next life of the same boot', (t) => {
  const file = fileIn(t);
  const first = openJournal(file, 'boot-1');
  t.notOk(existsSync(file), 'nothing to note, no file');
  first.add('lo 192.0.2.1/32');
  t.equal(readFileSync(file, 'utf8'), 'boot boot-1\n+lo 192.0.2.1/32\n', 'on the disk before add returns');
  first.add('lo 192.0.2.1/32');
  first.add('lo 192.0.2.2/32');
  first.remove('lo 192.0.2.1/32');
  first.remove('never there');
  t.same([...first.entries()], ['lo 192.0.2.2/32']);

  const second = openJournal(file, 'boot-1');
  t.same([...second.entries()], ['lo 192.0.2.2/32']);
  second.add('lo 192.0.2.3/32');
  t.equal(readFileSync(file, 'utf8'), 'boot boot-1\n+lo 192.0.2.2/32\n+lo 192.0.2.3/32\n', 'short again');
  second.remove('lo 192.0.2.2/32');
  t.same([...openJournal(file, 'boot-1').entries()], ['lo 192.0.2.3/32']);
  t.same([...openJournal(file, 'boot-2').entries()], [], 'of another boot nothing is left');
  t.end();
});

t.test('a line that was cut off does not count; nor does another file', (t) => {
  const file = fileIn(t);
  openJournal(file, 'b').add('one');
  appendFileSync(file, '+tw');
  t.same([...openJournal(file, 'b').entries()], ['one']);
  for (const text of ['', 'boot b', 'something else\n+one\n']) {
    writeFileSync(file, text);
    t.same([...openJournal(file, 'b').entries()], [], text);
  }
  writeFileSync(file, 'boot b\n+one\nwhat is this\n-two\n');
  t.same([...openJournal(file, 'b').entries()], ['one']);
  t.end();
});

t.test('what cannot be written is not noted', (t) => {
  const journal = openJournal(join(fileIn(t), 'no-folder'), 'b');
  t.throws(() => journal.add('one'), {code: 'ENOENT'});
  t.same([...journal.entries()], []);
  t.throws(() => journal.add('two\nlines'), /single line/);
  t.end();
});
