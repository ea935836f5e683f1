import type {CheckContext, CheckResult, JsonObject, Verdict} from '../../agent/types.js';
import {maskText} from './secrets.js';
import {oneLine} from './text.js';
import {boundedTranscript} from './transcript.js';

/** What a check found out; `runTimed` makes a `CheckResult` of it. */
export interface Finding {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly details?: JsonObject;
  readonly transcript?: readonly string[];
}

/**
 * Runs the body of a check: adds the times, bounds reason and transcript, and turns whatever is thrown into
 * a verdict, so that the check itself never throws.
 */
export async function runTimed(ctx: CheckContext, body: () => Promise<Finding>): Promise<CheckResult> {
  const startedAt = ctx.clock.wallMs();
  const start = ctx.clock.now();
  let finding: Finding;
  try {
    finding = await body();
  } catch (error) {
    finding = failed(describe(error));
  }
  return {
    verdict: finding.verdict,
    reason: maskText(oneLine(finding.reason)),
    startedAt,
    durationMs: Math.round((ctx.clock.now() - start) * 100) / 100,
    details: finding.details ?? {},
    transcript: boundedTranscript(finding.transcript ?? []),
  };
}

/** A network operation that failed; `code` as Node names it (`ECONNREFUSED`), or a word of our own. */
export interface Failure {
  readonly reason: string;
  readonly code: string;
}

/** The finding for a failed network operation: most say that the service fails, some that we could not look. */
export function failed(failure: Failure, transcript: readonly string[] = []): Finding {
  const verdict: Verdict = failure.code === 'aborted' ? 'hold' : isOurOwn(failure.code) ? 'error' : 'fail';
  return {
    verdict,
    reason: failure.reason,
    details: {code: failure.code},
    transcript: [...transcript, `! ${failure.reason}`],
  };
}

/** Failures of this host, its resolver or its configuration: they say nothing about the service. */
const ourOwn: ReadonlySet<string> = new Set([
  'EACCES',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_MEMORY',
  'EAI_NONAME',
  'EINVAL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'ENOTFOUND',
  'EPERM',
  'not-carried-out',
]);

function isOurOwn(code: string): boolean {
  // ERR_OSSL: a certificate or key that OpenSSL cannot load; a failed handshake is ERR_SSL or ERR_TLS.
  return ourOwn.has(code) || /^ERR_(INVALID|OSSL|OUT_OF_RANGE|SOCKET_BAD)/.test(code);
}

/** Something that keeps the check from being carried out: verdict `error`. */
export class CannotCheck extends Error {
  readonly code = 'not-carried-out';
}

/** The message and code of something thrown. */
export function describe(error: unknown): Failure {
  if (!(error instanceof Error)) return {reason: String(error), code: 'not-carried-out'};
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'not-carried-out';
  return {reason: error.message, code};
}
