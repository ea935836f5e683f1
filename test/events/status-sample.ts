/** A host as `status` sees it: two services, two peers, one of them away. */

import type {CheckConfig, ServiceConfig} from '../../agent/config/types.js';
import type {StatusInput} from '../../agent/events/status.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {
  AnnouncerSnapshot,
  CheckState,
  Json,
  Prefix,
  Route,
  ServiceName,
  ServiceState,
  Settled,
  Verdict,
} from '../../agent/types.js';

export const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const hour = 3_600_000;

export function serviceConfig(name: string, prefixes: readonly Prefix[], checks = ['http']): ServiceConfig {
  return {
    name: name as ServiceName,
    file: `/etc/eip-health/conf.d/${name}.yaml`,
    line: 1,
    prefixes,
    addresses: prefixes,
    addressMode: 'when_up',
    kernelRoute: false,
    checks: checks.map(checkConfig),
    require: 'all',
    enabled: true,
    shared: null,
    drain: {forMs: 0, override: {}},
    announce: [],
    whenDegraded: null,
    whenDown: 'withdraw',
  };
}

function checkConfig(name: string): CheckConfig {
  return {
    name,
    type: 'http',
    options: {},
    intervalMs: 2000,
    fastIntervalMs: 500,
    schedule: null,
    timeoutMs: 1000,
    rise: 3,
    fall: 2,
    onError: 'fail',
    errorLimitMs: 300_000,
  };
}

export function checkState(settled: Settled, verdict: Verdict, length: number, reason: string): CheckState {
  const of = verdict === 'hold' || verdict === 'error' ? 'fail' : verdict;
  return {
    name: 'http',
    settled,
    run: {of, length, passes: of === 'pass' ? length : 0, degraded: of === 'degraded' ? length : 0},
    errorSince: null,
    last: {verdict, reason, startedAt: now - 1500, durationMs: 3.25678, details: {}, transcript: []},
    missed: 0,
  };
}

export function serviceState(
  name: string,
  settled: Settled,
  sinceMs: number,
  checks: readonly CheckState[],
): ServiceState {
  return {
    name: name as ServiceName,
    settled,
    admin: 'enabled',
    checks,
    since: now - sinceMs,
    reason: settled === 'unknown' ? 'not yet checked' : `${settled} for a reason`,
    wasUp: true,
  };
}

export function route(prefix: Prefix, owner: string): Route {
  return {
    prefix,
    owners: [owner as ServiceName],
    via: null,
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: false,
  };
}

export function snapshot(
  items: readonly (readonly [Prefix, Json])[],
  reasons: readonly (readonly [Prefix, string])[] = [],
): AnnouncerSnapshot {
  return {items: new Map(items), reasons: new Map(reasons)};
}

export const web = parsePrefix('192.168.0.16/32');
export const web6 = parsePrefix('fda4:5ff2:8477:1755::/128');
export const dns = parsePrefix('192.168.0.17/32');

export const sampleInput: StatusInput = {
  load: {running: 1, waiting: 0},
  version: '0.1.0',
  mode: 'run',
  routerId: '10.0.240.156',
  since: now - 4 * hour,
  now,
  config: {loadedAt: now - 4 * hour, errors: []},
  services: [
    {
      config: serviceConfig('web', [web, web6]),
      state: serviceState('web', 'up', 3 * hour + 720_000, [checkState('up', 'pass', 4, '200 OK in 3 ms')]),
    },
    {
      config: serviceConfig('dns', [dns]),
      state: serviceState('dns', 'down', 12_000, [
        checkState('down', 'fail', 2, 'connect ECONNREFUSED 127.0.0.1:8080'),
      ]),
    },
  ],
  plan: {
    addresses: [
      {prefix: web, owners: ['web' as ServiceName]},
      {prefix: web6, owners: ['web' as ServiceName]},
    ],
    routes: [route(web6, 'web'), route(web, 'web')],
  },
  kernelAddresses: snapshot([
    [web, 'installed'],
    [web6, 'installed'],
    [dns, 'withdraw-pending'],
  ]),
  announcers: [
    {
      name: 'bgp',
      snapshot: snapshot(
        [
          [web, peers('announced', 'announced', '10.0.240.156')],
          [web6, peers('announced', 'no-next-hop', 'fd00::156')],
          [dns, {'nrec-1': {state: 'withdraw-pending', next_hop: null, med: null}}],
        ],
        [[web6, 'nrec-2: no global IPv6 address on eth0']],
      ),
    },
  ],
  peers: [
    {
      name: 'nrec-1',
      address: parseAddress('10.255.255.1'),
      remoteAs: 65535,
      state: 'established',
      since: now - 4 * hour,
      announced: 2,
      received: 0,
      lastError: null,
    },
    {
      name: 'nrec-2',
      address: parseAddress('10.255.255.2'),
      remoteAs: null,
      state: 'active',
      since: now - 5_000,
      announced: 0,
      received: 0,
      lastError: 'connect ECONNREFUSED 10.255.255.2:179',
    },
  ],
};

function peers(first: string, second: string, nextHop: string): Json {
  return {
    'nrec-1': {state: first, next_hop: nextHop, med: 100},
    'nrec-2': {state: second, next_hop: second === 'announced' ? nextHop : null, med: 100},
  };
}

/** `count` services of two prefixes each, all up but the seventh and the hundredth. */
export function largeInput(count: number): StatusInput {
  const names = Array.from({length: count}, (_, i) => `service-${String(i + 1).padStart(3, '0')}`);
  const prefixes = names.map((_, i) => [
    parsePrefix(`192.0.${2 + Math.floor(i / 250)}.${i % 250}`),
    parsePrefix(`2001:db8::${(i + 1).toString(16)}`),
  ]);
  const all = prefixes.flat();
  return {
    ...sampleInput,
    services: names.map((name, i) => ({
      config: serviceConfig(name, prefixes[i] ?? []),
      state:
        i === 6
          ? serviceState(name, 'down', 40_000, [checkState('down', 'pass', 2, '200 OK in 3 ms')])
          : i === 99
            ? serviceState(name, 'up', 3 * hour, [
                checkState(
                  'up',
                  'fail',
                  1,
                  'no answer within 1 s: a reason that is so long that it never fits into a line of the screen',
                ),
              ])
            : serviceState(name, 'up', 3 * hour, [checkState('up', 'pass', 900, '200 OK in 3 ms')]),
    })),
    plan: {
      addresses: [],
      routes: names.flatMap((name, i) => (prefixes[i] ?? []).map((prefix) => route(prefix, name))),
    },
    kernelAddresses: null,
    announcers: [
      {
        name: 'bgp',
        snapshot: snapshot(
          all.map((prefix) => [prefix, peers('announced', 'peer-down', '10.0.240.156')] as const),
        ),
      },
    ],
  };
}
