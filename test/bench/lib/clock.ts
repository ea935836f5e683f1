/** One clock for all processes of a benchmark: CLOCK_MONOTONIC, in milliseconds with a fraction. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
