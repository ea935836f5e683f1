/** The addresses that a name stands for. */

import {promises} from 'node:dns';
import {readFileSync} from 'node:fs';

/** The name could not be looked up, or only in part. The message says why, without the name. */
export class LookupError extends Error {
  override readonly name = 'LookupError';
}

const attempts = {timeout: 2000, tries: 2};

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'it has no address',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused to answer',
  ETIMEOUT: 'the name server does not answer',
  ECONNREFUSED: 'there is no name server',
  EBADNAME: 'this is no name',
};

/**
 * Every IPv4 and IPv6 address of a name: as /etc/hosts has it, else as DNS tells, also through CNAMEs. Rejects with
 * `LookupError`, also when only one of the two questions was answered.
 */
export type LookUp = (name: string) => Promise<readonly string[]>;

/** Other sources than the system's own, for tests of this. */
export interface LookUpSources {
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
}

export function createLookUp({servers, hostsFile = '/etc/hosts'}: LookUpSources = {}): LookUp {
  return async (name) => {
    const written = inHosts(hostsFile, name);
    if (written.length > 0) return written;
    const resolver = new promises.Resolver(attempts);
    if (servers) resolver.setServers(servers);
    const answers = await Promise.all([ask(resolver.resolve4(name)), ask(resolver.resolve6(name))]);
    const failed = answers.find(({code}) => code !== null && !isAbsence(code));
    if (failed) throw new LookupError(reasonOf(failed.code));
    const found = answers.flatMap(({addresses}) => addresses);
    if (found.length > 0) return found;
    throw new LookupError(reasonOf(answers.some(({code}) => code === 'ENODATA') ? 'ENODATA' : 'ENOTFOUND'));
  };
}

export const lookUp: LookUp = createLookUp();

interface Answer {
  readonly addresses: readonly string[];
  /** null: an answer. */
  readonly code: string | null;
}

async function ask(question: Promise<readonly string[]>): Promise<Answer> {
  try {
    return {addresses: await question, code: null};
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return {addresses: [], code};
  }
}

function isAbsence(code: string | null): boolean {
  return code === 'ENODATA' || code === 'ENOTFOUND';
}

function reasonOf(code: string | null): string {
  return reasons[code ?? ''] ?? `the look-up failed (${code})`;
}

function inHosts(file: string, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return textOf(file)
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/))
    .flatMap(([address, ...names]) => (address !== undefined && names.includes(wanted) ? [address] : []));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
