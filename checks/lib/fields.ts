/** Keys that several check types share, as zod schemas: they validate and leave the value as written. */

import {z} from 'zod';
import {parseAddress} from '../../agent/lib/prefix.js';
import {regExpFault} from './pattern.js';
import {parseSize} from './size.js';

export const text = z.string().min(1, 'must not be empty');

export const port = z
  .number('must be a port number, 1 to 65535')
  .refine(
    (value) => Number.isInteger(value) && value >= 1 && value <= 65535,
    'must be a port number, 1 to 65535',
  );

export const ipAddress = z.string().superRefine((value, ctx) => {
  try {
    parseAddress(value);
  } catch (error) {
    ctx.addIssue({code: 'custom', message: error instanceof Error ? error.message : String(error)});
  }
});

export const regExp = z.string().superRefine((value, ctx) => {
  const fault = regExpFault(value);
  if (fault !== null) ctx.addIssue({code: 'custom', message: fault});
});

export const size = z
  .union([z.number(), z.string()])
  .refine((value) => parseSize(value) !== null, 'must be a size of at most 64MiB, like 65536, 64KiB or 1MB');

export const count = z
  .number('must be a whole number')
  .refine((value) => Number.isSafeInteger(value) && value >= 0, 'must be a whole number, 0 or more');

export const scalar = z.union([z.string(), z.number(), z.boolean()], 'must be text, a number or true/false');

/** Values that go into HTTP headers and line protocols. */
export function hasNoLineBreak(value: string | number | boolean): boolean {
  return !/[\r\n\0]/.test(String(value));
}
