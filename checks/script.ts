/** `script`: runs a command; its exit code is the verdict, its first line of output the reason. */

import {z} from 'zod';
import type {Check, CheckContext, ExecResult, Verdict} from '../agent/types.js';
import type {CheckType} from './check-type.js';
import {hasNoLineBreak, scalar, size, text} from './lib/fields.js';
import {type Finding, runTimed} from './lib/result.js';
import {maskRecord, maskText} from './lib/secrets.js';
import {parseSize} from './lib/size.js';
import {firstLine, milliseconds, oneLine} from './lib/text.js';
import {quoted} from './lib/transcript.js';

const noNul = (value: string) => !value.includes('\0');
const verdict = z.enum(['pass', 'degraded', 'fail', 'hold', 'error']);

const schema = z.strictObject({
  command: z.union(
    [
      text.refine(noNul, 'must not contain NUL'),
      z
        .array(z.union([z.string().refine(noNul, 'must not contain NUL'), z.number()]))
        .refine((list) => list[0] !== undefined && list[0] !== '', 'must name a program'),
    ],
    'must be a list like [/usr/bin/dig, "@127.0.0.1", example.org], or one line for sh -c',
  ),
  user: z
    .union([text.refine(hasNoLineBreak, 'must not contain line breaks'), z.number().int().min(0)])
    .optional(),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of an environment variable'),
      scalar.refine((value) => noNul(String(value)), 'must not contain NUL'),
    )
    .optional(),
  cwd: text.refine((value) => value.startsWith('/') && noNul(value), 'must be an absolute path').optional(),
  exit_map: z
    .record(
      z
        .string()
        .refine(
          (key) => key === '*' || (/^(0|[1-9]\d{0,2})$/.test(key) && Number(key) <= 255),
          'must be 0 to 255 or "*"',
        ),
      verdict,
    )
    .optional(),
  output_limit: size.optional(),
});

export type ScriptOptions = z.infer<typeof schema>;

export const script: CheckType<ScriptOptions> = {
  type: 'script',
  schema,
  create,
  withoutSecrets: (options) => ({
    ...options,
    command:
      typeof options.command === 'string'
        ? maskText(options.command)
        : options.command.map((word) => (typeof word === 'string' ? maskText(word) : word)),
    ...(options.env === undefined ? {} : {env: maskRecord(options.env)}),
  }),
  degradedByDefault: ({exit_map}) =>
    exit_map === undefined
      ? 'exit code 1 means degraded, and a degraded service stays announced: write `exit_map` (or `when_degraded`)'
      : null,
};

function create(options: ScriptOptions): Check {
  const argv =
    typeof options.command === 'string' ? ['/bin/sh', '-c', options.command] : options.command.map(String);
  const shown = maskText(
    typeof options.command === 'string' ? options.command : argv.map(quotedWord).join(' '),
  );
  const env = Object.fromEntries(
    Object.entries(options.env ?? {}).map(([name, value]) => [name, String(value)]),
  );
  const exitMap = exitMapOf(options);
  return {
    type: 'script',
    title: oneLine(shown, 80),
    run: (ctx) => runTimed(ctx, () => look(ctx)),
  };

  async function look(ctx: CheckContext): Promise<Finding> {
    const result = await ctx.exec.run(argv, {
      timeoutMs: ctx.timeoutMs,
      maxBytes: parseSize(options.output_limit ?? '64KiB') ?? 0,
      signal: ctx.signal,
      env,
      ...(options.user === undefined ? {} : {user: String(options.user)}),
      // Not where the daemon happened to be started.
      cwd: options.cwd ?? '/',
    });
    const outcome = judged(result, exitMap, ctx.timeoutMs);
    return {
      ...outcome,
      details: {
        exit_code: result.code,
        signal: result.signal,
        output_truncated: result.truncated,
      },
      transcript: [
        `$ ${shown}`,
        ...quoted('|', result.stdout),
        ...quoted('2|', result.stderr),
        ...(result.truncated ? ['… more output, not kept'] : []),
        result.outcome === 'exited' ? `* exit code ${result.code}` : `! ${outcome.reason}`,
      ],
    };
  }
}

/**
 * Without a map of its own a script is taken as Consul and Nagios take it: 1 is a warning. A shell says by 126 and 127
 * that a command is missing or not executable (POSIX XCU 2.8.2): no evidence.
 */
function exitMapOf({command, exit_map: given}: ScriptOptions): Readonly<Record<string, Verdict>> {
  const isShell = typeof command === 'string' && given?.['*'] === undefined;
  const missing: Readonly<Record<string, Verdict>> = isShell ? {126: 'error', 127: 'error'} : {};
  return {0: 'pass', '*': 'fail', ...missing, ...(given ?? {1: 'degraded'})};
}

function judged(
  result: ExecResult,
  exitMap: Readonly<Record<string, Verdict>>,
  timeoutMs: number,
): Pick<Finding, 'verdict' | 'reason'> {
  const said = firstLine(result.stdout) || firstLine(result.stderr);
  const behind = said === '' ? '' : `: ${said}`;
  switch (result.outcome) {
    case 'exited': {
      const verdict = exitMap[String(result.code)] ?? exitMap['*'] ?? 'fail';
      return {verdict, reason: said || `exit code ${result.code} in ${milliseconds(result.durationMs)}`};
    }
    case 'signalled':
      return {verdict: 'fail', reason: `killed by ${result.signal}${behind}`};
    case 'timeout':
      return {verdict: 'fail', reason: `no end within ${milliseconds(timeoutMs)}, killed${behind}`};
    case 'aborted':
      return {verdict: 'hold', reason: 'aborted'};
    case 'not-started':
      return {verdict: 'error', reason: result.reason};
  }
}

/** A word of a command as a shell would want it. */
function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
