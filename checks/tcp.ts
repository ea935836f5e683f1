/** `tcp`: connects, perhaps over TLS, perhaps says something, perhaps waits for an answer. */

import {z} from 'zod';
import type {Check, CheckContext, Stream} from '../agent/types.js';
import type {CheckType} from './check-type.js';
import {ipAddress, port, text} from './lib/fields.js';
import {slashedRegExp} from './lib/pattern.js';
import {describe, type Finding, failed, runTimed} from './lib/result.js';
import {secretMark} from './lib/secrets.js';
import {milliseconds, oneLine} from './lib/text.js';
import {certificateComplaint, certificateNeedsKey, readTls, type TlsFields, tlsFields} from './lib/tls.js';
import {quoted} from './lib/transcript.js';

/** Bytes read while waiting for what is expected. */
const readLimit = 64 * 1024;

const schema = z.strictObject({
  host: text.refine((value) => !/[\s/]/.test(value), 'must be a name or an address, without port or path'),
  port,
  send: text.optional(),
  expect: text.refine(isLiteralOrRegExp, 'holds no valid regular expression between its slashes').optional(),
  tls: z
    .union([
      z.boolean(),
      z.strictObject(tlsFields).refine(certificateNeedsKey.holds, certificateNeedsKey.message),
    ])
    .optional(),
  source: ipAddress.optional(),
  connect_ip: ipAddress.optional(),
});

export type TcpOptions = z.infer<typeof schema>;

export const tcp: CheckType<TcpOptions> = {
  type: 'tcp',
  schema,
  create,
  connectsTo: (options) => [options.connect_ip ?? bare(options.host)],
  withoutSecrets: (options) =>
    options.send === undefined ? options : {...options, send: maskSend(options.send)},
};

function create(options: TcpOptions): Check {
  const tls: TlsFields | null = options.tls === true ? {} : options.tls || null;
  const host = bare(options.host);
  const send = options.send === undefined ? null : toBytes(options.send);
  const matches = options.expect === undefined ? null : matcher(options.expect);
  const sent = options.send === undefined ? [] : quoted('>', maskSend(options.send));
  return {
    type: 'tcp',
    title: `${tls ? 'tls' : 'tcp'} ${host.includes(':') ? `[${host}]` : host}:${options.port}`,
    run: (ctx) => runTimed(ctx, () => look(ctx)),
  };

  async function look(ctx: CheckContext): Promise<Finding> {
    const start = ctx.clock.now();
    const stream = await ctx.net.open({
      host,
      port: options.port,
      ...(options.connect_ip === undefined ? {} : {connectIp: options.connect_ip}),
      ...(options.source === undefined ? {} : {sourceAddress: options.source}),
      ...(tls === null ? {} : {tls: await readTls(tls, ctx.files)}),
      timeoutMs: ctx.timeoutMs,
      signal: ctx.signal,
    });
    try {
      const finding = await converse(stream, `in ${milliseconds(ctx.clock.now() - start)}`);
      const complaint =
        finding.verdict === 'pass' ? certificateComplaint(tls ?? {}, stream.certificateDaysLeft) : null;
      return complaint === null
        ? finding
        : {
            ...finding,
            verdict: 'degraded',
            reason: complaint,
            transcript: [...(finding.transcript ?? []), `! ${complaint}`],
          };
    } finally {
      stream.close();
    }
  }

  async function converse(stream: Stream, connectedIn: string): Promise<Finding> {
    const connected = [`* connected to ${stream.remoteAddress} ${connectedIn}`];
    const facts = {
      remote_address: stream.remoteAddress,
      ...(stream.certificateDaysLeft === null
        ? {}
        : {certificate_days_left: Math.floor(stream.certificateDaysLeft)}),
    };
    let received = '';
    const finding = (verdict: Finding['verdict'], reason: string): Finding => ({
      verdict,
      reason,
      details: {...facts, bytes: received.length},
      transcript: [
        ...connected,
        ...sent,
        ...quoted('<', received),
        ...(verdict === 'pass' ? [] : [`! ${reason}`]),
      ],
    });
    if (send !== null) stream.write(send);
    if (matches === null) return finding('pass', `connected ${connectedIn}`);
    const wanted = matches.wanted;
    try {
      for (;;) {
        const part = await stream.read();
        if (part === null) {
          const got = received === '' ? 'without a word' : `after "${oneLine(received, 60)}"`;
          return finding('fail', `connection closed ${got}, expected ${wanted}`);
        }
        received = (received + part).slice(0, readLimit);
        if (matches.test(received))
          return finding('pass', `expected answer received, connected ${connectedIn}`);
        if (received.length === readLimit) {
          return finding('fail', `no ${wanted} in the first ${readLimit} bytes`);
        }
      }
    } catch (error) {
      // A server that says something, but not what is expected, shows in the reason what it said.
      const failure = describe(error);
      const said = received === '' ? '' : `, only "${oneLine(received, 60)}"`;
      const {verdict} = failed(failure);
      return {
        ...finding(verdict, `${failure.reason}${said}`),
        details: {...facts, bytes: received.length, code: failure.code},
      };
    }
  }
}

/**
 * `/…/` is a regular expression, everything else must occur as it stands. What is received is bytes: one
 * character each; text beyond ASCII is found both as such bytes (`"\xff"`) and in UTF-8.
 */
function matcher(expected: string): {wanted: string; test(received: string): boolean} {
  const pattern = slashedRegExp(expected);
  if (pattern) return {wanted: oneLine(expected, 60), test: (received) => pattern.test(received)};
  const utf8 = Buffer.from(expected, 'utf8').toString('latin1');
  return {
    wanted: `"${oneLine(expected, 60)}"`,
    test: (received) => received.includes(expected) || received.includes(utf8),
  };
}

function isLiteralOrRegExp(value: string): boolean {
  try {
    slashedRegExp(value);
    return true;
  } catch {
    return false;
  }
}

/** `"\xff"` in YAML is the byte ff; only text with characters beyond U+00FF can not be meant so and is UTF-8. */
function toBytes(value: string): string {
  return /^[\0-\xff]*$/.test(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}

/** Redis, POP3, FTP and SMTP send passwords on lines that begin so. */
function maskSend(value: string): string {
  return value.replace(/^(\s*(?:AUTH|PASS|LOGIN)\s+)[^\r\n]+/gim, `$1${secretMark}`);
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
