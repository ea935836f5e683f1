/**
 * The UDP sockets of BFD: what is received comes with its TTL, which Node does not tell, and what is sent leaves with
 * 255 from a source port of the range that RFC 5881 §4 reserves for it.
 */

import {constants} from 'node:os';
import {addressFromBytes, familyOf} from '../lib/prefix.js';
import type {IpAddress, IpFamily} from '../types.js';
import {linux, type NativeMemory, native, SystemError, sockaddr} from './native.js';

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: IpAddress;
  /** The address of this host that it came to. */
  readonly to: IpAddress;
  /** As it arrived. */
  readonly ttl: number;
}

export interface BfdRoute {
  readonly address: IpAddress;
  readonly port: number;
  /** null: the kernel chooses. */
  readonly localAddress: IpAddress | null;
}

export interface BfdSender {
  /** A packet that cannot be sent is lost, as one on the way would be. */
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface BfdListener {
  /** Hands out at once what has come and waits to be read. */
  read(): void;
  close(): void;
}

export interface BfdNetwork {
  /** Hears what comes to a port at any address of this host. Throws `SystemError`, as when another program has the port. */
  listen(family: IpFamily, port: number, onDatagram: (datagram: Datagram) => void): BfdListener;
  /** A source port of its own. `random` is in [0, 1). */
  sender(route: BfdRoute, random: () => number): BfdSender;
}

/** RFC 5881 §5, and for multihop as good as any. */
const SENT_TTL = 255;
/** RFC 5881 §4. */
const FIRST_PORT = 49_152;
const PORTS = 65_536 - FIRST_PORT;
/** Source ports tried before giving up until the next packet. */
const ATTEMPTS = 20;
/** Class selector 6, "network control" (RFC 4594 §3.1). */
const DSCP_CS6 = 48 << 2;

const LARGEST = 2_048;

/** The real network. */
export const bfdNetwork: BfdNetwork = {
  listen(family, port, onDatagram) {
    const fd = openSocket(family, FIRST_ADDRESS[family], port);
    try {
      for (const option of ancillary[family].options) {
        native.setSocketOption(fd, ancillary[family].level, option, int(1));
      }
    } catch (error) {
      native.close(fd);
      throw error;
    }
    let isOpen = true;
    const read = (): void => {
      // Whoever hears a datagram may close the listener.
      for (let next = receive(fd, family); next; next = isOpen ? receive(fd, family) : null) onDatagram(next);
    };
    const stop = native.poll(fd, read);
    return {
      read,
      close() {
        if (!isOpen) return;
        isOpen = false;
        stop();
        native.close(fd);
      },
    };
  },

  sender({address, port, localAddress}, random) {
    const family = familyOf(address);
    const to = sockaddr(address, port);
    let socket: {readonly fd: number; readonly port: number} | null = null;
    return {
      send(bytes) {
        try {
          // The local address may come later than we do.
          socket ??= openSender(family, localAddress, random);
          native.sendTo(socket.fd, bytes, linux.MSG_NOSIGNAL | linux.MSG_DONTWAIT, to);
        } catch (error) {
          if (!(error instanceof SystemError)) throw error;
        }
      },
      close() {
        if (!socket) return;
        native.close(socket.fd);
        sourcePorts.delete(socket.port);
        socket = null;
      },
    };
  },
};

const FIRST_ADDRESS = {
  ipv4: addressFromBytes('ipv4', new Uint8Array(4)),
  ipv6: addressFromBytes('ipv6', new Uint8Array(16)),
} as const;

/** RFC 5881 §4: no two sessions of a system have the same, not even at different addresses. */
const sourcePorts = new Set<number>();

function openSender(
  family: IpFamily,
  localAddress: IpAddress | null,
  random: () => number,
): {fd: number; port: number} {
  const address = localAddress ?? FIRST_ADDRESS[family];
  for (let attempt = 1; ; attempt++) {
    const port = FIRST_PORT + Math.floor(random() * PORTS);
    try {
      if (sourcePorts.has(port)) throw new SystemError('bind', constants.errno.EADDRINUSE);
      const fd = openSocket(family, address, port);
      sourcePorts.add(port);
      return {fd, port};
    } catch (error) {
      const isTaken = error instanceof SystemError && error.code === 'EADDRINUSE';
      if (!isTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

function openSocket(family: IpFamily, address: IpAddress, port: number): number {
  const isIpv4 = family === 'ipv4';
  const fd = native.socket(isIpv4 ? linux.AF_INET : linux.AF_INET6, linux.SOCK_DGRAM, 0);
  try {
    const level = isIpv4 ? linux.IPPROTO_IP : linux.IPPROTO_IPV6;
    if (!isIpv4) native.setSocketOption(fd, level, linux.IPV6_V6ONLY, int(1));
    native.setSocketOption(fd, level, isIpv4 ? linux.IP_TTL : linux.IPV6_UNICAST_HOPS, int(SENT_TTL));
    native.setSocketOption(fd, level, isIpv4 ? linux.IP_TOS : linux.IPV6_TCLASS, int(DSCP_CS6));
    native.bind(fd, sockaddr(address, port));
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/** The `struct msghdr` of recvmsg(2) with what it points to, in one piece. */
interface Frame {
  readonly memory: NativeMemory;
  readonly word: number;
  readonly nameAt: number;
  readonly vectorAt: number;
  readonly controlAt: number;
  readonly dataAt: number;
}

const NAME_LENGTH = 128;
const CONTROL_LENGTH = 128;
let frame: Frame | undefined;

function makeFrame(): Frame {
  const word = native.wordSize();
  const nameAt = 64;
  const vectorAt = nameAt + NAME_LENGTH;
  const controlAt = vectorAt + 16;
  const dataAt = controlAt + CONTROL_LENGTH;
  return {memory: native.allocate(dataAt + LARGEST), word, nameAt, vectorAt, controlAt, dataAt};
}

/** What is asked for beside each datagram. */
const ancillary = {
  ipv4: {level: linux.IPPROTO_IP, options: [linux.IP_RECVTTL, linux.IP_PKTINFO]},
  ipv6: {level: linux.IPPROTO_IPV6, options: [linux.IPV6_RECVHOPLIMIT, linux.IPV6_RECVPKTINFO]},
} as const;

/** The next datagram; null when none is there now. What comes without a TTL or an address it came to is dropped. */
function receive(fd: number, family: IpFamily): Datagram | null {
  frame ??= makeFrame();
  const {controlAt, dataAt, memory, nameAt, vectorAt, word} = frame;
  const {address, bytes} = memory;
  // struct msghdr {void *name; socklen_t namelen; struct iovec *iov; size_t iovlen; void *control; size_t len; int flags}
  bytes.fill(0, 0, nameAt);
  putWord(0, address + BigInt(nameAt));
  bytes.writeUInt32LE(NAME_LENGTH, word);
  putWord(2 * word, address + BigInt(vectorAt));
  putWord(3 * word, 1n);
  putWord(4 * word, address + BigInt(controlAt));
  putWord(5 * word, BigInt(CONTROL_LENGTH));
  putWord(vectorAt, address + BigInt(dataAt));
  putWord(vectorAt + word, BigInt(LARGEST));
  bytes.fill(0, controlAt, dataAt);
  for (;;) {
    const length = receiveMessage(fd, address);
    if (length === null) return null;
    const beside = besideIn(bytes.subarray(controlAt, dataAt), word, family);
    const from = addressAt(bytes, family === 'ipv4' ? nameAt + 4 : nameAt + 8, family);
    const data = Uint8Array.from(bytes.subarray(dataAt, dataAt + Math.min(length, LARGEST)));
    if (beside) return {bytes: data, from, ...beside};
  }

  function putWord(at: number, value: bigint): void {
    if (word === 8) bytes.writeBigUInt64LE(value, at);
    else bytes.writeUInt32LE(Number(value), at);
  }
}

/** An error that waited at the socket is that of a lost packet, and over with being told. */
function receiveMessage(fd: number, header: bigint): number | null {
  try {
    return native.receiveMessage(fd, header, linux.MSG_DONTWAIT);
  } catch (error) {
    if (error instanceof SystemError) return null;
    throw error;
  }
}

/**
 * struct cmsghdr {size_t len; int level; int type;} with its data, again and again: the TTL as an int, and
 * struct in_pktinfo {int interface; in_addr local; in_addr to;} or in6_pktinfo {in6_addr to; int interface;}.
 */
function besideIn(control: Buffer, word: number, family: IpFamily): Pick<Datagram, 'to' | 'ttl'> | null {
  const types =
    family === 'ipv4'
      ? {ttl: linux.IP_TTL, to: linux.IP_PKTINFO, toAt: 8}
      : {ttl: linux.IPV6_HOPLIMIT, to: linux.IPV6_PKTINFO, toAt: 0};
  const header = word + 8;
  let ttl: number | null = null;
  let to: IpAddress | null = null;
  for (let at = 0; at + header <= control.length; ) {
    const length = control.readUInt32LE(at);
    if (length < header) break;
    const type = control.readInt32LE(at + word + 4);
    if (control.readInt32LE(at + word) === ancillary[family].level) {
      if (type === types.ttl) ttl = control.readInt32LE(at + header);
      else if (type === types.to) to = addressAt(control, at + header + types.toAt, family);
    }
    at += Math.ceil(length / word) * word;
  }
  return ttl === null || to === null ? null : {ttl, to};
}

function addressAt(bytes: Uint8Array, at: number, family: IpFamily): IpAddress {
  return addressFromBytes(family, Uint8Array.from(bytes.subarray(at, at + (family === 'ipv4' ? 4 : 16))));
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
