import type {Failure} from './count.js';
import type {FileRun} from './run-file.js';

/** What helps least and takes most room: tap's copy of the source around the assertion. */
const left = new Set(['source', 'at', 'compare', 'errorOrigin', 'tapCaught']);
const linesAtMost = 60;

/** A file's run: one line, and below it what did not pass. */
export function describeRun(file: string, {report, durationMs, stderr}: FileRun): string[] {
  const word = report.failed > 0 ? 'FAIL' : report.skipped > 0 ? 'skip' : 'ok  ';
  const counts = [`${report.passed} passed`];
  if (report.failed > 0) counts.push(`${report.failed} failed`);
  if (report.skipped > 0) counts.push(`${report.skipped} skipped`);
  const lines = [`${word}  ${file}  ${counts.join(', ')}  ${(durationMs / 1000).toFixed(1)} s`];
  for (const name of report.skips) lines.push(`  skipped: ${name}`);
  lines.push(...report.failures.map(describeFailure));
  if (report.failed > 0 && stderr.trim() !== '') {
    lines.push('  standard error:', stderr.trimEnd().replace(/^/gm, '    '));
  }
  return lines;
}

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
