/** Syslog over a byte stream: TCP and TLS (RFC 6587 §3.4.1, RFC 5425), and unix stream sockets. */

import type {Socket} from 'node:net';
import {TLSSocket} from 'node:tls';
import type {LogConnection, LogSocket} from './log-socket.js';
import {fdOf, linux, native} from './native.js';
import {networkFailure} from './net-error.js';

const connectTimeoutMs = 10_000;
/** What was sent and stays unacknowledged for so long means that the server is gone. */
const unacknowledgedMs = 20_000;
/** Bytes that may wait in this process; the kernel has its own buffer besides. */
const maxWaitingBytes = 64 * 1024;
const closeTimeoutMs = 1000;

/** `octet-counting`: `LENGTH SP MESSAGE`; `lines`: a message ends with a newline. `socket` is on its way. */
export function openLogStream(
  socket: Socket,
  framing: 'octet-counting' | 'lines',
  {clock, handlers}: LogConnection,
): LogSocket {
  let isOver = false;
  let wantsRoom = false;
  /** Messages in this process. */
  let taken = 0;
  const cancel = clock.after(connectTimeoutMs, () =>
    over(`no connection within ${connectTimeoutMs / 1000} s`),
  );

  function over(reason: string): void {
    if (isOver) return;
    isOver = true;
    cancel();
    socket.destroy();
    handlers.closed(reason, taken);
  }

  socket.on(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
    cancel();
    if (isOver) return;
    if (framing === 'octet-counting') watchForDeath(socket);
    handlers.opened();
  });
  socket.on('error', (error) => over(networkFailure(error).reason));
  socket.on('close', () => over('the connection was closed'));
  // Nothing is ever said there, but only who reads hears of the end.
  socket.resume();

  return {
    send(message) {
      if (isOver) return false;
      if (socket.writableLength > maxWaitingBytes) {
        wantsRoom = true;
        return false;
      }
      taken += 1;
      socket.write(framed(message, framing), (error) => {
        if (error) return;
        taken -= 1;
        if (isOver || !wantsRoom || socket.writableLength > maxWaitingBytes / 2) return;
        wantsRoom = false;
        handlers.ready();
      });
      return true;
    },
    close() {
      if (isOver) return;
      isOver = true;
      cancel();
      const cancelDestroy = clock.after(closeTimeoutMs, () => socket.destroy());
      socket.on('close', cancelDestroy);
      if (socket.connecting) socket.destroy();
      else socket.end();
    },
  };
}

function framed(message: Uint8Array, framing: 'octet-counting' | 'lines'): Uint8Array {
  return framing === 'lines'
    ? Buffer.concat([message, Buffer.from('\n')])
    : Buffer.concat([Buffer.from(`${message.length} `), message]);
}

/** TCP by itself goes on for a quarter of an hour before it gives a silent server up. */
function watchForDeath(socket: Socket): void {
  socket.setKeepAlive(true, unacknowledgedMs);
  const value = Buffer.alloc(4);
  value.writeUInt32LE(unacknowledgedMs);
  try {
    native.setSocketOption(fdOf(socket), linux.IPPROTO_TCP, linux.TCP_USER_TIMEOUT, value);
  } catch {
    // Without koffi the queue is what holds until TCP notices by itself.
  }
}
