import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {beginLife, type LifeOptions} from '../../agent/admin/life.js';
import {LockHeldError} from '../../agent/admin/lock.js';
import {readRunRecord} from '../../agent/admin/run-record.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {FakeClock} from '../fake/clock.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-life-'));
t.teardown(() => rmSync(folder, {recursive: true}));

function options(name: string, keys: Partial<LifeOptions> = {}): LifeOptions {
  const clock = new FakeClock();
  return {stateDir: join(folder, name), version: '1', bootId: 'b', onCrash: 'withdraw', clock, ...keys};
}

t.test('how it ended decides what the next one may adopt', async (t) => {
  const at = options('lives');
  const first = beginLife(at);
  t.equal(first.adopt, false);
  t.equal(readRunRecord(at.stateDir)?.stop, 'running');
  first.end('keep');
  const second = beginLife(at);
  t.equal(second.adopt, true);
  second.end('withdraw');
  const third = beginLife(at);
  t.equal(third.adopt, false);
  third.end('keep');
  t.equal(beginLife({...at, bootId: 'after a boot'}).adopt, false);
});

t.test('what others may still hold of the life before, and what it left for them', async (t) => {
  const at = options('before');
  const left = [parsePrefix('192.0.2.1/32'), parsePrefix('2001:db8::1/128')];
  const first = beginLife(at);
  t.equal(first.before, null, 'there was none');
  first.end('keep', left);
  const second = beginLife(at);
  t.same(second.before, {adopted: true, addresses: left});
  second.end('keep');
  const third = beginLife({...at, bootId: 'after a boot'});
  t.same(third.before, {adopted: false, addresses: left}, 'a start that failed left what it found');
  third.end('withdraw', left);
  t.equal(readRunRecord(at.stateDir)?.addresses?.length, 0);
  const fourth = beginLife(at);
  t.equal(fourth.before, null, 'it withdrew everything');
  const crashed = JSON.stringify({...readRunRecord(at.stateDir), stop: 'running'});
  fourth.end('withdraw');
  writeFileSync(join(at.stateDir, 'run.json'), crashed);
  const fifth = beginLife(at);
  t.same(fifth.before, {adopted: false, addresses: []}, 'a crash');
  fifth.end('withdraw');
  writeFileSync(join(at.stateDir, 'run.json'), crashed);
  const sixth = beginLife({...at, onCrash: 'adopt'});
  t.same(sixth.before, {adopted: true, addresses: []});
  sixth.end('withdraw');
  writeFileSync(join(at.stateDir, 'run.json'), crashed.replace('"addresses":[]', '"addresses":["nonsense"]'));
  t.equal(beginLife(at).before, null, 'what cannot be read says nothing');
});

t.test('one at a time', async (t) => {
  const at = options('held');
  const life = beginLife(at);
  t.throws(() => beginLife(at), LockHeldError);
  life.end('withdraw');
  beginLife(at).end('withdraw');
});

t.test('a folder that cannot be used is named', async (t) => {
  const at = options('file');
  writeFileSync(at.stateDir, '');
  t.throws(() => beginLife(at), {
    message: `state_dir ${at.stateDir} cannot be used: EEXIST: file already exists`,
  });
});

t.test('an end that cannot be noted lets go of the lock all the same', async (t) => {
  const at = options('full');
  const life = beginLife(at);
  // Not even root can put a file in the place of a folder.
  const record = join(at.stateDir, 'run.json');
  rmSync(record);
  mkdirSync(record);
  t.throws(() => life.end('keep'), {
    message: `how it ended could not be noted in state_dir ${at.stateDir}: EISDIR`,
  });
  rmSync(record, {recursive: true});
  beginLife(at).end('withdraw');
});
