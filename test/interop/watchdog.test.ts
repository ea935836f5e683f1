/** `watchdog --once` beside a real FRR 8.4.4 and a real BIRD 2.0.12: rounds as processes, and what the neighbor has. */

import {rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {cleanUp, program} from '../cli/command-line.js';
import {Bird} from '../lab/bird.js';
import {DrivenBird} from '../lab/driven-bird.js';
import {DrivenFrr} from '../lab/driven-frr.js';
import {addAddress, Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import type {Program} from '../lab/program.js';
import {type SeenRoute, startRouter} from '../lab/router.js';
import {type Spoke, star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

t.teardown(cleanUp);
t.setTimeout(120_000);

const [hostAs, routerAs] = [65001, 65002];
const [a, six] = ['192.0.2.1/32', '2001:db8:1::1/128'];

/** A host with what it needs, and a router beside it. */
class Scene {
  private constructor(
    readonly t: Test,
    readonly lab: Lab,
    readonly host: Namespace,
    readonly spoke: Spoke,
    readonly router: Bird,
    readonly folder: string,
  ) {}

  static async set(t: Test): Promise<Scene> {
    const lab = await Lab.create(t);
    const {host, spokes} = await star(lab, 1);
    const [spoke] = spokes;
    if (!spoke) throw new Error('the star has no spoke');
    const router = await startRouter(lab, Bird, spoke.namespace, {
      as: routerAs,
      routerId: spoke.loopback,
      neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
    });
    return new Scene(t, lab, host, spoke, router, await lab.newFolder('agent'));
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(this.folder, file), text.replaceAll('FOLDER', this.folder));
    }
  }

  async take(file: string): Promise<void> {
    await rm(join(this.folder, file));
  }

  begin(...words: string[]): Program {
    return this.host.spawn([process.execPath, program, 'watchdog', ...words], {
      cwd: this.folder,
      env: {PATH: `${this.folder}:${process.env.PATH}`},
    });
  }

  /** A round; resolves with its exit code and what it printed, once the pipes are read. */
  async once(...words: string[]): Promise<{readonly code: number | null; readonly said: string}> {
    const round = this.begin('--once', ...words);
    const {code} = await round.exited;
    await new Promise((resolve) => setImmediate(resolve));
    return {code, said: round.stdout + round.stderr};
  }

  /** Waits until the router has exactly these prefixes, and answers its routes. */
  async routerHas(...prefixes: string[]): Promise<readonly SeenRoute[]> {
    const wanted = prefixes.toSorted().join();
    const seen = await waitFor(
      `the router to have ${wanted || 'nothing'}`,
      async () => [...(await this.router.routes('ipv4')), ...(await this.router.routes('ipv6'))],
      (routes) =>
        routes
          .map(({prefix}) => prefix)
          .toSorted()
          .join() === wanted,
    );
    this.t.equal(seen.length, prefixes.length, `the router has ${wanted || 'nothing'}`);
    return seen;
  }

  /** How many updates and withdrawals the router has taken from the host since the session began. */
  async heard(): Promise<string> {
    const text = await this.router.ask('show protocols all neighbor0');
    const counts = [...text.matchAll(/Import (updates|withdraws):\s+(\d+)/g)];
    if (counts.length < 4) throw new Error(`no counters in ${text}`);
    return counts.map(([, kind, count]) => `${kind} ${count}`).join(', ');
  }
}

t.test("FRR, by the operator's own lines and the servers of IPVS, as vip_watchdog did it", async (t) => {
  const scene = await Scene.set(t);
  const {host, lab, spoke} = scene;
  for (const vip of [a, six]) await addAddress(host, vip, 'lo');
  const frr = lab.add(
    new DrivenFrr(host, await lab.newFolder('frr'), {
      as: hostAs,
      routerId: spoke.hostAddress,
      neighbors: [{address: spoke.address, remoteAs: routerAs, passive: false}],
      extra: [
        `router bgp ${hostAs}`,
        ' address-family ipv4 unicast',
        `  network ${a} route-map BGP1`,
        ' exit-address-family',
        ' address-family ipv6 unicast',
        `  network ${six} route-map BGP1`,
        ' exit-address-family',
        'route-map BGP1 permit 10',
        ` set as-path prepend ${hostAs}`,
        '',
      ].join('\n'),
    }),
  );
  await frr.start();
  await frr.waitForPeer(spoke.address);
  await scene.routerHas(a, six);
  const table = (...servers: string[]): string =>
    [
      '#!/bin/sh',
      "cat <<'EOF'",
      'IP Virtual Server version 1.2.1 (size=4096)',
      'Prot LocalAddress:Port Scheduler Flags',
      '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
      'TCP  192.0.2.1:80 rr',
      ...servers.map((server) => `  -> ${server}:80                 Route   1      0          0`),
      'TCP  [2001:db8:1::1]:80 rr',
      '  -> [fd00::1]:80                 Route   1      0          0',
      'TCP  192.0.2.9:80 rr',
      '  -> 10.0.0.1:80                 Route   1      0          0',
      'EOF',
      '',
    ].join('\n');
  await scene.write({
    'eip-health.yaml': `state_dir: state\nstep_timeout: 5s\ndefaults: {interval: 20s, timeout: 20s}\nfrr: {only_configured: true, vty_sockets: ${frr.sockets}}\n`,
    ipvsadm: table('10.0.0.1', '10.0.0.2'),
  });
  await host.run('chmod', '755', join(scene.folder, 'ipvsadm'));
  const words = ['--ipvs', '--exclude', '192.0.2.9'];
  const before = await scene.heard();
  t.match(await scene.once(...words), {code: 0, said: /^announce 192\.0\.2\.1\/32 to frr$/m});
  t.same(await scene.once(...words), {code: 0, said: ''});
  t.equal(await scene.heard(), before, "coming from the operator's lines nothing drops");

  await scene.write({ipvsadm: table()});
  const down = await scene.once(...words);
  t.match(down, {
    code: 1,
    said: /^service ipvs-192\.0\.2\.1 down: .*TCP 192\.0\.2\.1:80: 0 servers, needs 1$/m,
  });
  t.match(down.said, /^withdraw 192\.0\.2\.1\/32 from frr$/m);
  await scene.routerHas(six);
  t.same(await scene.once(...words), {code: 1, said: ''}, 'down as before');
  t.same(await frr.lines(/^network 192/), [], "the operator's line is kept aside");

  await scene.write({ipvsadm: table('10.0.0.2')});
  t.match(await scene.once(...words), {code: 0, said: /^announce 192\.0\.2\.1\/32 to frr$/m});
  const routes = await scene.routerHas(a, six);
  t.same(
    routes.map(({asPath}) => asPath),
    [
      [hostAs, hostAs],
      [hostAs, hostAs],
    ],
    "with the operator's prepend",
  );
  t.match(
    await scene.once('--ipvs'),
    {code: 1, said: /192\.0\.2\.9\/32 to frr failed: FRR's configuration has no "network 192\.0\.2\.9\/32"/},
    'what the operator never configured is never announced',
  );
  await scene.routerHas(a, six);

  await frr.killBgpd();
  const dead = await scene.once(...words);
  t.match([dead.code, dead.said], [1, /bgpd/], 'no bgpd: said, and failed');
  t.same(await scene.once(...words), {code: 1, said: ''});
  await frr.startBgpd();
  await waitFor(
    'all to be well',
    () => scene.once(...words),
    ({code}) => code === 0,
  );
  await scene.routerHas(a, six);
});

t.test('BIRD, addresses on lo, and a daemon in between', async (t) => {
  const scene = await Scene.set(t);
  const {host, lab, spoke} = scene;
  const folder = await lab.newFolder('bird');
  const bird = lab.add(
    new DrivenBird(host, folder, {
      as: hostAs,
      routerId: spoke.hostAddress,
      neighbors: [{address: spoke.address, remoteAs: routerAs, passive: false, exportFilter: 'anycast'}],
      extra: `include "${folder}/anycast.conf";
filter anycast { if net ~ ACAST_PS_ADVERTISE || net ~ ACAST6_PS_ADVERTISE then accept; reject; }`,
    }),
  );
  await writeFile(
    bird.path('anycast.conf'),
    'define ACAST_PS_ADVERTISE = [ 10.189.200.255/32 ];\ndefine ACAST6_PS_ADVERTISE = [ 2001:db8::1/128 ];\n',
  );
  await bird.start();
  await bird.waitForPeer(spoke.address);
  const own = 'fall: 2\ninterval: 60s\ntimeout: 60s\n';
  const check = 'check: {type: script, command: ". FOLDER/do", exit_map: {0: pass, "*": fail}}';
  await host.run('mkdir', join(scene.folder, 'conf.d'));
  await scene.write({
    'eip-health.yaml': [
      'state_dir: state',
      'step_timeout: 5s',
      'control_socket: x.sock',
      'on_stop: keep',
      'kernel: {}',
      `bird: {socket: ${bird.socket}, file: ${bird.path('anycast.conf')}}`,
      'bgp: {local_as: 65009, peers: [{name: r, address: 10.45.1.2, remote_as: 65002}]}',
      '',
    ].join('\n'),
    'conf.d/web.yaml': `prefixes: [${a}, "${six}"]\n${check}\n${own}`,
    do: 'true',
  });
  const first = await scene.once();
  t.match(first, {
    code: 0,
    said: /^left out: the embedded speaker \(`bgp`\), whose sessions end with each run$/m,
  });
  t.match(first.said, /^add address 192\.0\.2\.1\/32 to lo$[\s\S]*^announce 192\.0\.2\.1\/32 to bird$/m);
  await scene.routerHas(a, six);
  const before = await scene.heard();
  t.same(await scene.once(), {code: 0, said: ''});

  await scene.write({do: 'touch FOLDER/began; sleep 60'});
  const killed = scene.begin('--once');
  await waitFor(
    'the check to begin',
    () => host.run('cat', join(scene.folder, 'began')),
    () => true,
  );
  await killed.kill();
  await scene.write({do: 'exit 2'});
  t.same(await scene.once(), {code: 0, said: ''}, 'killed in the middle, then one failure of two');
  await scene.write({do: 'true'});
  t.same(await scene.once(), {code: 0, said: ''});

  await scene.write({
    'eip-health.yaml': await host.run('sed', '/^bgp/d', join(scene.folder, 'eip-health.yaml')),
  });
  const daemon = host.spawn([process.execPath, program, 'run'], {cwd: scene.folder});
  await waitFor(
    'the daemon to find it up',
    () => daemon.stdout,
    (log) => log.includes('service web up'),
  );
  t.match(await scene.once(), {code: 0, said: `eip-health runs as pid ${daemon.pid} `});
  t.equal((await daemon.stop()).code, 0);
  t.equal((await scene.once()).code, 0);
  t.equal(await scene.heard(), before, 'through all of that the router heard nothing');

  await scene.write({do: 'exit 2'});
  await scene.once();
  const down = await scene.once();
  t.match(down, {code: 1, said: /^service web down: 2 failures in a row/m});
  const at = (line: string): number => down.said.indexOf(line);
  t.ok(at('withdraw 192.0.2.1/32 from bird') >= 0);
  t.ok(at('remove address 192.0.2.1/32 from lo') > at('withdraw 192.0.2.1/32 from bird'), 'the route first');
  await scene.routerHas();
  t.notMatch(await host.ip('address show dev lo'), /192\.0\.2\.1/);
});
