import {maskText} from './secrets.js';
import {copyOf} from './text.js';

const maxLines = 40;
const maxCharacters = 4096;
const maxLineLength = 400;

/** The transcript as it is kept: at most 40 lines and 4 KB, no control characters, no passwords; what is cut off shows. */
export function boundedTranscript(lines: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let left = maxCharacters;
  for (const line of lines) {
    const clean = visible(
      maskText(line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line),
    );
    if (kept.length === maxLines - 1 || clean.length > left) {
      return [...kept, `… ${lines.length - kept.length} more`];
    }
    kept.push(clean);
    left -= clean.length;
  }
  return kept;
}

/** Foreign text as transcript lines, each behind `mark` (`<` received, `>` sent); only its beginning. */
export function quoted(mark: string, text: string): readonly string[] {
  if (text === '') return [];
  const start = copyOf(text.slice(0, maxCharacters));
  const lines = start.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  const more = text.length > start.length ? [`${mark} … ${text.length - start.length} characters more`] : [];
  return [...lines.slice(0, maxLines).map((line) => `${mark} ${line}`), ...more];
}

/** Control characters as `\x1b`; a transcript is shown on terminals. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
