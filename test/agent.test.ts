import t from 'tap';
import {Agent} from '../agent/agent.js';
import type {Config, ServiceConfig} from '../agent/config/types.js';
import {parsePrefix} from '../agent/lib/prefix.js';
import type {Address, AgentEvent, AnnouncerName, Route, ServiceName} from '../agent/types.js';
import {FakeCheck, fakeEffects} from './fake/checks.js';
import {FakeClock, settle} from './fake/clock.js';
import {announceBlock, checkConfig, serviceConfig} from './fake/config.js';
import {FakeInstaller} from './fake/installer.js';

function config(services: readonly ServiceConfig[], keys: Partial<Config> = {}): Config {
  return {
    file: null,
    confD: '/etc/eip-health/conf.d',
    routerId: null,
    stateDir: '/var/lib/eip-health',
    controlSocket: '/run/eip-health/control.sock',
    allow: null,
    onStop: 'withdraw',
    onCrash: 'withdraw',
    settleTimeoutMs: 30_000,
    stopTimeoutMs: 20_000,
    stepTimeoutMs: 2000,
    maxRunningChecks: 256,
    log: {level: 'info', format: 'auto', syslog: null},
    kernel: null,
    bgp: null,
    bird: null,
    exabgp: null,
    gobgp: null,
    frr: null,
    services,
    ...keys,
  };
}

const web = (keys: Partial<ServiceConfig> = {}): ServiceConfig =>
  serviceConfig('web', ['192.0.2.1'], {
    checks: [checkConfig({options: 'web', intervalMs: 1000, fastIntervalMs: 100})],
    ...keys,
  });

function rig(initial: Config, {adopt = false} = {}) {
  const clock = new FakeClock();
  const journal: string[] = [];
  const checks = new Map<string, FakeCheck>();
  const addresses = new FakeInstaller<Address>('address' as AnnouncerName, journal);
  const bgp = new FakeInstaller<Route>('bgp', journal);
  const kernel = new FakeInstaller<Route>('kernel', journal);
  const events: AgentEvent[] = [];
  const agent = new Agent({
    config: initial,
    effects: fakeEffects(clock),
    cron: () => () => {},
    createCheck: (_type, options) => {
      const check = new FakeCheck(clock);
      checks.set(String(options), check);
      return check;
    },
    addresses,
    announcers: [bgp, kernel],
    adopt,
    emit: (event) => events.push(event),
  });
  const check = (name: string): FakeCheck => {
    const found = checks.get(name);
    if (!found) throw new Error(`no check ${name}`);
    return found;
  };
  const happened = async (): Promise<string[]> => {
    await settle();
    return journal.splice(0);
  };
  return {agent, addresses, bgp, check, clock, events, happened};
}

t.test('the life of a service', async (t) => {
  const {agent, check, clock, events, happened} = rig(config([web()]));
  await agent.start();
  await clock.run(100);
  t.same(await happened(), [], 'not before rise');
  await clock.run(100);
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32']);
  check('web').verdict = 'fail';
  check('web').reason = 'connect ECONNREFUSED 127.0.0.1:8080';
  await clock.run(899);
  t.same(await happened(), []);
  await clock.run(1);
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  t.same(
    events.filter(({kind}) => kind === 'service-state'),
    [
      {
        kind: 'service-state',
        service: 'web',
        from: 'unknown',
        to: 'up',
        reason: '3 successes in a row: pass',
      },
      {
        kind: 'service-state',
        service: 'web',
        from: 'up',
        to: 'down',
        reason: '2 failures in a row: connect ECONNREFUSED 127.0.0.1:8080',
      },
    ],
  );
  await agent.stop('withdraw');
});

t.test('results of one burst make one plan', async (t) => {
  const many = Array.from({length: 50}, (_, i) =>
    serviceConfig(`s${i}`, [`10.0.0.${i}`], {
      checks: [checkConfig({options: `s${i}`, rise: 1, intervalMs: 1000})],
    }),
  );
  const {agent, bgp, check, clock, happened} = rig(config(many));
  await agent.start();
  await clock.run(100);
  t.equal((await happened()).length, 100);
  const sets = bgp.sets;
  for (let i = 0; i < 50; i++) check(`s${i}`).verdict = 'fail';
  agent.checkNow();
  await settle();
  agent.checkNow();
  t.equal((await happened()).length, 100);
  t.equal(bgp.sets - sets, 1);
  await agent.stop('withdraw');
});

t.test('addresses that are always on are there before the first check', async (t) => {
  const {agent, addresses, check, clock, happened} = rig(config([web({addressMode: 'always'})]));
  addresses.auto = false;
  const started = agent.start();
  await settle();
  t.throws(() => check('web'), 'no check yet');
  addresses.auto = true;
  addresses.carryOut();
  await started;
  t.same(await happened(), ['+address 192.0.2.1/32']);
  await clock.run(0);
  t.equal(check('web').starts.length, 1);
  await agent.stop('withdraw');
  t.ok((await happened()).includes('-address 192.0.2.1/32'));
});

t.test('complete when every service has settled, or settle_timeout is over', async (t) => {
  const stuck = serviceConfig('stuck', ['192.0.2.2'], {checks: [checkConfig({options: 'stuck'})]});
  const {agent, bgp, check, clock} = rig(config([web(), stuck]), {adopt: true});
  await agent.start();
  check('stuck').verdict = 'hold';
  await clock.run(29_999);
  t.match(bgp.desired, {complete: false});
  t.same([...bgp.desired.adopt], ['192.0.2.2/32'], 'what has settled follows its state');
  await clock.run(1);
  t.match(bgp.desired, {complete: true});
  t.equal(bgp.desired.adopt.size, 0);
  await agent.stop('withdraw');
});

t.test('a changed settle_timeout counts from the start, while anything is waited for', async (t) => {
  const stuck = serviceConfig('stuck', ['192.0.2.2'], {checks: [checkConfig({options: 'stuck'})]});
  const services = [web(), stuck];
  const {agent, bgp, check, clock} = rig(config(services), {adopt: true});
  await agent.start();
  check('stuck').verdict = 'hold';
  await clock.run(10_000);
  await agent.reload(config(services, {settleTimeoutMs: 15_000}));
  await clock.run(4999);
  t.same([...bgp.desired.adopt], ['192.0.2.2/32']);
  await clock.run(1);
  t.match(bgp.desired, {complete: true});
  t.equal(bgp.desired.adopt.size, 0);
  await agent.reload(config(services, {settleTimeoutMs: 60_000}));
  await clock.run(1000);
  t.match(bgp.desired, {complete: true}, 'what is over stays over');
  await agent.stop('withdraw');
  t.equal(clock.pending, 0);
});

t.test('stop: routes, drain, sessions, host routes and addresses, in this order', async (t) => {
  const slow = web({kernelRoute: true, drain: {forMs: 3000, override: {}}});
  const {agent, clock, happened} = rig(config([slow]));
  await agent.start();
  await clock.run(500);
  await happened();
  const stopped = agent.stop('withdraw');
  t.same(await happened(), ['-bgp 192.0.2.1/32']);
  await clock.run(2999);
  t.same(await happened(), []);
  await clock.run(1);
  await stopped;
  t.same(await happened(), [
    'stop bgp withdraw',
    '-kernel 192.0.2.1/32',
    '-address 192.0.2.1/32',
    'stop kernel withdraw',
    'stop address withdraw',
  ]);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('stop with keys of announce under drain: worse first, then withdrawn', async (t) => {
  const slow = web({drain: {forMs: 3000, override: {med: 900}}});
  const {agent, bgp, clock, happened} = rig(config([slow]));
  await agent.start();
  await clock.run(500);
  await happened();
  const stopped = agent.stop('withdraw');
  t.same(await happened(), ['~bgp 192.0.2.1/32']);
  t.match(bgp.desired.items, [{med: 900}]);
  await clock.run(3000);
  await stopped;
  t.same(
    await happened(),
    [
      '-bgp 192.0.2.1/32',
      'stop bgp withdraw',
      '-address 192.0.2.1/32',
      'stop kernel withdraw',
      'stop address withdraw',
    ],
    'the time is not waited for twice',
  );
  t.equal(clock.pending, 0);
});

t.test(
  'stop: a drain that is longer than stop_timeout is cut short, the steps after it are not left out',
  async (t) => {
    for (const override of [{}, {med: 900}]) {
      const slow = web({kernelRoute: true, drain: {forMs: 60_000, override}});
      const {agent, clock, happened} = rig(config([slow], {stopTimeoutMs: 10_000}));
      await agent.start();
      await clock.run(500);
      await happened();
      let ended = false;
      const stopped = agent.stop('withdraw').then(() => (ended = true));
      await clock.run(7_900);
      t.equal(ended, false);
      await clock.run(2_100);
      await stopped;
      t.same(
        (await happened()).filter((line) => !line.startsWith('~')),
        [
          '-bgp 192.0.2.1/32',
          'stop bgp withdraw',
          '-kernel 192.0.2.1/32',
          '-address 192.0.2.1/32',
          'stop kernel withdraw',
          'stop address withdraw',
        ],
      );
      t.equal(clock.pending, 0);
    }
  },
);

t.test('stop ends in time though an announcer hangs or breaks, and takes the rest down', async (t) => {
  for (const end of [() => new Promise<void>(() => {}), () => Promise.reject(new Error('broken'))]) {
    const {agent, bgp, clock, happened} = rig(config([web()], {stopTimeoutMs: 1500}));
    await agent.start();
    await clock.run(500);
    await happened();
    bgp.auto = false;
    bgp.stop = end;
    let ended = false;
    const stopped = agent.stop('withdraw').then(() => (ended = true));
    await clock.run(700);
    t.equal(ended, false);
    await clock.run(800);
    await stopped;
    t.same(await happened(), ['stop kernel withdraw', 'stop address withdraw']);
  }
});

t.test('a reload that comes while it stops changes nothing', async (t) => {
  const slow = web({drain: {forMs: 3000, override: {}}});
  const {agent, check, clock, happened} = rig(config([slow]));
  await agent.start();
  await clock.run(500);
  await happened();
  const stopped = agent.stop('withdraw');
  await clock.run(100);
  const starts = check('web').starts.length;
  await agent.reload(config([web(), serviceConfig('dns', ['192.0.2.53'], {addressMode: 'always'})]));
  await clock.run(2900);
  await stopped;
  t.same(await happened(), [
    '-bgp 192.0.2.1/32',
    'stop bgp withdraw',
    '-address 192.0.2.1/32',
    'stop kernel withdraw',
    'stop address withdraw',
  ]);
  t.equal(check('web').starts.length, starts, 'no check runs any more');
  t.equal(clock.pending, 0);
});

t.test('a stop that comes while a reload waits for new prefixes', async (t) => {
  const {agent, addresses, clock, happened} = rig(config([web()]));
  await agent.start();
  await clock.run(500);
  await happened();
  addresses.auto = false;
  const reloaded = agent.reload(
    config([web({...serviceConfig('web', ['192.0.2.7']), checks: web().checks})]),
  );
  await clock.run(1000);
  const stopped = agent.stop('withdraw');
  addresses.auto = true;
  addresses.carryOut();
  await clock.run(5000);
  await stopped;
  await reloaded;
  const lines = (await happened()).filter((line) => !line.startsWith('~'));
  t.notOk(lines.includes('+bgp 192.0.2.7/32'));
  t.ok(lines.indexOf('-bgp 192.0.2.1/32') < lines.indexOf('-address 192.0.2.1/32'));
  t.equal(addresses.held.size, 0);
  t.equal(clock.pending, 0);
});

t.test('keep: nothing is taken out', async (t) => {
  const {agent, clock, happened} = rig(config([web()]));
  await agent.start();
  await clock.run(500);
  await happened();
  await agent.stop('keep');
  t.same(await happened(), ['stop bgp keep', 'stop kernel keep', 'stop address keep']);
});

t.test('reload', async (t) => {
  const other = serviceConfig('dns', ['192.0.2.53'], {checks: [checkConfig({options: 'dns', rise: 1})]});
  const {agent, bgp, check, clock, happened} = rig(config([web(), other]));
  await agent.start();
  await clock.run(3000);
  await happened();
  const sets = bgp.sets;
  const webCheck = check('web');
  await agent.reload(config([web(), {...other, line: 7}]));
  t.same([await happened(), bgp.sets], [[], sets], 'an equal configuration hands nothing out');
  t.equal(check('web'), webCheck, 'and leaves the checks alone');

  await agent.reload(config([web({announce: [announceBlock({med: 5})]}), other]));
  t.same(await happened(), ['~bgp 192.0.2.1/32'], 'attributes change in place');
  t.equal(check('web'), webCheck);

  const moved = {...web(), prefixes: [], addresses: []};
  const target = serviceConfig('web', ['192.0.2.7'], {checks: moved.checks});
  await agent.reload(config([target, other]));
  const lines = await happened();
  t.ok(
    lines.indexOf('+bgp 192.0.2.7/32') < lines.indexOf('-bgp 192.0.2.1/32'),
    'new prefixes in before old ones out',
  );
  t.equal(lines.filter((line) => !line.startsWith('~')).length, 4);

  await agent.reload(config([target]));
  t.same(
    await happened(),
    ['-bgp 192.0.2.53/32', '-address 192.0.2.53/32'],
    'a removed service goes down in order',
  );
  const starts = check('dns').starts.length;
  await clock.run(5000);
  t.equal(check('dns').starts.length, starts);
  t.same(
    agent.services.map(({config: {name}}) => name),
    ['web'] as ServiceName[],
  );
  await agent.stop('withdraw');
});

t.test('reload: a new aggregate is in before the old one is out, the address stays', async (t) => {
  const within = (length: number): ServiceConfig =>
    web({announce: [announceBlock({aggregate: {ipv4: length}})]});
  const {agent, clock, happened} = rig(config([within(24)]));
  await agent.start();
  await clock.run(500);
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.0/24']);
  await agent.reload(config([within(25)]));
  t.same(
    (await happened()).filter((line) => !line.startsWith('~')),
    ['+bgp 192.0.2.0/25', '-bgp 192.0.2.0/24'],
  );
  await agent.reload(config([web()]));
  t.same(
    (await happened()).filter((line) => !line.startsWith('~')),
    ['+bgp 192.0.2.1/32', '-bgp 192.0.2.0/25'],
  );
  await agent.stop('withdraw');
});

t.test('reload: a prefix that another service takes over is not withdrawn meanwhile', async (t) => {
  const checks = (options: string) => [checkConfig({options, rise: 1})];
  const [a, b] = [
    serviceConfig('a', ['192.0.2.1'], {checks: checks('a')}),
    serviceConfig('b', ['192.0.2.2'], {checks: checks('b')}),
  ];
  const {agent, clock, happened} = rig(config([a, b]));
  await agent.start();
  await clock.run(500);
  await happened();
  await agent.reload(
    config([
      {...a, prefixes: b.prefixes, addresses: b.addresses},
      {...b, prefixes: a.prefixes, addresses: a.addresses},
    ]),
  );
  t.same(await happened(), ['~bgp 192.0.2.1/32', '~bgp 192.0.2.2/32']);
  await agent.stop('withdraw');
});

t.test(
  'reload: what all owners share stays announced while one of them changes its other prefixes',
  async (t) => {
    const owner = (name: string, ...prefixes: string[]): ServiceConfig =>
      serviceConfig(name, prefixes, {shared: 'all', checks: [checkConfig({options: name, rise: 1})]});
    const aggregated = (length: number): ServiceConfig => ({
      ...owner('a', '192.0.2.1'),
      announce: [announceBlock(), announceBlock({aggregate: {ipv4: length}})],
    });
    const {agent, bgp, clock, happened} = rig(config([aggregated(24), owner('b', '192.0.2.1')]));
    await agent.start();
    await clock.run(500);
    await happened();
    t.ok(bgp.held.has(parsePrefix('192.0.2.1')));
    await agent.reload(config([aggregated(25), owner('b', '192.0.2.1')]));
    t.notOk((await happened()).includes('-bgp 192.0.2.1/32'));
    await agent.stop('withdraw');
  },
);

t.test('reload: a changed allow is asked again, though nothing else changed', async (t) => {
  const {agent, addresses, bgp, clock} = rig(config([web()]));
  await agent.start();
  await clock.run(500);
  const sets = [bgp.sets, addresses.sets];
  await agent.reload(config([web()], {allow: []}));
  t.same([bgp.sets, addresses.sets], [(sets[0] ?? 0) + 1, (sets[1] ?? 0) + 1]);
  await agent.stop('withdraw');
});

t.test('reload: disabled stops the checks and takes all off; enabled must settle anew', async (t) => {
  const {agent, check, clock, happened} = rig(config([web()]));
  await agent.start();
  await clock.run(500);
  await happened();
  await agent.reload(config([web({enabled: false})]));
  t.same(await happened(), ['-bgp 192.0.2.1/32', '-address 192.0.2.1/32']);
  const starts = check('web').starts.length;
  await clock.run(5000);
  t.equal(check('web').starts.length, starts);
  await agent.reload(config([web()]));
  t.same(await happened(), []);
  await clock.run(500);
  t.same(await happened(), ['+address 192.0.2.1/32', '+bgp 192.0.2.1/32']);
  await agent.stop('withdraw');
});
