/** Durations as people write them: `300ms`, `5s`, `2m`, `1h`, or a bare number of seconds. */

/** Text that is no duration; the message says what would be right. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

const unitMs = {h: 3_600_000, m: 60_000, s: 1000, ms: 1} as const;

/** The longest that a timer of Node can wait: 24.8 days. */
export const maxDurationMs = 2 ** 31 - 1;

const form = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h)?$/;
const rightForms = 'write it like 300ms, 5s, 2m or 1h, or as a number of seconds';

/** Milliseconds, a whole number. Throws `DurationError`. */
export function parseDuration(text: string | number): number {
  const [, number, unit = 's'] = form.exec(String(text)) ?? [];
  if (number === undefined) throw new DurationError(`"${text}" is no duration: ${rightForms}`);
  const ms = Number(number) * unitMs[unit as keyof typeof unitMs];
  if (ms > maxDurationMs) throw new DurationError(`"${text}" is too long: write at most 24 days (576h)`);
  const whole = Math.round(ms);
  if (Math.abs(ms - whole) > 1e-6) {
    throw new DurationError(`"${text}" is finer than a millisecond: write a whole number of milliseconds`);
  }
  return whole;
}

/** The shortest exact form that `parseDuration` reads again: 90000 is `90s`, 120000 is `2m`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const [unit, size] of Object.entries(unitMs)) {
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
