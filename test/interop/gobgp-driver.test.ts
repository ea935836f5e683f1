/** The GoBGP announcer drives a real GoBGP 3.10, whose neighbor is a BIRD: what counts is what the neighbor has. */

import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {GobgpAnnouncer} from '../../agent/announce/gobgp.js';
import {type GobgpConfig, gobgpDefaults} from '../../agent/config/gobgp.js';
import {systemExec} from '../../agent/io/exec.js';
import {openJournal} from '../../agent/io/journal.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {communities, route} from '../fake/route.js';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {DrivenGobgp} from '../lab/driven-gobgp.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {startRouter} from '../lab/router.js';
import {type Spoke, star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {DrivenScene, hasty, routerHas} from './driven-scene.js';

const a = '192.0.2.1/32';
const b = '192.0.2.2/32';
const six = '2001:db8:1::1/128';
const [hostAs, routerAs] = [65001, 65002];

interface SceneOptions {
  readonly config?: Partial<GobgpConfig>;
  /** More of gobgpd.toml. */
  readonly extra?: string;
  readonly startsGobgp?: boolean;
  /** So many seconds of the announcer go by in one. */
  readonly haste?: number;
}

/** A host with a GoBGP, and a router beside it. */
interface Place {
  readonly lab: Lab;
  readonly host: Namespace;
  readonly gobgp: DrivenGobgp;
  readonly router: Bird;
  readonly spoke: Spoke;
}

async function place(t: Test, {extra = '', startsGobgp = true}: SceneOptions = {}): Promise<Place> {
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Bird, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: [{address: spoke.hostAddress, remoteAs: hostAs, passive: false}],
  });
  const gobgp = lab.add(
    new DrivenGobgp(host, await lab.newFolder('driven'), {
      as: hostAs,
      routerId: spoke.hostAddress,
      neighbors: [{address: spoke.address, remoteAs: routerAs}],
      extra,
    }),
  );
  if (startsGobgp) await gobgp.start();
  return {lab, host, gobgp, router, spoke};
}

class Scene extends DrivenScene {
  private constructor(
    t: Test,
    announcer: GobgpAnnouncer,
    router: Bird,
    readonly gobgp: DrivenGobgp,
    readonly spoke: Spoke,
  ) {
    super(t, announcer, router);
  }

  static async set(t: Test, options: SceneOptions = {}): Promise<Scene> {
    const {gobgp, lab, router, spoke} = await place(t, options);
    const announcer = new GobgpAnnouncer({
      config: {
        ...gobgpDefaults,
        command: await gobgp.command(),
        localAddress6: parseAddress(spoke.hostAddress6),
        ...options.config,
      },
      connect: (_, handlers) => connectUnix(gobgp.socket, handlers),
      exec: systemExec,
      journal: openJournal(join(await lab.newFolder('state'), 'gobgp.journal'), 'boot'),
      allowed: () => true,
      clock: hasty(options.haste ?? 1),
      emit: () => undefined,
    });
    return new Scene(t, announcer, router, gobgp, spoke);
  }

  sessionUp(): Promise<void> {
    return this.gobgp.waitForPeer(this.spoke.address);
  }
}

t.test('both families, with attributes, changed in place and taken out', async (t) => {
  const scene = await Scene.set(t);
  await scene.start();
  const rich = {
    med: 70,
    communities: communities('64512:7', '65535:0', 'large:4200000000:1:2', 'large:64512:3:4'),
    asPathPrepend: 2,
  };
  scene.set([route(a, rich), route(b), route(six, {med: 5})]);
  await scene.told(`installed ${a}`, `installed ${b}`, `installed ${six}`);
  const seen = await scene.routerHas(a, b, six);
  const of = (prefix: string) => seen.find((one) => one.prefix === prefix);
  t.match(of(a), {
    med: 70,
    nextHop: scene.spoke.hostAddress,
    asPath: [hostAs, hostAs, hostAs],
    communities: ['64512:7', '65535:0'],
    largeCommunities: ['4200000000:1:2', '64512:3:4'],
  });
  t.match(of(b), {asPath: [hostAs], communities: []});
  t.match(of(six), {med: 5, nextHop: scene.spoke.hostAddress6});
  await scene.shows(a, /^announced$/);

  // Somebody else's path to the same prefix, the worse one as it is younger.
  await scene.gobgp.tell(`global rib -a ipv4 add ${b} origin igp`);
  scene.set([route(a, {med: 500}), route(b)]);
  await scene.told(`installed ${a}`, `removed ${six}`);
  await waitFor(
    'the new MED',
    async () => (await scene.router.routesTo(a))[0],
    (one) => one?.med === 500 && one.communities.length === 0 && one.asPath.length === 1,
  );
  await scene.routerHas(a, b);
  await scene.announcer.stop('withdraw');
  const [left] = await scene.routerHas(b);
  t.equal(left?.prefix, b, 'never what was not ours');
  t.equal((await scene.gobgp.routes('ipv4')).length, 1);
});

t.test('gobgpd comes late, is killed, hangs, loses a route and its neighbor', async (t) => {
  const scene = await Scene.set(t, {startsGobgp: false, haste: 4});
  await scene.announcer.start();
  scene.set([route(a)]);
  await scene.shows(a, /^failed: .*50051/);
  await scene.gobgp.start();
  await scene.routerHas(a);
  await scene.shows(a, /^announced$/);

  await scene.gobgp.kill();
  await scene.shows(a, /^failed: /);
  await rm(scene.gobgp.socket, {force: true});
  scene.set([route(b)]);
  await scene.gobgp.start();
  await scene.routerHas(b);
  await scene.told(`removed ${a}`, `installed ${b}`);

  scene.gobgp.signal('SIGSTOP');
  scene.set([route(b), route(six)]);
  await scene.shows(six, /^failed: gobgpd does not answer/);
  scene.set([route(six)]);
  scene.gobgp.signal('SIGCONT');
  await scene.told(`removed ${b}`, `installed ${six}`);
  await scene.routerHas(six);

  await scene.gobgp.tell(`global rib -a ipv6 del ${six} identifier 153`);
  await scene.routerHas();
  await scene.routerHas(six);
  await scene.shows(six, /^announced$/);

  await scene.router.stop();
  await scene.shows(six, /^peer-down: no neighbor of GoBGP for this family has a session$/);
  await scene.router.start();
  await scene.shows(six, /^announced$/);
  await scene.routerHas(six);
});

t.test('refused: an import policy, an IPv6 prefix without a next hop', async (t) => {
  const extra = `
[global.apply-policy.config]
  default-import-policy = "accept-route"
  import-policy-list = ["no-b"]
[[defined-sets.prefix-sets]]
  prefix-set-name = "b"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "${b}"
[[policy-definitions]]
  name = "no-b"
  [[policy-definitions.statements]]
    name = "no-b"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "b"
    [policy-definitions.statements.actions]
      route-disposition = "reject-route"
`;
  const scene = await Scene.set(t, {config: {localAddress6: null}, extra});
  await scene.start();
  scene.set([route(a), route(b), route(six)]);
  await scene.shows(b, /^failed: GoBGP does not hold it, although it was told to: does an import policy/);
  await scene.shows(six, /^failed: .* has no IPv6 next hop in GoBGP's IPv4 sessions/);
  await scene.routerHas(a);
});

t.test('eip-health run, killed; eip-health withdraw, with and without a gobgpd', async (t) => {
  const {gobgp, host, lab, router} = await place(t);
  const health = await startHealth(lab, host);
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
log: {format: json}
defaults: {interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1}
gobgp: {}
`,
    'conf.d/web.yaml': `
prefixes: [${a}]
check: {type: http, url: "http://127.0.0.1:8080/"}
announce: {via: gobgp, med: 9}
`,
  });
  await agent.start();
  const [seen] = await routerHas(t, router, a);
  t.equal(seen?.med, 9);
  await health.fail();
  await routerHas(t, router);
  await health.recover();
  await routerHas(t, router, a);
  await agent.kill();
  await routerHas(t, router, a);
  t.match(await agent.cli('withdraw'), `withdrawn ${a} from gobgp\n`);
  await routerHas(t, router);
  await agent.start();
  await routerHas(t, router, a);
  await agent.kill();
  await gobgp.kill();
  t.match(await agent.cli('withdraw'), `withdrawn ${a} from gobgp\n`, 'it went with gobgpd');
});
