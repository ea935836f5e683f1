/** The `bird:` block as a value, and what its forms can and cannot say: pure, for `validate` and for the announcer. */

import {familyOf} from '../lib/prefix.js';
import type {IpFamily, Prefix} from '../types.js';
import type {RouteAttributes} from './types.js';

/**
 * `define` (anycast-healthchecker's) and `function` (birdwatcher's) name the prefixes that BIRD's own filters let out;
 * `static` gives BIRD the routes themselves, with attributes; `protocol` switches one protocol of BIRD per service.
 */
export type BirdForm = 'define' | 'function' | 'static' | 'protocol';

export interface BirdConfig {
  /** The control socket. */
  readonly socket: string;
  /** The control socket of BIRD 1.6's bird6; null: one BIRD has both families. */
  readonly socket6: string | null;
  readonly form: BirdForm;
  /** The file that is ours wholly; null with `protocol`, which needs none. */
  readonly file: string | null;
  /** The file of the IPv6 list; null: the same file. */
  readonly file6: string | null;
  /** Names in the language of BIRD: of the two lists, and of the function. */
  readonly variable: string;
  readonly variable6: string;
  readonly function: string;
  /** Name of a service's protocol, with `{service}` in it. */
  readonly protocol: string;
  /** What stands in a list that would be empty. */
  readonly dummy: Prefix;
  readonly dummy6: Prefix;
  /** BIRD takes a configuration back that we do not confirm within this time, in milliseconds; null: it does not. */
  readonly confirmTimeoutMs: number | null;
  /** What happens to a route with attributes that the form cannot express: it is an error, or goes without them. */
  readonly attributes: 'error' | 'ignore';
}

/** What stands where the configuration says nothing. */
export const birdDefaults = {
  socket: '/run/bird/bird.ctl',
  form: 'define',
  variable: 'ACAST_PS_ADVERTISE',
  variable6: 'ACAST6_PS_ADVERTISE',
  function: 'match_route',
  protocol: '{service}_vip',
  dummy: '10.189.200.255/32',
  dummy6: '2001:db8::1/128',
  attributes: 'error',
} as const;

export interface BirdFile {
  readonly path: string;
  readonly families: readonly IpFamily[];
}

/** One daemon: BIRD 2 and 3 have both families, of BIRD 1.6 there is one for each. */
export interface BirdPart {
  readonly socket: string;
  readonly families: readonly IpFamily[];
  /** What is written for it; none with form `protocol`. */
  readonly files: readonly BirdFile[];
}

export function birdParts(config: BirdConfig): readonly BirdPart[] {
  const {socket, socket6} = config;
  const part = (path: string, families: readonly IpFamily[]): BirdPart => ({
    socket: path,
    families,
    files: filesOf(config).flatMap((file) => {
      const own = file.families.filter((family) => families.includes(family));
      return own.length > 0 ? [{path: file.path, families: own}] : [];
    }),
  });
  if (socket6 === null) return [part(socket, ['ipv4', 'ipv6'])];
  return [part(socket, ['ipv4']), part(socket6, ['ipv6'])];
}

function filesOf({form, file, file6, socket6}: BirdConfig): readonly BirdFile[] {
  if (form === 'protocol' || file === null) return [];
  const four: BirdFile = {path: file, families: ['ipv4']};
  if (file6 !== null && file6 !== file && (form !== 'function' || socket6 !== null)) {
    return [four, {path: file6, families: ['ipv6']}];
  }
  // A `protocol static` of BIRD takes routes of one family.
  return form === 'static' ? [four] : [{path: file, families: ['ipv4', 'ipv6']}];
}

/** The keys of the block that mean something with some forms only. */
const formsOf: Readonly<Record<string, readonly BirdForm[]>> = {
  file: ['define', 'function', 'static'],
  file6: ['define', 'function', 'static'],
  confirm_timeout: ['define', 'function', 'static'],
  variable: ['define'],
  variable6: ['define'],
  dummy: ['define'],
  dummy6: ['define'],
  function: ['function'],
  protocol: ['protocol'],
};

/** Whether a key of the block means anything with the form. */
export function isUsedBy(form: BirdForm, key: string): boolean {
  return formsOf[key]?.includes(form) ?? true;
}

/** A name as BIRD's language has it. */
const symbol = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** What of the block does not fit together, one sentence each, the key first. */
export function birdProblems(config: BirdConfig): readonly string[] {
  const {dummy, dummy6, file, file6, form, protocol, socket6, variable, variable6} = config;
  const problems: string[] = [];
  const check = (isRight: boolean, problem: string) => {
    if (!isRight) problems.push(problem);
  };
  if (form !== 'protocol') {
    check(file !== null, `file is missing: form ${form} needs one that bird.conf includes`);
    check(
      socket6 === null || file6 !== null,
      'file6 is missing: with socket6, bird and bird6 read a file each',
    );
    check(
      socket6 === null || file6 !== file,
      'file6 is the same file as file: bird and bird6 read a file each',
    );
  }
  if (form === 'static') {
    check(file6 !== file, 'file6 is the same file as file: a "protocol static" takes one family');
  }
  if (form === 'function') {
    check(
      socket6 !== null || file6 === null || file6 === file,
      'file6 has no meaning with form function: one function is for both families',
    );
    check(symbol.test(config.function), `function "${config.function}" is no name of BIRD: ${symbolForm}`);
  }
  if (form === 'define') {
    check(symbol.test(variable), `variable "${variable}" is no name of BIRD: ${symbolForm}`);
    check(symbol.test(variable6), `variable6 "${variable6}" is no name of BIRD: ${symbolForm}`);
    check(
      variable !== variable6 || socket6 !== null,
      'variable6 is the same as variable: BIRD takes a name once',
    );
    check(familyOf(dummy) === 'ipv4', 'dummy is no IPv4 prefix: IPv6 has dummy6');
    check(familyOf(dummy6) === 'ipv6', 'dummy6 is no IPv6 prefix: IPv4 has dummy');
  }
  if (form === 'protocol') {
    check(protocol.includes('{service}'), 'protocol must have {service} in it: each service has its own');
    check(
      /^[A-Za-z0-9_.:-]*$/.test(protocol.replaceAll('{service}', '')),
      `protocol "${protocol}" is no name of BIRD: letters, digits and _ . : - only`,
    );
  }
  return problems;
}

const symbolForm = 'letters, digits and _, no digit first';

/** Why the block cannot announce a prefix at all, whatever BIRD it meets; null when it can. */
export function unsupportedPrefix(config: BirdConfig, prefix: Prefix): string | null {
  const family = familyOf(prefix);
  if (config.form === 'define' && (prefix === config.dummy || prefix === config.dummy6)) {
    return `${prefix} is the dummy prefix: set bird.${family === 'ipv4' ? 'dummy' : 'dummy6'} to another one`;
  }
  const isServed = birdParts(config).some(
    ({families, files}) =>
      families.includes(family) &&
      (config.form === 'protocol' || files.some((file) => file.families.includes(family))),
  );
  return isServed ? null : 'form static needs a file for IPv6: set bird.file6';
}

/** The keys of `announce:` that the form cannot express; empty when all is well, also with `attributes: ignore`. */
export function unsupportedAttributes(
  {form, attributes}: Pick<BirdConfig, 'form' | 'attributes'>,
  route: RouteAttributes & {readonly peers?: readonly string[] | null},
): readonly string[] {
  if (attributes === 'ignore') return [];
  const given: readonly (readonly [string, boolean])[] = [
    ['next_hop', route.nextHop !== 'self'],
    ['peers', (route.peers ?? null) !== null],
    ['med', form !== 'static' && route.med !== null],
    ['local_preference', form !== 'static' && route.localPreference !== null],
    ['communities', form !== 'static' && route.communities.length > 0],
    ['as_path_prepend', form !== 'static' && route.asPathPrepend > 0],
  ];
  return given.flatMap(([key, isGiven]) => (isGiven ? [key] : []));
}
