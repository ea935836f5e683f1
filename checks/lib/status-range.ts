/** `200-299,404`: HTTP status codes as people list them. */

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** The ranges of a list like `200-299,404`; null when it is none. Codes are 100 to 599. */
export function parseStatusRanges(text: string): readonly StatusRange[] | null {
  const ranges: StatusRange[] = [];
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*([1-5]\d\d)\s*(?:-\s*([1-5]\d\d)\s*)?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return null;
    ranges.push({from: Number(first), to: Number(last)});
  }
  return ranges;
}

export function inRanges(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(({from, to}) => status >= from && status <= to);
}
