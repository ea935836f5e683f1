/** TCP MD5 signatures (RFC 2385): the key of a peer, set on a socket before it connects or listens. */

import {addressOf, isHost, lengthOf} from '../lib/prefix.js';
import type {Secret} from '../lib/secret.js';
import type {IpAddress, Prefix} from '../types.js';
import {linux, native, sockaddr} from './native.js';

/** linux/tcp.h: TCP_MD5SIG_MAXKEYLEN. */
const MAX_KEY_LENGTH = 80;
/** As TCP_MD5SIG, and `flags` and `prefixlen` count (Linux 4.13). */
const TCP_MD5SIG_EXT = 32;
const TCP_MD5SIG_FLAG_PREFIX = 1;

/** Signs what goes to `peer` and refuses what comes from it unsigned. Throws `SystemError`, or `RangeError` for a long key. */
export function setMd5Key(fd: number, peer: IpAddress, key: Secret): void {
  native.setSocketOption(fd, linux.IPPROTO_TCP, linux.TCP_MD5SIG, md5Option(peer, 0, 0, key));
}

/** The same for every address of a network: for sockets that listen. */
export function setMd5KeyFor(fd: number, peers: Prefix, key: Secret): void {
  if (isHost(peers)) {
    setMd5Key(fd, addressOf(peers), key);
    return;
  }
  const option = md5Option(addressOf(peers), TCP_MD5SIG_FLAG_PREFIX, lengthOf(peers), key);
  native.setSocketOption(fd, linux.IPPROTO_TCP, TCP_MD5SIG_EXT, option);
}

/** `struct tcp_md5sig`: sockaddr_storage[128], u8 flags, u8 prefixlen, u16 keylen, i32 ifindex, key[80]. */
function md5Option(address: IpAddress, flags: number, prefixLength: number, secret: Secret): Buffer {
  const key = Buffer.from(secret.reveal(), 'utf8');
  if (key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new RangeError(`a BGP password has 1 to ${MAX_KEY_LENGTH} bytes, this one has ${key.length}`);
  }
  const option = Buffer.alloc(216);
  option.set(sockaddr(address, 0), 0);
  option.writeUInt8(flags, 128);
  option.writeUInt8(prefixLength, 129);
  option.writeUInt16LE(key.length, 130);
  option.set(key, 136);
  return option;
}
