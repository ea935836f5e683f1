/**
 * TCP connections of BGP sessions: with MD5 signatures (RFC 2385), a TTL, a source address and the DSCP of routing
 * protocols. Node offers none of the first two, so the descriptor is made and prepared natively and then given to Node.
 */

import net from 'node:net';
import {familyOf, parseAddress} from '../lib/prefix.js';
import type {Secret} from '../lib/secret.js';
import type {IpAddress} from '../types.js';
import {linux, NativeUnavailableError, native, sockaddr} from './native.js';
import {setMd5Key} from './tcp-md5.js';

/** The two ends of a connection. */
export interface Ends {
  readonly local: IpAddress;
  readonly remote: IpAddress;
}

export interface SocketHandlers {
  connected(ends: Ends): void;
  data(chunk: Uint8Array): void;
  /** Once, unless `destroy` came before: the attempt failed, or the connection broke or was closed by the peer. */
  closed(reason: string): void;
}

export interface PeerSocket {
  /** `onTaken` is called when the kernel took all of it; never when the connection breaks first. */
  write(bytes: Uint8Array, onTaken?: () => void): void;
  /** Half-close: what was written still arrives, and what the peer sends is still read. */
  end(): void;
  /** At once and for good; no handler is called any more. */
  destroy(): void;
}

export interface ConnectOptions {
  readonly address: IpAddress;
  readonly port: number;
  /** The source address; null: the kernel chooses. */
  readonly localAddress: IpAddress | null;
  /** Of the packets sent. */
  readonly ttl: number;
  readonly password: Secret | null;
}

export interface PeerConnector {
  /** Begins to connect; never throws: what goes wrong at once is told by `closed` as well, but later. */
  connect(options: ConnectOptions, handlers: SocketHandlers): PeerSocket;
}

/** Class selector 6, "network control" (RFC 4594 §3.1), in the upper bits of the octet. */
const DSCP_CS6 = 48 << 2;

/** linux/tcp.h. What the kernel holds and has not sent stays small: a withdrawal must not wait behind megabytes. */
const TCP_NOTSENT_LOWAT = 25;
const NOT_SENT_LIMIT = 128 * 1024;

/** Connects over the real network. */
export const peerConnector: PeerConnector = {
  connect(options, handlers) {
    try {
      return attach(outgoing(options), handlers);
    } catch (error) {
      return stillborn(messageOf(error), handlers);
    }
  },
};

/** Plays handlers on a socket of Node's, connecting or connected. */
export function attach(socket: net.Socket, handlers: SocketHandlers): PeerSocket {
  let over = false;
  const close = (reason: string) => {
    if (over) return;
    over = true;
    socket.destroy();
    handlers.closed(reason);
  };
  const greet = () => {
    const {localAddress, remoteAddress} = socket;
    if (!localAddress || !remoteAddress) return close('connection closed before it was used');
    socket.setNoDelay(true);
    handlers.connected({local: plainAddress(localAddress), remote: plainAddress(remoteAddress)});
  };
  socket.on('connect', greet);
  socket.on('data', (chunk: Buffer) => {
    if (!over) handlers.data(chunk);
  });
  socket.on('end', () => close('connection closed by the peer'));
  socket.on('error', (error) => close(error.message));
  socket.on('close', () => close('connection closed'));
  return {
    write(bytes, onTaken) {
      if (over || !socket.writable) return;
      socket.write(bytes, (error) => {
        if (!error && !over) onTaken?.();
      });
    },
    end: () => void socket.end(),
    destroy() {
      over = true;
      socket.destroy();
    },
  };
}

function outgoing(options: ConnectOptions): net.Socket {
  const {address: host, port, localAddress} = options;
  const prepared = preparedSocket(options);
  // The descriptor is bound already where a source address is wanted.
  if (prepared) return prepared.connect({host, port});
  return net.connect({host, port, ...(localAddress ? {localAddress} : {})});
}

/** A socket with its options set; null where koffi is missing and nothing depends on them. */
function preparedSocket(options: ConnectOptions): net.Socket | null {
  const {address, localAddress, ttl, password} = options;
  const ipv4 = familyOf(address) === 'ipv4';
  let fd: number;
  try {
    fd = native.socket(ipv4 ? linux.AF_INET : linux.AF_INET6, linux.SOCK_STREAM, 0);
  } catch (error) {
    if (error instanceof NativeUnavailableError && !password) return null;
    throw error;
  }
  try {
    if (ipv4) {
      native.setSocketOption(fd, linux.IPPROTO_IP, linux.IP_TTL, int(ttl));
      native.setSocketOption(fd, linux.IPPROTO_IP, linux.IP_TOS, int(DSCP_CS6));
    } else {
      native.setSocketOption(fd, linux.IPPROTO_IPV6, linux.IPV6_UNICAST_HOPS, int(ttl));
      native.setSocketOption(fd, linux.IPPROTO_IPV6, linux.IPV6_TCLASS, int(DSCP_CS6));
    }
    native.setSocketOption(fd, linux.IPPROTO_TCP, TCP_NOTSENT_LOWAT, int(NOT_SENT_LIMIT));
    if (password) setMd5Key(fd, address, password);
    if (localAddress) native.bind(fd, sockaddr(localAddress, 0));
    // `manualStart`, which Node's types leave out: no reading before it is connected.
    const unconnected = {fd, manualStart: true};
    return new net.Socket(unconnected);
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

/** A connection that failed before it began; says so on the next turn, as a refused one would. */
function stillborn(reason: string, handlers: SocketHandlers): PeerSocket {
  let over = false;
  process.nextTick(() => {
    if (!over) handlers.closed(reason);
    over = true;
  });
  const destroy = () => {
    over = true;
  };
  return {write: () => undefined, end: () => undefined, destroy};
}

/** Node's text for an address, without the zone of a link-local one and without the IPv4-mapped form. */
export function plainAddress(text: string): IpAddress {
  return parseAddress(text.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, ''));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
