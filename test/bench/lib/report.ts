/** What a benchmark prints: one table, with what was aimed at and how far from it the machine was. */

import type {Spread} from './spread.js';

const nameWidth = 46;
const cellWidth = 10;

export function title(text: string): void {
  say(`\n${text}`);
}

export function note(text: string): void {
  say(`  ${text}`);
}

export function header(...cells: readonly string[]): void {
  row('', ...cells);
}

export function row(name: string, ...cells: readonly string[]): void {
  say(`  ${name.padEnd(nameWidth)}${cells.map((cell) => cell.padStart(cellWidth)).join('')}`);
}

export const spreadHeader = ['median', 'p10', 'p90', 'max', 'first', 'rounds'] as const;

export function spreadCells({count, first, max, median, p10, p90}: Spread, digits = 2): readonly string[] {
  return [...[median, p10, p90, max, first].map((value) => value.toFixed(digits)), String(count)];
}

/** `1.4x`, beside a reference of the same run. */
export function times(value: number, reference: number): string {
  return `${(value / reference).toFixed(1)}x`;
}

/** What was aimed at, and whether it was met. */
export function aim(value: number, limit: number, unit: string): string {
  return `< ${limit} ${unit} ${value < limit ? 'met' : 'MISSED'}`;
}

function say(line: string): void {
  process.stdout.write(`${line.trimEnd()}\n`);
}
