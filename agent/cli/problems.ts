/** Configuration problems as lines that editors and people can follow: `file:line:column: error: message`. */

import {isAbsolute, relative} from 'node:path';
import type {Problem} from '../config/types.js';
import {printable} from '../lib/printable.js';
import {styles} from '../lib/styles.js';

/** Each ended by a newline. Files below `folder` are shown relative to it. */
export function problemLines(problems: readonly Problem[], color: boolean, folder = process.cwd()): string {
  const style = styles(color);
  return problems
    .map(({severity, file, line, column, message}) => {
      const place = [shortened(file, folder), ...(line > 0 ? [line, column] : [])].join(':');
      const word = severity === 'error' ? style.red(severity) : style.yellow(severity);
      return `${style.bold(printable(place))}: ${word}: ${printable(message)}\n`;
    })
    .join('');
}

function shortened(file: string, folder: string): string {
  const below = relative(folder, file);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? file : below;
}

export function countOf(problems: readonly Problem[], severity: Problem['severity']): number {
  return problems.filter((problem) => problem.severity === severity).length;
}
