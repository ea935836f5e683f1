import t from 'tap';
import {createCompat} from '../../agent/events/compat.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, ServiceName, Settled} from '../../agent/types.js';
import {result} from '../fake/config.js';

const web = 'web' as ServiceName;
const owners = [web];
const four = parsePrefix('192.0.2.1');
const six = parsePrefix('2001:db8::1');

const announced = (prefix = four, to = 'frr'): AgentEvent => ({
  kind: 'route-announced',
  prefix,
  to,
  nextHop: null,
  owners,
});
const withdrawn = (prefix = four, to = 'frr'): AgentEvent => ({kind: 'route-withdrawn', prefix, to, owners});
const state = (to: Settled): AgentEvent => ({
  kind: 'service-state',
  service: web,
  from: 'unknown',
  to,
  reason: 'x',
});
const counted = (...counts: number[]): AgentEvent => ({
  kind: 'check-result',
  service: web,
  check: 'ipvs',
  result: {
    ...result('pass'),
    details: {source: '/proc/net/ip_vs', services: counts.map((count) => ({name: 'TCP', counted: count}))},
  },
});
const ended = (peer: string): AgentEvent => ({
  kind: 'peer-state',
  peer,
  from: 'established',
  to: 'idle',
  reason: null,
});

function watch() {
  const compat = createCompat();
  return (...events: AgentEvent[]): string[] =>
    events.flatMap((event) => {
      compat.note(event);
      return compat.linesOf(event).map(({tag, text}) => `${tag}: ${text}`);
    });
}

t.test('realservers go and come: the lines of the document', async (t) => {
  const lines = watch();
  t.same(lines(counted(2), state('up'), announced(four), announced(six)), [
    'vip_watchdog: more than 1 realservers available behind 192.0.2.1 > add route',
    'bgp_mgt: Adding route to 192.0.2.1/32',
    'vip_watchdog: more than 1 realservers available behind 2001:db8::1 > add route',
    'bgp_mgt: Adding route to 2001:db8::1/128',
  ]);
  t.same(lines(counted(2, 0), state('down'), withdrawn(four), withdrawn(six)), [
    'vip_watchdog: 0 realservers available behind 192.0.2.1 > delete route',
    'bgp_mgt: Deleting route to 192.0.2.1/32',
    'vip_watchdog: 0 realservers available behind 2001:db8::1 > delete route',
    'bgp_mgt: Deleting route to 2001:db8::1/128',
  ]);
  t.same(lines(counted(1), state('degraded'), announced(four)).length, 2);
  t.same(lines(counted(), state('down'), withdrawn(four)), [
    'vip_watchdog: 0 realservers available behind 192.0.2.1 > delete route',
    'bgp_mgt: Deleting route to 192.0.2.1/32',
  ]);
});

t.test('what a person takes out and lets in is of no realserver', async (t) => {
  const lines = watch();
  lines(counted(2), state('up'), announced());
  t.same(lines(withdrawn(), counted(2), announced()), [
    'bgp_mgt: Deleting route to 192.0.2.1/32',
    'bgp_mgt: Adding route to 192.0.2.1/32',
  ]);
});

t.test('a service of other checks has no realservers', async (t) => {
  const lines = watch();
  t.same(lines(state('up'), announced(), state('down'), withdrawn()), [
    'bgp_mgt: Adding route to 192.0.2.1/32',
    'bgp_mgt: Deleting route to 192.0.2.1/32',
  ]);
});

t.test('nothing is said of realservers that could not be counted', async (t) => {
  const lines = watch();
  lines(counted(2), state('up'), announced());
  const failed: AgentEvent = {kind: 'check-result', service: web, check: 'ipvs', result: result('error')};
  const other: AgentEvent = {kind: 'check-result', service: web, check: 'http', result: result('pass')};
  t.same(lines(failed, state('down'), withdrawn()), ['bgp_mgt: Deleting route to 192.0.2.1/32']);
  t.equal(lines(counted(2), other, state('up'), announced()).length, 2, 'another check has none to count');
});

t.test('one line a route, however many have it', async (t) => {
  const lines = watch();
  t.same(lines(announced(four, 'kernel'), announced(four, 'r1'), announced(four, 'r2')).length, 1);
  t.same(lines(withdrawn(four, 'r1')), []);
  t.same(lines(withdrawn(four, 'r2')), ['bgp_mgt: Deleting route to 192.0.2.1/32']);
  t.same(lines(withdrawn(four, 'kernel')), []);
  t.same(
    lines(announced(four, 'kernel'), withdrawn(four, 'kernel')).length,
    2,
    'where only the kernel has it',
  );
});

t.test('a session that ends is no change of a route', async (t) => {
  const lines = watch();
  lines(announced(four, 'r1'), announced(four, 'r2'));
  t.same(lines(ended('r1')), []);
  t.same(lines(withdrawn(four, 'r2')), ['bgp_mgt: Deleting route to 192.0.2.1/32']);
  lines(announced(four, 'r1'));
  t.same(lines(ended('r1'), announced(four, 'r1')), []);
});

t.test('a withdrawal of what an earlier process announced', async (t) => {
  const lines = watch();
  t.same(lines(counted(0), state('down'), withdrawn()), [
    'vip_watchdog: 0 realservers available behind 192.0.2.1 > delete route',
    'bgp_mgt: Deleting route to 192.0.2.1/32',
  ]);
});
