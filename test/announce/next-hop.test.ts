import t from 'tap';
import {type NextHopContext, selfNextHops} from '../../agent/announce/next-hop.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {InterfaceAddress, IpAddress} from '../../agent/types.js';
import {interfaceAddress, ours} from '../fake/bgp-config.js';

const nothing = {localAddress4: null, localAddress6: null};

function context(addresses: readonly InterfaceAddress[], keys: Partial<NextHopContext> = {}): NextHopContext {
  return {config: nothing, addresses, isOurs: () => false, ...keys};
}

const four = interfaceAddress('10.0.240.156');
const six = interfaceAddress('2001:700:2:8300::2aa');
const local4 = parseAddress('10.0.240.156');
const local6 = parseAddress('2001:700:2:8300::2aa');

t.test("the session's own family: where it ends", (t) => {
  t.equal(selfNextHops(local4, context([])).ipv4, '10.0.240.156');
  t.equal(selfNextHops(local6, context([])).ipv6, '2001:700:2:8300::2aa');
  t.end();
});

t.test('the other family: configured, else from the interface', (t) => {
  const addresses = [interfaceAddress('2001:db8::99', {interface: 'eth1'}), four, six];
  t.equal(selfNextHops(local4, context(addresses)).ipv6, '2001:700:2:8300::2aa', 'eth0, not eth1');
  t.equal(selfNextHops(local6, context(addresses)).ipv4, '10.0.240.156');
  const config = {localAddress4: parseAddress('192.0.2.4'), localAddress6: parseAddress('2001:db8::6')};
  t.equal(selfNextHops(local4, context(addresses, {config})).ipv6, '2001:db8::6');
  t.equal(selfNextHops(local6, context(addresses, {config})).ipv4, '192.0.2.4');
  t.end();
});

t.test('addresses that are never taken', (t) => {
  const unusable: [string, Partial<InterfaceAddress>][] = [
    ['fe80::1', {scope: 'link'}],
    ['2001:db8::1', {tentative: true}],
    ['2001:db8::2', {deprecated: true}],
    ['2001:db8::3', {temporary: true}],
    ['::1', {scope: 'host'}],
    ['2001:db8::4', {interface: 'eth1'}],
  ];
  for (const [address, keys] of unusable) {
    const addresses = [four, interfaceAddress(address, keys)];
    t.equal(selfNextHops(local4, context(addresses)).ipv6, null, address);
    t.equal(selfNextHops(local4, context([...addresses, six])).ipv6, local6, `${address} is passed over`);
  }
  const mapped = {...six, address: '::ffff:10.0.0.1' as IpAddress};
  t.equal(selfNextHops(local4, context([four, mapped])).ipv6, null, 'IPv4-mapped');
  const isOurs = ours('2001:700:2:8300::2aa');
  t.equal(selfNextHops(local4, context([four, six], {isOurs})).ipv6, null, 'a VIP of ours');
  t.end();
});

t.test('a local address that is on no interface leaves the other family without', (t) => {
  t.same(selfNextHops(parseAddress('10.9.9.9'), context([four, six])), {ipv4: '10.9.9.9', ipv6: null});
  t.end();
});
