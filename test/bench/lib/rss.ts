import {readFileSync} from 'node:fs';
import {now, pause} from './clock.js';

const pageKiB = 4;

/** Resident memory of a process, in MiB, as the kernel counts it. */
export function rssMiB(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
  return (Number(pages) * pageKiB) / 1024;
}

/** Looks again and again for so long. */
export async function watchRss(pid: number, ms: number): Promise<readonly number[]> {
  const samples: number[] = [];
  for (const end = now() + ms; now() < end; await pause(20)) samples.push(rssMiB(pid));
  return samples;
}
