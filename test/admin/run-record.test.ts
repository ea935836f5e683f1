import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {
  mayAdopt,
  type RunRecord,
  readBootId,
  readRunRecord,
  writeRunRecord,
} from '../../agent/admin/run-record.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-run-record-'));
t.teardown(() => rmSync(folder, {recursive: true}));
const record: RunRecord = {
  boot_id: 'a',
  pid: 7,
  version: '0.1.0',
  stop: 'keep',
  at: '2026-01-01T00:00:00.000Z',
};
const file = join(folder, 'run.json');

t.test('what is written is read, and nothing else is left', async (t) => {
  t.equal(readRunRecord(folder), null);
  writeRunRecord(folder, record);
  writeRunRecord(folder, {...record, stop: 'running'});
  t.strictSame(readRunRecord(folder), {...record, stop: 'running'});
  t.strictSame(readdirSync(folder), ['run.json']);
});

t.test('a file that is cut, empty or of another kind is none', async (t) => {
  const text = JSON.stringify(record);
  const broken = [
    text.slice(0, 20),
    '',
    'null',
    '[]',
    '{}',
    JSON.stringify({...record, stop: 'later'}),
    '\u0000',
  ];
  for (const content of broken) {
    writeFileSync(file, content);
    t.equal(readRunRecord(folder), null, JSON.stringify(content));
  }
});

t.test('a later version may add to it', async (t) => {
  writeFileSync(file, JSON.stringify({...record, more: 1}));
  t.match(readRunRecord(folder), record);
});

t.test('a write that fails leaves the old record', async (t) => {
  const dir = mkdtempSync(join(folder, 'x-'));
  mkdirSync(join(dir, 'run.json'));
  t.throws(() => writeRunRecord(dir, record), {code: 'EISDIR'});
  t.strictSame(readdirSync(dir), ['run.json'], 'no half-written file stays');
  t.throws(() => writeRunRecord(join(folder, 'missing'), record), {code: 'ENOENT'});

  writeRunRecord(folder, record);
  const before = readFileSync(file, 'utf8');
  // Another process's half-written file is no concern of ours.
  writeFileSync(`${file}.1.tmp`, 'half');
  t.strictSame(readRunRecord(folder), record);
  t.equal(readFileSync(file, 'utf8'), before);
});

t.test('adoption: only after a stop that meant to come back, or where a crash may', async (t) => {
  const rows: readonly (readonly [RunRecord['stop'] | null, string, 'withdraw' | 'adopt', boolean])[] = [
    ['keep', 'this boot', 'withdraw', true],
    ['keep', 'this boot', 'adopt', true],
    ['restart', 'this boot', 'withdraw', true],
    ['restart', 'this boot', 'adopt', true],
    ['withdraw', 'this boot', 'withdraw', false],
    ['withdraw', 'this boot', 'adopt', false],
    ['running', 'this boot', 'withdraw', false],
    ['running', 'this boot', 'adopt', true],
    ['keep', 'last boot', 'withdraw', false],
    ['keep', 'last boot', 'adopt', false],
    ['restart', 'last boot', 'withdraw', false],
    ['restart', 'last boot', 'adopt', false],
    ['withdraw', 'last boot', 'withdraw', false],
    ['withdraw', 'last boot', 'adopt', false],
    ['running', 'last boot', 'withdraw', false],
    ['running', 'last boot', 'adopt', false],
    [null, 'this boot', 'withdraw', false],
    [null, 'this boot', 'adopt', true],
  ];
  t.equal(rows.length, 18);
  for (const [stop, boot, onCrash, expected] of rows) {
    const last = stop === null ? null : {...record, stop, boot_id: boot};
    t.equal(mayAdopt(last, 'this boot', onCrash), expected, `${stop} in ${boot}, on_crash: ${onCrash}`);
  }
});

t.test('the boot has an id', {skip: !existsSync('/proc/sys/kernel/random/boot_id')}, async (t) => {
  t.match(readBootId(), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
});
