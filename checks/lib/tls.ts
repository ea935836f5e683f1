/** The TLS keys of a check. Files are read at each run, so that renewed certificates are used at once. */

import {z} from 'zod';
import type {Files, TlsOptions} from '../../agent/types.js';
import {count, text} from './fields.js';
import {CannotCheck} from './result.js';

export const tlsFields = {
  ca_file: text.optional(),
  cert_file: text.optional(),
  key_file: text.optional(),
  server_name: text.optional(),
  insecure_skip_verify: z.boolean().optional(),
  min_days_left: count.optional(),
};

export type TlsFields = {
  readonly [Key in keyof typeof tlsFields]?: z.infer<(typeof tlsFields)[Key]>;
};

/** `cert_file` and `key_file` only make sense together. */
export const certificateNeedsKey = {
  holds: (fields: TlsFields) => (fields.cert_file === undefined) === (fields.key_file === undefined),
  message: 'cert_file and key_file belong together: give both or none',
};

/** Reads the files and gives what a client needs. Throws `CannotCheck`, naming the key and the file. */
export async function readTls(fields: TlsFields, files: Files): Promise<TlsOptions> {
  const [ca, cert, key] = await Promise.all([
    readPem(files, 'ca_file', fields.ca_file),
    readPem(files, 'cert_file', fields.cert_file),
    readPem(files, 'key_file', fields.key_file),
  ]);
  return {
    ...(fields.server_name === undefined ? {} : {serverName: fields.server_name}),
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    rejectUnauthorized: fields.insecure_skip_verify !== true,
  };
}

/** Why the certificate is degraded, or null: it is better renewed soon than withdrawn on every host at once. */
export function certificateComplaint(fields: TlsFields, daysLeft: number | null): string | null {
  if (fields.min_days_left === undefined || daysLeft === null || daysLeft >= fields.min_days_left)
    return null;
  const ends = daysLeft < 0 ? 'has expired' : `ends in ${Math.floor(daysLeft)} days`;
  return `certificate ${ends}, wanted ${fields.min_days_left} days or more`;
}

async function readPem(files: Files, key: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const content = await files.readText(path).catch((error: unknown) => {
    throw new CannotCheck(`${key}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (content === null) throw new CannotCheck(`${key}: no such file: ${path}`);
  if (!content.includes('-----BEGIN')) throw new CannotCheck(`${key}: ${path} is no PEM file`);
  return content;
}
