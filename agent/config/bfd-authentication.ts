/** `authentication:` in `bfd:`. */

import {z} from 'zod';
import {type AuthenticationType, authenticationTypes} from '../bfd/authentication.js';
import {type ConfigFiles, passwordKeys, readPassword} from './password.js';
import {key, Section} from './section.js';
import type {BfdAuthentication} from './types.js';
import type {Value} from './value.js';
import {whole} from './values.js';

const types = Object.keys(authenticationTypes) as [AuthenticationType, ...AuthenticationType[]];
const keys = {type: key(z.enum(types)), key_id: key(whole(0, 255)), ...passwordKeys};
const longest = Math.max(...types.map((type) => authenticationTypes[type].keyLength));

/** Reads `false` or a mapping; what is absent stands as above it as a whole, never key by key. */
export function readBfdAuthentication(
  value: Value | undefined,
  above: BfdAuthentication | null,
  mainFile: string,
  files: ConfigFiles,
): BfdAuthentication | null {
  if (!value) return above;
  if (!value.isMapping) {
    value.read(
      z.literal(
        false,
        `must be a mapping ({type: meticulous-keyed-sha1, password_file: …}), or false for none`,
      ),
    );
    return null;
  }
  const section = new Section(value, keys);
  section.require('type', `write one of ${types.join(', ')}`);
  if (!section.has('password') && !section.has('password_file')) {
    value.error('needs `password` or `password_file`');
  }
  const type = section.get('type');
  const password = readPassword(section, mainFile, files, {
    bytes: type ? authenticationTypes[type].keyLength : longest,
    of: type ?? 'BFD',
  });
  if (!type || !password) return null;
  return {type, keyId: section.get('key_id') ?? 1, secret: password.secret, file: password.file};
}
