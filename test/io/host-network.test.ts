import t, {type Test} from 'tap';
import {NetlinkClient} from '../../agent/control/netlink-client.js';
import {systemClock} from '../../agent/io/clock.js';
import {createHostNetwork, type NetlinkView} from '../../agent/io/host-network.js';
import {openNetlinkSocket} from '../../agent/io/netlink-socket.js';
import type {HostNetwork} from '../../agent/types.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeKernel} from '../fake/kernel.js';
import {enterOwnNetwork, ip} from '../lab/own-network.js';

const skip = enterOwnNetwork();

function fake(t: Test): {kernel: FakeKernel; client: NetlinkClient} {
  const kernel = new FakeKernel((message) => t.fail(message));
  const client = new NetlinkClient({open: kernel.open, clock: new FakeClock()});
  t.teardown(() => client.stop());
  return {kernel, client};
}

const lines = (network: HostNetwork): string[] =>
  network
    .addresses()
    .map(({interface: name, address, length, ...rest}) =>
      [
        `${name} ${address}/${length} ${rest.scope}`,
        ...(['tentative', 'deprecated', 'temporary', 'loopback', 'up'] as const).filter((word) => rest[word]),
      ].join(' '),
    );

t.test('addresses with what matters of them', async (t) => {
  const {kernel, client} = fake(t);
  kernel.addLink('eth0');
  kernel.addAddress('eth0', '10.0.0.5/24');
  kernel.addAddress('eth0', '10.0.0.6/24', {flags: 0x81});
  kernel.addAddress('eth0', 'fe80::1/64', {scope: 253, flags: 0xc0});
  kernel.addAddress('eth0', '2001:db8::5/64', {flags: 0x21});
  kernel.addAddress('eth0', '2001:db8::6/128', {preferredSeconds: 0});
  kernel.addAddress('eth0', '10.9.0.1/8', {scope: 200});
  const network = await createHostNetwork(client);
  t.same(lines(network), [
    'lo 127.0.0.1/8 host loopback up',
    'eth0 10.0.0.5/24 global up',
    'eth0 10.0.0.6/24 global up',
    'eth0 10.9.0.1/8 other up',
    'lo ::1/128 host loopback up',
    'eth0 fe80::1/64 link tentative up',
    'eth0 2001:db8::5/64 global deprecated temporary up',
    'eth0 2001:db8::6/128 global deprecated up',
  ]);
  t.equal(network.addresses(), network.addresses(), 'the same until something changes');
});

t.test('every change is told, once', async (t) => {
  const {kernel, client} = fake(t);
  const network = await createHostNetwork(client);
  let told = 0;
  const cancel = network.on(() => told++);
  const step = async (what: () => void, expected: string[]): Promise<void> => {
    const before = told;
    what();
    await settle();
    await settle();
    t.same(
      lines(network).filter((line) => !line.startsWith('lo ')),
      expected,
      String(what),
    );
    t.equal(told, before + 1, String(what));
  };
  await step(() => kernel.addLink('eth0'), []);
  await step(() => kernel.addAddress('eth0', '10.0.0.5/24'), ['eth0 10.0.0.5/24 global up']);
  await step(() => kernel.setLink('eth0', false), ['eth0 10.0.0.5/24 global']);
  await step(() => kernel.setLink('eth0', true), ['eth0 10.0.0.5/24 global up']);
  await step(() => kernel.removeAddress('eth0', '10.0.0.5/24'), []);
  await step(() => {
    kernel.addAddress('eth0', '10.0.0.6/24');
    kernel.addAddress('eth0', '2001:db8::1/64');
  }, ['eth0 10.0.0.6/24 global up', 'eth0 2001:db8::1/64 global up']);
  await step(() => kernel.removeLink('eth0'), []);
  await step(() => {
    kernel.addLink('eth1');
    kernel.addAddress('eth1', '10.0.0.7/24');
    kernel.overrun();
  }, ['eth1 10.0.0.7/24 global up']);
  const before = told;
  kernel.addRoute({prefix: '192.0.2.1/32', oif: 'eth1'});
  await settle();
  t.equal(told, before, 'routes are nothing to it');
  cancel();
  network.stop();
  kernel.addAddress('eth1', '10.0.0.8/24');
  await settle();
  t.equal(told, before);
});

t.test('events that come during a look are not lost', async (t) => {
  let tell: Parameters<NetlinkView['on']>[0] = () => {};
  let finish = (): void => {};
  const link = {index: 1, name: 'eth0', up: true, loopback: false};
  const address = {
    index: 1,
    address: '10.0.0.5' as never,
    length: 24,
    scope: 0,
    flags: 0,
    label: null,
    hasBroadcast: false,
    protocol: null,
    preferredSeconds: 1,
  };
  const made = createHostNetwork({
    dumpLinks: async () => [link],
    dumpAddresses: () =>
      new Promise((resolve) => {
        finish = () => resolve([address]);
      }),
    on: (listener) => {
      tell = listener;
      return () => {};
    },
  });
  await settle();
  tell({events: [{kind: 'address', gone: true, address}], overrun: false});
  finish();
  t.same((await made).addresses(), [], 'it went after the dump was made');
});

t.test('a kernel that cannot be asked', async (t) => {
  let listeners = 0;
  const view: NetlinkView = {
    dumpLinks: () => Promise.reject(new Error('RTM_GETLINK EPERM')),
    dumpAddresses: async () => [],
    on: () => {
      listeners++;
      return () => listeners--;
    },
  };
  await t.rejects(createHostNetwork(view), /RTM_GETLINK EPERM/);
  t.equal(listeners, 0);
});

t.test('the real kernel, without privilege', {skip}, async (t) => {
  ip('link add eth7 type veth peer name eth8');
  ip('addr add 10.7.0.5/24 dev eth7');
  process.seteuid?.(65534);
  const client = new NetlinkClient({open: openNetlinkSocket, clock: systemClock});
  t.teardown(() => client.stop());
  const network = await createHostNetwork(client);
  process.seteuid?.(0);
  t.same(lines(network), [
    'lo 127.0.0.1/8 host loopback up',
    'eth7 10.7.0.5/24 global',
    'lo ::1/128 host loopback up',
  ]);
  const next = async (accept: () => boolean): Promise<void> => {
    while (!accept()) await new Promise<void>((resolve) => network.on(resolve));
  };
  ip('-6 addr add 2001:db8::7/64 dev eth7 nodad preferred_lft 0');
  ip('link set eth8 up');
  ip('link set eth7 up');
  await next(() => lines(network).some((line) => /^eth7 fe80:.*\/64 link up$/.test(line)));
  t.ok(lines(network).includes('eth7 2001:db8::7/64 global deprecated up'));
  ip('link del eth7');
  await next(() => lines(network).length === 2);
  network.stop();
});
