/**
 * The UDP sockets of BFD: what is received comes with its TTL, which Node does not tell, and what is sent leaves with
 * 255 from a source port of the range that RFC 5881 §4 reserves for it.
 */

import {addressFromBytes, familyOf} from '../lib/prefix.js';
import type {Cancel, IpAddress, IpFamily} from '../types.js';
import {linux, type NativeMemory, native, SystemError, sockaddr} from './native.js';

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: IpAddress;
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

export interface BfdNetwork {
  /** Hears what comes to a port at any address of this host. Throws `SystemError`, as when another program has the port. */
  listen(family: IpFamily, port: number, onDatagram: (datagram: Datagram) => void): Cancel;
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
    const [level, option] =
      family === 'ipv4'
        ? [linux.IPPROTO_IP, linux.IP_RECVTTL]
        : [linux.IPPROTO_IPV6, linux.IPV6_RECVHOPLIMIT];
    try {
      native.setSocketOption(fd, level, option, int(1));
    } catch (error) {
      native.close(fd);
      throw error;
    }
    const stop = native.poll(fd, () => {
      for (let next = receive(fd, family); next; next = receive(fd, family)) onDatagram(next);
    });
    return () => {
      stop();
      native.close(fd);
    };
  },

  sender({address, port, localAddress}, random) {
    const family = familyOf(address);
    const to = sockaddr(address, port);
    let fd: number | null = null;
    return {
      send(bytes) {
        try {
          // The local address may come later than we do.
          fd ??= openSender(family, localAddress, random);
          native.sendTo(fd, bytes, linux.MSG_NOSIGNAL | linux.MSG_DONTWAIT, to);
        } catch (error) {
          if (!(error instanceof SystemError)) throw error;
        }
      },
      close() {
        if (fd !== null) native.close(fd);
        fd = null;
      },
    };
  },
};

const FIRST_ADDRESS = {
  ipv4: addressFromBytes('ipv4', new Uint8Array(4)),
  ipv6: addressFromBytes('ipv6', new Uint8Array(16)),
} as const;

function openSender(family: IpFamily, localAddress: IpAddress | null, random: () => number): number {
  const address = localAddress ?? FIRST_ADDRESS[family];
  for (let attempt = 1; ; attempt++) {
    try {
      return openSocket(family, address, FIRST_PORT + Math.floor(random() * PORTS));
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

/** The next datagram; null when none is there now. What comes without a TTL is dropped. */
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
    const length = native.receiveMessage(fd, address, linux.MSG_DONTWAIT);
    if (length === null) return null;
    const ttl = ttlIn(bytes.subarray(controlAt, dataAt), word, family);
    const [at, size] = family === 'ipv4' ? [nameAt + 4, 4] : [nameAt + 8, 16];
    const from = addressFromBytes(family, Uint8Array.from(bytes.subarray(at, at + size)));
    const data = Uint8Array.from(bytes.subarray(dataAt, dataAt + Math.min(length, LARGEST)));
    if (ttl !== null) return {bytes: data, from, ttl};
  }

  function putWord(at: number, value: bigint): void {
    if (word === 8) bytes.writeBigUInt64LE(value, at);
    else bytes.writeUInt32LE(Number(value), at);
  }
}

/** struct cmsghdr {size_t len; int level; int type;} and an int: the only message that was asked for. */
function ttlIn(control: Buffer, word: number, family: IpFamily): number | null {
  const [level, type] =
    family === 'ipv4' ? [linux.IPPROTO_IP, linux.IP_TTL] : [linux.IPPROTO_IPV6, linux.IPV6_HOPLIMIT];
  const isThere = control.readInt32LE(word) === level && control.readInt32LE(word + 4) === type;
  return isThere ? control.readInt32LE(word + 8) : null;
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
