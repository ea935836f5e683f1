import t from 'tap';
import {buildStatus, type StatusInput} from '../../agent/events/status.js';
import type {ServiceName} from '../../agent/types.js';
import {
  checkState,
  dns,
  largeInput,
  route,
  sampleInput,
  serviceConfig,
  serviceState,
  snapshot,
  web,
  web6,
} from './status-sample.js';

const nobody = {state: 'enabled', by: null, at: null, until: null, reason: null, drain_until: null};

t.test('the shape that scripts depend on', async (t) => {
  t.strictSame(JSON.parse(JSON.stringify(buildStatus(sampleInput))), {
    schema: 1,
    version: '0.1.0',
    mode: 'run',
    router_id: '10.0.240.156',
    since: '2026-01-01T08:00:00.000Z',
    at: '2026-01-01T12:00:00.000Z',
    config: {loaded_at: '2026-01-01T08:00:00.000Z', errors: []},
    services: [
      {
        name: 'web',
        state: 'up',
        admin: {state: 'enabled', by: null, at: null, until: null, reason: null},
        since: '2026-01-01T08:48:00.000Z',
        reason: 'up for a reason',
        prefixes: ['192.168.0.16/32', 'fda4:5ff2:8477:1755::/128'],
        checks: [
          {
            name: 'http',
            type: 'http',
            state: 'up',
            verdict: 'pass',
            reason: '200 OK in 3 ms',
            at: '2026-01-01T11:59:58.500Z',
            duration_ms: 3.257,
            run: 4,
            rise: 3,
            fall: 2,
            missed: 0,
          },
        ],
      },
      {
        name: 'dns',
        state: 'down',
        admin: {state: 'enabled', by: null, at: null, until: null, reason: null},
        since: '2026-01-01T11:59:48.000Z',
        reason: 'down for a reason',
        prefixes: ['192.168.0.17/32'],
        checks: [
          {
            name: 'http',
            type: 'http',
            state: 'down',
            verdict: 'fail',
            reason: 'connect ECONNREFUSED 127.0.0.1:8080',
            at: '2026-01-01T11:59:58.500Z',
            duration_ms: 3.257,
            run: -2,
            rise: 3,
            fall: 2,
            missed: 0,
          },
        ],
      },
    ],
    routes: [
      {
        prefix: '192.168.0.16/32',
        wanted: true,
        owners: ['web'],
        announcers: {
          kernel: {address: 'installed', route: 'not-wanted'},
          bgp: {
            'nrec-1': {state: 'announced', next_hop: '10.0.240.156', med: 100},
            'nrec-2': {state: 'announced', next_hop: '10.0.240.156', med: 100},
          },
        },
        reasons: {},
      },
      {
        prefix: '192.168.0.17/32',
        wanted: false,
        owners: ['dns'],
        announcers: {
          kernel: {address: 'withdraw-pending', route: 'not-wanted'},
          bgp: {'nrec-1': {state: 'withdraw-pending', next_hop: null, med: null}},
        },
        reasons: {},
      },
      {
        prefix: 'fda4:5ff2:8477:1755::/128',
        wanted: true,
        owners: ['web'],
        announcers: {
          kernel: {address: 'installed', route: 'not-wanted'},
          bgp: {
            'nrec-1': {state: 'announced', next_hop: 'fd00::156', med: 100},
            'nrec-2': {state: 'no-next-hop', next_hop: null, med: 100},
          },
        },
        reasons: {bgp: 'nrec-2: no global IPv6 address on eth0'},
      },
    ],
    peers: [
      {
        name: 'nrec-1',
        address: '10.255.255.1',
        remote_as: 65535,
        state: 'established',
        admin: nobody,
        since: '2026-01-01T08:00:00.000Z',
        bfd: null,
        bfd_reason: null,
        graceful_restart: null,
        announced: 2,
        received: 0,
        last_error: null,
      },
      {
        name: 'nrec-2',
        address: '10.255.255.2',
        remote_as: null,
        state: 'active',
        admin: nobody,
        since: '2026-01-01T11:59:55.000Z',
        bfd: null,
        bfd_reason: null,
        graceful_restart: null,
        announced: 0,
        received: 0,
        last_error: 'connect ECONNREFUSED 10.255.255.2:179',
      },
    ],
    load: {running: 1, waiting: 0},
  });
});

t.test('before the first run everything about it is null', async (t) => {
  const state = serviceState('web', 'unknown', 0, [
    {name: 'http', settled: 'unknown', run: null, errorSince: null, last: null, missed: 0},
  ]);
  const {services} = buildStatus({...sampleInput, services: [{config: serviceConfig('web', [web]), state}]});
  t.match(services[0]?.checks[0], {
    state: 'unknown',
    verdict: null,
    reason: null,
    at: null,
    duration_ms: null,
    run: null,
    missed: 0,
  });
});

t.test('a run of degraded results counts as successes', async (t) => {
  const state = serviceState('web', 'degraded', 0, [checkState('degraded', 'degraded', 3, 'slow')]);
  const {services} = buildStatus({...sampleInput, services: [{config: serviceConfig('web', [web]), state}]});
  t.equal(services[0]?.checks[0]?.run, 3);
});

t.test('only errors of the configuration are listed, warnings are not', async (t) => {
  const problem = {file: '/etc/x.yaml', line: 3, column: 7, message: 'no', scope: 'service'} as const;
  const {config} = buildStatus({
    ...sampleInput,
    config: {
      loadedAt: 0,
      errors: [
        {...problem, severity: 'error'},
        {...problem, severity: 'warning'},
      ],
    },
  });
  t.strictSame(config.errors, [{file: '/etc/x.yaml', line: 3, column: 7, message: 'no'}]);
});

t.test('routes: what is planned and what is still held, nothing else', async (t) => {
  const input: StatusInput = {
    ...sampleInput,
    plan: {addresses: [{prefix: dns, owners: ['dns' as ServiceName]}], routes: []},
    kernelAddresses: snapshot([
      [web, 'not-wanted'],
      [web6, 'withdraw-pending'],
      [dns, 'pending'],
    ]),
    announcers: [
      {name: 'kernel', snapshot: snapshot([[web6, 'failed']], [[web6, 'EPERM']])},
      {name: 'bgp', snapshot: snapshot([[web, {a: {state: 'not-wanted'}}]])},
    ],
  };
  t.strictSame(buildStatus(input).routes, [
    {
      prefix: dns,
      wanted: false,
      owners: ['dns'],
      announcers: {kernel: {address: 'pending', route: 'not-wanted'}},
      reasons: {},
    },
    {
      prefix: web6,
      wanted: false,
      owners: ['web'],
      announcers: {kernel: {address: 'withdraw-pending', route: 'failed'}},
      reasons: {kernel: 'EPERM'},
    },
  ]);
});

t.test('two routes of one prefix are one row of all owners', async (t) => {
  const {routes} = buildStatus({
    ...sampleInput,
    plan: {addresses: [], routes: [route(web, 'web'), route(web, 'dns')]},
    kernelAddresses: null,
    announcers: [{name: 'bird', snapshot: snapshot([[web, 'installed']], [[web, 'slow']])}],
  });
  t.strictSame(routes, [
    {
      prefix: web,
      wanted: true,
      owners: ['dns', 'web'],
      announcers: {bird: 'installed'},
      reasons: {bird: 'slow'},
    },
  ]);
});

t.test('many prefixes come sorted, IPv4 first', async (t) => {
  const prefixes = buildStatus(largeInput(300)).routes.map(({prefix}) => prefix);
  t.equal(prefixes.length, 600);
  t.strictSame(
    [prefixes[0], prefixes[9], prefixes[299], prefixes[300], prefixes[599]],
    ['192.0.2.0/32', '192.0.2.9/32', '192.0.3.49/32', '2001:db8::1/128', '2001:db8::12c/128'],
  );
});
