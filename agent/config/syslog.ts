/** The system log as a configured value, and its target as text. */

export interface SyslogConfig {
  readonly target: SyslogTarget;
  readonly format: 'rfc5424' | 'rfc3164';
  readonly facility: Facility;
  /** APP-NAME of RFC 5424, TAG of RFC 3164. */
  readonly tag: string;
  /** Lines that another program wrote are written as well, as it wrote them. Absent: none. */
  readonly compat?: 'vip_watchdog';
}

export type SyslogTarget =
  | {readonly kind: 'unix'; readonly path: string}
  | {readonly kind: 'udp' | 'tcp' | 'tls'; readonly host: string; readonly port: number};

/** RFC 5424 §6.2.1, with the names of syslog(3). `kern` is the kernel's own. */
export const facilities = {
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

export type Facility = keyof typeof facilities;

/** sun_path of a unix socket has 108 bytes with the closing zero. */
const maxPathBytes = 107;

/** `unix:/dev/log`, `udp://HOST:PORT`, `tcp://…`, `tls://…`; an IPv6 address in brackets. null: none of these. */
export function parseTarget(text: string): SyslogTarget | null {
  const [, path] = /^unix:(\/[^\0]*)$/.exec(text) ?? [];
  if (path !== undefined) return Buffer.byteLength(path) <= maxPathBytes ? {kind: 'unix', path} : null;
  const [, kind, v6, name, digits] =
    /^(udp|tcp|tls):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (kind === undefined || host === undefined || port < 1 || port > 65_535) return null;
  return {kind: kind as 'udp' | 'tcp' | 'tls', host, port};
}

/** As it is written in the configuration. */
export function formatTarget(target: SyslogTarget): string {
  if (target.kind === 'unix') return `unix:${target.path}`;
  const {kind, host, port} = target;
  return `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
