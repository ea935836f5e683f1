import t from 'tap';
import {
  isOurLine,
  normalLines,
  parseNetwork,
  parseRunningConfig,
} from '../../agent/control/frr-config-protocol.js';
import {parsePath, parseSummary, parseVersion} from '../../agent/control/frr-show-protocol.js';

/** As FRR 8.4.4 shows it through vtysh. */
const frr = `Building configuration...

Current configuration:
!
frr version 8.4.4
service integrated-vtysh-config
!
router bgp 64699
 bgp router-id 10.0.0.1
 neighbor 10.0.0.2 remote-as 65000
 !
 address-family ipv4 unicast
  network 192.0.2.1/32 route-map BGP1
  network 192.0.2.2/32 route-map EIP-HEALTH-abc
  network 192.0.2.3/32
  network 198.51.100.0/24 label-index 7 route-map X
 exit-address-family
 !
 address-family ipv4 multicast
  network 192.0.2.99/32
 exit-address-family
 !
 address-family ipv6 unicast
  network 2001:db8::1/128 route-map BGP1
 exit-address-family
 !
 address-family l2vpn evpn
  advertise-all-vni
 exit-address-family
exit
!
router bgp 65111 vrf blue
 !
 address-family ipv4 unicast
  network 192.0.2.77/32
 exit-address-family
exit
!
route-map BGP1 permit 10
 set as-path prepend 64699
exit
!
route-map EIP-HEALTH-abc permit 10
 set community 64512:7 no-export
 set metric 5
exit
!
end
`;

const quagga = `
Current configuration:
!
router bgp 1.10
 bgp router-id 10.0.0.1
 network 10.0.0.0
 network 172.16.0.0 mask 255.240.0.0 route-map BGP1
 network 192.0.2.1/32 route-map BGP1
 neighbor 10.0.0.2 remote-as 65000
!
 address-family ipv6
 network 2001:db8::1/128 route-map EIP-HEALTH-x
 exit-address-family
!
route-map EIP-HEALTH-x permit 10
 set metric 5
!
line vty
!
end
`;

t.test('FRR: lines of the default instance in their families, and route-maps of ours', (t) => {
  const {as, networks, routeMaps} = parseRunningConfig(frr);
  t.equal(as, '64699');
  t.same(
    [...networks.values()].map((line) => [line.prefix, line.routeMap, line.text, isOurLine(line)]),
    [
      ['192.0.2.1/32', 'BGP1', 'network 192.0.2.1/32 route-map BGP1', false],
      ['192.0.2.2/32', 'EIP-HEALTH-abc', 'network 192.0.2.2/32 route-map EIP-HEALTH-abc', true],
      ['192.0.2.3/32', null, 'network 192.0.2.3/32', false],
      ['198.51.100.0/24', 'X', 'network 198.51.100.0/24 label-index 7 route-map X', false],
      ['2001:db8::1/128', 'BGP1', 'network 2001:db8::1/128 route-map BGP1', false],
    ],
  );
  t.same(
    [...routeMaps],
    [['EIP-HEALTH-abc', ['permit 10', 'set community 64512:7 65535:65281', 'set metric 5']]],
  );
  t.end();
});

t.test('Quagga: IPv4 below the router itself, classes and masks', (t) => {
  const {as, networks, routeMaps} = parseRunningConfig(quagga);
  t.equal(as, '1.10');
  t.same([...networks.keys()], ['10.0.0.0/8', '172.16.0.0/12', '192.0.2.1/32', '2001:db8::1/128']);
  t.same([...routeMaps.keys()], ['EIP-HEALTH-x']);
  t.end();
});

t.test('a configuration without BGP, or of a VRF only', (t) => {
  for (const text of ['', 'hostname x\n', 'router bgp 65111 vrf blue\n network 192.0.2.1/32\n']) {
    const {as, networks} = parseRunningConfig(text);
    t.equal(as, null);
    t.equal(networks.size, 0);
  }
  t.end();
});

t.test('what is no network line', (t) => {
  for (const text of [
    'network',
    'network x',
    'network 300.1.1.1/32',
    'network import-check',
    'neighbor 10.0.0.1',
  ]) {
    t.equal(parseNetwork(text), null, text);
  }
  t.end();
});

t.test('route-maps that mean the same read the same', (t) => {
  t.same(
    normalLines(['set metric 5', 'set community no-export graceful-shutdown 64512:7', 'permit 10']),
    normalLines(['permit 10', 'set community 64512:7 65535:0 65535:65281', 'set metric 5']),
  );
  t.notSame(normalLines(['set community 64512:7 additive']), normalLines(['set community 64512:7']));
  t.end();
});

t.test('versions', (t) => {
  t.same(parseVersion({text: 'FRRouting 8.4.4 (vm) on Linux(6.1).\nCopyright'}), {
    dialect: 'frr',
    text: 'FRRouting 8.4.4',
  });
  t.same(parseVersion({text: 'Quagga 1.2.4 ().\n'}), {dialect: 'quagga', text: 'Quagga 1.2.4'});
  t.throws(() => parseVersion({text: 'Zebra 0.95\n'}), /neither FRR nor Quagga/);
  t.end();
});

t.test('a path, as FRR 8.4.4 has it', (t) => {
  const answer = (value: unknown) => ({command: 'show', text: JSON.stringify(value), status: 0});
  const own = {sourced: true, weight: 32768, valid: true, bestpath: {overall: true}};
  const read = (value: unknown) => parsePath(answer(value), 'frr');
  t.same(read({}), null);
  t.same(read({paths: [own], advertisedTo: {'10.0.0.2': {}}}), {
    isValid: true,
    isBest: true,
    isAdvertised: true,
  });
  t.same(read({paths: [own]}), {isValid: true, isBest: true, isAdvertised: false});
  t.same(read({paths: [{...own, valid: false, bestpath: undefined}]}), {
    isValid: false,
    isBest: false,
    isAdvertised: false,
  });
  t.same(read({paths: [{valid: true, bestpath: {overall: true}}], advertisedTo: {x: {}}}), null, 'learned');
  t.throws(
    () => parsePath({command: 'show', text: '% Unknown', status: 2}, 'frr'),
    /"show" is answered with "% Unknown"/,
  );
  t.throws(() => read({warning: 'Default BGP instance not found'}), {name: 'NoBgpError'});
  t.throws(
    () => parsePath({command: 'show', text: '% No BGP process is configured\n', status: 1}, 'quagga'),
    {
      name: 'NoBgpError',
    },
  );
  t.end();
});

t.test('a path, as text', (t) => {
  const head =
    'BGP routing table entry for 192.0.2.1/32\nPaths: (1 available, best #1, table Default-IP-Routing-Table)\n';
  const read = (text: string) => parsePath({command: 'show', text, status: 0}, 'quagga');
  const origin = (words: string) =>
    `  Local\n    0.0.0.0 from 0.0.0.0 (10.0.0.1)\n      Origin IGP, metric 0, ${words}\n`;
  t.same(read('% Network not in table\n'), null);
  t.same(
    read(
      `${head}  Advertised to non peer-group peers:\n  10.0.0.2\n${origin('weight 32768, valid, sourced, local, best')}`,
    ),
    {isValid: true, isBest: true, isAdvertised: true},
  );
  t.same(read(`${head}  Not advertised to any peer\n${origin('weight 32768, sourced, local')}`), {
    isValid: false,
    isBest: false,
    isAdvertised: false,
  });
  t.same(
    read(`${head}  Not advertised to any peer\n${origin('weight 32768, invalid, sourced, local')}`)?.isValid,
    false,
  );
  t.same(read(`${head}${origin('localpref 100, valid, external, best')}`), null);
  t.throws(() => read('nonsense'), /is answered with/);
  t.end();
});

t.test('neighbors with a session', (t) => {
  const peers = {
    '10.0.0.2': {state: 'Established'},
    '10.0.0.3': {state: 'Active'},
    'fd00::1': {state: 'Established'},
  };
  t.equal(parseSummary({command: '', text: JSON.stringify({peers}), status: 0}, 'frr'), 2);
  const text = `BGP router identifier 10.0.0.1, local AS number 64699
Neighbor        V         AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd
10.0.0.2        4 65000      12      14        0    0    0 00:01:07       12
10.0.0.3        4 65001       0       0        0    0    0 never    Active
2001:db8:1:2::99
                4 65001       5       6        0    0    0 1d02h03m        0
Total number of neighbors 3
`;
  t.equal(parseSummary({command: '', text, status: 0}, 'quagga'), 2);
  t.end();
});
