/** What went wrong on the network, in words for an operator. */

export interface NetworkFailure {
  /** `connect ECONNREFUSED 127.0.0.1:8080`, `TLS: certificate has expired`. */
  readonly reason: string;
  /** As Node names it, `ECONNREFUSED`. */
  readonly code: string;
}

/** An Error with a code, as `StreamClient` rejects with. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: string;

  constructor({reason, code}: NetworkFailure) {
    super(reason);
    this.code = code;
  }
}

/** Reason and code of anything that Node or got throws for a connection or a request. */
export function networkFailure(thrown: unknown): NetworkFailure {
  const error = innermost(thrown);
  if (error instanceof AggregateError) {
    // One attempt per address of a name; the messages differ only in the addresses.
    const failures = error.errors.map(networkFailure);
    const reasons = [...new Set(failures.map((failure) => failure.reason))];
    return {reason: reasons.join(', '), code: failures[0]?.code ?? codeOf(error)};
  }
  if (!(error instanceof Error)) return {reason: String(error), code: 'unknown'};
  const code = codeOf(error);
  if (code.startsWith('HPE_')) return {reason: `no valid HTTP answer: ${error.message}`, code};
  if (isTls(code)) {
    // OpenSSL's own messages carry thread ids and source lines around the words that people know.
    const [, words = error.message] = /:SSL routines:[^:]*:([^:]+)/.exec(error.message) ?? [];
    return {reason: `TLS: ${words}`, code};
  }
  if (error.message === 'socket hang up') return {reason: 'connection closed before an answer came', code};
  return {reason: error.message === '' ? code : error.message, code};
}

/** got wraps what happened; its own errors (too many redirects, bad options) have no cause. */
function innermost(error: unknown): unknown {
  if (!(error instanceof Error) || !(error.cause instanceof Error)) return error;
  return innermost(error.cause);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

function isTls(code: string): boolean {
  return /^(ERR_(SSL|TLS|OSSL)|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|EPROTO$)/.test(
    code,
  );
}
