import {mkdirSync, readFileSync, rmdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {formatProblem} from '../../agent/config/report.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import type {IpvsWatch} from '../../agent/watchdog/ipvs-services.js';
import {IpvsVips} from '../../agent/watchdog/ipvs-vips.js';
import {afterLook, readKnownVips, writeKnownVips} from '../../agent/watchdog/known-vips.js';
import {fakeFiles} from '../fake/check-context.js';
import {fakeEffects} from '../fake/checks.js';
import {FakeClock} from '../fake/clock.js';
import {FakeExec} from '../fake/exec.js';
import {newFolder} from '../fake/folder.js';

const hour = 3_600_000;
const path = '/proc/net/ip_vs';
const watch: IpvsWatch = {
  thresholds: {},
  ports: 'all',
  only: [],
  exclude: [],
  marks: new Map(),
  whenDegraded: {},
  forgetAfterMs: 24 * hour,
};
const title = 'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n';
const lines = {one: 'TCP  C0000201:0050 rr\n', two: 'UDP  C0000202:0035 rr\n', mark: 'FWM  00000001 rr\n'};

/** Processes one after the other on a host whose table the test writes. */
function lab(t: Test, part: Partial<IpvsWatch> = {}) {
  const folder = newFolder(t, {'eip-health.yaml': 'state_dir: .\nfrr: {}\n', 'conf.d': null});
  const configFile = join(folder, 'eip-health.yaml');
  const clock = new FakeClock();
  const said: string[] = [];
  const emit = (event: AgentEvent): void => void (event.kind === 'note' && said.push(event.message));
  const files: Record<string, string | Error> = {};
  const process = () => {
    const exec = new FakeExec({'ipvsadm -Ln': {code: 255, stderr: 'no ip_vs here'}});
    const effects = {...fakeEffects(clock), exec, files: fakeFiles(files)};
    const vips = new IpvsVips({watch: {...watch, ...part}, stateDir: folder, effects});
    return {
      refresh: () => vips.refresh(emit),
      names: () => vips.load({configFile}).config?.services.map(({name}) => String(name)),
      load: () => vips.load({configFile}),
    };
  };
  return {clock, files, folder, process, said};
}

t.test('a VIP that has gone is known to the next process, for a day', async (t) => {
  const {clock, files, process, said} = lab(t);
  files[path] = title + lines.one + lines.two;
  const first = process();
  t.equal(await first.refresh(), true);
  t.equal(await first.refresh(), false);
  t.same(first.names(), ['ipvs-192.0.2.1', 'ipvs-192.0.2.2']);

  files[path] = title + lines.one;
  clock.advance(23 * hour);
  const second = process();
  await second.refresh();
  t.same(second.names(), ['ipvs-192.0.2.1', 'ipvs-192.0.2.2'], 'no servers, but a VIP');
  clock.advance(hour + 1);
  t.equal(await second.refresh(), true);
  t.same(second.names(), ['ipvs-192.0.2.1']);
  const third = process();
  await third.refresh();
  t.same(third.names(), ['ipvs-192.0.2.1'], 'forgotten for good');
  t.same(said, []);
});

t.test('a table that cannot be read leaves the VIPs, and is said once as long as it is so', async (t) => {
  const {files, process, said} = lab(t);
  files[path] = title + lines.one;
  const first = process();
  await first.refresh();
  delete files[path];
  t.equal(await first.refresh(), false);
  await first.refresh();
  t.match(said.splice(0), [
    /^no \/proc\/net\/ip_vs \(is the ip_vs module loaded\?\), and ipvsadm -Ln failed: no ip_vs here$/,
  ]);
  const second = process();
  await second.refresh();
  t.same(second.names(), ['ipvs-192.0.2.1']);
  files[path] = title + lines.one;
  said.length = 0;
  await second.refresh();
  files[path] = 'nonsense';
  await second.refresh();
  t.match(said, [/gave no IPVS table: it begins with "nonsense"/]);
});

t.test('marks that nobody maps, and VIPs that may not be announced, are remarked on', async (t) => {
  const {files, folder, process, said} = lab(t);
  files[path] = title + lines.one + lines.two + lines.mark;
  writeFileSync(join(folder, 'eip-health.yaml'), 'state_dir: .\nfrr: {}\nallow: [192.0.2.1]\n');
  const {load, refresh} = process();
  await refresh();
  await refresh();
  t.same(said, [
    'IPVS: firewall mark 1 is ignored: write which VIPs it stands for, like --fwmark 1=192.0.2.1,2001:db8::1',
  ]);
  const {broken, config, problems} = load();
  t.same(
    config?.services.map(({name}) => name),
    ['ipvs-192.0.2.1'],
  );
  t.same(broken, [], "which is nobody's mistake");
  t.same(problems.map(formatProblem), [
    'IPVS: warning: prefixes[0]: service ipvs-192.0.2.2 may not announce 192.0.2.2/32: `allow` in the main file does not hold it',
  ]);
});

t.test('service files have the say over their prefixes, broken or not', async (t) => {
  const {files, folder, process} = lab(t);
  files[path] = title + lines.one + lines.two;
  const service = (vip: string, more = ''): string =>
    `prefixes: [${vip}]\ncheck: {type: ipvs, vip: ${vip}}\n${more}`;
  writeFileSync(join(folder, 'conf.d/web.yaml'), service('192.0.2.1'));
  writeFileSync(join(folder, 'conf.d/dns.yaml'), service('192.0.2.2', 'nonsense: 1\n'));
  const {load, refresh} = process();
  await refresh();
  const {broken, config, problems} = load();
  t.same(
    config?.services.map(({name}) => name),
    ['web'],
  );
  t.same(
    broken.map(({name}) => name),
    ['dns'],
  );
  t.match(problems.map(formatProblem), [/dns\.yaml:3:1: error: unknown key `nonsense`/]);
});

t.test('a degraded VIP that nothing tells from others is remarked on', async (t) => {
  const {files, process, said} = lab(t, {thresholds: {degraded_below: 2}});
  files[path] = title;
  await process().refresh();
  t.same(said, ['a degraded VIP is announced like any other: write --degraded-med or --degraded-prepend']);
});

t.test('the file of known VIPs', async (t) => {
  const folder = newFolder(t);
  t.equal(readKnownVips(folder).size, 0);
  const known = new Map([[parseAddress('2001:db8::1'), Date.UTC(2026, 0, 1)]]);
  writeKnownVips(folder, known);
  t.same([...readKnownVips(folder)], [...known]);
  const file = join(folder, 'ipvs.json');
  const whole = readFileSync(file, 'utf8');
  for (const text of ['', '{', whole.replace('2001:db8::1', 'nobody'), whole.replace('2026-', 'soon-')]) {
    writeFileSync(file, text);
    t.equal(readKnownVips(folder).size, 0, JSON.stringify(text));
  }
  const [a, b] = [parseAddress('192.0.2.1'), parseAddress('192.0.2.2')];
  t.same(
    [...afterLook(new Map([[a, 50]]), [b], 10, 5)],
    [
      [a, 10],
      [b, 10],
    ],
    'a time to come is now',
  );
});

t.test('a list of known VIPs that cannot be read is no empty list', async (t) => {
  const {files, folder, process, said} = lab(t);
  files[path] = title + lines.one;
  const {names, refresh} = process();
  mkdirSync(join(folder, 'ipvs.json'));
  await t.rejects(refresh(), /EISDIR/);
  rmdirSync(join(folder, 'ipvs.json'));
  await refresh();
  t.same(names(), ['ipvs-192.0.2.1']);
  t.same(said, []);
});
