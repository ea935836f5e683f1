/** `log.syslog` of the main file. */

import {z} from 'zod';
import {key, Section} from './section.js';
import {type Facility, facilities, parseTarget, type SyslogConfig, type SyslogTarget} from './syslog.js';
import type {Value} from './value.js';
import {quoted} from './values.js';

const targetForms = 'unix:/dev/log, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT';

const target: z.ZodType<SyslogTarget> = z.unknown().transform((value, context) => {
  const parsed = typeof value === 'string' ? parseTarget(value) : null;
  if (parsed !== null) return parsed;
  context.addIssue({code: 'custom', message: `${quoted(value)} is no target: write ${targetForms}`});
  return z.NEVER;
});

const syslogKeys = {
  target: key(target),
  format: key(z.enum(['rfc5424', 'rfc3164'])),
  facility: key(z.enum(Object.keys(facilities) as [Facility, ...Facility[]])),
  tag: key(
    // RFC 3164 §4.1.3 allows 32 characters, and ends the tag at the first that is none of these.
    z.string().regex(/^[A-Za-z0-9._/-]{1,32}$/, 'must be letters, digits, ".", "_", "/" and "-", at most 32'),
  ),
  compat: key(z.enum(['vip_watchdog'])),
};

const unixSocket: SyslogTarget = {kind: 'unix', path: '/dev/log'};

/** What is not written has its default, also where something was wrong. */
export function readSyslog(value: Value): SyslogConfig {
  const section = new Section(value, syslogKeys, {isUsefulEmpty: true});
  const target = section.get('target') ?? unixSocket;
  // syslog(3) writes nothing else to /dev/log.
  const customary = target.kind === 'unix' ? 'rfc3164' : 'rfc5424';
  const format = section.get('format') ?? customary;
  if (format !== customary && target.kind === 'unix') {
    section
      .at('format')
      .warning('journald, and rsyslog as it comes, read only rfc3164 on a unix socket: leave `format` out');
  }
  const compat = section.get('compat');
  return {
    target,
    format,
    facility: section.get('facility') ?? 'daemon',
    tag: section.get('tag') ?? 'eip-health',
    ...(compat && {compat}),
  };
}
