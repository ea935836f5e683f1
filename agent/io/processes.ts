import {readdirSync, readFileSync} from 'node:fs';
import {basename} from 'node:path';

/** Whether a process of this program is seen here, as `pidof NAME` looks for one. Throws where /proc is not mounted. */
export function isRunning(program: string): boolean {
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && namesOf(pid).includes(program));
}

/** Of a process that has ended meanwhile: none. */
function namesOf(pid: string): readonly string[] {
  try {
    const [called = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return [readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), basename(called)];
  } catch {
    return [];
  }
}
