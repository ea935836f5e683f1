import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import t from 'tap';
import {takeStateLock} from '../../agent/admin/lock.js';
import {type AdminOrder, openAdminStore} from '../../agent/admin/store.js';
import type {ServiceName} from '../../agent/types.js';

const folder = mkdtempSync(join(tmpdir(), 'eip-health-admin-'));
t.teardown(() => rmSync(folder, {recursive: true}));
const stateDir = (): string => mkdtempSync(join(folder, 's-'));

const web = 'web' as ServiceName;
const drained: AdminOrder = {
  state: 'drained',
  by: 'alice',
  at: '2026-01-01T00:00:00.000Z',
  until: null,
  reason: 'kernel update',
};

t.test('an order is there for the next life, until it is taken away', async (t) => {
  const dir = stateDir();
  t.equal(openAdminStore(dir).orders().size, 0);
  t.same(readdirSync(dir), [], 'reading leaves nothing behind');
  openAdminStore(dir).put([web, 'dns' as ServiceName], drained);
  t.same(
    [...openAdminStore(dir).orders()],
    [
      ['web', drained],
      ['dns', drained],
    ],
  );
  openAdminStore(dir).put([web], null);
  t.same([...openAdminStore(dir).orders().keys()], ['dns']);
});

t.test('services and peers beside what another version keeps there', async (t) => {
  const dir = stateDir();
  const file = join(dir, 'admin.json');
  writeFileSync(file, '{"schema":1,"orders":{},"later":{"192.0.2.1/32":{"by":"bob"}}}');
  const store = openAdminStore(dir);
  store.put([web], drained);
  const peer = {...drained, state: 'disabled', drain_until: '2026-01-01T00:01:00.000Z'} as const;
  store.peers.put(['tor'], peer);
  store.put([web], null);
  t.same(JSON.parse(readFileSync(file, 'utf8')), {
    schema: 1,
    orders: {},
    holds: {},
    peers: {tor: peer},
    later: {'192.0.2.1/32': {by: 'bob'}},
  });
  t.same([...openAdminStore(dir).peers.orders()], [['tor', peer]]);
});

t.test('what cannot be written has not been ordered', async (t) => {
  const dir = stateDir();
  const store = openAdminStore(dir);
  rmSync(dir, {recursive: true});
  t.throws(() => store.put([web], drained), {code: 'ENOENT'});
  t.equal(store.orders().size, 0);
});

t.test('what cannot be understood is no permission to announce', async (t) => {
  for (const text of [
    '',
    '{',
    '{"schema":0,"orders":{}}',
    '{"schema":1,"orders":{"web":{"state":"gone"}}}',
    '{"schema":1,"orders":{},"holds":{"192.0.2.1/32":{"by":"alice"}}}',
    '{"schema":1,"orders":{},"peers":{"tor":{"state":"forced-up"}}}',
  ]) {
    const dir = stateDir();
    writeFileSync(join(dir, 'admin.json'), text);
    t.throws(
      () => openAdminStore(dir),
      /admin\.json holds which services and peers are drained .* cannot be understood/,
    );
  }
});

t.test('holds of prefixes, beside the rest', async (t) => {
  const dir = stateDir();
  const store = openAdminStore(dir);
  const {state: _state, ...hold} = drained;
  store.put([web], drained);
  store.holds.put(['192.0.2.1/32', '2001:db8::1/128'], hold);
  const again = openAdminStore(dir);
  t.same(
    [...again.holds.orders()],
    [
      ['192.0.2.1/32', hold],
      ['2001:db8::1/128', hold],
    ],
  );
  again.holds.put(['192.0.2.1/32'], null);
  t.same([...openAdminStore(dir).holds.orders().keys()], ['2001:db8::1/128']);
  t.same([...openAdminStore(dir).orders().keys()], ['web']);
});

t.test('a file of a later version is left alone', async (t) => {
  const dir = stateDir();
  const text = '{"schema":7,"services":["web"]}';
  writeFileSync(join(dir, 'admin.json'), text);
  t.throws(() => openAdminStore(dir), {
    message: /admin\.json was written by a later version of eip-health \(schema 7, this one reads 1\)/,
  });
  t.equal(readFileSync(join(dir, 'admin.json'), 'utf8'), text);
});

t.test(
  'the file is replaced, never rewritten: there is no moment at which it is half of something',
  async (t) => {
    const dir = stateDir();
    const store = openAdminStore(dir);
    store.put([web], drained);
    const before = readFileSync(join(dir, 'admin.json'), 'utf8');
    const fd = openSync(join(dir, 'admin.json'), 'r');
    store.put([web], null);
    t.equal(readFileSync(fd, 'utf8'), before, 'who has it open still reads the old one');
    closeSync(fd);
    t.same(readdirSync(dir), ['admin.json'], 'nothing else is left');
  },
);

t.test('killed in the middle of writing, again and again, the file is whole', async (t) => {
  const dir = stateDir();
  const module = new URL('../../agent/admin/store.js', import.meta.url).href;
  const script = `
    const {openAdminStore} = await import(${JSON.stringify(module)});
    const store = openAdminStore(${JSON.stringify(dir)});
    const order = ${JSON.stringify(drained)};
    const names = Array.from({length: 500}, (_, i) => 'service-' + i);
    for (let i = 0; ; i++) {
      store.put(names, {...order, reason: 'x'.repeat(i % 200)});
      if (i === 0) process.stdout.write('writing');
    }`;
  for (let i = 0; i < 5; i++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    // It does nothing but write.
    child.kill('SIGKILL');
    await once(child, 'exit');
    t.equal(openAdminStore(dir).orders().size, 500);
  }
  writeFileSync(join(dir, 'admin.json.4194304.tmp'), '{"sche');
  takeStateLock(dir).release();
  t.same(readdirSync(dir).sort(), ['admin.json', 'lock'], 'what was left half written is gone');
  t.match(JSON.parse(readFileSync(join(dir, 'admin.json'), 'utf8')), {schema: 1});
});
