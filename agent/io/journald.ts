import {fstatSync} from 'node:fs';

/** Whether `fd` is the stream that systemd gave this service to its journal ($JOURNAL_STREAM, systemd.exec(5)). */
export function isJournald(fd: number, env: NodeJS.ProcessEnv): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  try {
    const {dev, ino} = fstatSync(fd, {bigint: true});
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
