import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import t, {type Test} from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import type {Status} from '../../agent/events/status.js';
import {FakeBird} from '../fake/bird.js';
import {enterOwnNetwork, ip} from '../lab/own-network.js';
import {cleanUp, folderWith, type Running, run, start} from './command-line.js';

// The daemons that are started inherit it.
const skip = enterOwnNetwork();
t.teardown(cleanUp);
t.setTimeout(120_000);

const [vip, vip6] = ['192.0.2.1/32', '2001:db8::2/128'];
const main = `state_dir: state
control_socket: x.sock
router_id: 192.0.2.250
bird: {socket: bird.ctl, file: anycast.conf}
kernel: {routes: true}
`;
const service = `prefixes: [${vip}, "${vip6}"]
check: {type: script, command: "true"}
interval: 100ms
`;
const emptyList =
  'define ACAST_PS_ADVERTISE = [ 10.189.200.255/32 ];\ndefine ACAST6_PS_ADVERTISE = [ 2001:db8::1/128 ];\n';

interface Place {
  readonly folder: string;
  readonly bird: FakeBird;
  daemon(): Promise<Running>;
}

/** A folder with a configuration, beside a BIRD. */
async function place(t: Test, more = ''): Promise<Place> {
  const folder = folderWith({
    'eip-health.yaml': main + more,
    'conf.d/web.yaml': service,
    'anycast.conf': emptyList,
  });
  const bird = await FakeBird.start({
    version: '2.0.12',
    socket: join(folder, 'bird.ctl'),
    includes: [
      {
        form: 'define',
        path: join(folder, 'anycast.conf'),
        names: ['ACAST_PS_ADVERTISE', 'ACAST6_PS_ADVERTISE'],
      },
    ],
    routes: [vip, vip6],
  });
  t.teardown(async () => {
    await bird.stop();
    await run(['withdraw'], folder);
  });
  return {folder, bird, daemon: () => daemon(t, folder)};
}

/** A daemon that announces both prefixes by BIRD. */
async function daemon(t: Test, folder: string): Promise<Running> {
  const running = start(['run'], folder);
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.said(' starts with ');
  for (;;) {
    const answer = await callDaemon(join(folder, 'x.sock'), 'status', {}, 5000).catch(() => null);
    const status = answer as unknown as Status | null;
    if (status?.routes.filter(({announcers}) => announcers.bird === 'announced').length === 2) break;
    await pause(20);
  }
  return running;
}

async function kill(running: Running): Promise<void> {
  running.child.kill('SIGKILL');
  await running.ended;
}

/** Addresses and routes of ours on lo. */
function inKernel(): readonly string[] {
  const text = ip('-o addr show dev lo') + ip('-4 route show dev lo') + ip('-6 route show dev lo proto 153');
  return text.split('\n').filter((line) => /192\.0\.2\.1|2001:db8::2/.test(line));
}

t.test('after kill -9 it takes everything out of BIRD and the kernel', {skip}, async (t) => {
  const {folder, bird, daemon} = await place(t);
  await kill(await daemon());
  t.same(bird.exported(), [vip, vip6]);
  t.equal(inKernel().length, 4);

  const {code, stdout, stderr} = await run(['withdraw'], folder);
  t.equal(stderr, '');
  t.equal(code, 0);
  t.same(
    stdout.trimEnd().split('\n').sort(),
    [vip, vip6].flatMap((prefix) =>
      ['bird', 'kernel', 'lo'].map((from) => `withdrawn ${prefix} from ${from}`),
    ),
  );
  t.same(bird.exported(), []);
  t.notMatch(readFileSync(join(folder, 'anycast.conf'), 'utf8'), vip);
  t.same(inKernel(), []);

  t.match(await run(['withdraw'], folder), {code: 0, stdout: 'there was nothing to withdraw\n', stderr: ''});
  const again = await run(['withdraw', '--json'], folder);
  t.same(JSON.parse(again.stdout), {kept: false, withdrawn: [], left: []});
  t.same(bird.unknown, []);
});

t.test('what is not ours stays', {skip}, async (t) => {
  const {folder, daemon} = await place(t);
  ip('addr add 192.0.2.100/32 dev lo');
  ip('route add 192.0.2.101/32 dev lo');
  t.teardown(() => {
    ip('addr del 192.0.2.100/32 dev lo');
    ip('route del 192.0.2.101/32 dev lo');
  });
  await kill(await daemon());
  t.match(await run(['withdraw'], folder), {code: 0});
  t.match(ip('-o addr show dev lo'), '192.0.2.100/32');
  t.match(ip('-4 route show dev lo'), '192.0.2.101');
});

t.test('beside a daemon it does nothing and names its pid', {skip}, async (t) => {
  const {folder, bird, daemon} = await place(t);
  const running = await daemon();
  for (const args of [['withdraw'], ['withdraw', '--after-exit']]) {
    const {code, stdout, stderr} = await run(args, folder);
    t.equal(code, 1);
    t.equal(stdout, '');
    t.match(stderr, `another eip-health runs as pid ${running.child.pid} `);
  }
  t.same(bird.exported(), [vip, vip6]);
  t.equal(inKernel().length, 4);
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
  t.same(inKernel(), []);
});

t.test('--after-exit leaves what a stop was to keep; without it that goes too', {skip}, async (t) => {
  const {folder, bird, daemon} = await place(t, 'on_stop: keep\n');
  const running = await daemon();
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
  t.match(await run(['withdraw', '--after-exit'], folder), {
    code: 0,
    stdout: /nothing was done: .* on purpose/,
  });
  t.same(bird.exported(), [vip, vip6]);
  t.equal(inKernel().length, 4);
  t.match(await run(['withdraw'], folder), {code: 0});
  t.same(bird.exported(), []);
  t.same(inKernel(), []);
});

t.test(
  '--after-exit: a crash is no plan, unless on_crash says so; nor is another boot',
  {skip},
  async (t) => {
    const {folder, bird, daemon} = await place(t);
    await kill(await daemon());
    const config = join(folder, 'eip-health.yaml');
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, `${text}on_crash: adopt\n`);
    t.match(await run(['withdraw', '--after-exit'], folder), {code: 0, stdout: /on purpose/});
    t.same(bird.exported(), [vip, vip6]);
    const record = join(folder, 'state/run.json');
    t.match(
      JSON.parse(readFileSync(record, 'utf8')),
      {stop: 'running'},
      'and the next life knows of the crash',
    );
    writeFileSync(config, text);
    t.match(await run(['withdraw', '--after-exit'], folder), {code: 0, stdout: /withdrawn/});
    t.same(bird.exported(), []);
    t.match(JSON.parse(readFileSync(record, 'utf8')), {stop: 'withdraw'});

    await kill(await daemon());
    const found = JSON.parse(readFileSync(record, 'utf8')) as object;
    writeFileSync(record, JSON.stringify({...found, stop: 'restart'}));
    t.match(
      await run(['withdraw', '--after-exit'], folder),
      {code: 0, stdout: /on purpose/},
      'a planned restart',
    );
    writeFileSync(record, JSON.stringify({...found, stop: 'restart', boot_id: 'another'}));
    t.match(await run(['withdraw', '--after-exit'], folder), {code: 0, stdout: /withdrawn/});
    t.same(inKernel(), []);
  },
);

t.test('where no BIRD runs its file is emptied, which is all: the answer is yes', {skip}, async (t) => {
  const {folder, bird, daemon} = await place(t);
  await kill(await daemon());
  await bird.stop();
  const {code, stderr, stdout} = await run(['withdraw'], folder);
  t.equal(code, 0);
  t.match(stderr, /BIRD does not run/, 'and it says why');
  t.match(stdout, `withdrawn ${vip} from bird\n`);
  t.notMatch(readFileSync(join(folder, 'anycast.conf'), 'utf8'), vip, 'BIRD finds nothing when it starts');
  t.same(inKernel(), []);
});

t.test('where BIRD hangs its file is emptied, and the answer is no', {skip}, async (t) => {
  const {folder, bird, daemon} = await place(t);
  await kill(await daemon());
  bird.hang();
  const {code, stderr} = await run(['withdraw'], folder);
  t.equal(code, 1);
  t.match(stderr, `${vip} may still be in bird: `);
  t.notMatch(readFileSync(join(folder, 'anycast.conf'), 'utf8'), vip, 'BIRD finds nothing when it starts');
  t.same(inKernel(), [], 'and the kernel does not wait for BIRD');
});

t.test('a broken main file is 3, a state_dir that cannot be is 1', async (t) => {
  const broken = folderWith({'eip-health.yaml': `${main}nonsense: 1\n`, 'conf.d/web.yaml': service});
  const {code, stderr} = await run(['withdraw'], broken);
  t.equal(code, 3);
  t.match(stderr, /nonsense[\s\S]*nothing was withdrawn/);
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service, state: 'a file'});
  t.match(await run(['withdraw'], folder), {code: 1, stderr: /state/});
});
