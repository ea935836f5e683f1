/** Colours of a terminal (ECMA-48 SGR), or none. */

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export type StyleName = keyof typeof codes;
export type Styles = Readonly<Record<StyleName, (text: string) => string>>;

/** Functions that colour text; when not `enabled` they give it back as it is. */
export function styles(enabled: boolean): Styles {
  const style = ([on, off]: readonly [number, number]): ((text: string) => string) =>
    enabled ? (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`) : (text) => text;
  return {
    bold: style(codes.bold),
    dim: style(codes.dim),
    red: style(codes.red),
    green: style(codes.green),
    yellow: style(codes.yellow),
    blue: style(codes.blue),
    cyan: style(codes.cyan),
  };
}

/** The style a state's word is shown in, the same in the log, in `status` and in `check`. */
export function styleOfWord(word: string): StyleName {
  return wordStyles.get(word) ?? 'dim';
}

const wordStyles: ReadonlyMap<string, StyleName> = new Map(
  Object.entries({
    green: ['up', 'pass', 'established', 'announced', 'installed', 'enabled', 'forced-up'],
    yellow: [
      'degraded',
      'hold',
      'pending',
      'withdraw-pending',
      'draining',
      'drained',
      'foreign',
      'open-sent',
      'open-confirm',
    ],
    red: [
      'down',
      'fail',
      'error',
      'failed',
      'no-next-hop',
      'not-negotiated',
      'peer-down',
      'idle',
      'active',
      'connect',
    ],
  }).flatMap(([style, words]) => words.map((word): [string, StyleName] => [word, style as StyleName])),
);
