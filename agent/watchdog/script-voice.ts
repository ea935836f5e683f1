/**
 * How the script `vip_watchdog` spoke: a line for each VIP on standard error and to the system log, as logger(1) with
 * `-s` writes it. What else there is to complain of goes to standard error, under its name.
 */

import {hostname} from 'node:os';
import type {LogConfig} from '../config/types.js';
import {createCompat} from '../events/compat.js';
import {logLine} from '../events/log-line.js';
import {createSyslog} from '../events/syslog.js';
import {scriptMessage} from '../events/syslog-format.js';
import {connectLog} from '../io/log-socket.js';
import {type Output, standardError} from '../io/output.js';
import {printable} from '../lib/printable.js';
import type {Clock} from '../types.js';
import {createVoice, nowhere, type Voice} from './voice.js';

export interface ScriptVoiceOptions {
  readonly log: LogConfig;
  readonly clock: Clock;
  readonly err?: Output;
}

const devLog = {kind: 'unix', path: '/dev/log'} as const;

export function createScriptVoice({clock, log, err = standardError(clock)}: ScriptVoiceOptions): Voice {
  const compat = createCompat();
  const origin = {hostname: hostname(), pid: process.pid};
  const config = {
    target: log.syslog?.target ?? devLog,
    format: 'rfc3164',
    facility: 'user',
    tag: 'vip_watchdog',
  } as const;
  // Where the log does it already, it is done.
  const script = log.syslog?.compat
    ? null
    : createSyslog({config, origin, connect: connectLog, clock, report: () => {}});
  const records = createVoice({log, json: false, clock, out: nowhere, err: nowhere});
  return {
    say(kind, event) {
      records.say(kind, event);
      if (kind === 'complaint') err.write(`vip_watchdog: ${printable(logLine(event).message)}\n`);
      compat.note(event);
      for (const line of compat.linesOf(event)) {
        err.write(`${line.tag}: ${printable(line.text)}\n`);
        script?.send(scriptMessage(line, clock.wallMs(), config, origin));
      }
    },
    async close(timeoutMs) {
      await Promise.all([records.close(timeoutMs), script?.close(timeoutMs), err.drained(timeoutMs)]);
    },
  };
}
