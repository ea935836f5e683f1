/** Tables for people: columns as wide as needed, the flexible ones cut where the screen ends. Pure. */

import type {StyleName, Styles} from '../lib/styles.js';

export interface Span {
  readonly text: string;
  readonly style?: StyleName;
}

/** Text without a style, or pieces with one each. Nothing in it may move a cursor: see `printable`. */
export type Cell = string | readonly Span[];

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** May be cut down to so many characters. */
  readonly least?: number;
}

const gap = 2;

/** Title line and one line a row, none longer than `width`. A column in which nothing stands is left out. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  style: Styles,
): string[] {
  const natural = columns.map(({title}, i) => {
    const widest = Math.max(0, ...rows.map((row) => lengthOf(row[i] ?? '')));
    return widest === 0 ? 0 : Math.max(widest, title.length);
  });
  const widths = fitted(columns, natural, width);
  const line = (cells: readonly Cell[]): string => {
    const shown = columns.flatMap(({align}, i) => {
      const size = widths[i] ?? 0;
      if (size === 0) return [];
      const spans = cut(cells[i] ?? '', size);
      const padding = ' '.repeat(size - lengthOf(spans));
      const text = spans.map((span) => (span.style ? style[span.style](span.text) : span.text)).join('');
      return [align === 'right' ? padding + text : text + padding];
    });
    return shown.join(' '.repeat(gap)).trimEnd();
  };
  const titles = columns.map(({title}): Cell => [{text: title, style: 'dim'}]);
  return [line(titles), ...rows.map(line)];
}

/** At most `width` characters of it; what was cut ends in `…`. */
export function cut(cell: Cell, width: number): readonly Span[] {
  const spans = typeof cell === 'string' ? [{text: cell}] : cell;
  if (lengthOf(spans) <= width) return spans;
  const kept: Span[] = [];
  let room = width - 1;
  for (const span of spans) {
    const text = [...span.text].slice(0, Math.max(0, room)).join('');
    room -= lengthOf(text);
    if (text !== '') kept.push({...span, text});
    if (room <= 0) break;
  }
  return [...kept, {text: '…', style: 'dim'}];
}

function lengthOf(cell: Cell): number {
  if (typeof cell === 'string') return [...cell].length;
  return cell.reduce((sum, {text}) => sum + [...text].length, 0);
}

function fitted(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const total = (): number => {
    const shown = widths.filter((size) => size > 0);
    return shown.reduce((sum, size) => sum + size, 0) + gap * Math.max(0, shown.length - 1);
  };
  // What has most to give gives first, so that no column is cut to nothing beside a wide one.
  for (let excess = total() - width; excess > 0; excess--) {
    const spare = columns.map(({least}, i) =>
      least === undefined ? 0 : Math.max(0, (widths[i] ?? 0) - least),
    );
    const most = Math.max(...spare);
    if (most === 0) break;
    const i = spare.lastIndexOf(most);
    widths[i] = (widths[i] ?? 0) - 1;
  }
  // Nothing more gives way: the screen ends where it ends.
  for (let i = columns.length - 1; i >= 0 && total() > width; i--) {
    widths[i] = Math.max(0, (widths[i] ?? 0) - (total() - width));
  }
  return widths;
}
