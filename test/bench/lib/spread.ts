/** How a number came out over many rounds. */
export interface Spread {
  readonly count: number;
  /** The first round: with code that has not run before. */
  readonly first: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly max: number;
}

/** Of at least one sample. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return {
    count: samples.length,
    first: samples[0] ?? Number.NaN,
    median: at(0.5),
    p10: at(0.1),
    p90: at(0.9),
    max: at(1),
  };
}
