/** One record of the log as a syslog message, RFC 5424 or RFC 3164. Pure. */

import {facilities, type SyslogConfig} from '../config/syslog.js';
import {printable} from '../lib/printable.js';

/** What every message of this process says about where it comes from. */
export interface SyslogOrigin {
  readonly hostname: string;
  readonly pid: number;
}

/** A line of pino's JSON, read. */
interface LogRecord {
  readonly level: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** RFC 5424 §6.2.1. */
const severities: Readonly<Record<string, number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
  fatal: 2,
};

const noticeSeverity = 5;

/** rsyslog and syslog-ng read no longer messages unless told to. */
export const maxMessageBytes = 8192;

/** HOSTNAME, RFC 5424 §6. */
const maxHostLength = 255;

// RFC 5612 sets this enterprise number aside for those who have none of their own.
const structuredId = 'eip-health@32473';
const structuredFields = ['service', 'prefix', 'peer'] as const;

/** What a line on a stream to journald starts with, sd-daemon(3): `<4>`. `json` is one line as pino wrote it. */
export function priorityPrefix(json: string): string {
  const [, level = 'info'] = /^\{"level":"(\w+)"/.exec(json) ?? [];
  return `<${severityOf(level)}>`;
}

function severityOf(level: string): number {
  return severities[level] ?? 6;
}

/**
 * One line as pino wrote it as a message, without a framing. What a terminal or a line-oriented log would act upon is escaped, and the text cut so that
 * the whole is at most `maxMessageBytes` long. The text goes without the byte order mark that RFC 5424 §6.4 asks for
 * (it is MSG-ANY then): collectors show it to people as rubbish.
 */
export function syslogMessage(json: string, config: SyslogConfig, origin: SyslogOrigin): Buffer {
  const record = JSON.parse(json) as LogRecord;
  const priority = facilities[config.facility] * 8 + severityOf(record.level);
  const header =
    config.format === 'rfc5424' ? header5424(record, config, origin) : header3164(record, config, origin);
  return cut(Buffer.from(`<${priority}>${header} ${printable(record.msg)}`));
}

/**
 * One line as logger(1) writes it for a script: RFC 3164, `user.notice`, without a process id. `at`: wall clock,
 * milliseconds since the epoch.
 */
export function scriptMessage(
  {tag, text}: {readonly tag: string; readonly text: string},
  at: number,
  {target}: Pick<SyslogConfig, 'target'>,
  {hostname}: Pick<SyslogOrigin, 'hostname'>,
): Buffer {
  const header = `<${facilities.user * 8 + noticeSeverity}>${localTime(new Date(at))} ${hostPart(target, hostname)}`;
  return cut(Buffer.from(`${header}${tag}: ${printable(text)}`));
}

/** RFC 5424 §6.2: `VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA`. */
function header5424(record: LogRecord, {tag}: SyslogConfig, {hostname, pid}: SyslogOrigin): string {
  return `1 ${record.time} ${hostField(hostname)} ${tag} ${pid} - ${structuredData(record)}`;
}

/**
 * RFC 3164 §4.1: `TIMESTAMP HOSTNAME TAG`, local time, the host's name without its domain. On a unix socket there is
 * no host name: syslog(3) writes none, and those who listen there expect none.
 */
function header3164(record: LogRecord, {tag, target}: SyslogConfig, {hostname, pid}: SyslogOrigin): string {
  return `${localTime(new Date(record.time))} ${hostPart(target, hostname)}${tag}[${pid}]:`;
}

function hostPart(target: SyslogConfig['target'], hostname: string): string {
  return target.kind === 'unix' ? '' : `${hostField(hostname.split('.', 1)[0] ?? '')} `;
}

/** RFC 5424 §6.3; `-` for a record about no service, prefix or peer. */
function structuredData(record: LogRecord): string {
  const parameters = structuredFields.flatMap((name) => {
    const value = record[name];
    return typeof value === 'string' ? [` ${name}="${printable(value).replace(/["\\\]]/g, '\\$&')}"`] : [];
  });
  return parameters.length === 0 ? '-' : `[${structuredId}${parameters.join('')}]`;
}

/** Printable US-ASCII without blanks; `-` where nothing is left. */
function hostField(hostname: string): string {
  return hostname.replace(/[^!-~]/g, '').slice(0, maxHostLength) || '-';
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function localTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = String(date.getDate()).padStart(2, ' ');
  return `${months[date.getMonth()]} ${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Never in the middle of a character of UTF-8. */
function cut(bytes: Buffer): Buffer {
  if (bytes.length <= maxMessageBytes) return bytes;
  let end = maxMessageBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
