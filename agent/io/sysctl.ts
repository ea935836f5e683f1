/** The kernel's settings below /proc/sys, of this process's network namespace. Synchronous: /proc never waits. */

import {readFileSync, writeFileSync} from 'node:fs';

export interface Sysctl {
  /** `net/ipv4/conf/eth0/arp_ignore` → `0`; null where the kernel has no such setting. Throws on other failures. */
  read(name: string): string | null;
  /** Throws what the kernel answers: `EACCES`, `EROFS` in containers, `EINVAL`. */
  write(name: string, value: string): void;
}

export const sysctl: Sysctl = {
  read(name) {
    try {
      return readFileSync(pathOf(name), 'utf8').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  write: (name, value) => writeFileSync(pathOf(name), `${value}\n`),
};

function pathOf(name: string): string {
  if (name.startsWith('/') || name.split('/').includes('..')) throw new Error(`"${name}" is no sysctl`);
  return `/proc/sys/${name}`;
}
