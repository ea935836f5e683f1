/** The log: events as lines through pino, for people on a terminal, as JSON elsewhere (CONTRACT "Log"). */

import {hostname} from 'node:os';
import {isDeepStrictEqual} from 'node:util';
import {pino} from 'pino';
import type {LogConfig} from '../config/types.js';
import {connectLog, type LogConnector} from '../io/log-socket.js';
import type {Output} from '../io/output.js';
import {styles} from '../lib/styles.js';
import type {AgentEvent, Clock, LogLevel} from '../types.js';
import {type Batch, createBurst, type Entry, summaryThreshold} from './burst.js';
import {createCompat} from './compat.js';
import {isPrefixEvent, type LogLine, logLine, summaryLine} from './log-line.js';
import {prettyLine} from './pretty.js';
import {createSyslog, type Syslog} from './syslog.js';
import {priorityPrefix, scriptMessage} from './syslog-format.js';

export interface LogOptions {
  readonly config: LogConfig;
  /** Where lines go; one that cannot take them loses lines, and never holds up the daemon. */
  readonly output: Output;
  readonly clock: Clock;
  /** Whether `pretty` uses colour. */
  readonly color: boolean;
  /** JSON whatever the configuration says, now and after a reload (`--json`). */
  readonly json?: boolean;
  /** Whether lines on the output start with their priority, as journald reads it. */
  readonly priorities?: boolean;
  readonly connectSyslog?: LogConnector;
}

export interface Log {
  /** For `bus.on`. */
  sink(event: AgentEvent): void;
  /** A changed configuration; what was logged before goes out as before. */
  configure(config: LogConfig): void;
  /** Writes what still waits for the end of its burst, now: before a hard exit. */
  flush(): void;
  /** Flushes, and waits until the output has taken everything, at most `timeoutMs`. */
  close(timeoutMs: number): Promise<void>;
}

/** What a former system log gets after a reload to take what waits for it. */
const closeTimeoutMs = 1000;

export function createLog({
  config,
  output,
  clock,
  color,
  json = false,
  priorities = false,
  connectSyslog = connectLog,
}: LogOptions): Log {
  const style = styles(color);
  let pretty = !json && isPretty(config, output);
  let lineAt = clock.wallMs();
  let lost = 0;

  const logger = pino(
    {
      level: config.level,
      base: null,
      timestamp: () => `,"time":"${new Date(lineAt).toISOString()}"`,
      formatters: {level: (label) => ({level: label})},
    },
    {
      write(line: string) {
        const text = pretty ? prettyLine(line, style) : line;
        if (!output.write(priorities ? priorityPrefix(line) + text : text)) lost += 1;
        syslog?.write(line);
      },
    },
  );
  const levelOf = createLevels();
  let syslogConfig = config.syslog;
  const origin = {hostname: hostname(), pid: process.pid};
  let syslog = startSyslog(syslogConfig);
  let compat = syslogConfig?.compat ? createCompat() : null;
  const burst = createBurst(clock, () => compat !== null || logger.isLevelEnabled('debug'), writeEntries);

  function write(at: number, level: LogLevel, {message, fields}: LogLine): void {
    if (!logger.isLevelEnabled(level)) return;
    if (lost > 0) reportLost();
    lineAt = at;
    logger[level](fields, message);
  }

  function startSyslog(config: LogConfig['syslog']): Syslog | null {
    if (config === null) return null;
    return createSyslog({
      config,
      origin,
      connect: connectSyslog,
      clock,
      report: (level, message, fields) => write(clock.wallMs(), level, {level, message, fields}),
    });
  }

  function reportLost(): void {
    const count = lost;
    lost = 0;
    lineAt = clock.wallMs();
    logger.warn({count}, `${count} log lines lost: the output did not take them`);
    if (lost > 0) lost = count;
  }

  function writeEntries(entries: readonly Entry[]): void {
    const summarized = new Set<Batch>();
    for (const {at, event, batch} of entries) {
      writeCompat(at, event);
      const line = logLine(event);
      if (batch === null || batch.count <= summaryThreshold) {
        write(at, levelOf(event, line), line);
        continue;
      }
      if (isPrefixEvent(event) && !summarized.has(batch)) {
        summarized.add(batch);
        const summary = summaryLine(event, batch.count);
        write(at, summary.level, summary);
      }
      write(at, 'debug', line);
    }
  }

  function writeCompat(at: number, event: AgentEvent): void {
    if (!compat || !syslogConfig) return;
    for (const line of compat.linesOf(event)) syslog?.send(scriptMessage(line, at, syslogConfig, origin));
  }

  return {
    sink(event) {
      compat?.note(event);
      if (isRoutine(event) && !logger.isLevelEnabled('debug')) return;
      burst.add(event);
      // What is about to end the process must not wait.
      if (event.kind === 'note' && event.level === 'fatal') burst.flush();
    },
    configure(next) {
      burst.flush();
      logger.level = next.level;
      pretty = !json && isPretty(next, output);
      if (isDeepStrictEqual(next.syslog, syslogConfig)) return;
      void syslog?.close(closeTimeoutMs);
      syslogConfig = next.syslog;
      syslog = startSyslog(syslogConfig);
      compat = syslogConfig?.compat ? (compat ?? createCompat()) : null;
    },
    flush: () => burst.flush(),
    async close(timeoutMs) {
      burst.flush();
      await Promise.all([output.drained(timeoutMs), syslog?.close(timeoutMs)]);
    },
  };
}

/** Of these there may be thousands a second, and nobody wants to read them but at level debug. */
function isRoutine({kind}: AgentEvent): boolean {
  return kind === 'check-result' || kind === 'check-state';
}

function isPretty({format}: LogConfig, output: Output): boolean {
  return format === 'pretty' || (format === 'auto' && output.isTerminal);
}

/** The level of a line: a peer that fails to connect for the same reason again and again is news only once. */
function createLevels(): (event: AgentEvent, line: LogLine) => LogLevel {
  const lastReason = new Map<string, string>();
  return (event, {level}) => {
    if (event.kind !== 'peer-state' || level !== 'info') return level;
    const {peer, to, reason} = event;
    if (to === 'established' || reason === null) {
      lastReason.delete(peer);
      return level;
    }
    if (lastReason.get(peer) === reason) return 'debug';
    lastReason.set(peer, reason);
    return level;
  };
}
