/**
 * The socket calls of libc that Node does not offer, through koffi, with the exact errno. Nothing here blocks:
 * sockets are made non-blocking, and `poll` waits for readability in the event loop.
 */

import {createRequire} from 'node:module';
import type {Server, Socket} from 'node:net';
import {constants, endianness} from 'node:os';
import {getSystemErrorMap} from 'node:util';
import {bytesOf, familyOf} from '../lib/prefix.js';
import type {Cancel, IpAddress} from '../types.js';

/** A call of the kernel that failed. The message reads `bind EADDRNOTAVAIL: address not available`. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** `EPERM` … */
  readonly code: string;

  /** `detail` replaces the general description, where the kernel gave a better one. */
  constructor(
    readonly syscall: string,
    readonly errno: number,
    detail?: string,
  ) {
    const [code, description] = errnoText(errno);
    super(`${syscall} ${code}: ${detail ?? description}`);
    this.code = code;
  }
}

/** koffi's binary for this machine is missing or cannot be used. */
export class NativeUnavailableError extends Error {
  override readonly name = 'NativeUnavailableError';
}

/** Linux's numbers, the same on every architecture that koffi has a binary for. */
export const linux = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOL_SOCKET: 1,
  SO_RCVBUF: 8,
  SO_BINDTODEVICE: 25,
  SO_RCVBUFFORCE: 33,
  SO_MARK: 36,
  IPPROTO_IP: 0,
  IPPROTO_TCP: 6,
  IPPROTO_IPV6: 41,
  IP_TOS: 1,
  IP_TTL: 2,
  IP_PKTINFO: 8,
  IP_RECVTTL: 12,
  IP_FREEBIND: 15,
  IP_MINTTL: 21,
  IPV6_UNICAST_HOPS: 16,
  IPV6_V6ONLY: 26,
  IPV6_RECVPKTINFO: 49,
  IPV6_PKTINFO: 50,
  IPV6_RECVHOPLIMIT: 51,
  IPV6_HOPLIMIT: 52,
  IPV6_TCLASS: 67,
  IPV6_MINHOPCOUNT: 73,
  IPV6_FREEBIND: 78,
  TCP_MD5SIG: 14,
  TCP_USER_TIMEOUT: 18,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  /** Returned length counts what did not fit the buffer, too. */
  MSG_TRUNC: 0x20,
} as const;

const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const NETLINK_ADDRESS_LENGTH = 12;

export interface Received {
  /** May be more than the buffer holds when asked for with MSG_TRUNC. */
  readonly length: number;
  /** The sender's sockaddr; valid until the next call. */
  readonly from: Buffer;
}

/** Memory that structures of the kernel can point to; it lives as long as the process. */
export interface NativeMemory {
  readonly address: bigint;
  readonly bytes: Buffer;
}

/** Each call throws `SystemError` on failure, `NativeUnavailableError` where koffi cannot be loaded. */
export interface Native {
  /** A new socket, non-blocking and closed on exec. */
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): void;
  setSocketOption(fd: number, level: number, option: number, value: Buffer): void;
  /** At most `length` bytes of the option's value. */
  getSocketOption(fd: number, level: number, option: number, length: number): Buffer;
  bind(fd: number, address: Buffer): void;
  connect(fd: number, address: Buffer): void;
  /** The local sockaddr. */
  socketName(fd: number): Buffer;
  /** Bytes sent. */
  send(fd: number, data: Uint8Array, flags: number): number;
  sendTo(fd: number, data: Uint8Array, flags: number, address: Buffer): number;
  /** Bytes put into `buffer`; 0 is the end of a stream; null when nothing is there now (EAGAIN). */
  receive(fd: number, buffer: Buffer, flags: number): number | null;
  receiveFrom(fd: number, buffer: Buffer, flags: number): Received | null;
  /** As `receive`, with a `struct msghdr` that lies at an address. */
  receiveMessage(fd: number, header: bigint, flags: number): number | null;
  allocate(length: number): NativeMemory;
  /** Octets of a pointer, and of a `size_t`. */
  wordSize(): number;
  /**
   * Calls `onReadable` whenever `fd` can be read (also on an error or the end), as long as it can:
   * receive until null. Cancel before closing `fd`. Keeps the process alive until then.
   */
  poll(fd: number, onReadable: () => void): Cancel;
}

/** Loaded at the first call, so that commands that need no native socket work without koffi. */
export const native: Native = {
  socket: (domain, type, protocol) =>
    checked('socket', libc().socket(domain, type | SOCK_NONBLOCK_CLOEXEC, protocol)),
  close: (fd) => void checked('close', libc().close(fd)),
  setSocketOption: (fd, level, option, value) =>
    void checked('setsockopt', libc().setsockopt(fd, level, option, value, value.length)),
  getSocketOption(fd, level, option, length) {
    const value = Buffer.alloc(length);
    const size = lengthCell(length);
    checked('getsockopt', libc().getsockopt(fd, level, option, value, size));
    return value.subarray(0, size.readUInt32LE());
  },
  bind: (fd, address) => void checked('bind', libc().bind(fd, address, address.length)),
  connect: (fd, address) => void checked('connect', libc().connect(fd, address, address.length)),
  socketName(fd) {
    const address = Buffer.alloc(128);
    const size = lengthCell(address.length);
    checked('getsockname', libc().getsockname(fd, address, size));
    return address.subarray(0, size.readUInt32LE());
  },
  send: (fd, data, flags) => checked('send', libc().send(fd, data, data.length, flags)),
  sendTo: (fd, data, flags, address) =>
    checked('sendto', libc().sendto(fd, data, data.length, flags, address, address.length)),
  receive: (fd, buffer, flags) => received('recv', libc().recv(fd, buffer, buffer.length, flags)),
  receiveFrom(fd, buffer, flags) {
    senderLength.writeUInt32LE(sender.length);
    const length = received(
      'recvfrom',
      libc().recvfrom(fd, buffer, buffer.length, flags, sender, senderLength),
    );
    return length === null ? null : {length, from: sender.subarray(0, senderLength.readUInt32LE())};
  },
  receiveMessage: (fd, header, flags) => received('recvmsg', libc().recvmsg(fd, header, flags)),
  allocate(length) {
    const pointer: unknown = koffi().alloc('uint8_t', length);
    return {address: koffi().address(pointer), bytes: Buffer.from(koffi().view(pointer, length))};
  },
  wordSize: () => koffi().sizeof('void *'),
  poll(fd, onReadable) {
    let cancelled = false;
    // What a callback of koffi throws is lost without a trace. An immediate runs in the same turn of the
    // loop, and there a throw ends the process as it should.
    const handle = koffi().node.poll(fd, {readable: true}, () =>
      setImmediate(() => {
        if (!cancelled) onReadable();
      }),
    );
    polled.add(handle);
    return () => {
      if (cancelled) return;
      cancelled = true;
      polled.delete(handle);
      handle.close();
    };
  },
};

/** The kernel's `sockaddr_in` or `sockaddr_in6` for `bind`, `connect`, `sendTo` and TCP_MD5SIG. */
export function sockaddr(address: IpAddress, port: number): Buffer {
  const ipv4 = familyOf(address) === 'ipv4';
  const buffer = Buffer.alloc(ipv4 ? 16 : 28);
  buffer.writeUInt16LE(ipv4 ? linux.AF_INET : linux.AF_INET6, 0);
  buffer.writeUInt16BE(port, 2);
  buffer.set(bytesOf(address), ipv4 ? 4 : 8);
  return buffer;
}

/** The kernel's `sockaddr_nl`; port 0 lets the kernel choose. `groups` is the old bit mask, bit n-1 for group n. */
export function netlinkSockaddr(port: number, groups: number): Buffer {
  const buffer = Buffer.alloc(NETLINK_ADDRESS_LENGTH);
  buffer.writeUInt16LE(linux.AF_NETLINK, 0);
  buffer.writeUInt32LE(port, 4);
  buffer.writeUInt32LE(groups, 8);
  return buffer;
}

/** The descriptor below one of Node's own sockets or servers, for options. Throws where it has none (yet or any more). */
export function fdOf(socket: Socket | Server): number {
  // Node keeps its handle in `_handle` and offers no public way to the descriptor.
  const {_handle: handle} = socket as unknown as {_handle?: {fd?: unknown} | null};
  const fd = handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw new Error('the socket has no descriptor: it is not open');
  return fd;
}

/** `EPERM` for 1; `errno 4711` for a number without a name. */
export function errnoName(errno: number): string {
  return errnoText(errno)[0];
}

const sender = Buffer.alloc(128);
const senderLength = Buffer.alloc(4);

type Koffi = typeof import('koffi').default;
type PollHandle = ReturnType<Koffi['node']['poll']>;

// koffi closes a handle that is garbage-collected: what is polled is held here.
const polled = new Set<PollHandle>();
let loaded: Koffi | undefined;
let bound: Libc | undefined;
let errnos: Map<number, [string, string]> | undefined;

function koffi(): Koffi {
  if (loaded) return loaded;
  if (process.platform !== 'linux' || endianness() !== 'LE') {
    throw new NativeUnavailableError(
      `native sockets need Linux on a little-endian machine, this is ${process.platform} on ${process.arch}`,
    );
  }
  try {
    loaded = createRequire(import.meta.url)('koffi') as Koffi;
    return loaded;
  } catch (error) {
    throw new NativeUnavailableError(
      `the native-call library koffi could not be loaded (${firstLine(error)}): install eip-health's ` +
        'dependencies with npm on this machine, without --omit=optional, so that koffi brings its binary for ' +
        `${process.platform}-${process.arch}`,
      {cause: error},
    );
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

type Bytes = Uint8Array;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): number;
  setsockopt(fd: number, level: number, option: number, value: Bytes, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Bytes, length: Bytes): number;
  bind(fd: number, address: Bytes, length: number): number;
  connect(fd: number, address: Bytes, length: number): number;
  getsockname(fd: number, address: Bytes, length: Bytes): number;
  send(fd: number, data: Bytes, length: number, flags: number): number;
  sendto(fd: number, data: Bytes, length: number, flags: number, to: Bytes, toLength: number): number;
  recv(fd: number, data: Bytes, length: number, flags: number): number;
  recvfrom(fd: number, data: Bytes, length: number, flags: number, from: Bytes, fromLength: Bytes): number;
  recvmsg(fd: number, header: bigint, flags: number): number;
}

function libc(): Libc {
  if (bound) return bound;
  // Node itself is linked with libc: its symbols are found in the process, whatever the file is called.
  const process = koffi().load(null);
  bound = {
    socket: process.func('int socket(int, int, int)'),
    close: process.func('int close(int)'),
    setsockopt: process.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    getsockopt: process.func('int getsockopt(int, int, int, void *, void *)'),
    bind: process.func('int bind(int, const void *, uint32_t)'),
    connect: process.func('int connect(int, const void *, uint32_t)'),
    getsockname: process.func('int getsockname(int, void *, void *)'),
    send: process.func('long send(int, const void *, ulong, int)'),
    sendto: process.func('long sendto(int, const void *, ulong, int, const void *, uint32_t)'),
    recv: process.func('long recv(int, void *, ulong, int)'),
    recvfrom: process.func('long recvfrom(int, void *, ulong, int, void *, void *)'),
    recvmsg: process.func('long recvmsg(int, void *, int)'),
  };
  return bound;
}

/** The result of a call, or its errno thrown. */
function checked(syscall: string, result: number): number {
  if (result >= 0) return result;
  throw new SystemError(syscall, koffi().errno());
}

/** Nothing to receive is an answer, not an error: an Error with its stack would cost more than the call. */
function received(syscall: string, result: number): number | null {
  if (result >= 0) return result;
  const errno = koffi().errno();
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EINTR) return null;
  throw new SystemError(syscall, errno);
}

function lengthCell(length: number): Buffer {
  const cell = Buffer.alloc(4);
  cell.writeUInt32LE(length);
  return cell;
}

function errnoText(errno: number): [string, string] {
  errnos ??= new Map([...getSystemErrorMap()].map(([number, text]) => [-number, text]));
  const known = errnos.get(errno);
  if (known) return known;
  const name = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
  return [name ?? `errno ${errno}`, `error ${errno}`];
}
