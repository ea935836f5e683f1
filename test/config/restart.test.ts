import t from 'tap';
import {parseConfig} from '../../agent/config/parse.js';
import {peerChanges} from '../../agent/config/peer-diff.js';
import {printConfig} from '../../agent/config/print.js';
import type {PeerConfig} from '../../agent/config/types.js';
import {configOf} from './fixture.js';

const off = undefined;

function main(all: string, ...peers: readonly string[]): string {
  const lines = peers.map(
    (keys, i) => `    - {name: r${i + 1}, address: 10.0.0.${i + 1}, remote_as: 64601${keys}}\n`,
  );
  return `bgp:\n  local_as: 64512\n${all}  peers:\n${lines.join('')}`;
}

function peersOf(text: string): readonly PeerConfig[] {
  return configOf({main: text}).bgp?.peers ?? [];
}

function restarts(text: string): unknown[] {
  return peersOf(text).map(({gracefulRestart: restart}) =>
    restart ? `${restart.restartTimeMs} ${restart.longLivedMs}` : off,
  );
}

t.test('off by default; for all peers, or for one, key by key', (t) => {
  t.same(restarts(main('', '', ', graceful_restart: true')), [off, '30000 0']);
  t.same(
    restarts(
      main(
        '  graceful_restart: {enabled: true, restart_time: 60s, long_lived: 1h}\n',
        '',
        ', graceful_restart: false',
        ', graceful_restart: {restart_time: 5s}',
        ', graceful_restart: {long_lived: 0s}',
        ', graceful_restart: {enabled: false}',
      ),
    ),
    ['60000 3600000', off, '5000 3600000', '60000 0', off],
  );
  t.same(restarts(main('  graceful_restart: {restart_time: 60s}\n', '', ', graceful_restart: true')), [
    off,
    '60000 0',
  ]);
  t.same(
    restarts(main('  graceful_restart: true\n', ', graceful_restart: {restart_time: 0s, long_lived: 1h}')),
    ['0 3600000'],
  );
  t.end();
});

t.test('it prints as what it reads', (t) => {
  const text = main(
    '  graceful_restart: {enabled: true, long_lived: 1h}\n',
    ', bfd: {graceful: true}',
    ', graceful_restart: false',
  );
  const config = configOf({main: text});
  const printed = printConfig(config);
  t.match(printed, /graceful_restart:\n +enabled: true\n +restart_time: 30s\n +long_lived: 1h\n/);
  const again = parseConfig({main: {file: config.file ?? '', text: printed}, services: []}, () => '');
  t.same(again.problems, []);
  const kept = ({bfd, gracefulRestart}: PeerConfig) => [bfd, gracefulRestart];
  t.same(again.config?.bgp?.peers.map(kept), config.bgp?.peers.map(kept));
  t.end();
});

t.test('a change renews the session; how BFD goes down does not', (t) => {
  const one = (keys: string): PeerConfig => {
    const [peer] = peersOf(main('', keys));
    if (!peer) throw new Error('no peer');
    return peer;
  };
  const said = (from: string, to: string): unknown => {
    const change = peerChanges(one(from), one(to));
    return change && [change.bounces, ...change.changes.map(({key, what}) => `${key} ${what}`)];
  };
  t.same(said('', ', graceful_restart: true'), [true, 'graceful_restart off -> 30s']);
  t.same(
    said(', graceful_restart: true', ', graceful_restart: {enabled: true, restart_time: 1m, long_lived: 1h}'),
    [true, 'graceful_restart 30s -> 1m and 1h long-lived'],
  );
  t.equal(said(', graceful_restart: true', ', graceful_restart: {enabled: true}'), null);
  t.same(said(', graceful_restart: true, bfd: true', ', graceful_restart: true, bfd: {graceful: true}'), [
    false,
    'bfd single, 300ms × 3 -> single, 300ms × 3, graceful',
  ]);
  t.end();
});
