/** The FRR announcer drives a real FRR 8.4.4, whose neighbor is a BIRD: what counts is what the neighbor has. */

import {join} from 'node:path';
import t, {type Test} from 'tap';
import {FrrAnnouncer} from '../../agent/announce/frr.js';
import {type FrrConfig, frrDefaults} from '../../agent/config/frr.js';
import {systemExec} from '../../agent/io/exec.js';
import {type Journal, openJournal} from '../../agent/io/journal.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {communities, route} from '../fake/route.js';
import {Bird} from '../lab/bird.js';
import {DrivenFrr} from '../lab/driven-frr.js';
import {addAddress, Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {DrivenScene, hasty} from './driven-scene.js';

const a = '192.0.2.1/32';
const b = '192.0.2.2/32';
const six = '2001:db8:1::1/128';
/** On no interface: FRR has no route to it. */
const nowhere = '198.51.100.1/32';
const [hostAs, routerAs] = [65001, 65002];

interface SceneOptions {
  readonly config?: Partial<FrrConfig>;
  /** More of bgpd.conf. */
  readonly frrConf?: string;
  readonly throughVtysh?: boolean;
  readonly startsFrr?: boolean;
  /** Between FRR and its neighbor; default: eBGP. */
  readonly isInternal?: boolean;
  readonly managed?: (prefix: string) => boolean;
  /** So many seconds of the announcer go by in one. */
  readonly haste?: number;
}

/** A host with an FRR that is driven, and a router beside it. */
class Scene extends DrivenScene {
  private constructor(
    t: Test,
    readonly host: Namespace,
    readonly frr: DrivenFrr,
    router: Bird,
    announcer: FrrAnnouncer,
    readonly journal: Journal,
    readonly routerAddress: string,
  ) {
    super(t, announcer, router);
  }

  static async set(t: Test, options: SceneOptions = {}): Promise<Scene> {
    const lab = await Lab.create(t);
    const {host, spokes} = await star(lab, 1);
    const [spoke] = spokes;
    if (!spoke) throw new Error('the star has no spoke');
    for (const prefix of [a, b, six]) await addAddress(host, prefix, 'lo');
    const neighborAs = options.isInternal ? hostAs : routerAs;
    const router = await startRouter(lab, Bird, spoke.namespace, {
      as: neighborAs,
      routerId: spoke.loopback,
      neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
    });
    const frr = lab.add(
      new DrivenFrr(host, await lab.newFolder('driven'), {
        as: hostAs,
        routerId: spoke.hostAddress,
        neighbors: [{address: spoke.address, remoteAs: neighborAs, passive: false}],
        extra: options.frrConf ?? '',
      }),
    );
    if (options.startsFrr !== false) await frr.start();
    const journal = openJournal(join(await lab.newFolder('state'), 'frr.journal'), 'boot');
    const way = options.throughVtysh ? {vtysh: await frr.vtysh()} : {vtySockets: frr.sockets};
    const announcer = new FrrAnnouncer({
      config: {...frrDefaults, ...way, ...options.config},
      connect: connectUnix,
      exec: systemExec,
      journal,
      allowed: () => true,
      managed: options.managed ?? (() => true),
      clock: hasty(options.haste ?? 1),
      emit: () => undefined,
    });
    return new Scene(t, host, frr, router, announcer, journal, spoke.address);
  }

  async sessionUp(): Promise<void> {
    await this.frr.waitForPeer(this.routerAddress);
  }

  /** Waits until the running configuration has these lines about prefixes, and no others. */
  async frrHas(...lines: RegExp[]): Promise<void> {
    await waitFor(
      `the lines ${lines.join(', ')}`,
      () => this.frr.lines(/^network /),
      (found) =>
        found.length === lines.length && lines.every((line) => found.some((text) => line.test(text))),
    );
  }
}

const rich = {
  med: 70,
  communities: communities('64512:7', '65535:0', 'large:4200000000:1:2'),
  asPathPrepend: 2,
};

async function attributes(t: Test, options: SceneOptions): Promise<void> {
  const scene = await Scene.set(t, options);
  await scene.start();
  scene.set([route(a, rich), route(b), route(six, {med: 5})]);
  await scene.told(`installed ${a}`, `installed ${b}`, `installed ${six}`);
  const seen = await scene.routerHas(a, b, six);
  const of = (prefix: string) => seen.find((one) => one.prefix === prefix);
  t.match(of(a), {
    med: 70,
    asPath: [hostAs, hostAs, hostAs],
    communities: ['64512:7', '65535:0'],
    largeCommunities: ['4200000000:1:2'],
  });
  t.match(of(b), {med: 0, asPath: [hostAs], communities: []});
  t.match(of(six), {med: 5});
  await scene.shows(a, /^announced$/);
  t.equal((await scene.frr.lines(/^route-map EIP-HEALTH-/)).length, 3, 'one route-map for equal attributes');

  scene.set([route(a, {med: 500}), route(b), route(six)]);
  await scene.told(`installed ${a}`);
  await waitFor(
    'the new MED',
    async () => (await scene.router.routesTo(a))[0],
    (one) => one?.med === 500 && one.communities.length === 0 && one.asPath.length === 1,
  );
  await waitFor(
    'route-maps that nothing needs to be gone',
    () => scene.frr.lines(/^route-map EIP-HEALTH-/),
    (maps) => maps.length === 2,
  );
  scene.set([]);
  await scene.told(`removed ${a}`, `removed ${b}`, `removed ${six}`);
  await scene.routerHas();
  await scene.frrHas();
  scene.set([route(a)]);
  await scene.routerHas(a);
  await scene.announcer.stop('withdraw');
  await scene.routerHas();
  t.same(await scene.frr.lines(/EIP-HEALTH/), []);
}

t.test('through the socket: both families, with attributes', (t) => attributes(t, {}));
t.test('through vtysh: both families, with attributes', (t) => attributes(t, {throughVtysh: true}));

t.test('iBGP: local preference, and a next hop', async (t) => {
  const scene = await Scene.set(t, {isInternal: true, config: {localAs: hostAs}});
  await scene.start();
  const nextHop = {ipv4: parseAddress('10.45.1.77'), ipv6: parseAddress('fd45:1::77')};
  scene.set([route(a, {localPreference: 250, nextHop}), route(six, {nextHop})]);
  const seen = await scene.routerHas(a, six);
  t.match(
    seen.find(({prefix}) => prefix === a),
    {localPref: 250, nextHop: '10.45.1.77', asPath: []},
  );
  t.match(
    seen.find(({prefix}) => prefix === six),
    {nextHop: 'fd45:1::77'},
  );
});

t.test('what bgpd holds invalid is failed, and announced once there is a route', async (t) => {
  const scene = await Scene.set(t);
  await scene.start();
  const net = '203.0.113.0/24';
  scene.set([route(a), route(nowhere), route(net, {aggregate: true})]);
  await scene.routerHas(a);
  await scene.shows(nowhere, /^failed: bgpd holds it invalid: "bgp network import-check" is on/);
  await scene.shows(net, /^failed: bgpd holds it invalid/);
  await addAddress(scene.host, nowhere, 'lo');
  // What covers an aggregate (CONTRACT "Aggregate").
  await scene.host.ip(`route add unreachable ${net} metric 4278198272 proto 153`);
  await scene.routerHas(a, nowhere, net);
  await scene.shows(nowhere, /^announced$/);
  await scene.shows(net, /^announced$/);
});

t.test('present means locally originated: what others announce is nothing of ours', async (t) => {
  const scene = await Scene.set(t, {
    frrConf: `router bgp ${hostAs}\n address-family ipv4 unicast\n  redistribute connected\n exit-address-family`,
  });
  await scene.start();
  scene.set([route(a)]);
  await scene.told(`installed ${a}`);
  await scene.shows(a, /^announced$/);
  scene.set([]);
  await scene.shows(a, /^withdraw-pending: bgpd still originates it: something else/);
  await scene.frr.configure(
    `router bgp ${hostAs}`,
    'address-family ipv4 unicast',
    'no redistribute connected',
  );
  await scene.told(`removed ${a}`);
  await scene.routerHas();
});

// Route-maps first: bgpd looks at them again only after 5 s.
const operator = `route-map BGP1 permit 10
 set as-path prepend ${hostAs} ${hostAs}
router bgp ${hostAs}
 address-family ipv4 unicast
  network ${a} route-map BGP1
  network 192.0.2.9/32 route-map BGP1
 exit-address-family
 address-family ipv6 unicast
  network ${six} route-map BGP1
 exit-address-family
`;

t.test("only_configured: the operator's own lines, out and back with their route-maps", async (t) => {
  const scene = await Scene.set(t, {config: {onlyConfigured: true}, frrConf: operator});
  await scene.sessionUp();
  await scene.routerHas(a, six);
  await scene.announcer.start();
  scene.set([], {complete: false});
  await scene.shows(a, /^announced$/);
  scene.set([route(a)]);
  await scene.told(`installed ${a}`);
  await scene.routerHas(a);
  t.same([...scene.journal.entries()].toSorted(), [
    'network 192.0.2.9/32 route-map BGP1',
    `network ${six} route-map BGP1`,
  ]);
  scene.set([route(six), route(b)]);
  const [back] = await scene.routerHas(six);
  t.same(back?.asPath, [hostAs, hostAs, hostAs], 'the prepends have survived');
  await scene.shows(b, /^failed: FRR's configuration has no "network 192\.0\.2\.2\/32"/);
  await scene.frrHas(new RegExp(`^network ${six} route-map BGP1$`));
  scene.set([route(a), route(six)]);
  await scene.routerHas(a, six);
  t.same(await scene.frr.lines(/EIP-HEALTH/), [], 'none of ours');
});

t.test(
  "the operator's line gives way to ours, and comes back when the prefix is of no service",
  async (t) => {
    const ours = new Set([a]);
    const scene = await Scene.set(t, {frrConf: operator, managed: (prefix) => ours.has(prefix)});
    await scene.start();
    await scene.routerHas(a, six);
    scene.set([route(a, {med: 30})]);
    await scene.told(`installed ${a}`);
    await waitFor(
      'our attributes',
      async () => (await scene.router.routesTo(a))[0],
      (one) => one?.med === 30 && one.asPath.length === 1,
    );
    await scene.frrHas(
      /^network 192\.0\.2\.1\/32 route-map EIP-/,
      /192\.0\.2\.9\/32 route-map BGP1/,
      /2001:.* BGP1/,
    );
    scene.set([]);
    await scene.routerHas(six);
    ours.clear();
    scene.set([]);
    const [back] = (await scene.routerHas(a, six)).filter(({prefix}) => prefix === a);
    t.same(back?.asPath, [hostAs, hostAs, hostAs]);
    t.same([...scene.journal.entries()], []);
  },
);

t.test('what an earlier life left: adopted, or removed at once', async (t) => {
  const left = `route-map EIP-HEALTH-old permit 10
 set metric 77
router bgp ${hostAs}
 address-family ipv4 unicast
  network ${a} route-map EIP-HEALTH-old
  network ${b} route-map EIP-HEALTH-old
 exit-address-family
`;
  const scene = await Scene.set(t, {frrConf: left});
  await scene.start();
  await scene.routerHas(a, b);
  scene.set([], {adopt: new Set([parsePrefix(a)]), complete: false});
  await scene.routerHas(a);
  await scene.shows(a, /^announced$/);
  scene.set([route(a)]);
  await waitFor(
    'our own attributes',
    async () => (await scene.router.routesTo(a))[0],
    (one) => one?.med === 0,
  );
  await waitFor(
    'the old route-map to be gone',
    () => scene.frr.lines(/EIP-HEALTH-old/),
    (lines) => lines.length === 0,
  );
});

t.test('bgpd comes late, is killed, hangs, and loses its neighbor', async (t) => {
  const scene = await Scene.set(t, {startsFrr: false});
  await scene.announcer.start();
  scene.set([route(a)]);
  await scene.shows(
    a,
    /^failed: bgpd does not run, or its socket is elsewhere: there is no .*bgpd\.vty; .*vtysh: /,
  );
  await scene.frr.start();
  await scene.routerHas(a);
  await scene.shows(a, /^announced$/);

  await scene.frr.killBgpd();
  await scene.shows(a, /^failed: .*bgpd/);
  scene.set([route(b)]);
  await scene.frr.startBgpd();
  await scene.routerHas(b);
  await scene.told(`removed ${a}`, `installed ${b}`);
  await scene.shows(b, /^announced$/);

  scene.frr.signal('SIGSTOP');
  scene.set([route(b), route(six)]);
  t.equal(scene.word(six), 'pending', 'set has returned');
  scene.set([route(six)]);
  scene.frr.signal('SIGCONT');
  await scene.routerHas(six);
  await scene.told(`removed ${b}`, `installed ${six}`);

  await scene.router.stop();
  await scene.shows(six, /^peer-down: no neighbor of FRR for this family has a session$/);
  await scene.router.start();
  await scene.routerHas(six);
  await scene.shows(six, /^announced$/);
});

t.test(
  'a bgpd that hangs for longer than anybody waits does not do old things when it wakes up',
  async (t) => {
    const scene = await Scene.set(t, {haste: 8});
    await scene.start();
    scene.set([route(a)]);
    await scene.routerHas(a);
    scene.frr.signal('SIGSTOP');
    scene.set([route(a), route(b)]);
    await scene.shows(b, /^failed: bgpd does not answer: no reply to /);
    scene.set([route(six)]);
    await scene.shows(six, /^failed: bgpd does not answer/);
    scene.frr.signal('SIGCONT');
    await scene.told(`removed ${a}`, `removed ${b}`, `installed ${six}`);
    await scene.routerHas(six);
    await scene.frrHas(new RegExp(`^network ${six} route-map EIP-HEALTH-`));
  },
);

t.test('somebody else takes our line away, or puts another in its place', async (t) => {
  const scene = await Scene.set(t, {haste: 8});
  await scene.start();
  scene.set([route(a), route(six)]);
  await scene.routerHas(a, six);
  await scene.told(`installed ${a}`, `installed ${six}`);
  await scene.frr.configure(`router bgp ${hostAs}`, 'address-family ipv4 unicast', `no network ${a}`);
  await scene.frrHas(/^network 192\.0\.2\.1\/32 route-map EIP-HEALTH-/, /^network 2001:/);
  await scene.routerHas(a, six);
  await scene.frr.configure(
    ...['route-map OTHER permit 10', `router bgp ${hostAs}`, 'address-family ipv4 unicast'],
    `network ${a} route-map OTHER`,
  );
  await scene.frrHas(/^network 192\.0\.2\.1\/32 route-map EIP-HEALTH-/, /^network 2001:/);
  t.same([...scene.journal.entries()], [`network ${a} route-map OTHER`]);
  await scene.routerHas(a, six);
});

t.test('refused: another AS, no BGP at all, nothing let out', async (t) => {
  const wrong = await Scene.set(t, {config: {localAs: 64999}});
  await wrong.start();
  wrong.set([route(a)]);
  await wrong.shows(a, /^failed: bgpd is AS 65001: frr\.local_as says 64999$/);
  await wrong.frr.configure(`router bgp ${hostAs}`, 'bgp ebgp-requires-policy');

  const silent = await Scene.set(t, {frrConf: `router bgp ${hostAs}\n bgp ebgp-requires-policy`});
  await silent.start();
  silent.set([route(a)]);
  await silent.shows(
    a,
    /^failed: FRR announces it to no neighbor: .*"bgp ebgp-requires-policy", keeps it in$/,
  );
  await silent.frr.configure(`no router bgp ${hostAs}`);
  silent.set([route(b)]);
  await silent.shows(b, /^failed: bgpd has no "router bgp"/);
});
