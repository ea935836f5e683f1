import {spawnSync} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync} from 'node:fs';
import net, {type AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {
  errnoName,
  fdOf,
  linux,
  native,
  netlinkSockaddr,
  SystemError,
  sockaddr,
} from '../../agent/io/native.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {root} from '../root.js';

const loopback = parseAddress('127.0.0.1');

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

t.test('socket addresses in the kernel’s form', (t) => {
  t.equal(sockaddr(parseAddress('192.0.2.1'), 179).toString('hex'), '020000b3c00002010000000000000000');
  t.equal(
    sockaddr(parseAddress('2001:db8::1'), 443).toString('hex'),
    `0a0001bb00000000${'20010db8000000000000000000000001'}00000000`,
  );
  t.equal(netlinkSockaddr(7, 0x11).toString('hex'), '100000000700000011000000');
  t.end();
});

t.test('datagrams over loopback, told by poll', async (t) => {
  const a = native.socket(linux.AF_INET, linux.SOCK_DGRAM, 0);
  const b = native.socket(linux.AF_INET, linux.SOCK_DGRAM, 0);
  t.teardown(() => [a, b].map((fd) => native.close(fd)));
  native.bind(a, sockaddr(loopback, 0));
  native.bind(b, sockaddr(loopback, 0));
  const buffer = Buffer.alloc(8);
  t.equal(native.receive(b, buffer, 0), null, 'nothing there yet: no waiting, no error');
  t.equal(native.receiveFrom(b, buffer, 0), null);
  let calls = 0;
  const readable = new Promise<void>((resolve) => {
    const cancel = native.poll(b, () => {
      calls++;
      cancel();
      cancel();
      resolve();
    });
  });
  t.equal(native.sendTo(a, Buffer.from('hello'), 0, native.socketName(b)), 5);
  await readable;
  const received = native.receiveFrom(b, buffer, 0);
  t.equal(received?.length, 5);
  t.equal(buffer.toString('latin1', 0, 5), 'hello');
  t.same(received?.from, native.socketName(a));
  native.connect(a, native.socketName(b));
  t.equal(native.send(a, Buffer.from('more than eight'), 0), 15);
  t.equal(native.receive(b, buffer, linux.MSG_TRUNC), 15, 'the true length');
  native.send(a, Buffer.from('x'), 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(calls, 1, 'silent once cancelled');
});

t.test('what a poll callback throws is not lost', (t) => {
  const module = fileURLToPath(new URL('../../agent/io/native.js', import.meta.url));
  const script = `
    import {linux, native} from ${JSON.stringify(module)};
    const fd = native.socket(linux.AF_INET, linux.SOCK_STREAM, 0);
    native.poll(fd, () => { throw new Error('boom'); });`;
  const {status, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  t.equal(status, 1);
  t.match(stderr, /Error: boom/);
  t.end();
});

t.test('options, also of Node’s own sockets', async (t) => {
  const server = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  native.setSocketOption(fdOf(server), linux.IPPROTO_IP, linux.IP_TTL, int(1));
  t.equal(native.getSocketOption(fdOf(server), linux.IPPROTO_IP, linux.IP_TTL, 4).readInt32LE(), 1);
  t.equal(native.getSocketOption(fdOf(server), linux.IPPROTO_IP, linux.IP_TTL, 128).length, 4);
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  t.ok(fdOf(socket) > 2);
  await new Promise((resolve) => socket.resume().once('close', resolve));
  t.throws(() => fdOf(socket), /has no descriptor: it is not open/);
  t.throws(() => fdOf(new net.Socket()), /has no descriptor/);
  await new Promise((resolve) => server.close(resolve));
});

t.test('failures carry the exact errno', (t) => {
  const fd = native.socket(linux.AF_INET, linux.SOCK_STREAM, 0);
  t.throws(() => native.bind(fd, sockaddr(parseAddress('192.0.2.1'), 0)), {
    name: 'SystemError',
    code: 'EADDRNOTAVAIL',
    errno: 99,
    syscall: 'bind',
    message: 'bind EADDRNOTAVAIL: address not available',
  });
  t.throws(() => native.getSocketOption(fd, 0, 9999, 4), {code: 'ENOPROTOOPT'});
  t.throws(() => native.receive(fd, Buffer.alloc(1), 0), {code: 'ENOTCONN'});
  native.close(fd);
  t.throws(() => native.close(fd), {code: 'EBADF'});
  t.throws(() => native.socket(9999, 1, 0), {code: 'EAFNOSUPPORT'});
  t.equal(
    new SystemError('RTM_NEWADDR', 13, 'IPv6 is disabled').message,
    'RTM_NEWADDR EACCES: IPv6 is disabled',
  );
  t.same([1, 11, 105, 74, 4711].map(errnoName), ['EPERM', 'EAGAIN', 'ENOBUFS', 'EBADMSG', 'errno 4711']);
  t.end();
});

t.test('without koffi’s binary the error says what to do', (t) => {
  const compiled = fileURLToPath(new URL('../../agent', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-native-`));
  t.teardown(() => rmSync(folder, {recursive: true}));
  for (const file of ['io/native.js', 'lib/prefix.js'])
    cpSync(join(compiled, file), join(folder, 'agent', file));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  cpSync(join(root, 'node_modules/ipaddr.js'), join(folder, 'node_modules/ipaddr.js'), {recursive: true});
  const script = `
    const {native} = await import(${JSON.stringify(join(folder, 'agent/io/native.js'))});
    try { native.socket(2, 1, 0); } catch (error) { console.log(error.name, error.message); }`;
  const {stdout, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.equal(stderr, '');
  t.match(
    stdout,
    /^NativeUnavailableError the native-call library koffi could not be loaded \(.*\): install .*npm/,
  );
  t.end();
});
