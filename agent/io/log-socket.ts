/** How messages get to a system log. Nothing here blocks, whatever state the log daemon is in. */

import type {SyslogTarget} from '../config/syslog.js';
import type {Clock} from '../types.js';
import {connectTcp, connectTls} from './connect.js';
import {openLogDatagrams} from './log-datagrams.js';
import {openLogStream} from './log-stream.js';
import {openLogUdp} from './log-udp.js';

export interface LogSocket {
  /**
   * Takes one message, or answers false: no room now, `ready` tells when to try again. To be called only between
   * `opened` and `closed`. No handler is called from within.
   */
  send(message: Uint8Array): boolean;
  /** What was taken goes out if that is possible within a second. No handler is called any more. */
  close(): void;
}

export interface LogSocketHandlers {
  readonly opened: () => void;
  readonly ready: () => void;
  /** It could not be opened, or is over. `lost`: messages that had been taken and are known not to have gone out. */
  readonly closed: (reason: string, lost: number) => void;
}

export interface LogConnection {
  readonly target: SyslogTarget;
  readonly handlers: LogSocketHandlers;
  readonly clock: Clock;
  /** The last attempt failed: be sure that somebody is there before anything is sent. */
  readonly isRetry: boolean;
}

/** Opens the way to a log; one attempt. No handler is called before it returns. */
export type LogConnector = (connection: LogConnection) => LogSocket;

export const connectLog: LogConnector = (connection) => {
  const {target} = connection;
  switch (target.kind) {
    case 'unix':
      return openLogDatagrams(target.path, connection);
    case 'udp':
      return openLogUdp(target, connection);
    case 'tcp':
      return openLogStream(connectTcp(target), 'octet-counting', connection);
    case 'tls': {
      const socket = connectTls(target, {rejectUnauthorized: true}, target.host);
      return openLogStream(socket, 'octet-counting', connection);
    }
  }
};
