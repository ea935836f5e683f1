/** The main file's `gobgp:` block. */

import {resolve} from 'node:path';
import {z} from 'zod';
import {type GobgpConfig, gobgpDefaults} from './gobgp.js';
import {key, Section} from './section.js';
import type {Value} from './value.js';
import {addressOfFamily, text, whole} from './values.js';

const gobgpKeys = {
  command: key(text),
  host: key(z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9.:_-]*$/, 'must be a host name or an address')),
  port: key(whole(1, 65_535)),
  local_address6: key(addressOfFamily('ipv6')),
};

/** Paths are relative to `folder`. */
export function readGobgp(value: Value, folder: string): GobgpConfig {
  const section = new Section(value, gobgpKeys, {isUsefulEmpty: true});
  return {
    command: resolve(folder, section.get('command') ?? gobgpDefaults.command),
    host: section.get('host') ?? gobgpDefaults.host,
    port: section.get('port') ?? gobgpDefaults.port,
    localAddress6: section.get('local_address6') ?? gobgpDefaults.localAddress6,
  };
}
