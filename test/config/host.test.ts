import t from 'tap';
import {checkAgainstHost, chooseRouterId, missingRouterId} from '../../agent/config/host.js';
import {formatProblem} from '../../agent/config/report.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {InterfaceAddress} from '../../agent/types.js';
import {configOf} from './fixture.js';

function on(name: string, written: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress {
  const [address = '', length = ''] = written.split('/');
  return {
    interface: name,
    address: parseAddress(address),
    length: Number(length),
    scope: name === 'lo' ? 'host' : 'global',
    tentative: false,
    deprecated: false,
    temporary: false,
    loopback: name === 'lo',
    up: true,
    ...more,
  };
}

const host = [
  on('lo', '127.0.0.1/8'),
  on('eth0', '10.0.0.5/24'),
  on('eth0', '2001:db8::5/64'),
  on('lo', '::1/128'),
];

function bgp(peer: string, more = ''): string {
  return `bgp:\n  local_as: 64512\n${more}  peers:\n    - {name: r1, ${peer}}\n`;
}

t.test('an eBGP peer needs a connected network or multihop', (t) => {
  const cases: [string, boolean][] = [
    ['address: 10.0.0.1, remote_as: 64601', true],
    ['address: 10.0.1.1, remote_as: 64601', false],
    ['address: 10.0.1.1, remote_as: external', false],
    ['address: 10.0.1.1, remote_as: 64601, multihop: true', true],
    ['address: 10.0.1.1, remote_as: 64512', true],
    ['address: 10.0.1.1, remote_as: internal', true],
    ['address: "2001:db8::1", remote_as: 64601', true],
    ['address: "2001:db8:0:1::1", remote_as: 64601', false],
    ['address: 127.0.0.9, remote_as: 64601', true],
  ];
  for (const [peer, isFine] of cases) {
    const problems = checkAgainstHost(configOf({main: bgp(peer)}), host);
    const column = peer.indexOf('address: ') + 'address: '.length + '    - {name: r1, '.length + 1;
    const expected = isFine
      ? []
      : [
          `/etc/eip-health/eip-health.yaml:4:${column}: error: peer r1: ${/address: "?([^",]+)/.exec(peer)?.[1]} is on no network that this host is connected to: write \`multihop: true\``,
        ];
    t.same(problems.map(formatProblem), expected, peer);
  }
  t.end();
});

t.test('a local address that the host does not have is a warning', (t) => {
  const peer = 'address: 10.0.0.1, remote_as: 64601';
  t.same(checkAgainstHost(configOf({main: bgp(peer, '  local_address: 10.0.0.5\n')}), host), []);
  t.match(checkAgainstHost(configOf({main: bgp(peer, '  local_address: 10.0.0.6\n')}), host), [
    {severity: 'warning', message: 'peer r1: this host does not have the local address 10.0.0.6'},
  ]);
  t.same(
    checkAgainstHost(configOf({main: bgp(peer, '  local_address6: "2001:db8::77"\n')}), host),
    [],
    'the other family’s is only a next hop',
  );
  t.end();
});

t.test('without a speaker there is nothing to ask', (t) => {
  t.same(checkAgainstHost(configOf({main: 'kernel: {}'}), []), []);
  t.end();
});

t.test('the router id', (t) => {
  const peer = 'address: 10.0.0.1, remote_as: 64601';
  const kept = parseAddress('10.9.9.9');
  const check = 'check: {type: tcp, host: 127.0.0.1, port: 80}';
  const files = {
    'web.yaml': `prefixes: [9.0.0.1, 8.0.0.0/24]\naddresses: [8.0.0.1]\n${check}`,
  };
  const main = `allow: [0.0.0.0/0]\n${bgp(peer)}`;
  t.equal(chooseRouterId(configOf({main: `router_id: 1.1.1.1\n${bgp(peer)}`}), host, kept), '1.1.1.1');
  t.equal(chooseRouterId(configOf({main: bgp(peer, '  local_address: 10.0.0.5\n')}), host, kept), '10.0.0.5');
  t.equal(
    chooseRouterId(configOf({main: bgp(peer, '  local_address: "2001:db8::5"\n')}), host, kept),
    '10.9.9.9',
  );
  t.equal(chooseRouterId(configOf({main}), host, kept), '10.9.9.9');
  t.equal(chooseRouterId(configOf({main}), host, null), '10.0.0.5');
  const many = [
    on('eth1', '100.0.0.1/24'),
    on('eth0', '20.0.0.1/24'),
    on('lo', '5.0.0.1/32', {scope: 'global'}),
    on('eth0', '9.0.0.1/32'),
    on('eth0', '8.0.0.1/32'),
    on('eth0', '169.254.0.1/16', {scope: 'link'}),
  ];
  t.equal(
    chooseRouterId(configOf({main, files}), many, null),
    '20.0.0.1',
    'the lowest number that is global, not on loopback and not ours',
  );
  t.equal(chooseRouterId(configOf({main}), [on('lo', '127.0.0.1/8')], null), null);
  t.match(missingRouterId(configOf({main})), {
    severity: 'error',
    scope: 'main',
    line: 0,
    message: /write `router_id/,
  });
  t.end();
});
