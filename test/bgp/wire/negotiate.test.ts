import t from 'tap';
import {describeFault, toNotification} from '../../../agent/bgp/wire/fault.js';
import type {Capability, Open} from '../../../agent/bgp/wire/message.js';
import {type LocalSide, localOpen, negotiate, type Preserved} from '../../../agent/bgp/wire/negotiate.js';
import {decodeOpen, encodeOpen} from '../../../agent/bgp/wire/open.js';
import {parseAddress} from '../../../agent/lib/prefix.js';
import {toHex} from './golden.js';

const local: LocalSide = {
  as: 4200000000,
  id: parseAddress('192.0.2.1'),
  holdTimeS: 90,
  families: ['ipv4', 'ipv6'],
  expectedAs: 65535,
};
const ipv4: Capability = {kind: 'multiprotocol', afi: 1, safi: 1};
const ipv6: Capability = {kind: 'multiprotocol', afi: 2, safi: 1};
const vpn: Capability = {kind: 'multiprotocol', afi: 1, safi: 128};

function open(change: Partial<Open> = {}): Open {
  return {
    type: 'open',
    version: 4,
    as: 65535,
    holdTimeS: 180,
    bgpId: parseAddress('192.0.2.2'),
    capabilities: [ipv4, ipv6, {kind: 'route-refresh'}, {kind: 'four-octet-as', as: 65535}],
    ...change,
  };
}

function agreed(change: Partial<LocalSide>, remote: Open) {
  const answer = negotiate({...local, ...change}, remote);
  return answer.ok ? answer.negotiated : describeFault(answer.fault);
}

t.test('what both can do', (t) => {
  t.same(agreed({}, open()), {
    families: ['ipv4', 'ipv6'],
    fourOctetAs: true,
    routeRefresh: true,
    gracefulRestart: null,
    holdTimeS: 90,
    remoteAs: 65535,
    remoteId: '192.0.2.2',
  });
  t.end();
});

t.test('our own OPEN reads as what we meant, on the wire too', (t) => {
  const ours = localOpen(local);
  const decoded = decodeOpen(encodeOpen(ours).subarray(19));
  t.same(decoded, {ok: true, message: ours});
  t.same(ours.capabilities, [ipv4, ipv6, {kind: 'route-refresh'}, {kind: 'four-octet-as', as: 4200000000}]);
  t.same(localOpen({...local, families: ['ipv6']}).capabilities[0], ipv6);
  t.same(agreed({as: 65535, id: parseAddress('192.0.2.9'), expectedAs: 4200000000}, ours), {
    families: ['ipv4', 'ipv6'],
    fourOctetAs: true,
    routeRefresh: true,
    gracefulRestart: null,
    holdTimeS: 90,
    remoteAs: 4200000000,
    remoteId: '192.0.2.1',
  });
  t.end();
});

t.test('graceful restart', (t) => {
  const keeping = {...local, gracefulRestart: {restartTimeS: 30, longLivedS: 0}};
  const advertised = (side: LocalSide, preserved?: Preserved) =>
    localOpen(side, preserved).capabilities.filter(({kind}) => kind.endsWith('graceful-restart'));
  const families = (ipv4: boolean, ipv6: boolean) => [
    {afi: 1, safi: 1, forwarding: ipv4},
    {afi: 2, safi: 1, forwarding: ipv6},
  ];
  const head = {kind: 'graceful-restart', notification: true, restartTimeS: 30};
  t.same(advertised(local, {restarted: true, forwarding: ['ipv4']}), [], 'only when it is wanted');
  t.same(advertised(keeping), [{...head, restarted: false, families: families(false, false)}]);
  t.same(
    advertised(keeping, {restarted: true, forwarding: ['ipv6']}),
    [{...head, restarted: true, families: families(false, true)}],
    'each family tells for itself whether it is still forwarded',
  );
  const longer = {...local, gracefulRestart: {restartTimeS: 30, longLivedS: 100_000}};
  t.match(advertised(longer, {restarted: true, forwarding: ['ipv4', 'ipv6']})[1], {
    kind: 'long-lived-graceful-restart',
    families: families(true, true).map((family) => ({...family, staleTimeS: 100_000})),
  });

  const help = (notification: boolean): Capability => ({
    kind: 'graceful-restart',
    restarted: false,
    notification,
    restartTimeS: 0,
    families: [],
  });
  const longHelp: Capability = {kind: 'long-lived-graceful-restart', families: []};
  const agreement = (side: LocalSide, ...more: Capability[]) => {
    const answer = agreed(side, open({capabilities: [...open().capabilities, ...more]}));
    return typeof answer === 'string' ? answer : answer.gracefulRestart;
  };
  t.same(agreement(local, help(true), longHelp), null, 'we did not ask for it');
  t.same(agreement(longer, longHelp), null, 'RFC 9494 §4.2: nothing without the other capability');
  t.same(agreement(keeping, help(false)), {notification: false, longLived: false}, 'a mere helper');
  t.same(agreement(keeping, help(true), longHelp), {notification: true, longLived: false});
  t.same(agreement(longer, help(true), longHelp), {notification: true, longLived: true});
  t.same(
    agreement(keeping, help(true), help(false)),
    {notification: false, longLived: false},
    'the last one',
  );
  t.end();
});

t.test('families', (t) => {
  const families = (ours: LocalSide['families'], ...theirs: Capability[]) => {
    const result = agreed({families: ours}, open({capabilities: theirs}));
    return typeof result === 'string' ? result : result.families;
  };
  t.same(families(['ipv4', 'ipv6']), ['ipv4'], 'a peer that names none speaks IPv4');
  t.same(families(['ipv4', 'ipv6'], {kind: 'route-refresh'}), ['ipv4']);
  t.same(families(['ipv4', 'ipv6'], ipv6), ['ipv6'], 'one that names others does not speak IPv4');
  t.same(families(['ipv6', 'ipv4'], ipv4, ipv6), ['ipv6', 'ipv4'], 'in our order');
  t.same(families(['ipv4', 'ipv6'], vpn, ipv4), ['ipv4']);
  t.equal(
    families(['ipv6']),
    'unsupported capability: the peer shares none of multiprotocol IPv6 unicast',
    'nothing in common',
  );
  t.equal(
    families(['ipv4', 'ipv6'], vpn),
    'unsupported capability: the peer shares none of multiprotocol IPv4 unicast, multiprotocol IPv6 unicast',
  );
  const refused = negotiate({...local, families: ['ipv6']}, open({capabilities: []}));
  const {code, subcode, data} = toNotification(refused.ok ? {cause: 'hold-timer-expired'} : refused.fault);
  t.same([code, subcode, toHex(data)], [2, 7, '010400020001'], 'the NOTIFICATION names what we require');
  t.end();
});

t.test('hold time: the smaller one', (t) => {
  const holdTime = (ours: number, theirs: number) => {
    const result = agreed({holdTimeS: ours}, open({holdTimeS: theirs}));
    return typeof result === 'string' ? result : result.holdTimeS;
  };
  t.equal(holdTime(90, 180), 90);
  t.equal(holdTime(90, 3), 3);
  t.equal(holdTime(90, 0), 0);
  t.equal(holdTime(0, 90), 0);
  t.end();
});

t.test('a peer of an older age', (t) => {
  t.match(agreed({expectedAs: 65010}, open({as: 65010, capabilities: []})), {
    families: ['ipv4'],
    fourOctetAs: false,
    routeRefresh: false,
  });
  t.end();
});

t.test('the AS must be the one that is configured', (t) => {
  t.equal(agreed({}, open({as: 65534})), 'bad peer AS: 65534, AS 65535 is configured');
  t.equal(
    agreed({expectedAs: 'internal'}, open()),
    'bad peer AS: 65535 is not our own AS, and the peer is configured as internal',
  );
  t.equal(
    agreed({expectedAs: 'external'}, open({as: local.as})),
    'bad peer AS: 4200000000 is our own AS, and the peer is configured as external',
  );
  t.match(agreed({expectedAs: 'external'}, open()), {remoteAs: 65535});
  t.match(agreed({expectedAs: 'internal'}, open({as: local.as})), {remoteAs: local.as});
  t.end();
});

t.test('our own BGP identifier: refused within the AS, allowed from another one', (t) => {
  const same = {bgpId: local.id};
  t.equal(
    agreed({expectedAs: 'internal'}, open({...same, as: local.as})),
    'bad BGP identifier: 192.0.2.1 is our own',
  );
  t.match(agreed({}, open(same)), {remoteId: '192.0.2.1'});
  t.end();
});
