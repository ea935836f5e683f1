import t, {type Test} from 'tap';
import {NetlinkClient, type NetlinkEvents} from '../../agent/control/netlink-client.js';
import {attribute, encodeMessage, nlmsg, parseDatagram, u32} from '../../agent/control/netlink-protocol.js';
import {rtm} from '../../agent/control/rtnetlink-protocol.js';
import {SystemError} from '../../agent/io/native.js';
import type {NetlinkSocket} from '../../agent/io/netlink-socket.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {FakeClock, settle} from '../fake/clock.js';
import {FakeKernel} from '../fake/kernel.js';

const vip = {index: 1, address: parseAddress('192.0.2.1'), protocol: 153, label: null};

function fakeClient(t: Test): {fake: FakeKernel; client: NetlinkClient} {
  const fake = new FakeKernel((message) => t.fail(message));
  const client = new NetlinkClient({open: fake.open, clock: new FakeClock()});
  t.teardown(() => client.stop());
  return {fake, client};
}

/** A client whose kernel answers what the test says. */
function scripted(t: Test, answer: (request: {type: number; sequence: number}) => (Buffer | SystemError)[]) {
  const queue: (Buffer | SystemError)[] = [];
  const sent: number[] = [];
  const clock = new FakeClock();
  let readable = (): void => {};
  let isFirst = true;
  const open = (): NetlinkSocket => {
    const isRequests = isFirst;
    isFirst = false;
    return {
      send(datagram) {
        const [request] = parseDatagram(Buffer.from(datagram)).messages;
        if (!request) throw new Error('no request');
        sent.push(request.type);
        queue.push(...answer(request));
      },
      receive() {
        const next = isRequests ? queue.shift() : undefined;
        if (next instanceof SystemError) throw next;
        return next ?? null;
      },
      onReadable(listener) {
        if (isRequests) readable = listener;
        return () => {};
      },
      join: () => {},
      close: () => {},
    };
  };
  const client = new NetlinkClient({open, clock});
  t.teardown(() => client.stop());
  return {client, clock, queue, sent, readable: () => readable()};
}

const ack = (sequence: number): Buffer =>
  encodeMessage({type: nlmsg.ERROR, flags: 0, sequence}, u32(0), Buffer.alloc(16));
const done = (sequence: number): Buffer => encodeMessage({type: nlmsg.DONE, flags: 2, sequence}, u32(0));

t.test('what a request changed is known before it resolves', async (t) => {
  const {client} = fakeClient(t);
  const seen: NetlinkEvents[] = [];
  client.on((events) => seen.push(events));
  await client.addAddress(vip);
  t.match(seen, [
    {events: [{kind: 'address', gone: false, address: {address: '192.0.2.1'}}], overrun: false},
  ]);
  await client.deleteAddress(vip);
  t.match(seen[1]?.events, [{kind: 'address', gone: true}]);
  t.equal(seen.length, 2);
});

t.test('refusals carry the code and the words of the kernel', async (t) => {
  const {client} = fakeClient(t);
  await client.addAddress(vip);
  await t.rejects(client.addAddress(vip), {
    name: 'SystemError',
    message: 'RTM_NEWADDR EEXIST: Address already assigned',
    code: 'EEXIST',
    errno: 17,
    syscall: 'RTM_NEWADDR',
  });
  await t.rejects(client.deleteAddress({...vip, address: parseAddress('192.0.2.2')}), {
    code: 'EADDRNOTAVAIL',
  });
  await t.rejects(
    client.deleteRoute({
      prefix: '192.0.2.1/32' as never,
      type: 1,
      oif: 1,
      table: 254,
      protocol: 153,
      scope: 253,
      metric: 0,
    }),
    {message: 'RTM_DELROUTE ESRCH: no such process'},
  );
});

t.test('dumps', async (t) => {
  const {client, fake} = fakeClient(t);
  fake.addLink('eth0');
  fake.addAddress('eth0', '10.0.0.5/24');
  fake.addRoute({prefix: '192.0.2.1/32', oif: 'eth0', protocol: 153});
  fake.addRoute({prefix: '192.0.2.2/32', oif: 'lo'});
  fake.addRoute({prefix: '2001:db8::1/128', oif: 'lo', protocol: 153, table: 1000});
  const [links, all, some, routes] = await Promise.all([
    client.dumpLinks(),
    client.dumpAddresses(),
    client.dumpAddresses(2),
    client.dumpHostRoutes({protocol: 153}),
  ]);
  t.same(
    links.map(({name}) => name),
    ['lo', 'eth0'],
  );
  t.same(
    all.map(({address}) => address),
    ['127.0.0.1', '10.0.0.5', '::1'],
  );
  t.same(
    some.map(({address}) => address),
    ['10.0.0.5'],
  );
  t.same(
    routes.map(({prefix, table}) => `${prefix} ${table}`),
    ['192.0.2.1/32 254', '2001:db8::1/128 1000'],
  );
  t.same(
    (await client.dumpHostRoutes({table: 254, oif: 1})).map(({prefix}) => prefix),
    ['192.0.2.2/32'],
  );
  fake.addRoute({prefix: '198.51.100.0/24', oif: 'lo', type: 7});
  fake.addRoute({prefix: '2001:db8::/32', oif: 'lo', type: 7, protocol: 153});
  const unreachable = async (filter = {}) =>
    (await client.dumpUnreachableRoutes(filter)).map(({prefix}) => prefix);
  t.same(await unreachable(), ['198.51.100.0/24', '2001:db8::/32']);
  t.same(await unreachable({protocol: 153}), ['2001:db8::/32']);
  t.equal((await client.dumpHostRoutes({})).length, 3, 'and no host route');
});

t.test('a dump that is interrupted again and again is taken as it is in the end', async (t) => {
  const {client, fake} = fakeClient(t);
  fake.interruptedDumps = 2;
  t.equal((await client.dumpLinks()).length, 1);
  t.equal(fake.dumps, 3);
  fake.interruptedDumps = 100;
  t.equal((await client.dumpLinks()).length, 0);
  t.equal(fake.dumps, 7);
});

t.test('nothing there to dump is no error: no such table, no IPv6', async (t) => {
  const error = (errno: number, sequence: number): Buffer => {
    const code = Buffer.alloc(4);
    code.writeInt32LE(-errno);
    return encodeMessage({type: nlmsg.ERROR, flags: 0, sequence}, code, Buffer.alloc(16));
  };
  for (const errno of [2, 19, 95, 97]) {
    const {client} = scripted(t, ({sequence}) => [error(errno, sequence)]);
    t.same(await client.dumpHostRoutes({table: 77}), [], `errno ${errno}`);
  }
  const {client} = scripted(t, ({sequence}) => [error(1, sequence)]);
  await t.rejects(client.dumpAddresses(), {code: 'EPERM'});
});

t.test('an old kernel that does not filter', async (t) => {
  const address = (index: number, last: number): Buffer =>
    Buffer.concat([Buffer.from([2, 32, 0, 0, index, 0, 0, 0]), attribute(2, Uint8Array.of(192, 0, 2, last))]);
  const {client} = scripted(t, ({sequence}) => [
    ...[1, 2].map((index) => encodeMessage({type: rtm.NEWADDR, flags: 2, sequence}, address(index, index))),
    done(sequence),
  ]);
  t.same(
    (await client.dumpAddresses(2)).map(({address}) => address),
    ['192.0.2.2'],
  );
  t.same(
    (await client.dumpAddresses()).map(({address}) => address),
    ['192.0.2.1', '192.0.2.2'],
    'and nothing twice',
  );
});

t.test('answers are matched by their sequence number', async (t) => {
  const {client, queue, readable} = scripted(t, () => []);
  const settled: string[] = [];
  const [one, two] = ['192.0.2.1', '192.0.2.2'].map((text) =>
    client.addAddress({...vip, address: parseAddress(text)}).then(() => settled.push(text)),
  );
  queue.push(ack(4711), ack(2));
  readable();
  await two;
  t.same(settled, ['192.0.2.2']);
  queue.push(ack(1));
  readable();
  await one;
  t.same(settled, ['192.0.2.2', '192.0.2.1']);
});

t.test('one dump at a time', async (t) => {
  const {client, queue, readable, sent} = scripted(t, () => []);
  const dumps = [client.dumpLinks(), client.dumpLinks()];
  await settle();
  t.equal(sent.length, 1);
  queue.push(done(1));
  readable();
  await settle();
  t.equal(sent.length, 2);
  queue.push(done(2));
  readable();
  t.same(await Promise.all(dumps), [[], []]);
});

t.test('no answer, a lost one, a damaged one', async (t) => {
  const silent = scripted(t, () => []);
  const asked = silent.client.dumpLinks();
  await settle();
  silent.clock.advance(5_000);
  await t.rejects(asked, {message: 'RTM_GETLINK ETIMEDOUT: the kernel did not answer'});
  // What comes too late is read all the same: the socket would stay readable for ever.
  silent.queue.push(done(1));
  silent.readable();
  t.equal(silent.queue.length, 0);

  const lossy = scripted(t, () => [new SystemError('recvfrom', 105)]);
  await t.rejects(lossy.client.addAddress(vip), {
    message: 'RTM_NEWADDR ENOBUFS: an answer of the kernel was lost',
  });
  const damaged = scripted(t, () => [Buffer.alloc(10)]);
  await t.rejects(damaged.client.addAddress(vip), {code: 'EBADMSG'});
  const short = scripted(t, ({sequence}) => [encodeMessage({type: nlmsg.ERROR, flags: 0, sequence})]);
  await t.rejects(short.client.addAddress(vip), {code: 'EBADMSG'});
});

t.test('lost events are told, and those behind the gap come', async (t) => {
  const {client, fake} = fakeClient(t);
  const seen: NetlinkEvents[] = [];
  client.on((events) => seen.push(events));
  fake.addLink('eth0');
  fake.overrun();
  fake.addLink('eth1');
  await settle();
  await settle();
  t.match(seen, [{overrun: true, events: [{kind: 'link', link: {name: 'eth1'}}]}]);
});

t.test('events come by themselves; route events only where they are wanted', async (t) => {
  const {client, fake} = fakeClient(t);
  const kinds: string[] = [];
  const cancel = client.on(({events}) => kinds.push(...events.map(({kind}) => kind)));
  fake.addAddress('lo', '192.0.2.1/32');
  fake.addRoute({prefix: '192.0.2.1/32', oif: 'lo'});
  await settle();
  t.same(kinds, ['address']);
  client.watchRoutes();
  client.watchRoutes();
  fake.removeRoute('192.0.2.1/32');
  await settle();
  t.same(kinds, ['address', 'route']);
  cancel();
  fake.removeAddress('lo', '192.0.2.1/32');
  await settle();
  t.equal(kinds.length, 2);
});

t.test('stop ends what is under way, and what comes after', async (t) => {
  const {client} = scripted(t, () => []);
  const asked = client.dumpLinks();
  await settle();
  client.stop();
  client.stop();
  await t.rejects(asked, {code: 'ECANCELED'});
  await t.rejects(client.addAddress(vip), {message: 'RTM_NEWADDR ECANCELED: the netlink client was stopped'});
});

t.test('the second socket cannot be opened: the first one is closed', (t) => {
  let opened = 0;
  let closed = 0;
  const socket: NetlinkSocket = {
    send: () => {},
    receive: () => null,
    onReadable: () => () => {},
    join: () => {},
    close: () => {
      closed++;
    },
  };
  const open = (): NetlinkSocket => {
    if (opened++ === 1) throw new SystemError('socket', 24);
    return socket;
  };
  t.throws(() => new NetlinkClient({open, clock: new FakeClock()}), {code: 'EMFILE'});
  t.equal(closed, 1);
  t.end();
});
