/** The BIRD announcer drives a real BIRD 2.0.12, in every form: what counts is what the neighbor of BIRD has. */

import t from 'tap';
import type {ServiceName} from '../../agent/types.js';
import {communities, route} from '../fake/route.js';
import {timed, waitFor} from '../lab/wait.js';
import {a, anycast, b, hostAs, Scene, six} from './bird-scene.js';

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
