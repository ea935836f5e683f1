/** Syslog over UDP (RFC 5426): what arrives is known to nobody, but that nobody listens comes back as an ICMP error. */

import {createSocket, type Socket} from 'node:dgram';
import type {Cancel} from '../types.js';
import type {LogConnection, LogSocket} from './log-socket.js';
import {lookupShared} from './lookup.js';
import {networkFailure} from './net-error.js';

/** How long an answer to the probe may take. */
const probeMs = 200;
/** Bytes that may wait in this process for the network interface. */
const maxWaitingBytes = 64 * 1024;

export function openLogUdp(
  {host, port}: {readonly host: string; readonly port: number},
  {clock, handlers, isRetry}: LogConnection,
): LogSocket {
  let socket: Socket | null = null;
  let cancel: Cancel = () => {};
  let isOver = false;
  let isOpened = false;
  let waiting = 0;
  let wantsRoom = false;

  function close(): void {
    isOver = true;
    cancel();
    socket?.close();
    socket = null;
  }

  function over(error: unknown, lost: number): void {
    if (isOver) return;
    close();
    handlers.closed(networkFailure(error).reason, lost);
  }

  // Who is asked for is remembered: a name is looked up with every new socket, not with every message.
  lookupShared(host, {}, (error, address, family) => {
    if (isOver) return;
    if (error) return over(error, 0);
    const opening = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket = opening;
    opening.on('error', (refused) => over(refused, isOpened ? 1 : 0));
    opening.on('connect', () => (isRetry ? probe(opening) : opened()));
    opening.connect(port, String(address));
  });

  function opened(): void {
    isOpened = true;
    handlers.opened();
  }

  /** An empty datagram, which collectors pass over: the queue is not to be spent on a host that refuses it. */
  function probe(opening: Socket): void {
    cancel = clock.after(probeMs, opened);
    opening.send(new Uint8Array(0), (error) => error && over(error, 0));
  }

  return {
    send(message) {
      if (socket === null) return false;
      if (waiting + message.length > maxWaitingBytes) {
        wantsRoom = true;
        return false;
      }
      waiting += message.length;
      socket.send(message, (error) => {
        waiting -= message.length;
        if (error) return over(error, 1);
        if (!wantsRoom || isOver) return;
        wantsRoom = false;
        handlers.ready();
      });
      return true;
    },
    close,
  };
}
