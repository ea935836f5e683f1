import {printable} from '../lib/printable.js';
import type {Problem} from './types.js';

/** A place in a file, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file as a whole. */
export const wholeFile: Position = {line: 0, column: 0};

/** Collects what is wrong with one document. */
export class Report {
  readonly problems: Problem[] = [];

  constructor(
    readonly file: string,
    readonly scope: Problem['scope'],
  ) {}

  /** Whether the document cannot be used. */
  get isBroken(): boolean {
    return this.errorCount > 0;
  }

  get errorCount(): number {
    return this.problems.filter(({severity}) => severity === 'error').length;
  }

  add(severity: Problem['severity'], {line, column}: Position, message: string): void {
    const {file, scope} = this;
    // Keys and values of the file stand in messages: they must not break a line or act upon a terminal.
    this.problems.push({severity, file, line, column, message: printable(message), scope});
  }
}

/** For people: `conf.d/web.yaml:3:11: error: …`, without line and column where the whole file is meant. */
export function formatProblem({severity, file, line, column, message}: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${severity}: ${message}`;
}
