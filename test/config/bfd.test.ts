import t from 'tap';
import {diffConfig, lines} from '../../agent/config/diff.js';
import {printConfig} from '../../agent/config/print.js';
import type {PeerConfig} from '../../agent/config/types.js';
import {configOf, fakeCheckTypes} from './fixture.js';

const main = (peers: string, above = '') => `bgp:\n  local_as: 64512\n${above}  peers:\n${peers}`;
const peersOf = (text: string): readonly PeerConfig[] => configOf({main: text}).bgp?.peers ?? [];

const defaults = {
  receiveIntervalMs: 300,
  transmitIntervalMs: 300,
  detectMultiplier: 3,
  passive: false,
  graceful: false,
  strict: false,
  authentication: null,
};

t.test('true is all defaults; single hop or multihop follows the peer', (t) => {
  const peers = peersOf(
    main(`
    - {address: 10.0.0.1, remote_as: 64601, bfd: true}
    - {address: 10.0.0.2, remote_as: 64601, bfd: true, multihop: true}
    - {address: 10.0.0.3, remote_as: internal, bfd: true}
    - {address: 10.0.0.4, remote_as: 64601, multihop: 1, bfd: {mode: single, passive: true}}
    - {address: 10.0.0.5, remote_as: 64601, multihop: true, bfd: {minimum_ttl: 250}}
    - {address: 10.0.0.6, remote_as: 64601}
`),
  );
  t.same(
    peers.map(({bfd}) => bfd),
    [
      {...defaults, mode: 'single', minimumTtl: 255},
      {...defaults, mode: 'multihop', minimumTtl: 1},
      {...defaults, mode: 'multihop', minimumTtl: 1},
      {...defaults, mode: 'single', minimumTtl: 255, passive: true},
      {...defaults, mode: 'multihop', minimumTtl: 250},
      undefined,
    ],
  );
  t.end();
});

t.test('what stands above for all may stand in one, key by key', (t) => {
  const peers = peersOf(
    main(
      `
    - {address: 10.0.0.1, remote_as: 64601}
    - {address: 10.0.0.2, remote_as: 64601, bfd: {transmit_interval: 50ms}}
    - {address: 10.0.0.3, remote_as: 64601, bfd: false}
    - {address: 10.0.0.4, remote_as: 64601, bfd: true}
`,
      '  bfd: {receive_interval: 100ms, transmit_interval: 200ms, detect_multiplier: 5}\n',
    ),
  );
  const above = {receiveIntervalMs: 100, transmitIntervalMs: 200, detectMultiplier: 5};
  t.match(
    peers.map(({bfd}) => bfd),
    [above, {...above, transmitIntervalMs: 50}, undefined, above],
  );
  t.end();
});

t.test('printed, it reads again to the same', (t) => {
  const config = configOf({
    main: main(`
    - {address: 10.0.0.1, remote_as: 64601, bfd: {passive: true, transmit_interval: 50ms}}
    - {address: 10.0.0.2, remote_as: 64601, multihop: true, bfd: {minimum_ttl: 250, detect_multiplier: 5}}
`),
  });
  const again = configOf({main: printConfig(config, fakeCheckTypes)});
  t.same(
    again.bgp?.peers.map(({bfd}) => bfd),
    config.bgp?.peers.map(({bfd}) => bfd),
  );
  t.end();
});

t.test('a change leaves the BGP session alone, and says what is different', (t) => {
  const one = (bfd: string) =>
    configOf({main: main(`    - {name: r1, address: 10.0.0.1, remote_as: 64601${bfd}}\n`)});
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['', ', bfd: true', /r1.*bfd off -> single, 300ms × 3/],
    [
      ', bfd: true',
      ', bfd: {transmit_interval: 50ms}',
      /bfd single, 300ms × 3 -> single, 50ms and 300ms × 3/,
    ],
    [', bfd: true', ', bfd: {mode: multihop, minimum_ttl: 9}', /-> multihop, 300ms × 3, minimum TTL 9/],
    [', bfd: {passive: true}', '', /bfd single, passive, 300ms × 3 -> off/],
  ];
  for (const [from, to, said] of cases) {
    const diff = diffConfig(one(from), one(to));
    t.match(lines(diff).join('\n'), said);
    t.notMatch(lines(diff).join('\n'), /session|restart|bounce/);
  }
  t.end();
});

t.test('authentication: a password or its file, which is printed by its name only', (t) => {
  const config = configOf({
    main: main(
      `
    - {address: 10.0.0.1, remote_as: 64601}
    - {address: 10.0.0.2, remote_as: 64601, bfd: {strict: true, authentication: {type: simple, password: hunter2}}}
    - {address: 10.0.0.3, remote_as: 64601, bfd: {authentication: false}}
`,
      '  bfd: {authentication: {type: meticulous-keyed-sha1, key_id: 7, password_file: bfd.key}}\n',
    ),
    secrets: {'/etc/eip-health/bfd.key': 'swordfish\n'},
  });
  const peers = config.bgp?.peers ?? [];
  t.match(
    peers.map(({bfd}) => bfd?.authentication),
    [{type: 'meticulous-keyed-sha1', keyId: 7}, {type: 'simple', keyId: 1, file: null}, null],
  );
  t.same(
    peers.map(({bfd}) => [bfd?.strict, bfd?.authentication?.secret.reveal()]),
    [
      [false, 'swordfish'],
      [true, 'hunter2'],
      [false, undefined],
    ],
  );
  const printed = printConfig(config, fakeCheckTypes);
  t.notMatch(printed, /hunter2|swordfish/);
  t.match(printed, /# bfd\.authentication: not shown/);
  t.match(printed, /type: meticulous-keyed-sha1\n *key_id: 7\n *password_file: .*bfd\.key/);
  t.notMatch(JSON.stringify(config), /hunter2|swordfish/);
  const again =
    configOf({main: printed, secrets: {'/etc/eip-health/bfd.key': 'swordfish\n'}}).bgp?.peers ?? [];
  t.match(
    again.map(({bfd}) => [bfd?.strict, bfd?.authentication?.keyId]),
    [
      [false, 7],
      [true, undefined],
      [false, undefined],
    ],
  );
  t.end();
});

t.test('another password is told without it', (t) => {
  const one = (password: string) =>
    configOf({
      main: main(
        `    - {name: r1, address: 10.0.0.1, remote_as: 64601, bfd: {authentication: {type: simple, password: ${password}}}}\n`,
      ),
    });
  const said = lines(diffConfig(one('hunter2'), one('hunter3'))).join('\n');
  t.match(said, /r1.*bfd password changed/);
  t.notMatch(said, /hunter|session/);
  t.same(lines(diffConfig(one('hunter2'), one('hunter2'))), ['nothing changed']);
  const none = configOf({main: main('    - {name: r1, address: 10.0.0.1, remote_as: 64601, bfd: true}\n')});
  t.match(
    lines(diffConfig(none, one('hunter2'))).join('\n'),
    /bfd single, 300ms × 3 -> single, 300ms × 3, simple with password 1/,
  );
  t.end();
});
