/** `bfd:` of a peer, or of all peers. */

import {z} from 'zod';
import {formatDuration} from '../lib/duration.js';
import {readBfdAuthentication} from './bfd-authentication.js';
import type {ConfigFiles} from './password.js';
import {type Keys, key, part, Section} from './section.js';
import type {BfdConfig} from './types.js';
import type {Value} from './value.js';
import {duration, flag, whole} from './values.js';

/** RFC 5880 §4.1: microseconds in 32 bits. Below 10 ms no timer of a busy host is punctual. */
const interval = duration(10, 4_294_967);

/** Scheduling alone was seen to take half of that on a host with five times the work it can do. */
const leastPatienceMs = 100;

const bfdKeys = {
  receive_interval: key(interval),
  transmit_interval: key(interval),
  detect_multiplier: key(whole(1, 255)),
  mode: key(z.enum(['single', 'multihop'])),
  passive: key(flag),
  minimum_ttl: key(whole(1, 255)),
  graceful: key(flag),
  strict: key(flag),
  authentication: part(),
} satisfies Keys;

/** What `bfd:` says; `mode` and `minimumTtl` are null where they follow from the peer. */
export type BfdKeys = Omit<BfdConfig, 'mode' | 'minimumTtl'> & {
  readonly mode: BfdConfig['mode'] | null;
  readonly minimumTtl: number | null;
};

const defaults: BfdKeys = {
  receiveIntervalMs: 300,
  transmitIntervalMs: 300,
  detectMultiplier: 3,
  mode: null,
  passive: false,
  minimumTtl: null,
  graceful: false,
  strict: false,
  authentication: null,
};

/** Reads `true`, `false` or a mapping, in which what is absent stands as above it. */
export function readBfd(
  value: Value | undefined,
  above: BfdKeys | null,
  mainFile: string,
  files: ConfigFiles,
): BfdKeys | null {
  if (!value) return above;
  if (!value.isMapping) {
    const given = value.read(z.boolean('must be true, false, or a mapping (`transmit_interval: 300ms`)'));
    return given === true ? (above ?? defaults) : null;
  }
  const section = new Section(value, bfdKeys);
  const base = above ?? defaults;
  const keys: BfdKeys = {
    receiveIntervalMs: section.get('receive_interval') ?? base.receiveIntervalMs,
    transmitIntervalMs: section.get('transmit_interval') ?? base.transmitIntervalMs,
    detectMultiplier: section.get('detect_multiplier') ?? base.detectMultiplier,
    mode: section.get('mode') ?? base.mode,
    passive: section.get('passive') ?? base.passive,
    minimumTtl: section.get('minimum_ttl') ?? base.minimumTtl,
    graceful: section.get('graceful') ?? base.graceful,
    strict: section.get('strict') ?? base.strict,
    authentication: readBfdAuthentication(
      section.get('authentication'),
      base.authentication,
      mainFile,
      files,
    ),
  };
  const patienceMs = keys.transmitIntervalMs * keys.detectMultiplier;
  if (patienceMs < leastPatienceMs) {
    section
      .at('transmit_interval')
      .warning(
        `the peer gives this host up after ${formatDuration(patienceMs)} (\`transmit_interval\` × \`detect_multiplier\`): ` +
          `a busy host may be late by as much, ${formatDuration(leastPatienceMs)} is safer`,
      );
  }
  return keys;
}

/** With what follows from the peer: RFC 5881 lets in what comes from the same network only, TTL 255. */
export function bfdFor(keys: BfdKeys | null, isMultihop: boolean): BfdConfig | null {
  if (!keys) return null;
  const mode = keys.mode ?? (isMultihop ? 'multihop' : 'single');
  return {...keys, mode, minimumTtl: mode === 'single' ? 255 : (keys.minimumTtl ?? 1)};
}
