/** What bgpd's `show` commands say of itself and of one prefix: JSON in FRR, text in Quagga. */

import {familyOf} from '../lib/prefix.js';
import type {IpFamily, Prefix} from '../types.js';
import {FrrError, NoBgpError, type VtyAnswer} from './vty-protocol.js';

/** `quagga`: no JSON, IPv4 outside of any address-family. */
export type FrrDialect = 'frr' | 'quagga';

export interface FrrVersion {
  readonly dialect: FrrDialect;
  /** `FRRouting 8.4.4`. */
  readonly text: string;
}

/** `show version`. Throws `FrrError` for a program that is neither. */
export function parseVersion({text}: Pick<VtyAnswer, 'text'>): FrrVersion {
  const [, name, version] = /^(FRRouting|FRR|Quagga) (\S+)/m.exec(text) ?? [];
  if (name === undefined || version === undefined) {
    throw new FrrError(`neither FRR nor Quagga: "show version" answers "${text.trim().slice(0, 80)}"`);
  }
  return {dialect: name === 'Quagga' ? 'quagga' : 'frr', text: `${name} ${version}`};
}

/** What bgpd itself originates for a prefix; null: nothing. */
export interface FrrPath {
  /** False where `network import-check` finds no route to the prefix. */
  readonly isValid: boolean;
  readonly isBest: boolean;
  /** Neighbors get it. */
  readonly isAdvertised: boolean;
}

export function showPath(prefix: Prefix, dialect: FrrDialect): string {
  const family = familyOf(prefix);
  if (dialect === 'frr') return `show bgp ${family} unicast ${prefix} json`;
  return family === 'ipv4' ? `show ip bgp ${prefix}` : `show bgp ${prefix}`;
}

/** The answer to `showPath`. Throws `FrrError` for one that is no such answer, `NoBgpError` where there is no BGP. */
export function parsePath(answer: VtyAnswer, dialect: FrrDialect): FrrPath | null {
  if (/^(% )?No BGP process is configured|BGP instance not found/m.test(answer.text)) {
    throw new NoBgpError('bgpd has no "router bgp" any more');
  }
  return dialect === 'frr' ? parseJsonPath(answer) : parseTextPath(answer);
}

interface JsonPath {
  readonly sourced?: boolean;
  readonly valid?: boolean;
  readonly removed?: boolean;
  readonly bestpath?: {readonly overall?: boolean};
}

function parseJsonPath({command, text}: VtyAnswer): FrrPath | null {
  const {paths = [], advertisedTo = {}} = parseJson<{
    readonly paths?: readonly JsonPath[];
    readonly advertisedTo?: object;
  }>(command, text);
  const own = paths.filter(({sourced, removed}) => sourced === true && removed !== true);
  // Beside ours there may be one that is redistributed.
  const path = own.find(({valid}) => valid === true) ?? own[0];
  if (!path) return null;
  const isBest = own.some(({bestpath}) => bestpath?.overall === true);
  return {
    isValid: path.valid === true,
    isBest,
    isAdvertised: isBest && Object.keys(advertisedTo).length > 0,
  };
}

function parseTextPath({command, text}: VtyAnswer): FrrPath | null {
  if (/^% Network not in table/m.test(text)) return null;
  if (!text.startsWith('BGP routing table entry for ')) throw unreadable(command, text);
  const own = text.split('\n').filter((line) => /^ {6}Origin /.test(line) && /\bsourced\b/.test(line));
  if (own.length === 0) return null;
  const isBest = own.some((line) => /\bbest\b/.test(line));
  return {
    isValid: own.some((line) => /\bvalid\b/.test(line)),
    isBest,
    isAdvertised: isBest && /^ {2}Advertised to /m.test(text),
  };
}

export function showSummary(family: IpFamily, dialect: FrrDialect): string {
  if (dialect === 'frr') return `show bgp ${family} unicast summary json`;
  return family === 'ipv4' ? 'show ip bgp summary' : 'show bgp summary';
}

/** How many neighbors of the family are established: the answer to `showSummary`. Throws `FrrError`. */
export function parseSummary({command, text}: VtyAnswer, dialect: FrrDialect): number {
  if (dialect === 'frr') {
    const {peers = {}} = parseJson<{readonly peers?: Readonly<Record<string, {readonly state?: string}>>}>(
      command,
      text,
    );
    return Object.values(peers).filter(({state}) => state === 'Established').length;
  }
  // A line of a neighbor ends with its state, or with a number once it is established.
  const rows = text.slice(text.indexOf('State/PfxRcd')).split('\n').slice(1);
  return rows.filter((row) => /\s(never|\d\S*)\s+\d+\s*$/.test(row)).length;
}

function parseJson<Answer extends object>(command: string, text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text.trim() === '' ? '{}' : text);
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Answer;
  } catch {
    // Said below.
  }
  throw unreadable(command, text);
}

function unreadable(command: string, text: string): FrrError {
  return new FrrError(`"${command}" is answered with "${text.trim().slice(0, 80)}"`);
}
