/** What `gobgp -j` of GoBGP 3.10.0 printed, as it was recorded. */

import t from 'tap';
import {gobgpDefaults} from '../../agent/config/gobgp.js';
import {
  addWords,
  attributesOf,
  complaintOf,
  GobgpError,
  isUnanswered,
  parseGlobal,
  parseNeighbors,
  parseSummary,
  parseTable,
  removeWords,
} from '../../agent/control/gobgp-protocol.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {communities, route} from '../fake/route.js';

const table = `{"10.0.0.1/32":[{"nlri":{"prefix":"10.0.0.1/32"},"age":1795269109,"best":true,"attrs":[{"type":1,"value":0},{"type":4,"metric":5},{"type":3,"nexthop":"0.0.0.0"}],"stale":false}],"10.0.0.7/32":[{"nlri":{"prefix":"10.0.0.7/32"},"age":1795269113,"best":true,"attrs":[{"type":1,"value":2},{"type":2,"as_paths":[{"segment_type":2,"num":1,"asns":[65002]}]},{"type":3,"nexthop":"10.9.0.2"}],"stale":false,"source-id":"10.0.0.2","neighbor-ip":"10.9.0.2"}]}`;
const six = `{"fd00::1/128":[{"nlri":{"prefix":"fd00::1/128"},"age":1795269109,"best":true,"attrs":[{"type":1,"value":0},{"type":2,"as_paths":[{"segment_type":2,"num":2,"asns":[65001,65001]}]},{"type":4,"metric":0},{"type":5,"value":250},{"type":8,"communities":[4294967041,4227858439]},{"type":32,"value":[{"ASN":1,"LocalData1":2,"LocalData2":3},{"ASN":4,"LocalData1":5,"LocalData2":6}]},{"type":14,"nexthop":"::","afi":2,"safi":1,"value":[{"prefix":"fd00::1/128"}]}],"stale":false}]}`;

t.test('a table: whose a path is, whether it is used, and its attributes', (t) => {
  t.same(
    [...parseTable(table)],
    [
      ['10.0.0.1/32', [{neighbor: null, isBest: true, attributes: 'next hop 0.0.0.0, med 5'}]],
      ['10.0.0.7/32', [{neighbor: '10.9.0.2', isBest: true, attributes: 'next hop 10.9.0.2, as path 65002'}]],
    ],
  );
  t.equal(parseTable('{}').size, 0);
  t.end();
});

t.test('a route and the path that comes of it have the same attributes', (t) => {
  const rich = route('fd00::1/128', {
    med: 0,
    localPreference: 250,
    asPathPrepend: 2,
    communities: communities('64512:7', '65535:65281', 'large:1:2:3', 'large:4:5:6'),
  });
  t.equal(attributesOf(rich, gobgpDefaults, 65001), parseTable(six).get('fd00::1/128')?.[0]?.attributes);
  t.equal(
    attributesOf(route('10.0.0.1/32', {med: 5}), gobgpDefaults, 65001),
    parseTable(table).get('10.0.0.1/32')?.[0]?.attributes,
  );
  const config = {...gobgpDefaults, localAddress6: parseAddress('2001:db8::9')};
  t.match(attributesOf(rich, config, 65001), /^next hop 2001:db8::9, as path 65001 65001, med 0, /);
  t.end();
});

t.test('what is said', (t) => {
  t.equal(
    addWords(route('10.0.0.1/32'), gobgpDefaults, 65001).join(' '),
    'global rib -a ipv4 add 10.0.0.1/32 identifier 153 origin igp',
  );
  t.equal(
    removeWords(parsePrefix('fd00::1/128')).join(' '),
    'global rib -a ipv6 del fd00::1/128 identifier 153',
  );
  t.end();
});

const neighbor = (address: string, state: number, ...afis: number[]) => ({
  conf: {neighbor_address: address},
  state: {session_state: state},
  afi_safis: afis.map((afi) => ({config: {family: {afi, safi: 1}, enabled: true}})),
});

t.test('neighbors: sessions by family, and whether IPv6 goes over IPv4', (t) => {
  t.same(parseNeighbors('[]'), {established: {ipv4: 0, ipv6: 0}, hasMixed: false});
  t.same(parseNeighbors(JSON.stringify([neighbor('10.0.0.1', 6, 1), neighbor('fd00::1', 6, 2)])), {
    established: {ipv4: 1, ipv6: 1},
    hasMixed: false,
  });
  t.same(parseNeighbors(JSON.stringify([neighbor('10.0.0.1', 3, 1, 2)])), {
    established: {ipv4: 0, ipv6: 0},
    hasMixed: true,
  });
  t.end();
});

t.test('what makes no sense is an error, and no empty answer', (t) => {
  t.throws(() => parseTable(''), GobgpError);
  t.throws(() => parseTable('[]'), {message: 'GoBGP tells its table in another way than GoBGP 3 does'});
  t.throws(() => parseTable('{"10.0.0.1/32":[{"nlri":{}}]}'), GobgpError);
  t.throws(() => parseNeighbors('hello'), {
    message: 'GoBGP answers "hello" when asked for its neighbors',
  });
  t.equal(parseGlobal('{"asn":65001,"router_id":"10.0.0.1"}'), 65001);
  t.equal(parseGlobal('{}'), null, 'not configured yet');
  t.equal(parseSummary('{"num_destination":1,"num_path":1}'), 1);
  t.equal(parseSummary('{}'), 0);
  t.end();
});

t.test('complaints', (t) => {
  t.equal(complaintOf('{"error":"context deadline exceeded"}\n'), 'context deadline exceeded');
  t.equal(complaintOf('error: failed to parse [foo]\nusage: global rib -a'), 'failed to parse [foo]');
  const started = "rpc error: code = Unknown desc = bgp server hasn't started yet";
  t.equal(complaintOf(started), "bgp server hasn't started yet");
  t.equal(complaintOf(''), '');
  t.ok(isUnanswered('context deadline exceeded'));
  t.notOk(isUnanswered('failed to parse [foo]'));
  t.end();
});
