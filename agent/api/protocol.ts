/** What goes over the control socket: one JSON value a line, each way (CONTRACT "Commands"). Pure. */

import {z} from 'zod';
import type {Json, JsonObject} from '../types.js';

/** Bytes of a request's line, without its end. */
export const maxRequestBytes = 64 * 1024;

export interface Request {
  readonly cmd: string;
  readonly args: JsonObject;
}

export type Answer =
  | {readonly ok: true; readonly data: Json}
  | {readonly ok: false; readonly code: number; readonly error: string};

/** What a handler throws to answer "no": `code` becomes the exit code of the command. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** 1 it failed · 2 wrong usage · 3 configuration · 4 not permitted. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

// Whatever JSON.parse gives is JSON: nothing to look through.
const json = z.custom<Json>((value) => value !== undefined);

const requestSchema = z.strictObject({
  v: z.literal(1),
  cmd: z.string(),
  args: z.record(z.string(), json).default({}),
});

const answerSchema = z.union([
  z.object({ok: z.literal(true), data: json}),
  z.object({ok: z.literal(false), code: z.int(), error: z.string()}),
]);

/** Throws `ApiError` that says what a request looks like. */
export function parseRequest(line: string): Request {
  const {data, error} = requestSchema.safeParse(parsed(line));
  if (data) return {cmd: data.cmd, args: data.args};
  const [issue] = error.issues;
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw new ApiError(
    2,
    `a request is a line like {"v":1,"cmd":"status","args":{}} (${where}${issue?.message ?? 'not valid'})`,
  );
}

export function formatRequest({cmd, args}: Request): string {
  return `${JSON.stringify({v: 1, cmd, args})}\n`;
}

/** null for a line that is no answer. */
export function parseAnswer(line: string): Answer | null {
  return answerSchema.safeParse(parsed(line)).data ?? null;
}

export function formatAnswer(answer: Answer): string {
  return `${JSON.stringify(answer)}\n`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
