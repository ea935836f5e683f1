/**
 * Runs the compiled test files: `npm test`, or `npm test -- PATTERN…` for those whose path contains one.
 * The last line is always `N passed, N failed, N skipped`; the exit code is 0 only if nothing failed.
 * Where `CI` is set, what was skipped counts as failed.
 */

import {readdir} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {sweep} from './lab/namespace.js';
import {type LabTests, prepare} from './lab/packages.js';
import {root} from './root.js';
import {failure, type Report, skip, sum} from './runner/count.js';
import {describeRun} from './runner/print.js';
import {runFile} from './runner/run-file.js';

const compiled = dirname(fileURLToPath(import.meta.url));
const isCi = !['', '0', 'false'].includes(process.env.CI ?? '');
const unit = {timeoutMs: 90_000};
const lab = {timeoutMs: 240_000, atOnce: 2};
const labTests: Readonly<Record<LabTests, string>> = {
  // The longest file first: nothing waits for it at the end.
  ipvs: 'tests on a kernel with IPVS',
  interop: 'interop tests',
};

const say = (line: string) => process.stdout.write(`${line}\n`);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());

const files = await testFiles(process.argv.slice(2));
const reports: Report[] = [];
if (files.length === 0) reports.push(failed('no test file matches', failure('nothing to run')));
await runAll(
  files.filter((file) => labTestsOf(file) !== null),
  files.filter((file) => labTestsOf(file) === null),
);
if (stop.signal.aborted) reports.push(failed('interrupted', failure('interrupted')));

const counts = sum(reports);
// In CI nobody reads on: what was skipped was not tested.
const skipped = isCi ? 0 : counts.skipped;
const bad = isCi ? counts.failed + counts.skipped : counts.failed;
if (isCi && counts.skipped > 0) say(`CI is set: ${counts.skipped} skipped tests count as failed`);
process.exitCode = bad > 0 ? 1 : 0;
say(`${counts.passed} passed, ${bad} failed, ${skipped} skipped`);

/** The kind of lab tests that a file belongs to; null: it needs nothing but Node. */
function labTestsOf(file: string): LabTests | null {
  const kinds = Object.keys(labTests) as LabTests[];
  return kinds.find((kind) => file.startsWith(`${kind}/`)) ?? null;
}

/** Sources, not what lies in the output folder: that may be older. Paths below `test/`, without the ending. */
async function testFiles(patterns: readonly string[]): Promise<string[]> {
  const found = await readdir(join(root, 'test'), {recursive: true});
  return found
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => `test/${file}`.includes(pattern)))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

/** Lab files mostly wait, so they run beside the others, but never more than two at once. */
async function runAll(labFiles: readonly string[], unitFiles: readonly string[]): Promise<void> {
  const ready: string[] = [];
  const problems: string[] = [];
  for (const [kind, name] of Object.entries(labTests)) {
    const ofKind = labFiles.filter((file) => labTestsOf(file) === kind);
    const problem = ofKind.length > 0 ? await prepare(kind as LabTests, say) : null;
    if (problem === null) {
      ready.push(...ofKind);
      continue;
    }
    for (const file of ofKind) reports.push(skip(file));
    say(`*** SKIPPED: ${ofKind.length} ${ofKind.length === 1 ? 'file' : 'files'} of ${name}: ${problem}\n`);
    problems.push(`${name}: ${problem}`);
  }
  const others = [...unitFiles];
  const isLab = ready.length > 0;
  const lanes: Promise<void>[] = [];
  for (let i = 0; i < lab.atOnce; i++) lanes.push(lane(ready, lab.timeoutMs));
  for (let i = 0; i < availableParallelism(); i++) lanes.push(lane(others, unit.timeoutMs));
  await Promise.all(lanes);
  // What a test could not remove itself because it was killed.
  if (isLab) await sweep();
  for (const problem of problems) say(`\n*** SKIPPED: ${problem}`);
}

async function lane(queue: string[], timeoutMs: number): Promise<void> {
  for (let file = queue.shift(); file && !stop.signal.aborted; file = queue.shift()) {
    const run = await runFile(join(compiled, `${file}.js`), {timeoutMs, signal: stop.signal});
    reports.push(run.report);
    for (const line of describeRun(`test/${file}`, run)) say(line);
  }
}

function failed(line: string, report: Report): Report {
  say(`FAIL  ${line}`);
  return report;
}
