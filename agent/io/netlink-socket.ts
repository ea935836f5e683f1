/** A NETLINK_ROUTE socket: datagrams to and from the kernel, never blocking. */

import type {Cancel} from '../types.js';
import {linux, native, netlinkSockaddr, SystemError} from './native.js';

export interface NetlinkSocket {
  /** The kernel works off a request before this returns. Throws `SystemError`. */
  send(datagram: Uint8Array): void;
  /**
   * The next datagram, or null when there is none now; valid until the next call. Throws `SystemError`,
   * with `ENOBUFS` when the kernel had to drop messages for this socket.
   */
  receive(): Buffer | null;
  /** Calls whenever something can be received; receive until null. */
  onReadable(listener: () => void): Cancel;
  /** Events of this multicast group (`RTNLGRP_*`) come in from now on. */
  join(group: number): void;
  close(): void;
}

const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const EMSGSIZE = 90;

// The kernel makes no datagram of a dump larger than 32 KiB.
const largestDatagram = 64 * 1024;
// Room for a burst of some thousand events; without CAP_NET_ADMIN the kernel gives what net.core.rmem_max allows.
const receiveBuffer = 4 * 1024 * 1024;

/** Throws `SystemError`, or `NativeUnavailableError` where there are no native calls. Needs no privilege. */
export function openNetlinkSocket(): NetlinkSocket {
  const fd = native.socket(linux.AF_NETLINK, linux.SOCK_RAW, NETLINK_ROUTE);
  try {
    native.bind(fd, netlinkSockaddr(0, 0));
  } catch (error) {
    native.close(fd);
    throw error;
  }
  // Each is a help that older kernels lack: error texts (4.12), short answers (4.3), filtered dumps (4.20).
  attempt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  attempt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  attempt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  if (!attempt(fd, linux.SOL_SOCKET, linux.SO_RCVBUFFORCE, receiveBuffer)) {
    attempt(fd, linux.SOL_SOCKET, linux.SO_RCVBUF, receiveBuffer);
  }
  const buffer = Buffer.allocUnsafeSlow(largestDatagram);
  const polls = new Set<Cancel>();
  return {
    send: (datagram) => void native.send(fd, datagram, 0),
    receive() {
      for (;;) {
        const received = native.receiveFrom(fd, buffer, linux.MSG_TRUNC);
        if (!received) return null;
        // Privileged processes may write to our port, too: only port 0 is the kernel.
        if (received.from.readUInt32LE(4) !== 0) continue;
        if (received.length > buffer.length) throw new SystemError('recvfrom', EMSGSIZE);
        return buffer.subarray(0, received.length);
      }
    },
    onReadable(listener) {
      const cancel = native.poll(fd, listener);
      polls.add(cancel);
      return cancel;
    },
    join: (group) => native.setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int(group)),
    close() {
      for (const cancel of polls) cancel();
      native.close(fd);
    },
  };
}

function attempt(fd: number, level: number, option: number, value: number): boolean {
  try {
    native.setSocketOption(fd, level, option, int(value));
    return true;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
