import t from 'tap';
import type {Route} from '../../agent/types.js';
import {installerContract} from '../contract/announcer.js';
import type {FakeGobgp} from '../fake/gobgp.js';
import {communities, route} from '../fake/route.js';
import {newDesk} from './gobgp-harness.js';

const items = ['10.1.1.1/32', '10.1.1.2/32', 'fd01::1/128'].map((prefix) => route(prefix));
const changed = (item: Route): Route => ({
  ...item,
  med: 70,
  asPathPrepend: 2,
  communities: communities('65535:65281', 'large:64512:1:2'),
});

/** Every promise of an announcer, before one kind of gobgpd. */
function contract(name: string, prepare: (gobgp: FakeGobgp) => void): void {
  installerContract(
    `gobgp: ${name}`,
    async () => {
      const desk = newDesk(t, {prepare});
      return {
        installer: desk.announcer,
        items,
        changed,
        holds: () => desk.gobgp.ours() as Route['prefix'][],
        changes: () => desk.gobgp.changes.length,
        ready: () => desk.quiet(),
        quiet: () => desk.quiet(),
        end: () => desk.end(),
      };
    },
    {keeps: true},
  );
}

const direct = [{address: 'fd00::9', isUp: true}];

contract('with neighbors', (gobgp) => {
  gobgp.neighbors = direct;
});
contract('beside a large table', (gobgp) => {
  gobgp.neighbors = direct;
  gobgp.others = 900_000;
});
contract('beside paths of others to the same prefixes', (gobgp) => {
  gobgp.neighbors = direct;
  for (const {prefix} of items) gobgp.add(prefix, {neighbor: '10.0.0.9', attributes: {aspath: '65002'}});
});
