/** `vip add|del|list`, with a daemon and without one, on addresses of a network of its own. */

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import {targetsOf} from '../../agent/cli/vip-targets.js';
import type {Status} from '../../agent/events/status.js';
import type {VipStatus} from '../../agent/events/vips.js';
import {LookupError} from '../../agent/io/dns.js';
import {enterOwnNetwork, ipJson} from '../lab/own-network.js';
import {waitFor} from '../lab/wait.js';
import {cleanUp, folderWith, run, start} from './command-line.js';

t.teardown(cleanUp);
t.setTimeout(120_000);
const skip = enterOwnNetwork();

const web = `prefixes: [192.0.2.1, "2001:db8::1"]
check: {type: script, command: "true"}
interval: 1s
fast_interval: 100ms
`;

function place(keys = ''): string {
  return folderWith({
    'eip-health.yaml': `state_dir: state\ncontrol_socket: x.sock\nrouter_id: 192.0.2.250\n${keys}`,
    'conf.d/web.yaml': web,
    'conf.d/pool.yaml': `prefixes: [198.51.100.0/24]\naddresses: [198.51.100.1]\n${web.slice(web.indexOf('check'))}`,
  });
}

const allow = 'allow: [192.0.2.0/24, "2001:db8::/32", 198.51.100.0/24]\n';

async function status(folder: string): Promise<Status> {
  return (await callDaemon(join(folder, 'x.sock'), 'status', {}, 5000)) as unknown as Status;
}

function addresses(): string[] {
  const links = ipJson<{addr_info: {local: string}[]}[]>('addr show dev lo');
  return links.flatMap(({addr_info}) => addr_info.map(({local}) => local)).sort();
}

const all = ['127.0.0.1', '192.0.2.1', '198.51.100.1', '2001:db8::1', '::1'];
const held = all.filter((address) => address !== '192.0.2.1');

t.test('held out: with a daemon, across its restart, without one', {skip}, async (t) => {
  const folder = place(`${allow}kernel: {}\n`);
  const first = start(['run'], folder);
  t.teardown(() => first.child.kill('SIGKILL'));
  await waitFor('all addresses', addresses, (found) => found.join() === all.join());

  t.match(await run(['vip', 'del', '192.0.2.1', '--reason', 'new cable', '--for', '2h'], folder), {
    code: 0,
    stdout: /^192\.0\.2\.1\/32 \(web\): held out by \S+ until \S+: new cable\n$/,
  });
  await waitFor('one to be gone', addresses, (found) => found.join() === held.join());
  const {routes, services} = await status(folder);
  t.match(
    routes.find(({prefix}) => prefix === '192.0.2.1/32'),
    {
      wanted: false,
      owners: ['web'],
      held: {reason: 'new cable', until: /T/},
      announcers: {kernel: {address: 'not-wanted'}},
    },
  );
  t.match(
    services.find(({name}) => name === 'web'),
    {state: 'up', admin: {state: 'enabled', sources: [{source: 'hold', prefixes: ['192.0.2.1/32']}]}},
  );
  t.match(await run(['status'], folder), {stdout: /^ {2}held out by \S+ until \S+: new cable$/m});
  t.match(await run(['vip', 'list'], folder), {
    code: 0,
    stdout:
      /^192\.0\.2\.1\/32 +web +up +by .*: new cable, since .*\n198.*\n2001:db8::1\/128 +web +up +installed\n$/m,
  });

  first.child.kill('SIGKILL');
  t.match(
    (await first.ended).stdout,
    /"msg":"192\.0\.2\.1\/32 held out by \S+ until \S+: new cable","prefix"|"prefix".*held out by/,
  );
  t.match(await run(['vip', 'list'], folder), {
    stdout: /^192\.0\.2\.1\/32 +web +by .*\n198.*\n2001:db8::1\/128 +web +installed\n$/m,
  });
  t.match(await run(['vip', 'del', '2001:db8::1', '--json'], folder), {code: 0, stdout: /"was_held": false/});
  t.notOk(addresses().includes('2001:db8::1'), 'taken off at once');
  t.ok(addresses().includes('198.51.100.1'), 'the others stay as they were');

  const second = start(['run'], folder);
  t.teardown(() => second.child.kill('SIGKILL'));
  await second.said('service web up');
  await second.said('198.51.100.1/32 to lo');
  t.same(addresses(), ['127.0.0.1', '198.51.100.1', '::1']);
  t.match(
    (await status(folder)).services.find(({name}) => name === 'web'),
    {admin: {state: 'drained', sources: [{source: 'hold'}, {source: 'hold'}]}},
  );
  t.match(await run(['vip', 'add', '192.0.2.1', '2001:db8::1'], folder), {
    code: 0,
    stdout: '192.0.2.1/32 (web): let in again\n2001:db8::1/128 (web): let in again\n',
  });
  await waitFor('all addresses', addresses, (found) => found.join() === all.join());
  t.match(await run(['vip', 'add', '192.0.2.1'], folder), {stdout: '192.0.2.1/32 (web): was not held out\n'});
  t.match(await run(['vip', 'del', '198.51.100.0/24'], folder), {code: 0});
  await waitFor('what lies in it', addresses, (found) => !found.includes('198.51.100.1'));

  t.match(await run(['vip', 'del', '192.0.2.1', '--for', '1s'], folder), {code: 0});
  await second.said('192.0.2.1/32 let in again: its time is over');
  await waitFor('it to return', addresses, (found) => found.includes('192.0.2.1'));
  second.child.kill('SIGTERM');
  await second.ended;
  t.match(JSON.parse(readFileSync(join(folder, 'state/admin.json'), 'utf8')), {
    schema: 1,
    holds: {'198.51.100.0/24': {until: null}},
  });
});

t.test('through the rounds of a watchdog', {skip}, async (t) => {
  const folder = place(`${allow}kernel: {routes: true}\n`);
  const round = async () => (await start(['watchdog', '--once'], folder).ended).code;
  const listed = async (): Promise<VipStatus[]> =>
    JSON.parse((await run(['vip', 'list', '--json'], folder)).stdout);
  t.equal(await round(), 0);
  t.same(addresses(), all);
  t.match(await listed(), [
    {prefix: '192.0.2.1/32', held: null, announcers: {kernel: {address: 'installed', route: 'installed'}}},
    {services: [{name: 'pool', state: 'up'}]},
    {services: [{name: 'web', state: 'up'}]},
  ]);
  t.match(await run(['vip', 'del', '192.0.2.1'], folder), {code: 0});
  t.same(addresses(), held, 'gone at once');
  t.equal(ipJson<unknown[]>('-4 route show dev lo 192.0.2.1').length, 0);
  t.equal(await round(), 0);
  t.same(addresses(), held, 'the next minute does not bring it back');
  t.match((await listed())[0], {held: {by: /./}, announcers: {}});
  t.match(await run(['vip', 'add', '192.0.2.1'], folder), {
    stdout: /: the next start or round of the watchdog/,
  });
  t.equal(await round(), 0);
  t.same(addresses(), all);
  await run(['withdraw'], folder);
  t.same(addresses(), ['127.0.0.1', '::1']);
});

t.test('--force announces whatever the checks say', async (t) => {
  const folder = place(allow);
  await run(['vip', 'del', '192.0.2.1'], folder);
  t.match(await run(['vip', 'add', '192.0.2.1', '--force', '--reason', 'I know'], folder), {
    stdout:
      /^192\.0\.2\.1\/32 \(web\): let in again: the next start or round of the watchdog brings it back\n$/,
  });
  t.match(JSON.parse(readFileSync(join(folder, 'state/admin.json'), 'utf8')), {
    holds: {},
    orders: {web: {state: 'forced-up', reason: 'I know'}},
  });
});

t.test('what is wrong changes nothing', async (t) => {
  const folder = place(allow);
  const wrong = async (args: string[], code: number, stderr: RegExp) =>
    t.match(await run(['vip', ...args], folder), {code, stderr});
  await wrong(['del'], 2, /missing required argument/);
  await wrong(['del', '192.0.2.300'], 2, /"192\.0\.2\.300" is no IP address/);
  await wrong(['del', '192.0.2.1', '192.0.2.9'], 1, /^eip-health: 192\.0\.2\.9\/32 is of no service$/m);
  await wrong(['del', '198.51.100.1'], 1, /service pool announces 198\.51\.100\.0\/24, name that$/m);
  await wrong(['del', 'localhost'], 1, /localhost: 127\.0\.0\.1\/32 is of no service/);
  await wrong(['del', '192.0.2.1', '--for', 'soon'], 2, /is no duration/);
  await wrong(['add', '192.0.2.1', '--reason', 'x'], 2, /--reason and --for go with --force/);
  const vips: VipStatus[] = JSON.parse((await run(['vip', 'list', '--json'], folder)).stdout);
  t.same(
    vips.map(({prefix, held}) => [prefix, held]),
    [
      ['192.0.2.1/32', null],
      ['198.51.100.0/24', null],
      ['2001:db8::1/128', null],
    ],
  );
});

t.test('without services every address that may be announced', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': 'state_dir: state\ncontrol_socket: x.sock\nallow: [192.0.2.0/24]\nconf_d: false\n',
  });
  t.match(await run(['vip', 'del', '192.0.2.7', '--reason', 'x'], folder), {
    code: 0,
    stdout: /^192\.0\.2\.7\/32: held out/,
  });
  t.match(await run(['vip', 'del', '203.0.113.7'], folder), {
    code: 1,
    stderr: /203\.0\.113\.7\/32 may not be announced: `allow` does not hold it/,
  });
  t.match(await run(['vip', 'list'], folder), {stdout: /^192\.0\.2\.7\/32 +by \S+: x, since/m});
  t.match(await run(['vip', 'add', '192.0.2.7'], folder), {stdout: '192.0.2.7/32: let in again\n'});
  t.match(await run(['vip', 'list'], folder), {
    stdout: 'no addresses: there are no services, and nothing is held out\n',
  });
});

t.test('names: all of their addresses, or nothing', async (t) => {
  const table: Readonly<Record<string, readonly string[]>> = {'vip.tld': ['192.0.2.1', '2001:DB8:0::1']};
  const lookUp = async (name: string) => {
    const found = table[name];
    if (!found) throw new LookupError('the name server failed');
    return found;
  };
  t.same(await targetsOf(['vip.tld', '192.0.2.0/24', '2001:db8::2'], lookUp), [
    {name: 'vip.tld', prefixes: ['192.0.2.1/32', '2001:db8::1/128']},
    {name: '192.0.2.0/24', prefixes: ['192.0.2.0/24']},
    {name: '2001:db8::2', prefixes: ['2001:db8::2/128']},
  ]);
  await t.rejects(targetsOf(['vip.tld', 'other.tld'], lookUp), {
    code: 1,
    message: 'cannot look up other.tld: the name server failed; nothing was changed',
  });
});
