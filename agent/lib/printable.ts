/** Text that came from outside (a script, an HTTP answer, a peer), made safe for a terminal. */

// What a terminal acts upon instead of showing: C0 and C1 controls, DEL, line and paragraph separators, and the
// marks that turn the direction of writing round.
const unprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** One line: what a terminal would act upon is written as `\n`, `\t` or `\u001b`. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
