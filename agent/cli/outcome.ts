/** How a command ends (CONTRACT "Commands"). */

export const exitCode = {
  ok: 0,
  /** The answer is "no", or it failed. */
  no: 1,
  usage: 2,
  config: 3,
  notPermitted: 4,
  /** Our own daemon does not answer. */
  noDaemon: 5,
} as const;

/** Ends a command with a message on standard error. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** What the system does not let us do, for people; null for any other error. */
export function notPermitted(error: Error): CommandError | null {
  if (!('code' in error) || (error.code !== 'EACCES' && error.code !== 'EPERM')) return null;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : error.message;
  return new CommandError(
    exitCode.notPermitted,
    `not permitted to use ${path}: run this as root, or as the user eip-health runs as`,
  );
}
