import t from 'tap';
import type {Files} from '../../../agent/types.js';
import {readIpvsTable, sharedIpvsTable} from '../../../checks/lib/ipvs-table.js';
import {fakeContext} from '../../fake/check-context.js';
import {FakeClock} from '../../fake/clock.js';
import {FakeExec} from '../../fake/exec.js';

const path = '/proc/net/ip_vs';

/** Services on these ports, in /proc's form; each has a server, whose connections are counted. */
function table(ports: readonly number[], connections = 0): string {
  const services = ports.map((port) => {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    return `TCP  C000020A:${hex} rr  \n  -> 0A000001:${hex}      Route   1      ${connections}          0         \n`;
  });
  return `IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n${services.join('')}`;
}

/** Files whose readings come from this list, each of them taking `ms`; null: absent. */
function readings(
  texts: readonly (string | null | Error)[],
  {clock = new FakeClock(), ms = 0} = {},
): Files & {count: number} {
  const files = {
    count: 0,
    async readText() {
      const text = texts[Math.min(files.count, texts.length - 1)] ?? null;
      files.count++;
      await Promise.resolve();
      clock.advance(ms);
      if (text instanceof Error) throw text;
      return text;
    },
    watch: () => () => {},
  };
  return files;
}

function portsOf({table}: Awaited<ReturnType<typeof readIpvsTable>>): number[] {
  return table.services.map((service) => (service.kind === 'address' ? service.port : 0));
}

const few = [80, 443];
const many = Array.from({length: 60}, (_, index) => 1000 + index);
const torn = many.filter((port) => port !== 1030);

t.test('a table of several pieces is read until two readings tell the same services', async (t) => {
  t.ok(table(few).length < 4096 && table(many).length > 4096, 'the tables are such');
  const cases: [string, (string | null)[], number[] | null, number][] = [
    ['a small one comes in one piece', [table(few)], few, 1],
    ['a large one that stands still', [table(many)], many, 2],
    ['servers may change meanwhile', [table(many, 1), table(many, 2)], many, 2],
    ['a service was missing', [table(torn), table(many)], many, 3],
    ['a service was told twice', [table([...many, 1003]), table(many)], many, 3],
    ['a service has really gone', [table(many), table(torn)], torn, 3],
    ['it never stands still', [table(many), table(torn), table(many), table(torn)], torn, 4],
  ];
  for (const [what, texts, ports, count] of cases) {
    const files = readings(texts);
    t.strictSame(portsOf(await readIpvsTable(fakeContext({files}), path)), ports, what);
    t.equal(files.count, count, `${what}: readings`);
  }
  const files = readings([table(many), null]);
  const exec = new FakeExec({'ipvsadm -Ln': {stdout: ''}});
  await t.rejects(
    readIpvsTable(fakeContext({files, exec}), path),
    /ipvsadm -Ln gave no IPVS table/,
    'it is gone',
  );
});

t.test('checks share a reading', async (t) => {
  const clock = new FakeClock();
  const files = readings([table(few)], {clock, ms: 3});
  const read = sharedIpvsTable(path);
  const ctx = fakeContext({clock, files});
  const all = await Promise.all([read(ctx), read(ctx), read(ctx)]);
  t.strictSame(all.map(portsOf), [few, few, few]);
  t.equal(files.count, 1, 'while it is made');
  clock.advance(29);
  await read(ctx);
  t.equal(files.count, 1, 'and for ten times what it took');
  clock.advance(1);
  await read(ctx);
  t.equal(files.count, 2, 'then there is another');
  const others = readings([table(many)], {clock});
  t.strictSame(portsOf(await read(fakeContext({clock, files: others}))), many, 'other files, other readings');
});

t.test('a slow reading is shared for 200 ms', async (t) => {
  const clock = new FakeClock();
  const files = readings([table(few)], {clock, ms: 500});
  const read = sharedIpvsTable(path);
  const ctx = fakeContext({clock, files});
  await read(ctx);
  clock.advance(199);
  await read(ctx);
  t.equal(files.count, 1);
  clock.advance(1);
  await read(ctx);
  t.equal(files.count, 2);
});

t.test('what could not be read is not kept', async (t) => {
  const clock = new FakeClock();
  const read = sharedIpvsTable(path);
  const files = readings([new Error('EIO: i/o error'), '', table(few)], {clock, ms: 5});
  const ctx = fakeContext({clock, files});
  const [one, two] = await Promise.allSettled([read(ctx), read(ctx)]);
  t.match(one, {reason: {message: /EIO/}});
  t.match(two, {reason: {message: /EIO/}}, 'who waits for the same reading gets the same answer');
  await t.rejects(read(ctx), /gave no IPVS table: it is empty/);
  t.strictSame(portsOf(await read(ctx)), few, 'the next one reads again');
});

t.test('without the kernel’s table each asks ipvsadm for itself', async (t) => {
  const clock = new FakeClock();
  const files = readings([null], {clock});
  const read = sharedIpvsTable(path);
  const exec = new FakeExec({'ipvsadm -Ln': {stdout: 'TCP  192.0.2.10:80 rr\n'}});
  const signals = [new AbortController().signal, new AbortController().signal];
  const tables = await Promise.all(signals.map((signal) => read(fakeContext({clock, files, exec, signal}))));
  t.strictSame(tables.map(portsOf), [[80], [80]]);
  t.strictSame(
    exec.calls.map(({options}) => options.signal),
    signals,
    'so that none is ended with another',
  );
});
