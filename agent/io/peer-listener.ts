/** Accepts BGP connections, with MD5 signatures (RFC 2385) where peers have keys: for the collector and for tests. */

import net from 'node:net';
import {familyOf} from '../lib/prefix.js';
import type {Secret} from '../lib/secret.js';
import type {IpAddress, Prefix} from '../types.js';
import {linux, native, sockaddr} from './native.js';
import {attach, type PeerSocket, plainAddress, type SocketHandlers} from './peer-socket.js';
import {setMd5KeyFor} from './tcp-md5.js';

export interface ListenOptions {
  readonly address: IpAddress;
  /** 0: any free one. */
  readonly port: number;
  /** Connections from these networks must be signed. */
  readonly keys: readonly {readonly peers: Prefix; readonly password: Secret}[];
}

/** One connection that was accepted; its bytes wait until `attach` says where they go. */
export interface Accepted {
  readonly local: IpAddress;
  readonly remote: IpAddress;
  attach(handlers: Omit<SocketHandlers, 'connected'>): PeerSocket;
}

export interface PeerListener {
  readonly port: number;
  /** Accepts nothing more; connections that stand stay. */
  close(): Promise<void>;
}

/** Rejects where the address or port cannot be had. */
export async function listenForPeers(
  options: ListenOptions,
  onConnection: (connection: Accepted) => void,
): Promise<PeerListener> {
  const server = net.createServer({pauseOnConnect: true}, (socket) => {
    const {localAddress, remoteAddress} = socket;
    if (!localAddress || !remoteAddress) return void socket.destroy();
    socket.setNoDelay(true);
    onConnection({
      local: plainAddress(localAddress),
      remote: plainAddress(remoteAddress),
      attach(handlers) {
        const peer = attach(socket, {...handlers, connected: () => undefined});
        socket.resume();
        return peer;
      },
    });
  });
  const {address: host, port, keys} = options;
  await new Promise<void>((resolve, reject) => {
    // Stays: an error of one accept later on must not end the process.
    server.on('error', reject);
    server.once('listening', resolve);
    if (keys.length === 0) server.listen({host, port});
    else server.listen({fd: boundSocket(options)});
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** SO_REUSEADDR of linux/socket.h. */
const SO_REUSEADDR = 2;

function boundSocket({address, port, keys}: ListenOptions): number {
  const domain = familyOf(address) === 'ipv4' ? linux.AF_INET : linux.AF_INET6;
  const fd = native.socket(domain, linux.SOCK_STREAM, 0);
  try {
    const on = Buffer.from([1, 0, 0, 0]);
    native.setSocketOption(fd, linux.SOL_SOCKET, SO_REUSEADDR, on);
    for (const {peers, password} of keys) setMd5KeyFor(fd, peers, password);
    native.bind(fd, sockaddr(address, port));
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}
