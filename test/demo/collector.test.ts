import t from 'tap';
import {BgpAnnouncer} from '../../agent/announce/bgp.js';
import type {PeerConfig} from '../../agent/config/types.js';
import {type CollectorEvent, type CollectorOptions, startCollector} from '../../agent/demo/collector.js';
import {systemClock} from '../../agent/io/clock.js';
import {peerConnector} from '../../agent/io/peer-socket.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {Secret} from '../../agent/lib/secret.js';
import type {AnnouncerEvent, Route} from '../../agent/types.js';
import {FakeBfd} from '../fake/bfd.js';
import {bgpConfig, FakeNetwork, peerConfig} from '../fake/bgp-config.js';
import {communities, route} from '../fake/route.js';

/** The speaker and the collector, both real, over loopback. */
async function pair(collector: Partial<CollectorOptions> = {}, peer: Partial<PeerConfig> = {}) {
  const heard: CollectorEvent[] = [];
  const told: AnnouncerEvent[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const go of waiting) go();
    waiting.clear();
  };
  const {port, stop} = await startCollector(
    {host: '127.0.0.1', port: 0, localAs: 64500, routerId: '127.0.0.2', ...collector},
    (event) => {
      heard.push(event);
      wake();
    },
  );
  const announcer = new BgpAnnouncer({
    config: bgpConfig(
      peerConfig({
        name: 'collector',
        address: parseAddress(collector.host ?? '127.0.0.1'),
        port,
        remoteAs: 64500,
        connectRetryMs: 20,
        localAddress6: parseAddress('2001:db8:ffff::1'),
        localAddress4: parseAddress('192.0.2.254'),
        ...peer,
      }),
    ),
    routerId: parseAddress('10.0.240.156'),
    allowed: () => true,
    isOurs: () => false,
    network: new FakeNetwork(),
    connector: peerConnector,
    bfd: new FakeBfd(),
    clock: systemClock,
    emit: wake,
  });
  announcer.on((event) => {
    told.push(event);
    wake();
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => waiting.add(resolve));
  };
  const set = (...items: Route[]) => announcer.set({items, adopt: new Set(), complete: true});
  const texts = () =>
    heard.map((event) =>
      event.kind === 'announced'
        ? `announced ${event.prefix} ${event.nextHop}`
        : event.kind === 'withdrawn'
          ? `withdrawn ${event.prefix}`
          : event.kind,
    );
  return {announcer, heard, told, until, set, texts, port, stopCollector: stop};
}

t.test('a session over loopback: up, announced, withdrawn, closed', async (t) => {
  const {announcer, heard, set, stopCollector, texts, until} = await pair();
  set(route('192.0.2.1/32', {communities: communities('64500:7')}), route('2001:db8::1/128'));
  await announcer.start();
  await until(() => heard.length === 3);
  t.same(texts(), [
    'established',
    'announced 192.0.2.1/32 127.0.0.1',
    'announced 2001:db8::1/128 2001:db8:ffff::1',
  ]);
  const [, first] = heard;
  t.ok(
    first?.kind === 'announced' &&
      first.attributes.some(({kind}) => kind === 'communities') &&
      first.at <= systemClock.now(),
  );
  set(route('2001:db8::1/128'));
  await until(() => heard.length === 4);
  t.equal(texts().at(-1), 'withdrawn 192.0.2.1/32');
  await announcer.stop('withdraw');
  await until(() => heard.length === 6);
  t.same(texts().slice(4), ['withdrawn 2001:db8::1/128', 'closed']);
  t.match(heard.at(-1), {
    reason: /received NOTIFICATION: cease: administrative shutdown: "eip-health stops"/,
  });
  await stopCollector();
});

t.test('over IPv6, and signed', async (t) => {
  const {announcer, heard, set, stopCollector, texts, until} = await pair(
    {host: '::1', password: 's3cret'},
    {password: new Secret('s3cret')},
  );
  set(route('192.0.2.1/32'), route('2001:db8::1/128'));
  await announcer.start();
  await until(() => heard.length === 3);
  t.same(texts(), ['established', 'announced 192.0.2.1/32 192.0.2.254', 'announced 2001:db8::1/128 ::1']);
  await announcer.stop('withdraw');
  await stopCollector();
});

t.test(
  'a collector that stops says so, and what it heard is gone; it comes back, and so do the routes',
  async (t) => {
    const one = await pair();
    one.set(route('192.0.2.1/32'));
    await one.announcer.start();
    await one.until(() => one.heard.length === 2);
    await one.stopCollector();
    t.same(one.texts().slice(-2), ['withdrawn 192.0.2.1/32', 'closed']);
    await one.until(() => one.announcer.peers()[0]?.state === 'active');
    const again: CollectorEvent[] = [];
    const returned = new Promise<void>((resolve) => {
      void startCollector(
        {host: '127.0.0.1', port: one.port, localAs: 64500, routerId: '127.0.0.2'},
        (event) => {
          again.push(event);
          if (event.kind === 'announced') resolve();
        },
      ).then((collector) => t.teardown(() => collector.stop()));
    });
    await returned;
    t.match(again, [{kind: 'established'}, {kind: 'announced', prefix: '192.0.2.1/32'}]);
    await one.announcer.stop('withdraw');
  },
);

t.test('a peer of the wrong AS is told so', async (t) => {
  const {announcer, heard, stopCollector, until} = await pair({localAs: 64501});
  await announcer.start();
  await until(() => heard.length > 0);
  t.match(heard[0], {kind: 'closed', reason: /received NOTIFICATION: open message error: bad peer AS/});
  t.match(announcer.peers()[0]?.lastError, /bad peer AS/);
  await announcer.stop('withdraw');
  await stopCollector();
});
