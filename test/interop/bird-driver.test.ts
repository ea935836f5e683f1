/** The BIRD announcer drives a real BIRD 2.0.12, whose neighbor is another one: what counts is what the neighbor has. */

import {writeFile} from 'node:fs/promises';
import t, {type Test} from 'tap';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {type BirdConfig, birdDefaults} from '../../agent/config/bird.js';
import {systemClock} from '../../agent/io/clock.js';
import {ownedFiles} from '../../agent/io/owned-file.js';
import {connectUnix} from '../../agent/io/unix-stream.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Clock, Desired, Route, ServiceName} from '../../agent/types.js';
import {communities, route} from '../fake/route.js';
import {Bird} from '../lab/bird.js';
import {DrivenBird} from '../lab/driven-bird.js';
import {addAddress, Lab} from '../lab/lab.js';
import {type SeenRoute, startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {timed, waitFor} from '../lab/wait.js';

const a = '192.0.2.1/32';
const b = '192.0.2.2/32';
const six = '2001:db8:1::1/128';
const [hostAs, routerAs] = [65001, 65002];

const emptyDefines = `define ACAST_PS_ADVERTISE = [ ${birdDefaults.dummy} ];\ndefine ACAST6_PS_ADVERTISE = [ ${birdDefaults.dummy6} ];\n`;
const anycast = `filter anycast {
  if net ~ ACAST_PS_ADVERTISE || net ~ ACAST6_PS_ADVERTISE then accept;
  reject;
}`;

interface SceneOptions {
  readonly config?: Partial<BirdConfig>;
  /** Of bird.conf; `FILE` and `FILE6` stand for what the announcer writes. */
  readonly birdConf: string;
  /** What is in the files before anything starts. */
  readonly file?: string;
  readonly file6?: string;
  readonly startsBird?: boolean;
  /** So many seconds of the announcer go by in one. */
  readonly haste?: number;
}

/** A host with a BIRD that is driven, and a router beside it. */
class Scene {
  readonly events: string[] = [];
  readonly log: string[] = [];

  private constructor(
    readonly bird: DrivenBird,
    readonly router: Bird,
    readonly announcer: BirdAnnouncer,
    readonly routerAddress: string,
  ) {}

  static async set(t: Test, options: SceneOptions): Promise<Scene> {
    const lab = await Lab.create(t);
    const {host, spokes} = await star(lab, 1);
    const [spoke] = spokes;
    if (!spoke) throw new Error('the star has no spoke');
    for (const prefix of [a, b, six]) await addAddress(host, prefix, 'lo');
    const router = await startRouter(lab, Bird, spoke.namespace, {
      as: routerAs,
      routerId: spoke.loopback,
      neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
    });
    const folder = await lab.newFolder('driven');
    const [file, file6] = [`${folder}/anycast.conf`, `${folder}/anycast6.conf`];
    const bird = lab.add(
      new DrivenBird(host, folder, {
        as: hostAs,
        routerId: spoke.hostAddress,
        neighbors: [
          {address: spoke.address, remoteAs: routerAs, passive: false, exportFilter: 'anycast'},
          // Nobody there: a session that never comes up must not matter.
          {address: '10.45.1.99', remoteAs: 65003, passive: false, exportFilter: 'anycast'},
        ],
        extra: options.birdConf.replaceAll('FILE6', file6).replaceAll('FILE', file),
      }),
    );
    await writeFile(file, options.file ?? emptyDefines);
    await writeFile(file6, options.file6 ?? '');
    if (options.startsBird !== false) await bird.start();
    const log: string[] = [];
    const announcer = new BirdAnnouncer({
      config: {
        ...birdDefaults,
        dummy: parsePrefix(birdDefaults.dummy),
        dummy6: parsePrefix(birdDefaults.dummy6),
        socket: bird.socket,
        socket6: null,
        file,
        file6: options.file6 === undefined ? null : file6,
        confirmTimeoutMs: null,
        ...options.config,
      },
      connect: connectUnix,
      files: ownedFiles,
      allowed: () => true,
      clock: hasty(options.haste ?? 1),
      emit: (event) => log.push(lineOf(event)),
    });
    const scene = new Scene(bird, router, announcer, spoke.address);
    announcer.on((event) => scene.events.push(`${event.kind} ${event.prefix}`));
    scene.log.push(...log);
    t.teardown(() => announcer.stop('keep'));
    return scene;
  }

  /** Starts the announcer; resolves once the session is there. */
  async start(): Promise<void> {
    await this.announcer.start();
    await this.sessionUp();
  }

  async sessionUp(): Promise<void> {
    await this.bird.waitForPeer(this.routerAddress);
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.events.length = 0;
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  async told(...events: string[]): Promise<void> {
    await waitFor(
      'events',
      () => this.events,
      (seen) => events.every((event) => seen.includes(event)),
    );
  }

  /** Waits until the router has exactly these prefixes, and answers its routes. */
  async routerHas(...prefixes: string[]): Promise<readonly SeenRoute[]> {
    return waitFor(
      `the router to have ${prefixes.join(', ') || 'nothing'}`,
      async () => [...(await this.router.routes('ipv4')), ...(await this.router.routes('ipv6'))],
      (routes) =>
        routes
          .map(({prefix}) => prefix)
          .toSorted()
          .join() === prefixes.toSorted().join(),
    );
  }

  word(prefix: string): string {
    const {items, reasons} = this.announcer.snapshot();
    const reason = reasons.get(parsePrefix(prefix));
    return `${String(items.get(parsePrefix(prefix)))}${reason === undefined ? '' : `: ${reason}`}`;
  }

  async shows(prefix: string, wanted: RegExp): Promise<void> {
    await waitFor(
      `${prefix} to be shown as ${wanted}`,
      () => this.word(prefix),
      (word) => wanted.test(word),
    );
  }
}

function hasty(haste: number): Clock {
  return {
    now: () => systemClock.now() * haste,
    wallMs: () => systemClock.wallMs(),
    after: (ms, fn) => systemClock.after(ms / haste, fn),
  };
}

function lineOf(event: AgentEvent): string {
  if (event.kind === 'note') return event.message;
  return 'prefix' in event ? `${event.kind} ${event.prefix}` : event.kind;
}

t.test('define: both families in one file, and no update waits for BIRD to wake up', async (t) => {
  const scene = await Scene.set(t, {birdConf: `include "FILE";\n${anycast}`});
  await scene.start();
  scene.set([route(a), route(six)]);
  await scene.told(`installed ${a}`, `installed ${six}`);
  await scene.routerHas(a, six);
  t.equal(scene.word(a), 'announced');
  scene.set([]);
  await scene.told(`removed ${a}`, `removed ${six}`);
  await scene.routerHas();
  // Without the wake-up every third of these takes 3 seconds.
  const waits: number[] = [];
  for (let round = 0; round < 12; round++) {
    const isOn = round % 2 === 0;
    scene.set(isOn ? [route(a)] : []);
    waits.push(await timed(() => scene.routerHas(...(isOn ? [a] : []))));
  }
  t.ok(Math.max(...waits) < 2_000, `the longest took ${Math.round(Math.max(...waits))} ms`);
  scene.set([route(a)]);
  await scene.routerHas(a);
  await scene.announcer.stop('withdraw');
  await scene.routerHas();
});

t.test('moving over from anycast-healthchecker: the routers see no withdrawal', async (t) => {
  const scene = await Scene.set(t, {
    birdConf: `include "FILE";\n${anycast}`,
    file: `# Generated 2024-05-01 10:00:00 by anycast-healthchecker (pid=1)
define ACAST_PS_ADVERTISE =\n    [\n        10.189.200.255/32,\n        ${a},\n        ${b}\n    ];
define ACAST6_PS_ADVERTISE =\n    [\n        2001:db8::1/128,\n        ${six}\n    ];\n`,
  });
  await scene.sessionUp();
  await scene.routerHas(a, b, six);
  await scene.announcer.start();
  scene.set([], {complete: false});
  await scene.shows(a, /^announced$/);
  scene.set([route(a)], {complete: false});
  await scene.told(`installed ${a}`);
  scene.set([route(a), route(b), route(six)]);
  await scene.told(`installed ${b}`, `installed ${six}`);
  await scene.routerHas(a, b, six);
  t.equal(await scene.bird.withdrawals(0), 0);
  scene.set([route(a)]);
  await scene.routerHas(a);
  t.equal(await scene.bird.withdrawals(0), 2, 'and that is how they would show');
});

t.test('function: in the syntax of 2.0.12, from a file that a newer birdwatcher left', async (t) => {
  const scene = await Scene.set(t, {
    config: {form: 'function'},
    birdConf: 'include "FILE";\nfilter anycast { if match_route() then accept; reject; }',
    file: `# DO NOT EDIT MANUALLY\nfunction match_route()\n{\n\treturn net ~ [\n\t\t${a}\n\t];\n}\n`,
  });
  await scene.start();
  await scene.routerHas(a);
  scene.set([route(a), route(b), route(six)]);
  await scene.told(`installed ${a}`, `installed ${b}`, `installed ${six}`);
  await scene.routerHas(a, b, six);
  scene.set([route(six)]);
  await scene.routerHas(six);
  scene.set([]);
  await scene.told(`removed ${six}`);
  await scene.routerHas();
});

t.test('static: the routes themselves, with attributes', async (t) => {
  const scene = await Scene.set(t, {
    config: {form: 'static'},
    birdConf: `protocol static anycast4 {\n  ipv4;\ninclude "FILE";\n}\nprotocol static anycast6 {\n  ipv6;\ninclude "FILE6";\n}
filter anycast {
  if source != RTS_STATIC then reject;
  # BIRD sends a MED to another AS only where the filter of the session sets it.
  if defined(bgp_med) then bgp_med = bgp_med;
  accept;
}`,
    file: '',
    file6: '',
  });
  await scene.start();
  const rich = {
    med: 70,
    communities: communities('64512:7', '65535:65281', 'large:4200000000:1:2'),
    asPathPrepend: 2,
  };
  scene.set([route('198.51.100.1/32', rich), route('198.51.100.0/24'), route('2001:db8:2::1/128', {med: 5})]);
  await scene.told('installed 198.51.100.1/32', 'installed 198.51.100.0/24', 'installed 2001:db8:2::1/128');
  const seen = await scene.routerHas('198.51.100.1/32', '198.51.100.0/24', '2001:db8:2::1/128');
  const of = (prefix: string) => seen.find((one) => one.prefix === prefix);
  t.match(of('198.51.100.1/32'), {
    med: 70,
    asPath: [hostAs, hostAs, hostAs],
    communities: ['64512:7', '65535:65281'],
    largeCommunities: ['4200000000:1:2'],
  });
  t.match(of('198.51.100.0/24'), {med: null, asPath: [hostAs], communities: []});
  t.match(of('2001:db8:2::1/128'), {med: 5});
  scene.set([route('198.51.100.1/32', {med: 500})]);
  await scene.told('removed 198.51.100.0/24', 'installed 198.51.100.1/32');
  await waitFor(
    'the new MED',
    async () => (await scene.routerHas('198.51.100.1/32'))[0],
    (one) => one?.med === 500 && one.communities.length === 0 && one.asPath.length === 1,
  );
});

t.test('protocol: one of BIRD for each service', async (t) => {
  const scene = await Scene.set(t, {
    config: {form: 'protocol', file: null},
    birdConf: `protocol static 'my-web_vip' { ipv4; disabled; route 198.51.100.1/32 blackhole; }
protocol static dns_vip { ipv4; route 198.51.100.2/32 blackhole; }
filter anycast { if source = RTS_STATIC then accept; reject; }`,
  });
  const web = route('198.51.100.1/32', {owners: ['my-web' as ServiceName]});
  const dns = route('198.51.100.2/32', {owners: ['dns' as ServiceName]});
  await scene.start();
  await scene.routerHas(dns.prefix);
  scene.set([web]);
  await scene.told(`installed ${web.prefix}`);
  await scene.routerHas(web.prefix);
  scene.set([web, dns]);
  await scene.told(`installed ${dns.prefix}`);
  await scene.routerHas(web.prefix, dns.prefix);
  scene.set([]);
  await scene.told(`removed ${web.prefix}`, `removed ${dns.prefix}`);
  await scene.routerHas();
});

t.test('a configuration that has to be confirmed', async (t) => {
  const scene = await Scene.set(t, {
    config: {confirmTimeoutMs: 2_000},
    birdConf: `include "FILE";\n${anycast}`,
  });
  await scene.start();
  scene.set([route(a)]);
  await scene.told(`installed ${a}`);
  t.match(await scene.bird.ask('configure confirm'), /Nothing to do/, 'it was');
  await scene.routerHas(a);
});

t.test('BIRD comes late, is killed, hangs, and cannot read its own configuration', async (t) => {
  const scene = await Scene.set(t, {birdConf: `include "FILE";\n${anycast}`, startsBird: false});
  await scene.announcer.start();
  scene.set([route(a)]);
  await scene.shows(a, /^failed: .*bird\.ctl does not exist: BIRD does not run/);
  await scene.bird.start();
  await scene.routerHas(a);
  await scene.shows(a, /^announced$/);

  await scene.bird.kill();
  await scene.shows(a, /^failed: .*BIRD/);
  scene.set([route(b)]);
  await scene.bird.start();
  await scene.routerHas(b);
  await scene.told(`removed ${a}`, `installed ${b}`);
  t.equal(scene.word(b), 'announced');

  scene.bird.signal('SIGSTOP');
  scene.set([route(b), route(six)]);
  t.equal(scene.word(six), 'pending', 'set has returned');
  scene.set([route(six)]);
  scene.bird.signal('SIGCONT');
  await scene.routerHas(six);
  await scene.told(`removed ${b}`, `installed ${six}`);

  const mend = await scene.bird.breakConfiguration();
  scene.set([route(a)]);
  await scene.shows(
    a,
    /^failed: BIRD refuses its configuration: configuration file error: .*bird\.conf:\d+:\d+ /,
  );
  t.match(scene.word(six), /^withdraw-pending: BIRD refuses/);
  await scene.routerHas(six);
  await mend();
  await scene.routerHas(a);
  await scene.told(`removed ${six}`, `installed ${a}`);

  await scene.router.stop();
  await scene.shows(a, /^peer-down: no BGP session of BIRD is established: neighbor0 /);
  await scene.router.start();
  await scene.shows(a, /^announced$/);
});

t.test('a text that BIRD refuses does not stay in its way', async (t) => {
  const scene = await Scene.set(t, {
    birdConf: `include "FILE";\n${anycast}\nfilter others { if net ~ OTHERS then accept; reject; }`,
    file: `${emptyDefines}define OTHERS = [ 10.0.0.0/8 ];\n`,
  });
  await scene.start();
  scene.set([route(a)]);
  await scene.shows(
    a,
    /^failed: BIRD refuses what .*anycast\.conf is to say: .*; it says what it did before$/,
  );
  t.match(
    await scene.bird.ask('configure check'),
    /Configuration OK/,
    'a restart would find what it can read',
  );
});

t.test('somebody else has BIRD go by another list', async (t) => {
  const scene = await Scene.set(t, {birdConf: `include "FILE";\n${anycast}`, haste: 8});
  await scene.start();
  scene.set([route(a)]);
  await scene.told(`installed ${a}`);
  await scene.routerHas(a);
  await writeFile(scene.bird.path('anycast.conf'), emptyDefines);
  await scene.bird.ask('configure');
  await scene.routerHas();
  await scene.routerHas(a);
  await scene.shows(a, /^announced$/);
});
