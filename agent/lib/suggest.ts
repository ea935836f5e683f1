/**
 * The known word that was probably meant, or null when none is near. Case, `-` and `_` make no difference;
 * otherwise one slip is allowed in three letters, a swap of neighbours being one, or a word may be cut short.
 */
export function suggest(word: string, known: readonly string[]): string | null {
  const wanted = plain(word);
  let best: {word: string; distance: number} | null = null;
  for (const candidate of known) {
    const other = plain(candidate);
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, other.length) / 3));
    if (Math.abs(wanted.length - other.length) > allowed) continue;
    const distance = slips(wanted, other);
    if (distance <= allowed && distance < other.length && (best === null || distance < best.distance)) {
      best = {word: candidate, distance};
    }
  }
  return best?.word ?? cutShort(wanted, known);
}

/** `: did you mean "interval"?`, or nothing: to be put behind a message. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = suggest(word, known);
  return meant === null ? '' : `: did you mean \`${meant}\`?`;
}

const namedAtMost = 10;

/** The same, else which there are: `: there are web, dns`. */
export function didYouMeanOneOf(word: string, known: readonly string[]): string {
  const meant = didYouMean(word, known);
  if (meant !== '') return meant;
  if (known.length === 0) return ': there is none';
  const more = known.length > namedAtMost ? ` and ${known.length - namedAtMost} more` : '';
  return `: there ${known.length === 1 ? 'is' : 'are'} ${known.slice(0, namedAtMost).join(', ')}${more}`;
}

/** `local_pref` for `local_preference`: the one known word that begins so. */
function cutShort(wanted: string, known: readonly string[]): string | null {
  if (wanted.length < 3) return null;
  const longer = known.filter((candidate) => plain(candidate).startsWith(wanted));
  return longer.length === 1 ? (longer[0] ?? null) : null;
}

function plain(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function slips(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(before, j - 2) + 1);
      }
      row.push(least);
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
