import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {lockFile} from '../../agent/io/file-lock.js';
import {enterOwnNetwork, ip} from '../lab/own-network.js';
import {Program} from '../lab/program.js';
import {waitFor} from '../lab/wait.js';
import {cleanUp, type Running, start} from './command-line.js';
import {installed, main, nothing, once, place, put, quiet, service} from './watchdog-place.js';

// The programs that are started inherit it.
const skip = enterOwnNetwork();
t.teardown(cleanUp);
t.setTimeout(120_000);

t.test('rounds bring addresses and routes to what the checks say, and leave them', {skip}, async (t) => {
  const folder = place({
    'conf.d/web.yaml': service('web', '192.0.2.1, "2001:db8::1"'),
    'conf.d/dns.yaml': service('dns', '192.0.2.2', 'rise: 2\nfall: 2\n'),
    web: '',
    dns: '',
  });
  const first = await once(folder);
  t.match(first.stdout, /^service web up: 1 success in a row: exit code 0 in \d/);
  t.match(first.stdout, /^add address 192\.0\.2\.1\/32 to lo$/m);
  t.match(first.stdout, /^announce 2001:db8::1\/128 to kernel$/m);
  t.same([first.code, first.stderr], [1, ''], 'dns has its own rise, and is not up yet');
  t.same(installed(), {addresses: ['192.0.2.1', '2001:db8::1'], routes: ['192.0.2.1', '2001:db8::1']});

  const second = await once(folder);
  t.match(second, {code: 0, stderr: '', stdout: /^service dns up: 2 successes in a row/});
  t.notMatch(second.stdout, /web|192\.0\.2\.1|2001/, 'of what is as it was nothing is said');
  t.same(await once(folder), quiet(0), 'nothing changed, nothing is printed');

  rmSync(join(folder, 'dns'));
  t.same(await once(folder), quiet(0), 'one failure of two');
  rmSync(join(folder, 'web'));
  const down = await once(folder);
  t.match(down, {code: 1, stderr: '', stdout: /^service dns down: 2 failures in a row/m});
  t.match(down.stdout, /^service web down: 1 failure in a row: exit code 2/m);
  for (const vip of ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128']) {
    const [withdrawn, removed] = [`withdraw ${vip} from kernel\n`, `remove address ${vip} from lo\n`];
    t.ok(down.stdout.indexOf(withdrawn) >= 0, withdrawn);
    t.ok(down.stdout.indexOf(removed) > down.stdout.indexOf(withdrawn), 'the address after the route');
  }
  t.same(installed(), nothing);
  t.same(await once(folder), quiet(1), 'down as before');
});

t.test(
  'a prefix of no service any more is taken out, and a broken file takes nobody along',
  {skip},
  async (t) => {
    const folder = place({
      'conf.d/a.yaml': service('up', '192.0.2.1'),
      'conf.d/b.yaml': service('up', '192.0.2.2'),
      up: '',
    });
    t.equal((await once(folder)).code, 0);
    rmSync(join(folder, 'conf.d/b.yaml'));
    t.match(await once(folder), {code: 0, stdout: /^remove address 192\.0\.2\.2\/32 from lo$/m, stderr: ''});
    t.same(installed(), {addresses: ['192.0.2.1'], routes: ['192.0.2.1']});

    put(folder, 'conf.d/b.yaml', 'prefixes: [192.0.2.2]\nnonsense: 1\n');
    const broken = await once(folder);
    t.match(broken, {code: 3, stdout: '', stderr: /b\.yaml:2:1: error: unknown key `nonsense`/});
    t.same(await once(folder), quiet(3), 'said once, as long as it is so');
    t.same(installed(), {addresses: ['192.0.2.1'], routes: ['192.0.2.1']});

    put(folder, 'eip-health.yaml', `${main}nonsense: 1\n`);
    t.match(await once(folder), {code: 3, stdout: '', stderr: /eip-health\.yaml:5:1: error: unknown key/});
    put(folder, 'eip-health.yaml', main);
    t.equal((await start(['withdraw'], folder).ended).code, 0);
    t.same(installed(), nothing);
  },
);

t.test('killed in the middle: nothing flaps, and counts go on', {skip}, async (t) => {
  const slow = `prefixes: [192.0.2.9]\nfall: 2\ncheck: {type: script, timeout: 60s, command: ". FOLDER/do", exit_map: {0: pass, "*": fail}}\ninterval: 60s\n`;
  const folder = place({'conf.d/slow.yaml': slow, do: 'true'});
  t.equal((await once(folder)).code, 0);
  const seen = await watchKernel();
  const killed = await inTheMiddle();
  const held = await once(folder);
  t.match(held, {code: 0, stderr: '', stdout: `eip-health runs as pid ${killed.child.pid} with state_dir`});
  t.match(held.stdout, /: nothing was done\n$/);
  killed.child.kill('SIGKILL');
  await killed.ended;
  put(folder, 'do', 'true');
  t.same(await once(folder), quiet(0));
  t.same(await seen(), [], 'neither the address nor the route was touched');

  put(folder, 'do', 'exit 2');
  t.same(await once(folder), quiet(0), 'one failure');
  const again = await inTheMiddle();
  again.child.kill('SIGKILL');
  await again.ended;
  put(folder, 'do', 'exit 2');
  t.match((await once(folder)).stdout, /^service slow down: 2 failures in a row/);
  t.same(installed(), nothing);

  async function inTheMiddle(): Promise<Running> {
    put(folder, 'do', 'echo $$ >FOLDER/began; exec sleep 60');
    rmSync(join(folder, 'began'), {force: true});
    const round = start(['watchdog', '--once'], folder);
    const pid = await waitFor(
      'the check to begin',
      () => Number(readFileSync(join(folder, 'began'), 'utf8')),
      (number) => number > 1,
    );
    // What is killed ends nothing that it has begun.
    t.teardown(() => process.kill(pid));
    return round;
  }
});

t.test(
  'beside a daemon nothing is done, and each takes over from the other without a flap',
  {skip},
  async (t) => {
    const folder = place({
      'eip-health.yaml': `${main}on_stop: keep\n`,
      'conf.d/web.yaml': service('web', '192.0.2.1', 'rise: 1\nfall: 1\n'),
      web: '',
    });
    t.equal((await once(folder)).code, 0);
    const seen = await watchKernel();
    const daemon = start(['run'], folder);
    await daemon.said('service web up');
    const beside = await once(folder);
    t.match(beside, {
      code: 0,
      stdout: new RegExp(`^eip-health runs as pid ${daemon.child.pid} `),
      stderr: '',
    });
    t.equal(
      (await start(['watchdog', '--schedule', '@hourly'], folder).ended).code,
      1,
      'a second resident is refused',
    );
    daemon.child.kill('SIGTERM');
    t.equal((await daemon.ended).code, 0);
    t.match(await once(folder), {code: 0, stderr: ''});
    t.same(await seen(), [], 'neither the address nor the route was touched');

    const state = join(folder, 'state/run.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace(/"boot_id":"[^"]*"/, '"boot_id":"another"'));
    rmSync(join(folder, 'web'));
    t.match((await once(folder)).stdout, /^remove address/m, 'what another boot left is not kept');
    t.same(installed(), nothing);
  },
);

t.test('what people want of services holds, and is brought about by the next round', {skip}, async (t) => {
  const folder = place({
    'conf.d/web.yaml': service('up', '192.0.2.1'),
    'conf.d/dns.yaml': service('up', '192.0.2.2'),
    up: '',
  });
  t.equal((await once(folder)).code, 0);
  t.equal((await start(['drain', 'web', '--reason', 'kernel update'], folder).ended).code, 0);
  t.equal((await start(['disable', 'dns'], folder).ended).code, 0);
  const drained = await once(folder);
  t.match(drained.stdout, /^service web drained: by .*: kernel update$/m);
  t.match(
    drained.stdout,
    /^withdraw 192\.0\.2\.2\/32 from kernel\n[\s\S]*^remove address 192\.0\.2\.2\/32 from lo$/m,
  );
  t.equal(drained.code, 0, 'nothing that is enabled is down');
  t.same(installed(), {addresses: ['192.0.2.1'], routes: []}, 'drained keeps its address');
  t.same(await once(folder), quiet(0), 'through the next minute');
  t.equal((await start(['enable', '--all'], folder).ended).code, 0);
  t.match((await once(folder)).stdout, /^announce 192\.0\.2\.1\/32 to kernel$/m);
  t.same(installed(), {addresses: ['192.0.2.1', '192.0.2.2'], routes: ['192.0.2.1', '192.0.2.2']});
  t.equal((await start(['withdraw'], folder).ended).code, 0);
});

t.test('a state_dir that is held by one who does not say who it is', async (t) => {
  const folder = place({});
  mkdirSync(join(folder, 'state'));
  const lock = lockFile(join(folder, 'state/lock'), '');
  const {code, stdout} = await once(folder);
  t.match([code, stdout], [0, /^another eip-health is starting with state_dir .*: nothing was done\n$/]);
  if (lock.held) lock.release();
});

/** Every change of an address or a route from now on; the answer ends it. */
async function watchKernel(): Promise<() => Promise<readonly string[]>> {
  const monitor = new Program(['ip', 'monitor', 'address', 'route']);
  const change = (): string => `${monitor.stdout}`;
  // It says nothing when it is ready: a change of our own shows it.
  await waitFor(
    'the monitor to see',
    () => ip('address replace 198.51.100.99/32 dev lo') + change(),
    (seen) => seen.includes('198.51.100.99'),
  );
  return async () => {
    ip('address del 198.51.100.99/32 dev lo');
    await waitFor('the monitor to have seen all', change, (seen) => /Deleted.*198\.51\.100\.99/.test(seen));
    await monitor.kill();
    return change()
      .split('\n')
      .filter((line) => line.includes('192.0.2.'));
  };
}
