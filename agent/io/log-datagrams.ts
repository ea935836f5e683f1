/** The socket of a log daemon on this host, as syslog(3) uses it: datagrams, or a stream where it is one. */

import {connect} from 'node:net';
import type {Cancel} from '../types.js';
import type {LogConnection, LogSocket} from './log-socket.js';
import {openLogStream} from './log-stream.js';
import {linux, native, SystemError} from './native.js';

/** A daemon that does not keep up is asked again after this time. */
const fullMs = 20;

export function openLogDatagrams(path: string, connection: LogConnection): LogSocket {
  const {clock, handlers} = connection;
  let fd: number | null = null;
  let cancel: Cancel = () => {};

  function shut(): void {
    cancel();
    if (fd !== null) native.close(fd);
    fd = null;
  }

  function fail(error: unknown): void {
    shut();
    const reason = error instanceof Error ? error.message : String(error);
    cancel = clock.after(0, () => handlers.closed(reason, 0));
  }

  try {
    fd = native.socket(linux.AF_UNIX, linux.SOCK_DGRAM, 0);
    native.connect(fd, unixSockaddr(path));
    cancel = clock.after(0, handlers.opened);
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EPROTOTYPE') {
      shut();
      return openLogStream(connect({path}), 'lines', connection);
    }
    fail(error);
  }

  return {
    send(message) {
      if (fd === null) return false;
      try {
        native.send(fd, message, linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL);
        return true;
      } catch (error) {
        if (error instanceof SystemError && (error.code === 'EAGAIN' || error.code === 'ENOBUFS')) {
          cancel();
          cancel = clock.after(fullMs, handlers.ready);
        } else {
          fail(error);
        }
        return false;
      }
    },
    close: shut,
  };
}

/** The kernel's `sockaddr_un` of a socket in the file system. */
function unixSockaddr(path: string): Buffer {
  const bytes = Buffer.from(`\0\0${path}\0`);
  bytes.writeUInt16LE(linux.AF_UNIX, 0);
  return bytes;
}
