import {mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {systemFiles} from '../../agent/io/files.js';
import {newFolder} from '../fake/folder.js';

t.test('reading', async (t) => {
  const folder = newFolder(t, {text: 'grüezi\n', folder: null});
  t.equal(await systemFiles.readText(join(folder, 'text')), 'grüezi\n');
  t.equal(await systemFiles.readText(join(folder, 'absent')), null);
  t.equal(await systemFiles.readText(join(folder, 'text/below-a-file')), null);
  await t.rejects(systemFiles.readText(join(folder, 'folder')), {code: 'EISDIR'});
  t.match(await systemFiles.readText('/proc/self/status'), /^Name:/, 'files without a size');
});

/** Watches, and gives a function that does something and waits until a change was told. */
function watching(t: {teardown(fn: () => void): void}, path: string): (act: () => void) => Promise<void> {
  let changed: () => void = () => {};
  t.teardown(systemFiles.watch(path, () => changed()));
  return async (act) => {
    // What the act before still brings must not be taken for this one's.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve, reject) => {
      // A watch alone keeps no process alive.
      const timer = setTimeout(() => reject(new Error(`nothing was told after ${act}`)), 20_000);
      changed = () => {
        clearTimeout(timer);
        resolve();
      };
      act();
    });
  };
}

t.test('a file that comes, changes, is replaced and goes', async (t) => {
  const folder = newFolder(t);
  const file = join(folder, 'drained');
  const change = watching(t, file);
  await change(() => writeFileSync(file, ''));
  await change(() => writeFileSync(file, 'more'));
  writeFileSync(`${file}.new`, 'other');
  await change(() => renameSync(`${file}.new`, file));
  await change(() => rmSync(file));
  await change(() => symlinkSync('/dev/null', file));
  t.pass('told each time');
});

t.test('folders that come and go', async (t) => {
  const base = newFolder(t);
  const folder = join(base, 'run', 'web');
  const file = join(folder, 'drained');
  const change = watching(t, file);
  await change(() => mkdirSync(join(base, 'run')));
  await change(() => mkdirSync(folder));
  await change(() => writeFileSync(file, ''));
  await change(() => rmSync(join(base, 'run'), {recursive: true}));
  await change(() => mkdirSync(folder, {recursive: true}));
  await change(() => writeFileSync(file, 'again'));
  await change(() => renameSync(folder, join(base, 'run', 'old')));
  await change(() => mkdirSync(folder, {recursive: true}));
  await change(() => writeFileSync(file, 'and again'));
  t.pass('told each time');
});

t.test('other files of the folder, and after the end', async (t) => {
  const folder = newFolder(t);
  let told = 0;
  const cancel = systemFiles.watch(join(folder, 'mine'), () => told++);
  const change = watching(t, join(folder, 'other'));
  await change(() => writeFileSync(join(folder, 'other'), ''));
  t.equal(told, 0);
  cancel();
  const mine = watching(t, join(folder, 'mine'));
  await mine(() => writeFileSync(join(folder, 'mine'), ''));
  t.equal(told, 0);
});
