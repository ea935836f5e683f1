/** The way of the log to a syslog server: whatever becomes of the server, nothing here waits for it. */

import {formatTarget, type SyslogConfig} from '../config/syslog.js';
import type {LogConnector, LogSocket} from '../io/log-socket.js';
import {backoffMs} from '../lib/backoff.js';
import type {Cancel, Clock, JsonObject} from '../types.js';
import {type SyslogOrigin, syslogMessage} from './syslog-format.js';

export interface SyslogOptions {
  readonly config: SyslogConfig;
  readonly origin: SyslogOrigin;
  readonly connect: LogConnector;
  readonly clock: Clock;
  /** What is to be said about the server itself; may lead to a `write`. */
  readonly report: (level: 'info' | 'warn', message: string, fields: JsonObject) => void;
}

export interface Syslog {
  /** One line as pino wrote it. Never blocks, never throws; what finds no place in the queue is counted. */
  write(json: string): void;
  /** The same with a message that is ready. */
  send(message: Buffer): void;
  /** Resolves when the queue is empty or there is no hope, at the latest after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** Bytes that wait for a server that is slow or away. */
export const maxQueuedBytes = 1024 * 1024;
/** A connection that lives so long is a good one. */
const stableMs = 1000;
const retry = {firstMs: 100, limitMs: 10_000};

export function createSyslog({config, origin, connect, clock, report}: SyslogOptions): Syslog {
  const target = formatTarget(config.target);
  const queue: Buffer[] = [];
  let queuedBytes = 0;
  let lost = 0;
  /** Since a connection was last stable. */
  let failures = 0;
  let isOutageTold = false;
  let isStable = false;
  let hasRoom = false;
  let isClosed = false;
  let socket: LogSocket | null = null;
  let cancel: Cancel = () => {};
  let release: () => void = () => {};
  open();

  function open(): void {
    const handlers = {opened, ready, closed};
    socket = connect({target: config.target, handlers, clock, isRetry: failures > 0});
  }

  function opened(): void {
    cancel = clock.after(stableMs, stable);
    ready();
  }

  function ready(): void {
    hasRoom = true;
    flush();
    reportLost();
  }

  function stable(): void {
    isStable = true;
    failures = 0;
    reportLost();
  }

  function closed(reason: string, messages: number): void {
    cancel();
    socket = null;
    hasRoom = false;
    isStable = false;
    lost += messages;
    failures += 1;
    release();
    if (isClosed) return;
    cancel = clock.after(backoffMs(failures, retry), open);
    // Some servers end every connection that was idle for a while: only one that does not come back is news.
    if (failures < 2 || isOutageTold) return;
    isOutageTold = true;
    report('warn', `system log ${target}: ${reason}: messages wait`, {syslog: target, reason});
  }

  function flush(): void {
    while (hasRoom && socket !== null) {
      const [next] = queue;
      if (next === undefined) break;
      hasRoom = socket.send(next);
      if (!hasRoom) return;
      queue.shift();
      queuedBytes -= next.length;
    }
    if (queue.length === 0) release();
  }

  /** Once the server is back and has everything that waited: what it did not get. */
  function reportLost(): void {
    if (!isStable || queue.length > 0 || !(isOutageTold || lost > 0)) return;
    const count = lost;
    const messages = `${count} message${count === 1 ? '' : 's'} lost`;
    const news = isOutageTold ? (count > 0 ? `is back, ${messages}` : 'is back') : messages;
    lost = 0;
    isOutageTold = false;
    report(count > 0 ? 'warn' : 'info', `system log ${target}: ${news}`, {
      syslog: target,
      ...(count > 0 ? {count} : {}),
    });
  }

  function send(message: Buffer): void {
    if (isClosed) return;
    if (queuedBytes + message.length > maxQueuedBytes) {
      lost += 1;
      return;
    }
    queue.push(message);
    queuedBytes += message.length;
    flush();
  }

  return {
    write: (json) => send(syslogMessage(json, config, origin)),
    send,
    async close(timeoutMs) {
      if (isClosed) return;
      isClosed = true;
      // A first connection on its way is worth waiting for.
      if (queue.length > 0 && socket !== null && failures === 0) {
        await new Promise<void>((resolve) => {
          const cancelWait = clock.after(timeoutMs, resolve);
          release = () => {
            cancelWait();
            resolve();
          };
        });
      }
      cancel();
      socket?.close();
      socket = null;
    },
  };
}
