/** The commands' way to our own daemon. */

import {askOnce, NoAnswerError} from '../io/control-socket-client.js';
import type {Json, JsonObject} from '../types.js';
import {formatRequest, parseAnswer} from './protocol.js';

/** The daemon said no, or said nothing. The message is for people, `code` is the exit code. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError';

  constructor(
    /** What the daemon answered; 4: we may not ask it; 5: it does not answer. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Asks the daemon at the socket `path`. Rejects with `DaemonError`. */
export async function callDaemon(
  path: string,
  cmd: string,
  args: JsonObject,
  timeoutMs: number,
): Promise<Json> {
  const line = await askOnce(path, formatRequest({cmd, args}), timeoutMs).catch((error: unknown) => {
    throw error instanceof NoAnswerError ? noAnswer(path, error.code, timeoutMs) : error;
  });
  const answer = parseAnswer(line);
  if (answer === null)
    throw new DaemonError(5, `${path} answers, but not as eip-health does: is it another program's socket?`);
  if (!answer.ok) throw new DaemonError(answer.code, answer.error);
  return answer.data;
}

function noAnswer(path: string, code: string, timeoutMs: number): DaemonError {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return new DaemonError(
        4,
        `not permitted to use ${path}: run this as root, or as the user eip-health runs as`,
      );
    case 'ENOENT':
      return new DaemonError(
        5,
        `no eip-health runs here: ${path} does not exist (control_socket in the configuration)`,
      );
    case 'ECONNREFUSED':
      return new DaemonError(5, `no eip-health runs here: nobody listens on ${path} any more`);
    case 'ETIMEDOUT':
      return new DaemonError(5, `eip-health at ${path} did not answer within ${timeoutMs / 1000} s`);
    case 'ECONNRESET':
    case 'EPIPE':
      return new DaemonError(5, `eip-health at ${path} closed the connection without an answer`);
    default:
      return new DaemonError(5, `cannot reach eip-health at ${path}: ${code}`);
  }
}
