import t from 'tap';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, ServiceName} from '../../agent/types.js';
import {Report} from '../../agent/watchdog/report.js';

const [a, b] = [parsePrefix('192.0.2.1'), parsePrefix('192.0.2.2')];
const announced = (prefix: typeof a, to = 'frr'): AgentEvent => ({
  kind: 'route-announced',
  prefix,
  to,
  nextHop: null,
  owners: [],
});
const withdrawn = (prefix: typeof a, to = 'frr'): AgentEvent => ({
  kind: 'route-withdrawn',
  prefix,
  to,
  owners: [],
});
const note = (level: 'info' | 'warn' | 'error', message: string): AgentEvent => ({
  kind: 'note',
  level,
  message,
  fields: {},
});

function round(before: {announced?: Record<string, string[]>; said?: string[]} = {}) {
  const heard: string[] = [];
  const report = new Report({
    announced: {},
    said: [],
    ...before,
    say: (kind, event) => heard.push(`${kind}: ${event.kind}${'prefix' in event ? ` ${event.prefix}` : ''}`),
  });
  return {heard, report};
}

t.test('an announcement is told once, over all rounds, until it is withdrawn', async (t) => {
  const {heard, report} = round({announced: {frr: ['192.0.2.1/32']}});
  for (const event of [announced(a), announced(b), announced(a, 'kernel'), announced(b)]) report.take(event);
  t.same(heard.splice(0), [`change: route-announced ${b}`, `change: route-announced ${a}`]);
  for (const event of [withdrawn(a), announced(a)]) report.take(event);
  t.same(heard, [`change: route-withdrawn ${a}`, `change: route-announced ${a}`]);
  t.same(report.announced, {frr: [a, b], kernel: [a]});
  t.same([report.isAnnounced('frr', b), report.isAnnounced('bird', b)], [true, false]);
});

t.test('a complaint is told once as long as it holds', async (t) => {
  const failed: AgentEvent = {kind: 'route-failed', prefix: a, to: 'frr', reason: 'no bgpd'};
  const first = round();
  for (const event of [failed, failed, note('warn', 'odd'), note('info', 'FRR answers')])
    first.report.take(event);
  t.same(first.heard, [`complaint: route-failed ${a}`, 'complaint: note']);
  const second = round({said: [...first.report.said]});
  for (const event of [failed, note('error', 'worse')]) second.report.take(event);
  t.same(second.heard, ['complaint: note'], 'only what is new');
  const third = round({said: [...second.report.said]});
  third.report.take(note('warn', 'odd'));
  t.same(third.heard, ['complaint: note'], 'what came again is new');
});

t.test('states and addresses are changes', async (t) => {
  const {heard, report} = round();
  const service = 'web' as ServiceName;
  report.take({kind: 'service-state', service, from: 'up', to: 'down', reason: 'gone'});
  report.take({kind: 'address-removed', prefix: a, interface: 'lo'});
  report.take({kind: 'address-failed', prefix: a, interface: 'lo', reason: 'denied'});
  t.same(heard, ['change: service-state', `change: address-removed ${a}`, `complaint: address-failed ${a}`]);
});
