/** Small pieces of text for people. */

/** Foreign text as one line without control characters, at most `max` characters. */
export function oneLine(text: string, max = 200): string {
  // Cut before cleaning: the text may be a whole body. The copy keeps no long string alive behind a short one.
  const line = text
    .slice(0, max * 4)
    .replace(controls, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return copyOf(line.length > max ? `${line.slice(0, max - 1)}…` : line);
}

/** The first line that is not blank, or the empty string. */
export function firstLine(text: string): string {
  return oneLine(/\S[^\r\n]*/.exec(text.slice(0, 4096))?.[0] ?? '');
}

/** The same text in memory of its own: V8's slices hold on to the string they were cut from. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** `0.4 ms`, `3 ms`, `1200 ms`: as precise as people read. */
export function milliseconds(ms: number): string {
  return ms < 1 ? `${Math.max(0.1, Math.round(ms * 10) / 10)} ms` : `${Math.round(ms)} ms`;
}

/** `1 server`, `3 servers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

// Terminals and log files must not be steered by what a server or a script says.
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
