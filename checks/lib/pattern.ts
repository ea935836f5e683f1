/** Regular expressions as operators write them, coming from Go, PCRE or HAProxy. */

/**
 * A JavaScript regular expression; one that begins with `(?i)`, `(?s)`, `(?m)` or several of these letters,
 * as Go and PCRE write it, gets those flags. Throws SyntaxError.
 */
export function toRegExp(source: string): RegExp {
  const [prefix = '', flags = ''] = /^\(\?([ims]+)\)/.exec(source) ?? [];
  return new RegExp(source.slice(prefix.length), [...new Set(flags)].join(''));
}

/** What is wrong with a regular expression, or null. */
export function regExpFault(source: string): string | null {
  try {
    toRegExp(source);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `/…/` or `/…/i`: the regular expression between the slashes; null for plain text. Throws SyntaxError. */
export function slashedRegExp(text: string): RegExp | null {
  const [, source, flags] = /^\/(.+)\/([ims]*)$/s.exec(text) ?? [];
  return source === undefined ? null : new RegExp(source, flags);
}
