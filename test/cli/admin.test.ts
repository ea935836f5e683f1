import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import type {Status} from '../../agent/events/status.js';
import {waitFor} from '../lab/wait.js';
import {cleanUp, folderWith, run, start} from './command-line.js';

t.teardown(cleanUp);
t.setTimeout(120_000);

const service = (number: number) =>
  `prefixes: [192.0.2.${number}]\ncheck: {type: script, command: "true"}\ninterval: 1s\nfast_interval: 100ms\n`;

function place(): string {
  return folderWith({
    'eip-health.yaml': 'state_dir: state\ncontrol_socket: x.sock\nrouter_id: 192.0.2.250\n',
    'conf.d/web.yaml': service(1),
    'conf.d/dns.yaml': service(2),
  });
}

async function admins(folder: string): Promise<Record<string, Status['services'][number]['admin']>> {
  const status = (await callDaemon(join(folder, 'x.sock'), 'status', {}, 5000)) as unknown as Status;
  return Object.fromEntries(status.services.map(({name, admin}) => [name, admin]));
}

t.test('without a daemon, with one, across a crash', async (t) => {
  const folder = place();
  const early = await run(['disable', 'dns', '--reason', 'not yet'], folder);
  t.match(early, {
    code: 0,
    stdout: /^dns: disabled by \S+: not yet\nno daemon runs: this counts from its next start\n$/,
  });

  const first = start(['run'], folder);
  t.teardown(() => first.child.kill('SIGKILL'));
  await waitFor(
    'an answer',
    () => admins(folder),
    () => true,
  );
  t.match(await admins(folder), {web: {state: 'enabled'}, dns: {state: 'disabled', reason: 'not yet'}});

  t.match(await run(['drain', 'web', '--for', '2h', '--json'], folder), {code: 0});
  t.match((await admins(folder)).web, {state: 'drained', until: /T/, sources: [{source: 'command'}]});
  t.match(await run(['status', 'web'], folder), {stdout: /^web +.* drained /m});
  first.child.kill('SIGKILL');
  await first.ended;

  const second = start(['run'], folder);
  t.teardown(() => second.child.kill('SIGKILL'));
  await waitFor(
    'an answer',
    () => admins(folder),
    () => true,
  );
  t.match(await admins(folder), {web: {state: 'drained'}, dns: {state: 'disabled'}});
  t.match(await run(['enable', '--all'], folder), {code: 0, stdout: 'dns: enabled\nweb: enabled\n'});
  t.match(await admins(folder), {web: {state: 'enabled', sources: []}, dns: {state: 'enabled'}});
  await run(['force-up', 'web'], folder);
  second.child.kill('SIGTERM');
  const {stdout} = await second.ended;
  t.match(stdout, /"msg":"service web forced-up: by \S+"/);
  t.match(JSON.parse(readFileSync(join(folder, 'state/admin.json'), 'utf8')), {
    schema: 1,
    orders: {web: {state: 'forced-up'}},
  });
});

t.test('a file and a maintenance window', async (t) => {
  const folder = place();
  const file = join(folder, 'drained');
  const steered = (keys: string) => writeFileSync(join(folder, 'conf.d/web.yaml'), `${service(1)}${keys}\n`);
  steered(`disable_file: ${file}`);
  writeFileSync(file, '');
  const daemon = start(['run'], folder);
  t.teardown(() => daemon.child.kill('SIGKILL'));
  await daemon.said('service dns up');
  t.match((await admins(folder)).web, {state: 'drained', by: 'file', reason: `${file} exists`});
  t.match(await run(['force-up', 'web'], folder), {stdout: `web: drained by file: ${file} exists\n`});
  await run(['enable', 'web'], folder);
  rmSync(file);
  await waitFor(
    'the service to be enabled',
    () => admins(folder),
    ({web}) => web?.state === 'enabled',
    // A watch tells of it: the look every 2 s is for file systems that have none.
    1500,
  );

  // One of the two is always open, and neither leaves no gap.
  const windows = '[{schedule: "@daily", for: 1439m}, {schedule: "0 12 * * *", for: 1439m}]';
  steered(`maintenance: ${windows}`);
  t.match(await run(['reload'], folder), {
    stdout: /disable_file .* -> none, maintenance none -> "@daily" for/,
  });
  t.match((await admins(folder)).web, {
    state: 'drained',
    by: 'maintenance',
    until: /T/,
    sources: [{source: 'maintenance'}],
  });
  t.match(await run(['status', 'web'], folder), {stdout: /^web +up drained .*" for 1439m$/m});
  steered('');
  await run(['reload'], folder);
  t.match((await admins(folder)).web, {state: 'enabled'});
  daemon.child.kill('SIGTERM');
  const {stdout} = await daemon.ended;
  t.match(stdout, `service web enabled: nothing holds it out any more`);
  t.match(stdout, /service web drained: by maintenance until \S+: \\"/);
});

t.test('a service that drains says until when', async (t) => {
  const folder = folderWith({
    'eip-health.yaml': 'state_dir: state\ncontrol_socket: x.sock\nrouter_id: 192.0.2.250\nstop_timeout: 1s\n',
    'conf.d/web.yaml': `${service(1)}drain: {for: 1h, med: 500}\n`,
  });
  const running = start(['run'], folder);
  t.teardown(() => running.child.kill('SIGKILL'));
  await waitFor(
    'the service to be up',
    () => run(['status', 'web'], folder),
    ({code}) => code === 0,
  );
  const drained = await run(['drain', 'web'], folder);
  t.match(drained.stdout, /^web: drained by \S+; still announced, as its drain says, until \S+Z\n$/);
  t.match((await admins(folder)).web, {state: 'drained', drain_until: /Z$/});
  t.match(await run(['status', 'web'], folder), {stdout: /^web +up draining .* by \S+$/m});
  await run(['enable', 'web'], folder);
  t.match((await admins(folder)).web, {state: 'enabled', drain_until: null});
  running.child.kill('SIGTERM');
  t.match(await running.ended, {code: 0});
});

t.test('what is wrong', async (t) => {
  const folder = place();
  t.match(await run(['drain'], folder), {code: 2, stderr: /name services, or write --all/});
  t.match(await run(['drain', 'web', '--all'], folder), {code: 2});
  t.match(await run(['drain', 'web', '--for', 'soon'], folder), {code: 2, stderr: /is no duration/});
  t.match(await run(['drain', 'wbe'], folder), {code: 2, stderr: /no service "wbe": did you mean `web`\?/});
  t.match(await run(['enable', 'web', '--reason', 'x'], folder), {code: 2});
  t.match(JSON.parse((await run(['enable', 'web', '--json'], folder)).stdout), {daemon: false});
  await run(['drain', 'web'], folder);
  writeFileSync(join(folder, 'state/admin.json'), 'x');
  t.match(await run(['enable', 'web'], folder), {code: 1, stderr: /admin\.json holds which services/});
  const {code, stdout} = await start(['run'], folder).ended;
  t.equal(code, 1);
  t.match(stdout, /cannot start: .*admin\.json holds which services/);
});
