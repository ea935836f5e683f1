/**
 * How a round speaks: changes on standard output and complaints on standard error, each as a plain sentence (cron mails
 * what is printed); all of it to the system log as well, where that is configured.
 */

import type {LogConfig} from '../config/types.js';
import {createLog, type Log} from '../events/log.js';
import {type Output, standardError, standardOutput} from '../io/output.js';
import {printable} from '../lib/printable.js';
import type {AgentEvent, Clock} from '../types.js';
import type {Kind} from './report.js';

export interface VoiceOptions {
  readonly log: LogConfig;
  /** Both as JSON, on standard output. */
  readonly json: boolean;
  readonly clock: Clock;
  readonly out?: Output;
  readonly err?: Output;
}

export interface Voice {
  say(kind: Kind, event: AgentEvent): void;
  /** Resolves when everything has been taken, at the latest after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

export function createVoice(options: VoiceOptions): Voice {
  const {clock, json, log, out = standardOutput(options.clock), err = standardError(options.clock)} = options;
  const here = {...log, syslog: null};
  const to = (output: Output, config: LogConfig = here): Log =>
    createLog({config, output, json: true, clock, color: false});
  const changes = to(json ? out : sentences(out));
  const complaints = json ? changes : to(sentences(err));
  const system = log.syslog ? to(nowhere, log) : null;
  return {
    say(kind, event) {
      (kind === 'change' ? changes : complaints).sink(event);
      system?.sink(event);
    },
    async close(timeoutMs) {
      await Promise.all([changes, complaints, system].map((each) => each?.close(timeoutMs)));
    },
  };
}

/** Of each record its message. */
function sentences(output: Output): Output {
  return {
    isTerminal: false,
    write(line) {
      const {msg}: {msg?: unknown} = JSON.parse(line);
      return output.write(`${printable(String(msg))}\n`);
    },
    drained: (timeoutMs) => output.drained(timeoutMs),
  };
}

export const nowhere: Output = {isTerminal: false, write: () => true, drained: async () => {}};
