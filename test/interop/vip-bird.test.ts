/** A VIP is taken out of a real BIRD where no daemon of ours runs: that one, and no other. */

import t from 'tap';
import type {BirdForm} from '../../agent/config/bird.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import {takeOut} from '../../agent/take-out.js';
import {configOf} from '../config/fixture.js';

import {communities, route} from '../fake/route.js';
import {a, anycast, b, Scene, six} from './bird-scene.js';

const forms: readonly {readonly form: BirdForm; readonly birdConf: string; readonly keys: string}[] = [
  {form: 'define', birdConf: `include "FILE";\n${anycast}`, keys: ''},
  {
    form: 'static',
    birdConf:
      'protocol static ours4 {\n  ipv4;\ninclude "FILE";\n}\nprotocol static ours6 {\n  ipv6;\ninclude "FILE6";\n}\n' +
      'filter anycast { if source = RTS_STATIC then accept; reject; }',
    keys: ', file6: FILE6',
  },
];

for (const {birdConf, form, keys} of forms) {
  t.test(`form ${form}`, async (t) => {
    const has6 = birdConf.includes('FILE6');
    const scene = await Scene.set(t, {
      config: {form},
      birdConf,
      ...(form === 'static' ? {file: ''} : {}),
      ...(has6 ? {file6: ''} : {}),
    });
    await scene.start();
    // With `static` BIRD has its own routes: those that it learns from the interface would be better ones.
    const [first, second, third] = has6
      ? (['203.0.113.1/32', '203.0.113.2/32', '2001:db8:2::1/128'] as const)
      : ([a, b, six] as const);
    const rich = form === 'static' ? {communities: communities('64512:7')} : {};
    scene.set([route(first), route(second, rich), route(third)]);
    await scene.routerHas(first, second, third);
    await scene.announcer.stop('keep');

    const file = (name: string) => scene.bird.path(name);
    const config = configOf({
      main:
        `state_dir: ${await scene.lab.newFolder('state')}\n` +
        `bird: {socket: ${scene.bird.socket}, form: ${form}, file: ${file('anycast.conf')}` +
        `${keys.replace('FILE6', file('anycast6.conf'))}}\n`,
    });
    const before = await scene.bird.withdrawals(0);
    const taken = await takeOut({config, prefixes: [parsePrefix(first), parsePrefix(third)], emit: () => {}});
    t.same([...taken.found].sort(), [first, third].sort(), 'it was there');
    t.same(taken.left, []);
    const [left] = await scene.routerHas(second);
    t.equal(await scene.bird.withdrawals(0), before + 2, 'the other was not touched');
    t.same(left?.communities, form === 'static' ? ['64512:7'] : []);

    const again = await takeOut({config, prefixes: [parsePrefix(first)], emit: () => {}});
    t.same([...again.found], []);
    await scene.routerHas(second);
    t.equal(await scene.bird.withdrawals(0), before + 2);
  });
}

t.test('form protocol: the one of the service, and no other', async (t) => {
  const scene = await Scene.set(t, {
    config: {form: 'protocol', file: null},
    birdConf: `protocol static web_vip { ipv4; route 198.51.100.1/32 blackhole; }
protocol static dns_vip { ipv4; route 198.51.100.2/32 blackhole; }
filter anycast { if source = RTS_STATIC then accept; reject; }`,
  });
  await scene.sessionUp();
  await scene.routerHas('198.51.100.1/32', '198.51.100.2/32');
  const state = await scene.lab.newFolder('state');
  const config = configOf({
    main: `state_dir: ${state}\nbird: {socket: ${scene.bird.socket}, form: protocol}\n`,
  });
  const taken = await takeOut({config, prefixes: [parsePrefix('198.51.100.1')], emit: () => {}});
  t.same([...taken.found], ['198.51.100.1/32']);
  t.same(taken.left, []);
  await scene.routerHas('198.51.100.2/32');
});
