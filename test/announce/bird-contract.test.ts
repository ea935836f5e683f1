import t from 'tap';
import {systemClock} from '../../agent/io/clock.js';
import type {Community, Route, ServiceName} from '../../agent/types.js';
import {installerContract} from '../contract/announcer.js';
import type {FakeBird} from '../fake/bird.js';
import {route} from '../fake/route.js';
import {type DeskOptions, newDesk} from './bird-harness.js';

const changed = (item: Route): Route => ({...item, med: 70, communities: ['64512:7'] as Community[]});

/** Every promise of an announcer, with a form of ours before a version of BIRD. */
function contract(
  name: string,
  options: DeskOptions,
  items: readonly Route[],
  prepare: (bird: FakeBird) => void = () => undefined,
): void {
  installerContract(
    `bird: ${name}`,
    async () => {
      const desk = newDesk(t, {clock: systemClock, ...options});
      const {announcer, birds} = desk;
      return {
        installer: {
          name: announcer.name,
          start: async () => {
            await desk.start();
            birds.forEach(prepare);
          },
          set: (desired) => announcer.set(desired),
          stop: (mode) => announcer.stop(mode),
          snapshot: () => announcer.snapshot(),
          on: (listener) => announcer.on(listener),
        },
        items,
        changed,
        holds: () => birds.flatMap((bird) => bird.exported()),
        changes: () => birds.reduce((sum, bird) => sum + bird.changes, 0),
        ready: () => desk.quiet(),
        quiet: () => desk.quiet(),
        end: () => desk.end(),
      };
    },
    {keeps: true},
  );
}

const both = ['10.1.1.1/32', '10.1.1.2/32', 'fd01::1/128'];
const four = ['10.1.1.1/32', '10.1.1.2/32', '10.1.1.3/32'];
const items = (prefixes: readonly string[]): readonly Route[] => prefixes.map((prefix) => route(prefix));
const ignore = {attributes: 'ignore'} as const;

contract('define, 2.0.12', {config: ignore, bird: {routes: both}}, items(both));
contract(
  'define, 3.0.1, in effect only a while after it was told',
  {config: ignore, version: '3.0.1', bird: {routes: both}},
  items(both),
  (bird) => {
    bird.progress = 2;
    bird.lag = 3;
  },
);
contract(
  'define, 2.0.12, to be confirmed',
  {config: {...ignore, confirmTimeoutMs: 30_000}, bird: {routes: both}},
  items(both),
);
contract('define, 1.6.8', {config: ignore, version: '1.6.8', bird: {routes: four}}, items(four));
contract('function, 2.0.12', {config: {...ignore, form: 'function'}, bird: {routes: both}}, items(both));
contract(
  'function, 2.14',
  {config: {...ignore, form: 'function'}, version: '2.14', bird: {routes: both}},
  items(both),
);
contract('static, 2.17', {config: {form: 'static'}, version: '2.17'}, items(four));
contract(
  'protocol, 2.0.12',
  {
    config: {...ignore, form: 'protocol'},
    bird: {protocols: Object.fromEntries(both.map((prefix, i) => [`s${i}_vip`, [prefix]]))},
  },
  both.map((prefix, i) => route(prefix, {owners: [`s${i}` as ServiceName]})),
);
