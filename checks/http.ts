/** `http`: sends one request and looks at the answer. Keys are named as in HAProxy, blackbox_exporter and Consul. */

import {z} from 'zod';
import type {Check, CheckContext, HttpAnswer, HttpRequest, JsonObject} from '../agent/types.js';
import type {CheckType} from './check-type.js';
import {hasNoLineBreak, ipAddress, regExp, scalar, size, text} from './lib/fields.js';
import {toRegExp} from './lib/pattern.js';
import {type Finding, failed, runTimed} from './lib/result.js';
import {isSecretName, maskRecord, maskText, maskUrl, secretMark} from './lib/secrets.js';
import {parseSize} from './lib/size.js';
import {inRanges, parseStatusRanges} from './lib/status-range.js';
import {milliseconds, oneLine} from './lib/text.js';
import {certificateComplaint, certificateNeedsKey, readTls, tlsFields} from './lib/tls.js';
import {quoted} from './lib/transcript.js';

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const expectHeader = z.strictObject({name: text, regex: regExp});

const schema = z
  .strictObject({
    url: z.string().refine(isHttpUrl, 'must be a URL like http://127.0.0.1:8080/healthz'),
    method: z.string().regex(token, 'must be an HTTP method like GET or HEAD').optional(),
    headers: z
      .record(
        z.string().regex(token, 'is no HTTP header name'),
        scalar.refine(hasNoLineBreak, 'must not contain line breaks'),
      )
      .optional(),
    body: z.string().optional(),
    host: text.refine(hasNoLineBreak, 'must not contain line breaks').optional(),
    expect_status: z
      .union([z.number(), z.string(), z.array(z.union([z.number(), z.string()])).min(1)])
      .refine((value) => parseStatusRanges(String(value)) !== null, 'must be status codes like 200-299,404')
      .optional(),
    expect_body: text.optional(),
    expect_body_regex: regExp.optional(),
    not_body_regex: regExp.optional(),
    expect_header: z.union([expectHeader, z.array(expectHeader).min(1)]).optional(),
    follow_redirects: z.boolean().optional(),
    body_size_limit: size.optional(),
    ...tlsFields,
    connect_ip: ipAddress.optional(),
    source: ipAddress.optional(),
    ip_family: z.enum(['ipv4', 'ipv6']).optional(),
    proxy_protocol: z.union([z.literal(1), z.literal(2)], 'must be 1 or 2').optional(),
    keep_alive: z.boolean().optional(),
  })
  .refine(certificateNeedsKey.holds, certificateNeedsKey.message)
  .refine(
    ({method, body}) => body === undefined || method?.toUpperCase() !== 'HEAD',
    'a HEAD request has no body',
  );

export type HttpOptions = z.infer<typeof schema>;

export const http: CheckType<HttpOptions> = {
  type: 'http',
  schema,
  create,
  connectsTo: (options) => [options.connect_ip ?? new URL(options.url).hostname.replace(/^\[|\]$/g, '')],
  withoutSecrets: (options) => ({
    ...options,
    url: maskUrl(options.url),
    ...(options.headers === undefined ? {} : {headers: maskRecord(options.headers)}),
    ...(options.body === undefined ? {} : {body: maskText(options.body)}),
  }),
};

function create(options: HttpOptions): Check {
  const request = requestOf(options);
  const expectations = expectationsOf(options);
  const isTls = options.url.toLowerCase().startsWith('https:');
  const sent = sentLines(request);
  return {
    type: 'http',
    title: `${request.method} ${maskUrl(options.url)}`,
    run: (ctx) => runTimed(ctx, () => look(ctx)),
  };

  async function look(ctx: CheckContext): Promise<Finding> {
    const answer = await ctx.http.request({
      ...request,
      // A redirect may lead to TLS too.
      ...(isTls || options.follow_redirects ? {tls: await readTls(options, ctx.files)} : {}),
      timeoutMs: ctx.timeoutMs,
      signal: ctx.signal,
    });
    if (!answer.ok) return failed(answer, sent);
    const status = `${answer.status} ${answer.statusText}`.trim();
    const broken = firstBroken(expectations, answer);
    const complaint = broken ?? certificateComplaint(options, answer.certificateDaysLeft);
    return {
      verdict: broken === null ? (complaint === null ? 'pass' : 'degraded') : 'fail',
      reason: complaint ?? `${status} in ${milliseconds(answer.durationMs)}`,
      details: detailsOf(answer),
      transcript: [
        ...sent,
        `< ${status}`,
        ...Object.entries(answer.headers).map(headerLine('<')),
        ...quoted('<', answer.body),
        ...(complaint === null ? [] : [`! ${complaint}`]),
      ],
    };
  }
}

type Answer = Extract<HttpAnswer, {ok: true}>;
/** Says what is wrong with an answer, or null. */
type Expectation = (answer: Answer) => string | null;

/** The expectations of a check, the cheapest first. */
function expectationsOf(options: HttpOptions): readonly Expectation[] {
  const {expect_body: literal, expect_body_regex: wanted, not_body_regex: unwanted} = options;
  const list: Expectation[] = [expectStatus(String(options.expect_status ?? '200-299'))];
  for (const {name, regex} of [options.expect_header ?? []].flat()) list.push(expectHeaderMatch(name, regex));
  if (literal !== undefined) {
    list.push(({body}) =>
      body.includes(literal) ? null : `body does not contain "${oneLine(literal, 60)}"`,
    );
  }
  if (wanted !== undefined) {
    const pattern = toRegExp(wanted);
    list.push(({body}) => (pattern.test(body) ? null : `body does not match ${pattern}`));
  }
  if (unwanted !== undefined) {
    const pattern = toRegExp(unwanted);
    list.push(({body}) => (pattern.test(body) ? `body matches ${pattern}` : null));
  }
  return list;
}

function expectStatus(wanted: string): Expectation {
  const ranges = parseStatusRanges(wanted) ?? [];
  return ({status}) => (inRanges(status, ranges) ? null : `status ${status}, expected ${wanted}`);
}

function expectHeaderMatch(name: string, regex: string): Expectation {
  const pattern = toRegExp(regex);
  const key = name.toLowerCase();
  return ({headers}) => {
    const value = headers[key];
    if (value === undefined) return `header ${name} is missing`;
    return pattern.test(value) ? null : `header ${name} is "${oneLine(value, 60)}", expected ${pattern}`;
  };
}

function firstBroken(expectations: readonly Expectation[], answer: Answer): string | null {
  for (const expectation of expectations) {
    const complaint = expectation(answer);
    if (complaint !== null) return complaint;
  }
  return null;
}

type FixedRequest = Omit<HttpRequest, 'tls' | 'timeoutMs' | 'signal'>;

/** What is the same in every run. */
function requestOf(options: HttpOptions): FixedRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name.toLowerCase()] = String(value);
  }
  if (options.host !== undefined) headers.host = options.host;
  return {
    url: options.url,
    method: (options.method ?? 'GET').toUpperCase(),
    headers,
    ...(options.body === undefined ? {} : {body: options.body}),
    followRedirects: options.follow_redirects ?? false,
    bodyLimit: parseSize(options.body_size_limit ?? '1MiB') ?? 0,
    ...(options.connect_ip === undefined ? {} : {connectIp: options.connect_ip}),
    ...(options.source === undefined ? {} : {sourceAddress: options.source}),
    ...(options.ip_family === undefined ? {} : {ipFamily: options.ip_family}),
    ...(options.proxy_protocol === undefined ? {} : {proxyProtocol: options.proxy_protocol}),
    keepAlive: options.keep_alive ?? false,
  };
}

function sentLines(request: FixedRequest): readonly string[] {
  return [
    `> ${request.method} ${maskUrl(request.url)}`,
    ...Object.entries(request.headers).map(headerLine('>')),
    ...quoted('>', maskText(request.body ?? '')),
  ];
}

function headerLine(mark: string): (header: [string, string]) => string {
  return ([name, value]) => `${mark} ${name}: ${isSecretName(name) ? secretMark : value}`;
}

function detailsOf(answer: Answer): JsonObject {
  return {
    status: answer.status,
    bytes: Buffer.byteLength(answer.body),
    remote_address: answer.remoteAddress,
    ...(answer.certificateDaysLeft === null
      ? {}
      : {certificate_days_left: Math.floor(answer.certificateDaysLeft)}),
  };
}

function isHttpUrl(value: string): boolean {
  return /^https?:\/\/[^/]/i.test(value) && URL.canParse(value);
}
