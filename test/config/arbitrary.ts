/** Random sound configurations, as the plain data of their YAML. */

import fc from 'fast-check';

const maybe = <T>(key: string, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc
    .option(value, {nil: undefined})
    .map((chosen) => (chosen === undefined ? {} : {[key]: chosen})) as fc.Arbitrary<Record<string, T>>;

const merged = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.tuple(...parts).map((chosen) => Object.assign({}, ...chosen));

const u32 = fc.nat(0xffff_ffff);
const seconds = fc.integer({min: 1, max: 1_000_000}).map((ms) => `${ms}ms`);
const byte = fc.nat(255);
const community = fc.oneof(
  fc.constantFrom('no-export', 'blue', 'graceful-shutdown', 'local-as'),
  fc.tuple(fc.nat(65_535), fc.nat(65_535)).map((parts) => parts.join(':')),
  fc.tuple(u32, u32, u32).map((parts) => `large:${parts.join(':')}`),
);
const text = fc.string({unit: 'grapheme', minLength: 1, maxLength: 20});

const attributes = merged(
  maybe(
    'next_hop',
    fc.constantFrom('self', '172.16.9.9', {ipv6: 'fd00::9'}, {ipv4: '172.16.9.9', ipv6: 'self'}),
  ),
  maybe('med', u32),
  maybe('local_preference', u32),
  maybe('communities', fc.array(community, {maxLength: 4})),
  maybe('as_path_prepend', fc.nat(64)),
);

const announce = fc.oneof(
  merged(
    attributes,
    maybe('peers', fc.subarray(['r1', 'r2'], {minLength: 1})),
    maybe('aggregate', fc.nat(32)),
  ),
  fc.tuple(attributes, attributes).map(([a, b]) => [
    {...a, peers: ['r1']},
    {...b, peers: 'r2', aggregate: {ipv4: 24, ipv6: 64}},
  ]),
  fc.tuple(attributes, attributes).map(([a, b]) => [a, {...b, aggregate: 24}]),
);

/** Timing that keeps to the rules: what is written is no longer than the interval. */
const timing = fc
  .tuple(fc.integer({min: 10, max: 100_000}), fc.nat(100), fc.nat(100), fc.boolean())
  .chain(([interval, timeout, fast, isScheduled]) =>
    merged(
      fc.constant(isScheduled ? {schedule: '*/5 * * * *'} : {interval: `${interval}ms`}),
      maybe('timeout', fc.constant(`${Math.max(10, Math.floor((interval * timeout) / 100))}ms`)),
      maybe('fast_interval', fc.constant(`${Math.max(10, Math.floor((interval * fast) / 100))}ms`)),
      maybe('rise', fc.integer({min: 1, max: 9})),
      maybe('fall', fc.integer({min: 1, max: 9})),
      maybe('on_error', fc.constantFrom('fail', 'hold')),
      maybe('error_limit', seconds),
    ),
  );

const check = fc.oneof(
  merged(
    fc.constant({type: 'http', url: 'http://127.0.0.1:8080/healthz'}),
    maybe('expect_status', fc.oneof(fc.integer({min: 100, max: 599}), fc.constant('200-299,404'))),
    maybe('method', fc.constantFrom('GET', 'HEAD')),
  ),
  fc.integer({min: 1, max: 65_535}).map((port) => ({type: 'tcp', host: '127.0.0.1', port})),
  fc.oneof(text, fc.array(text, {minLength: 1, maxLength: 3})).map((command) => ({type: 'script', command})),
);

const window = fc
  .tuple(
    fc.constantFrom('0 3 * * sun', '30 0 3 1,15 * *', '@daily'),
    fc.integer({min: 1000, max: 80_000_000}),
  )
  .map(([schedule, ms]) => ({schedule, for: `${ms}ms`}));

const checks = fc.oneof(
  fc.tuple(check, timing).map(([one, own]) => ({check: one, ...own})),
  fc
    .tuple(check, check, timing, timing, fc.constantFrom('all', 'any', 1, 2))
    .map(([a, b, first, second, require]) => ({
      checks: [
        {...a, ...first, name: 'first'},
        {...b, ...second, name: 'second'},
      ],
      require,
    })),
);

const service = (index: number): fc.Arbitrary<Record<string, unknown>> =>
  merged(
    fc.tuple(byte, fc.boolean(), fc.boolean()).map(([last, isDual, isShort]) => ({
      name: `service-${index}`,
      prefixes: [
        `10.${index}.${last}.1`,
        ...(isDual ? [`fd00:${index}::1/128`] : []),
        ...(isShort ? [`10.${100 + index}.0.0/16`] : []),
      ],
      ...(isShort && isDual ? {addresses: [`10.${100 + index}.0.1`]} : {}),
    })),
    checks,
    maybe('enabled', fc.boolean()),
    maybe('disable_file', fc.constantFrom('/run/web.drained', '/run//a/../b c')),
    maybe('maintenance', fc.array(window, {minLength: 1, maxLength: 2})),
    maybe('shared', fc.constantFrom('any', 'all')),
    maybe(
      'kernel',
      merged(
        maybe('addresses', fc.constantFrom('when_up', 'always', 'never')),
        maybe('routes', fc.boolean()),
      ),
    ),
    maybe('drain', fc.oneof(seconds, merged(fc.constant({for: '1s'}), attributes))),
    maybe('announce', announce),
    maybe('when_degraded', attributes),
    maybe(
      'when_down',
      fc.oneof(fc.constant('withdraw'), merged(maybe('from_start', fc.boolean()), attributes)),
    ),
  );

const peer = (name: string, address: string): fc.Arbitrary<Record<string, unknown>> =>
  merged(
    fc.constant({name, address}),
    fc
      .oneof(fc.constantFrom('internal', 'external', '1.10'), fc.integer({min: 24_000, max: 0xffff_ffff}))
      .map((remote) => ({
        remote_as: remote,
      })),
    maybe('port', fc.integer({min: 1, max: 65_535})),
    maybe('multihop', fc.oneof(fc.boolean(), fc.integer({min: 1, max: 255}))),
    maybe('families', fc.subarray(['ipv4', 'ipv6'], {minLength: 1})),
    maybe('hold_time', fc.oneof(fc.constant(0), fc.integer({min: 3, max: 65_535}))),
    maybe('local_as', fc.integer({min: 24_000, max: 0xffff_ffff})),
    maybe('local_address', fc.constantFrom('172.16.0.8', 'fd01::8')),
    maybe('password_file', fc.constantFrom('a.key', '/etc/keys/b.key')),
  );

const main = merged(
  maybe(
    'router_id',
    fc.tuple(fc.integer({min: 1, max: 223}), byte, byte, byte).map((octets) => octets.join('.')),
  ),
  maybe('state_dir', fc.constantFrom('/var/lib/x', 'state', '../# odd: name')),
  fc.constant({
    allow: ['10.0.0.0/8', 'fd00::/8', {prefix: '0.0.0.0/0', ge: 0}, {prefix: '::/0', ge: 64, le: 64}],
  }),
  maybe('on_stop', fc.constantFrom('withdraw', 'keep')),
  maybe('on_crash', fc.constantFrom('withdraw', 'adopt')),
  maybe('settle_timeout', seconds),
  maybe('max_running_checks', fc.integer({min: 1, max: 65_535})),
  maybe(
    'log',
    merged(
      maybe('level', fc.constantFrom('debug', 'silent')),
      maybe('format', fc.constantFrom('json', 'pretty')),
    ),
  ),
  fc
    .record({
      interface: fc.constantFrom('lo', 'dummy0'),
      routes: fc.boolean(),
      table: fc.integer({min: 1, max: 0xffff_ffff}),
    })
    .map((kernel) => ({kernel})),
  fc
    .tuple(
      merged(
        fc.constant({local_as: 64_512, communities: {blue: '64512:100'}}),
        maybe('local_address', fc.constantFrom('172.16.0.7', 'fd01::7')),
        maybe('hold_time', fc.integer({min: 3, max: 65_535})),
        maybe(
          'connect_retry',
          seconds.filter((text) => Number.parseInt(text, 10) >= 100),
        ),
        maybe('password_file', fc.constant('common.key')),
      ),
      peer('r1', '172.16.0.1'),
      peer('r2', 'fd01::1'),
    )
    .map(([bgp, r1, r2]) => ({bgp: {...bgp, peers: [r1, r2]}})),
);

export interface PlainConfig {
  readonly main: Record<string, unknown>;
  readonly services: readonly Record<string, unknown>[];
}

/** Sound by the rules, save perhaps for warnings. */
export const plainConfig: fc.Arbitrary<PlainConfig> = fc.record({
  main,
  services: fc
    .integer({min: 0, max: 3})
    .chain((count) => fc.tuple(...Array.from({length: count}, (_, i) => service(i)))),
});
