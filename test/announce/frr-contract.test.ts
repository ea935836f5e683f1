import t from 'tap';
import {systemClock} from '../../agent/io/clock.js';
import type {Clock, Community, Route} from '../../agent/types.js';
import {installerContract} from '../contract/announcer.js';
import {route} from '../fake/route.js';
import type {FakeVty} from '../fake/vty.js';
import {type DeskOptions, newDesk} from './frr-harness.js';

const items = ['10.1.1.1/32', '10.1.1.2/32', 'fd01::1/128'].map((prefix) => route(prefix));

/** bgpd's 50 ms in 5: nobody here takes so long. */
const clock: Clock = {
  now: () => systemClock.now() * 10,
  wallMs: () => systemClock.wallMs(),
  after: (ms, fn) => systemClock.after(ms / 10, fn),
};

/** Every promise of an announcer, before one kind of bgpd. */
function contract(
  name: string,
  options: DeskOptions,
  changed: ((item: Route) => Route) | null,
  prepare: (bgpd: FakeVty) => void = () => undefined,
): void {
  installerContract(
    `frr: ${name}`,
    async () => {
      const desk = newDesk(t, {clock, ...options});
      const {announcer, bgpds} = desk;
      return {
        installer: {
          name: announcer.name,
          start: async () => prepare(await desk.start()),
          set: (desired) => announcer.set(desired),
          stop: (mode) => announcer.stop(mode),
          snapshot: () => announcer.snapshot(),
          on: (listener) => announcer.on(listener),
        },
        items,
        ...(changed ? {changed} : {}),
        holds: () => bgpds.flatMap((bgpd) => bgpd.originated()),
        changes: () => bgpds.reduce((sum, bgpd) => sum + bgpd.changes, 0),
        ready: () => desk.quiet(),
        quiet: () => desk.quiet(),
        end: () => desk.end(),
      };
    },
    {keeps: true},
  );
}

const withCommunity = (item: Route): Route => ({...item, med: 70, communities: ['64512:7'] as Community[]});
const withLarge = (item: Route): Route => ({
  ...item,
  communities: ['65535:65281', 'large:64512:1:2'] as Community[],
});
const quagga = {dialect: 'quagga'} as const;
const networks = items.map(({prefix}) => `network ${prefix} route-map BGP1`);

contract('FRR at its socket', {}, withLarge);
contract('FRR, slow to do what it was told', {}, withLarge, (bgpd) => {
  bgpd.lag = 3;
});
contract('FRR through vtysh', {through: 'vtysh'}, withLarge);
contract('FRR with lines of the operator', {bgpd: {networks}}, withLarge);
contract('FRR, only what is configured', {config: {onlyConfigured: true}, bgpd: {networks}}, null);
contract('Quagga at its socket', {bgpd: quagga}, withCommunity);
contract('Quagga through vtysh', {through: 'vtysh', bgpd: quagga}, withCommunity);
contract(
  'Quagga, only what is configured',
  {config: {onlyConfigured: true}, bgpd: {...quagga, networks}},
  null,
);
