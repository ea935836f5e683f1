/** The log for people: one line of pino's JSON as `12:00:00.123 WARN  service web down: …  from=up`. Pure. */

import {printable} from '../lib/printable.js';
import {type StyleName, type Styles, styleOfWord} from '../lib/styles.js';

interface Mark {
  readonly text: string;
  readonly style: StyleName;
}

const marks: Readonly<Record<string, Mark>> = {
  trace: {text: 'TRACE', style: 'dim'},
  debug: {text: 'DEBUG', style: 'dim'},
  info: {text: 'INFO ', style: 'green'},
  warn: {text: 'WARN ', style: 'yellow'},
  error: {text: 'ERROR', style: 'red'},
  fatal: {text: 'FATAL', style: 'red'},
};

/** `json` is one line as pino wrote it, the answer ends with a newline. Local time. */
export function prettyLine(json: string, style: Styles): string {
  const {level, time, msg, ...fields} = JSON.parse(json) as Record<string, unknown>;
  const mark = marks[String(level)] ?? {text: String(level).toUpperCase(), style: 'dim'};
  const message = printable(String(msg));
  const shown = mark.style === 'dim' ? style.dim(message) : emphasized(message, fields, style);
  const extra = extraFields(message, fields);
  return `${style.dim(timeOfDay(new Date(String(time))))} ${style[mark.style](mark.text)} ${shown}${
    extra === '' ? '' : `  ${style.dim(extra)}`
  }\n`;
}

/** `announce`, `withdraw`, and the word for the new state in its colour. */
function emphasized(message: string, fields: Record<string, unknown>, style: Styles): string {
  const verb = /^(announce|withdraw) /.exec(message)?.[1];
  if (verb !== undefined) {
    const colour = verb === 'announce' ? style.green : style.yellow;
    return style.bold(colour(verb)) + message.slice(verb.length);
  }
  const word = typeof fields.to === 'string' ? fields.to : null;
  const at = word === null ? -1 : message.search(new RegExp(`(?<= )${escaped(word)}(?=:|$)`));
  if (word === null || at === -1) return message;
  return message.slice(0, at) + style.bold(style[styleOfWord(word)](word)) + message.slice(at + word.length);
}

/** `key=value` for every field whose value the message does not already tell. */
function extraFields(message: string, fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .map(
      ([key, value]) => [key, typeof value === 'string' ? printable(value) : JSON.stringify(value)] as const,
    )
    .filter(([, value]) => !tells(message, value))
    .map(([key, value]) => `${key}=${/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join(' ');
}

function tells(message: string, value: string): boolean {
  return new RegExp(`(?<![\\w.:-])${escaped(value)}(?![\\w.-])`).test(message);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function timeOfDay(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}
