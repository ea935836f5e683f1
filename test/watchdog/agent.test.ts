/** The agent as a round uses it: states come from a process before, checks run once. */

import t from 'tap';
import {Agent} from '../../agent/agent.js';
import type {Config, ServiceConfig} from '../../agent/config/types.js';
import {Round} from '../../agent/service/round.js';
import type {
  Address,
  AdminState,
  AgentEvent,
  AnnouncerName,
  Prefix,
  Route,
  ServiceState,
  Verdict,
} from '../../agent/types.js';
import {parseTexts} from '../config/fixture.js';
import {FakeCheck, fakeEffects} from '../fake/checks.js';
import {FakeClock, settle} from '../fake/clock.js';
import {checkConfig, serviceConfig, serviceState} from '../fake/config.js';
import {FakeInstaller} from '../fake/installer.js';

const web = serviceConfig('web', ['192.0.2.1'], {
  kernelRoute: true,
  checks: [
    checkConfig({name: 'a', options: 'a', rise: 1, fall: 1}),
    checkConfig({name: 'b', options: 'b', rise: 1, fall: 1}),
  ],
});
const [vip] = web.prefixes;

interface Before {
  readonly settled: 'up' | 'down';
  /** Of checks a and b; default: like the service. */
  readonly checks?: readonly ['up' | 'down', 'up' | 'down'];
  readonly admin?: AdminState;
}

/** One process: what the one before left is installed. */
function process(
  before: Before | null,
  verdicts: readonly [Verdict, Verdict],
  {admin = 'enabled' as AdminState} = {},
) {
  const clock = new FakeClock();
  const journal: string[] = [];
  const events: AgentEvent[] = [];
  const addresses = new FakeInstaller<Address>('address' as AnnouncerName, journal);
  const [bird, kernel] = [
    new FakeInstaller<Route>('bird', journal),
    new FakeInstaller<Route>('kernel', journal),
  ];
  const adopted: ReadonlySet<Prefix>[] = [];
  const seen = bird.set.bind(bird);
  bird.set = (desired) => {
    adopted.push(desired.adopt);
    seen(desired);
  };
  const resumed = (config: ServiceConfig): ServiceState | null => {
    if (!before) return null;
    const {admin: wasAdmin = 'enabled', checks = [before.settled, before.settled], settled} = before;
    const state = serviceState(config, {settled, admin: wasAdmin});
    const of = (word: 'up' | 'down') => (word === 'up' ? 'pass' : 'fail');
    return {
      ...state,
      checks: state.checks.map((check, i) => {
        const word = checks[i] ?? settled;
        return {
          ...check,
          settled: word,
          run: {of: of(word), length: 1, passes: word === 'up' ? 1 : 0, degraded: 0},
        };
      }),
    };
  };
  const {config} = parseTexts({main: 'frr: {}'});
  if (!config) throw new Error('no configuration');
  const whole: Config = {...config, services: [web]};
  let round: Round | null = null;
  const agent = new Agent({
    config: whole,
    effects: fakeEffects(clock),
    cron: () => () => {},
    createCheck: (_type, options) => {
      const check = new FakeCheck(clock);
      check.verdict = verdicts[options === 'a' ? 0 : 1];
      check.takesMs = options === 'a' ? 1 : 500;
      return check;
    },
    addresses,
    announcers: [bird, kernel],
    adopt: true,
    adminOf: () => ({state: admin, reason: 'the test'}),
    resume: resumed,
    createRunner: (options) => {
      round = new Round({...options, recall: () => null});
      return round;
    },
    emit: (event) => events.push(event),
  });
  const states = (): string[] =>
    events.flatMap((event) => (event.kind === 'service-state' ? [`${event.from} → ${event.to}`] : []));
  const go = async (): Promise<readonly string[]> => {
    const started = agent.start();
    await clock.run(0);
    await started;
    await clock.run(1000);
    await (round as Round | null)?.ended();
    await settle();
    return journal.splice(0);
  };
  return {addresses, adopted, agent, bird, go, journal, states};
}

t.test('what was up is wanted at once, and goes in order when it is not any more', async (t) => {
  const up = process({settled: 'up'}, ['pass', 'pass']);
  t.same(await up.go(), ['+address 192.0.2.1/32', '+bird 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  t.same([...(up.adopted[0] ?? [])], [vip], 'adopted first, until its address was seen');
  t.same(up.states(), [], 'and nothing is new');
  t.ok(up.agent.isAtRest);

  const down = process({settled: 'up'}, ['pass', 'fail']);
  t.same((await down.go()).slice(3), ['-bird 192.0.2.1/32', '-kernel 192.0.2.1/32', '-address 192.0.2.1/32']);
  t.same(down.states(), ['up → down']);
});

t.test('what was down is not wanted before it has proven itself', async (t) => {
  const {adopted, bird, go, states} = process({settled: 'down'}, ['pass', 'pass']);
  t.same(await go(), ['+address 192.0.2.1/32', '+bird 192.0.2.1/32', '+kernel 192.0.2.1/32']);
  t.same(adopted.at(-1)?.size, 0);
  t.equal(bird.desired.items.length, 1);
  t.same(states(), ['down → up']);
});

t.test('the checks of a service count together: none decides by what another was', async (t) => {
  const {go, states} = process({settled: 'down', checks: ['down', 'up']}, ['pass', 'fail']);
  t.same(await go(), [], 'not up between the first result and the second');
  t.same(states(), []);
});

t.test('what nobody knows is adopted until it has spoken', async (t) => {
  const {adopted, agent, go, states} = process(null, ['hold', 'pass']);
  t.same(await go(), []);
  t.same([...(adopted.at(-1) ?? [])], [vip], 'no evidence: it stays as it is');
  t.same(states(), []);
  t.ok(agent.isAtRest);
});

t.test('what was taken out by hand since is not put back for a moment', async (t) => {
  const {go} = process({settled: 'up'}, ['pass', 'pass'], {admin: 'drained'});
  t.same(await go(), ['+address 192.0.2.1/32'], 'drained keeps its address');
  const disabled = process({settled: 'up'}, ['pass', 'pass'], {admin: 'disabled'});
  t.same(await disabled.go(), []);
});
