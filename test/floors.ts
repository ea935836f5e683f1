/** The floors of the code, and what breaks them: read from the import lines. */

import {posix} from 'node:path';

/** The first row that fits a file gives its floor: 0 is the lowest. Files import from their own floor or a lower one. */
const floors: readonly (readonly [RegExp, number])[] = [
  [/^agent\/(types\.ts$|lib\/)/, 0],
  [/^agent\/bgp\/(wire\/|fsm|adj-out)/, 1],
  [/^agent\/bfd\/(packet|fsm|authentication)/, 1],
  [/^agent\/control\/[^/]*-protocol\.ts$/, 1],
  [/^agent\/service\/(state|plan|contribution|carry-over|counting|departures)\.ts$/, 1],
  [/^agent\/config\/load\.ts$/, 3],
  [/^agent\/config\//, 1],
  [/^checks\//, 1],
  [/^agent\/(io|events)\//, 2],
  [/^agent\/(bgp|bfd|control|announce|service|admin|api|watchdog|demo)\//, 3],
  [/^agent\/([^/]+\.ts$|cli\/)/, 4],
  [/^bin\//, 4],
];

/** What touches the world outside the process: for `agent/io` alone, everyone else gets it as a parameter. */
const effects = new Set([
  'node:net',
  'node:dgram',
  'node:tls',
  'node:dns',
  'node:child_process',
  'node:worker_threads',
  'node:timers',
  'node:fs',
  'got',
  'execa',
  'koffi',
]);

/** The highest number of lines of a source file. */
export const linesAtMost = 400;

/** A file's floor, or null where no row fits. */
export function floorOf(file: string): number | null {
  return floors.find(([pattern]) => pattern.test(file))?.[1] ?? null;
}

/** What a source imports: static, type-only, dynamic imports, re-exports and `require`. */
export function importsOf(source: string): string[] {
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g,
  ];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/** What is wrong with one file (its path from the root of the repository), one line each. */
export function violations(file: string, source: string): string[] {
  const floor = floorOf(file);
  if (floor === null) return [`${file} lies on no floor: give it one in test/floors.ts`];
  const found = importsOf(source).flatMap((specifier) => importViolations(file, floor, specifier));
  const lines = source.split('\n').length - 1;
  // The vocabulary grows with the program, and is read beside everything else.
  if (lines > linesAtMost && file !== 'agent/types.ts')
    found.push(`${file} has ${lines} lines: more than ${linesAtMost} are too many things`);
  return found;
}

function importViolations(file: string, floor: number, specifier: string): string[] {
  const found: string[] = [];
  if (file === 'agent/types.ts') found.push(`${file} imports ${specifier}: it is to import nothing`);
  if (!specifier.startsWith('.')) {
    const name = packageOf(specifier);
    if (effects.has(name) && !file.startsWith('agent/io/')) {
      found.push(`${file} imports ${specifier}: only agent/io touches the world outside`);
    }
    if (name === 'ipaddr.js' && file !== 'agent/lib/prefix.ts') {
      found.push(`${file} imports ${specifier}: only agent/lib/prefix.ts does`);
    }
    return found;
  }
  const target = posix
    .join(posix.dirname(file), specifier)
    .replace(/^dist\//, '')
    .replace(/\.js$/, '.ts');
  const targetFloor = floorOf(target);
  if (targetFloor === null) found.push(`${file} imports ${target}, which lies on no floor`);
  else if (targetFloor > floor) {
    found.push(`${file} (floor ${floor}) imports ${target} (floor ${targetFloor}): upward`);
  }
  for (const [from, to] of [
    ['checks/', 'agent/announce/'],
    ['agent/announce/', 'checks/'],
  ] as const) {
    if (file.startsWith(from) && target.startsWith(to)) {
      found.push(`${file} imports ${target}: checks and announcers never see each other`);
    }
  }
  return found;
}

/** `node:fs` of `node:fs/promises` and of plain `fs`; `@scope/name` of `@scope/name/part`. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return effects.has(`node:${name}`) ? `node:${name}` : name;
}
