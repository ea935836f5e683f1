/** A real BIRD 2.0.12 that is driven, and is killed, stopped, broken and talked to by others meanwhile. */

import {writeFile} from 'node:fs/promises';
import t from 'tap';
import {route} from '../fake/route.js';
import {Agent} from '../lab/agent.js';
import {startHealth} from '../lab/health.js';
import {waitFor} from '../lab/wait.js';
import {a, anycast, b, emptyDefines, Scene, six} from './bird-scene.js';

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
  await scene.shows(b, /^announced$/);

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

t.test('eip-health run: the address, then BIRD; out of BIRD, then the address', async (t) => {
  const [vip, vip6] = ['192.0.2.50/32', '2001:db8:50::1/128'];
  const scene = await Scene.set(t, {birdConf: `include "FILE";\n${anycast}`});
  const {bird, host, lab} = scene;
  const health = await startHealth(lab, host);
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: 10.45.1.1
log: {format: json}
defaults: {interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1}
kernel: {interface: lo, arp: off}
bird:
  socket: ${bird.socket}
  file: ${bird.path('anycast.conf')}
`,
    'conf.d/web.yaml': `
prefixes: [${vip}, "${vip6}"]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
  });
  await agent.start();
  await scene.routerHas(vip, vip6);
  await waitFor(
    'status to say so',
    async () => (await agent.status()).routes.map(({announcers}) => announcers.bird),
    (words) => words.length === 2 && words.every((word) => JSON.stringify(word) === '"announced"'),
  );
  await health.fail();
  await scene.routerHas();
  await health.recover();
  await scene.routerHas(vip, vip6);
  await agent.kill();
  await scene.routerHas(vip, vip6);
  t.pass('BIRD goes on when the agent is killed');
  await health.fail();
  await agent.start();
  await scene.routerHas();
  t.pass('the next life takes out what it may not adopt');
  await health.recover();
  await scene.routerHas(vip, vip6);
  t.equal((await agent.stop()).code, 0);
  await scene.routerHas();
  t.notMatch(await host.ip('addr show dev lo'), /192\.0\.2\.50/);
});
