/** What zod finds wrong, as sentences that say what would be right. Values are not repeated: one may be a secret. */

import type {z} from 'zod';
import {didYouMean} from '../lib/suggest.js';

const names: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping (`key: value`)',
  record: 'a mapping (`key: value`)',
  null: 'nothing',
};

/** zod's error map: schemas that bring words of their own keep them. */
export const wording: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return mustBe([issue.expected], issue.input);
    case 'invalid_value':
      return oneOf(issue.values, issue.input);
    case 'too_small':
      return limit(issue.origin, 'at least', issue.minimum, issue.inclusive ?? true);
    case 'too_big':
      return limit(issue.origin, 'at most', issue.maximum, issue.inclusive ?? true);
    case 'unrecognized_keys':
      return unknownKeys(issue.keys, []);
    case 'invalid_union':
      return union(issue.errors, issue.input);
    case 'invalid_format':
      return `does not have the form of ${issue.format === 'regex' ? issue.pattern : issue.format}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues[0]?.message ?? 'is not allowed here';
    default:
      return 'is not what is expected here';
  }
};

/** `must be text, not a list`. */
export function mustBe(expected: readonly string[], input: unknown): string {
  const forms = [...new Set(expected.map((name) => names[name] ?? name))];
  const quotes =
    forms.length === 1 && forms[0] === 'text' && isPlainScalar(input) ? ': put it in quotes' : '';
  return `must be ${forms.join(' or ')}, not ${kindOf(input)}${quotes}`;
}

/** `must be one of all, any: did you mean …`. */
export function oneOf(values: readonly unknown[], input: unknown): string {
  const words = values.map(String);
  const hint = typeof input === 'string' ? didYouMean(input, words) : '';
  return `must be ${words.length === 1 ? '' : 'one of '}${words.join(', ')}${hint}`;
}

/** `unknown key \`intervall\`: did you mean \`interval\`?`. */
export function unknownKeys(keys: readonly string[], known: readonly string[]): string {
  const [key] = keys;
  if (key !== undefined && keys.length === 1) return `unknown key \`${key}\`${didYouMean(key, known)}`;
  return `unknown keys ${keys.map((name) => `\`${name}\``).join(', ')}`;
}

function limit(origin: string, words: string, value: number | bigint, inclusive: boolean): string {
  if (origin === 'string') return `must have ${words} ${value} characters`;
  if (origin === 'array' || origin === 'set')
    return `must have ${words} ${value} ${value === 1 ? 'entry' : 'entries'}`;
  if (inclusive) return `must be ${words} ${value}`;
  return `must be ${words === 'at least' ? 'above' : 'below'} ${value}`;
}

function union(branches: readonly z.core.$ZodIssue[][], input: unknown): string {
  const [first, ...others] = branches.map((issues) => issues[0]).filter((issue) => issue !== undefined);
  if (!first) return 'is not what is expected here';
  const all = [first, ...others];
  const types = all.map((issue) =>
    issue.code === 'invalid_type' && issue.path.length === 0 ? issue.expected : null,
  );
  if (types.every((type) => type !== null)) return mustBe(types, input);
  // The branch of the right type has the better complaint.
  return (
    all.find((issue) => issue.code !== 'invalid_type' || issue.path.length > 0)?.message ?? first.message
  );
}

function isPlainScalar(input: unknown): boolean {
  return typeof input === 'number' || typeof input === 'boolean';
}

function kindOf(input: unknown): string {
  if (input === undefined || input === null) return 'nothing';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'a mapping';
  return typeof input === 'string' ? 'text' : typeof input === 'number' ? 'a number' : String(input);
}
