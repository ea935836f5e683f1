import {execFileSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {ownedFiles} from '../../agent/io/owned-file.js';

const isRoot = process.getuid?.() === 0;

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'eip-owned-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  return folder;
}

t.test('read and replace', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'list.conf');
  t.equal(await ownedFiles.read(path), null);
  await ownedFiles.replace(path, 'one\n');
  t.equal(await ownedFiles.read(path), 'one\n');
  t.equal(statSync(path).mode & 0o777, 0o644);
  await ownedFiles.replace(path, 'two: ä\n');
  t.equal(await ownedFiles.read(path), 'two: ä\n');
  t.same(readdirSync(folder), ['list.conf'], 'nothing else is left');
  await t.rejects(ownedFiles.read(folder), {code: 'EISDIR'});
});

t.test('a reader never sees half of a text', async (t) => {
  const path = join(folderOf(t), 'list.conf');
  const texts = ['a', 'b'].map((letter) => letter.repeat(200_000));
  await ownedFiles.replace(path, texts[0] ?? '');
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const replaced = ownedFiles.replace(path, texts[round % 2] ?? '');
    let isOver = false;
    void replaced.then(() => {
      isOver = true;
    });
    while (!isOver) {
      seen.add(readFileSync(path, 'utf8'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await replaced;
  }
  t.same([...seen].toSorted(), texts);
});

t.test('mode and owner stay, also against a umask', async (t) => {
  const path = join(folderOf(t), 'list.conf');
  writeFileSync(path, 'old');
  chmodSync(path, 0o640);
  if (isRoot) chownSync(path, 65534, 65534);
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  await ownedFiles.replace(path, 'new');
  const {mode, uid, gid} = statSync(path);
  t.equal(mode & 0o777, 0o640);
  if (isRoot) t.same([uid, gid], [65534, 65534]);
  const fresh = `${path}.fresh`;
  await ownedFiles.replace(fresh, 'new');
  t.equal(statSync(fresh).mode & 0o777, 0o644, 'other daemons can read a new one');
});

t.test('a symbolic link stays one', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'real'));
  const [link, target] = [join(folder, 'link.conf'), join(folder, 'real', 'list.conf')];
  writeFileSync(target, 'old');
  symlinkSync(target, link);
  await ownedFiles.replace(link, 'new');
  t.ok(lstatSync(link).isSymbolicLink());
  t.equal(readFileSync(target, 'utf8'), 'new');
});

t.test('what an earlier life left half-way is not in the way, and never followed', async (t) => {
  const folder = folderOf(t);
  const victim = join(folder, 'victim');
  writeFileSync(victim, 'untouched');
  symlinkSync(victim, join(folder, '.list.conf.eip-health.tmp'));
  await ownedFiles.replace(join(folder, 'list.conf'), 'new');
  t.equal(readFileSync(victim, 'utf8'), 'untouched');
  t.same(readdirSync(folder).toSorted(), ['list.conf', 'victim']);
});

t.test('no folder: an error, and nothing made', async (t) => {
  const folder = folderOf(t);
  await t.rejects(ownedFiles.replace(join(folder, 'none', 'list.conf'), 'x'), {code: 'ENOENT'});
  t.same(readdirSync(folder), []);
});

t.test('a full disk', {skip: !isRoot && 'needs root, to mount a small file system'}, async (t) => {
  const folder = folderOf(t);
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'eip-test', disk]);
  try {
    const path = join(disk, 'list.conf');
    const long = 'x'.repeat(9_000);
    await ownedFiles.replace(path, long);
    let filled = 0;
    t.throws(
      () => {
        for (;;) writeFileSync(join(disk, `fill${filled++}`), 'y'.repeat(4096));
      },
      {code: 'ENOSPC'},
    );
    await ownedFiles.replace(path, 'short\n');
    t.equal(
      readFileSync(path, 'utf8'),
      'short\n',
      'what needs no more room than before is written all the same',
    );
    await t.rejects(ownedFiles.replace(path, long), {code: 'ENOSPC'});
    t.equal(readFileSync(path, 'utf8'), 'short\n', 'and what needs more leaves what was there');
    t.notOk(readdirSync(disk).includes('.list.conf.eip-health.tmp'));
    rmSync(join(disk, 'fill0'));
    rmSync(join(disk, 'fill1'));
    rmSync(join(disk, 'fill2'));
    await ownedFiles.replace(path, long);
    t.equal(readFileSync(path, 'utf8'), long);
  } finally {
    // Lazily: its folder may still be on its way to the disk.
    execFileSync('umount', ['-l', disk]);
  }
});
