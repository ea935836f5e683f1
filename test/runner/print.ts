import type {Failure} from './count.js';

/** What helps least and takes most room: tap's copy of the source around the assertion. */
const left = new Set(['source', 'at', 'compare', 'errorOrigin', 'tapCaught']);
const linesAtMost = 60;

/** A failed assertion as indented lines: its name, where it stands, and what tap says about it. */
export function describeFailure({name, diagnostics}: Failure): string {
  const lines = [`  not ok  ${name}`];
  const place = placeOf(diagnostics.at);
  if (place) lines.push(`    at ${place}`);
  for (const [key, value] of Object.entries(diagnostics)) {
    if (left.has(key) || value === undefined || value === '') continue;
    const text = typeof value === 'string' ? value.trimEnd() : JSON.stringify(value);
    if (text.includes('\n')) lines.push(`    ${key}:`, text.replace(/^/gm, '      '));
    else lines.push(`    ${key}: ${text}`);
  }
  const all = lines.join('\n').split('\n');
  if (all.length <= linesAtMost) return all.join('\n');
  return [...all.slice(0, linesAtMost), `    … ${all.length - linesAtMost} more lines`].join('\n');
}

function placeOf(at: unknown): string | null {
  if (typeof at !== 'object' || at === null) return null;
  const {
    fileName,
    lineNumber,
    columnNumber,
  }: {fileName?: unknown; lineNumber?: unknown; columnNumber?: unknown} = at;
  return typeof fileName === 'string' ? `${fileName}:${String(lineNumber)}:${String(columnNumber)}` : null;
}
