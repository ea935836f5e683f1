import {once} from 'node:events';
import net from 'node:net';
import t from 'tap';
import {linux, native} from '../../agent/io/native.js';
import {type Accepted, listenForPeers} from '../../agent/io/peer-listener.js';
import {type ConnectOptions, type Ends, type PeerSocket, peerConnector} from '../../agent/io/peer-socket.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import {Secret} from '../../agent/lib/secret.js';

const loopback = parseAddress('127.0.0.1');

interface Outcome {
  readonly socket: PeerSocket;
  readonly connected: Promise<Ends>;
  readonly closed: Promise<string>;
  readonly data: Buffer[];
}

function connect(port: number, options: Partial<ConnectOptions> = {}): Outcome {
  const data: Buffer[] = [];
  const connected = withResolvers<Ends>();
  const closed = withResolvers<string>();
  const socket = peerConnector.connect(
    {address: loopback, port, localAddress: null, ttl: 1, password: null, ...options},
    {
      connected: connected.resolve,
      data: (chunk) => void data.push(Buffer.from(chunk)),
      closed: closed.resolve,
    },
  );
  return {socket, connected: connected.promise, closed: closed.promise, data};
}

function withResolvers<Value>(): {promise: Promise<Value>; resolve: (value: Value) => void} {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return {promise, resolve};
}

async function listener(keys: {peers: string; password: string}[] = [], host = '127.0.0.1') {
  const accepted: Accepted[] = [];
  const wake = new Set<() => void>();
  const server = await listenForPeers(
    {
      address: parseAddress(host),
      port: 0,
      keys: keys.map(({peers, password}) => ({peers: parsePrefix(peers), password: new Secret(password)})),
    },
    (connection) => {
      accepted.push(connection);
      for (const go of wake) go();
    },
  );
  const next = async () => {
    while (accepted.length === 0) await new Promise<void>((resolve) => wake.add(resolve));
    const connection = accepted.shift();
    if (!connection) throw new Error('nothing was accepted');
    const received: Buffer[] = [];
    const closed = withResolvers<string>();
    const socket = connection.attach({
      data: (chunk) => void received.push(Buffer.from(chunk)),
      closed: closed.resolve,
    });
    return {connection, socket, received, closed: closed.promise};
  };
  return {...server, accepted, next};
}

t.test('bytes both ways, then half-closed from here, then closed from there', async (t) => {
  const server = await listener();
  const {socket, connected, data, closed} = connect(server.port);
  t.same(await connected, {local: '127.0.0.1', remote: '127.0.0.1'});
  const there = await server.next();
  await new Promise<void>((resolve) => socket.write(Buffer.from('to there'), resolve));
  socket.end();
  t.equal(await there.closed, 'connection closed by the peer');
  t.equal(Buffer.concat(there.received).toString(), 'to there');
  t.equal(await closed, 'connection closed by the peer');
  t.same(data, []);
  await server.close();
});

t.test('what is written before a half-close arrives although the other side floods us', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    const flood = Buffer.alloc(64 * 1024);
    const pour = () => {
      while (socket.writable && socket.write(flood));
    };
    socket.on('drain', pour);
    pour();
    socket.once('data', (chunk) => {
      server.emit('heard', chunk.toString());
      socket.removeAllListeners('drain');
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as net.AddressInfo;
  const heard = once(server, 'heard');
  const {socket, connected, closed} = connect(port);
  await connected;
  socket.write(Buffer.from('farewell'));
  socket.end();
  t.same(await heard, ['farewell']);
  t.equal(await closed, 'connection closed by the peer');
  server.close();
});

t.test('TTL, DSCP and no delay are on the wire socket; a source address is used', async (t) => {
  const server = await listener();
  const {socket, connected} = connect(server.port, {ttl: 7, localAddress: parseAddress('127.0.0.9')});
  t.same(await connected, {local: '127.0.0.9', remote: '127.0.0.1'});
  const there = await server.next();
  t.equal(there.connection.remote, '127.0.0.9');
  // The descriptor is the highest one of a socket with that TTL: found by asking all.
  const ttls = new Set<string>();
  for (let fd = 3; fd < 64; fd++) {
    const ttl = optionOf(fd, linux.IPPROTO_IP, linux.IP_TTL);
    const tos = optionOf(fd, linux.IPPROTO_IP, linux.IP_TOS);
    const noDelay = optionOf(fd, linux.IPPROTO_TCP, 1);
    if (ttl === 7) ttls.add(`ttl ${ttl} tos ${tos} nodelay ${noDelay}`);
  }
  t.same([...ttls], ['ttl 7 tos 192 nodelay 1']);
  socket.destroy();
  await there.closed;
  await server.close();
});

t.test('IPv6', async (t) => {
  const server = await listener([], '::1');
  const {socket, connected} = connect(server.port, {
    address: parseAddress('::1'),
    localAddress: parseAddress('::1'),
  });
  t.same(await connected, {local: '::1', remote: '::1'});
  const there = await server.next();
  socket.destroy();
  await there.closed;
  await server.close();
});

t.test('MD5: the right key connects, a wrong one and none are met with silence', async (t) => {
  for (const peers of ['127.0.0.0/8', '127.0.0.1/32']) {
    const server = await listener([{peers, password: 's3cret'}]);
    const wrong = connect(server.port, {password: new Secret('other')});
    const none = connect(server.port);
    const right = connect(server.port, {password: new Secret('s3cret')});
    const first = await Promise.race([
      right.connected.then(() => 'right'),
      wrong.connected.then(() => 'wrong'),
      none.connected.then(() => 'none'),
    ]);
    t.equal(first, 'right');
    const there = await server.next();
    await new Promise<void>((resolve) => right.socket.write(Buffer.from('signed'), resolve));
    right.socket.end();
    await there.closed;
    t.equal(Buffer.concat(there.received).toString(), 'signed');
    t.equal(server.accepted.length, 0);
    wrong.socket.destroy();
    none.socket.destroy();
    await server.close();
  }
});

t.test('failures are told later, in words, once', async (t) => {
  const {port} = await free();
  t.match(await connect(port).closed, /^connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
  const elsewhere = parseAddress('192.0.2.1');
  t.match(await connect(port, {localAddress: elsewhere}).closed, /^bind EADDRNOTAVAIL: .*not available/);
  const long = new Secret('x'.repeat(81));
  t.match(await connect(port, {password: long}).closed, /a BGP password has 1 to 80 bytes, this one has 81/);
  const destroyed = connect(port, {localAddress: elsewhere});
  destroyed.socket.destroy();
  const never = await Promise.race([
    destroyed.closed,
    new Promise((resolve) => setImmediate(resolve, 'silence')),
  ]);
  t.equal(never, 'silence');
});

t.test('onTaken is not called for what a broken connection never took', async (t) => {
  const server = await listener();
  const {socket, connected, closed} = connect(server.port);
  await connected;
  const there = await server.next();
  there.socket.destroy();
  await closed;
  let taken = false;
  socket.write(Buffer.from('too late'), () => {
    taken = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(taken);
  const stuck = connect(server.port);
  await stuck.connected;
  const silent = await server.next();
  stuck.socket.write(Buffer.alloc(64 * 1024 * 1024), () => {
    taken = true;
  });
  stuck.socket.destroy();
  await silent.closed;
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(taken, 'nor for what was still waiting when we cut it off');
  await server.close();
});

t.test('an address that cannot be had rejects', async (t) => {
  const server = await listener();
  await t.rejects(
    listenForPeers({address: loopback, port: server.port, keys: []}, () => undefined),
    {
      code: 'EADDRINUSE',
    },
  );
  const key = {peers: parsePrefix('127.0.0.1/32'), password: new Secret('s')};
  await t.rejects(
    listenForPeers({address: loopback, port: server.port, keys: [key]}, () => undefined),
    {
      code: 'EADDRINUSE',
    },
  );
  await server.close();
});

/** A port that nobody listens on. */
async function free(): Promise<{port: number}> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return {port};
}

function optionOf(fd: number, level: number, option: number): number | null {
  try {
    return native.getSocketOption(fd, level, option, 4).readInt32LE();
  } catch {
    return null;
  }
}
