/**
 * Runs the compiled test files: `npm test`, or `npm test -- PATTERN…` for those whose path contains one.
 * The last line is always `N passed, N failed, N skipped`; the exit code is 0 only if nothing failed
 * and, where `CI` is set, nothing was skipped.
 */

import {readdir} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {sweep} from './lab/namespace.js';
import {prepareInterop} from './lab/packages.js';
import {root} from './root.js';
import {failure, type Report, skip, sum} from './runner/count.js';
import {describeFailure} from './runner/print.js';
import {runFile} from './runner/run-file.js';

const compiled = dirname(fileURLToPath(import.meta.url));
const isCi = !['', '0', 'false'].includes(process.env.CI ?? '');
const unit = {timeoutMs: 90_000};
const interop = {timeoutMs: 240_000, atOnce: 2};

const say = (line: string) => process.stdout.write(`${line}\n`);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());

const files = await testFiles(process.argv.slice(2));
const reports: Report[] = [];
if (files.length === 0) reports.push(failed('no test file matches', failure('nothing to run')));
await runAll(
  files.filter(isInterop),
  files.filter((file) => !isInterop(file)),
);
if (stop.signal.aborted) reports.push(failed('interrupted', failure('interrupted')));

const {passed, failed: failures, skipped} = sum(reports);
if (isCi && skipped > 0) say('CI is set: skipped tests make the run fail');
process.exitCode = failures > 0 || passed === 0 || (isCi && skipped > 0) ? 1 : 0;
say(`${passed} passed, ${failures} failed, ${skipped} skipped`);

function isInterop(file: string): boolean {
  return file.startsWith('interop/');
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

/** Interop files mostly wait, so they run beside the others, but never more than two at once. */
async function runAll(interopFiles: string[], unitFiles: string[]): Promise<void> {
  const problem = interopFiles.length > 0 ? await prepareInterop(say) : null;
  if (problem) {
    for (const file of interopFiles.splice(0)) {
      reports.push(skip(file));
      say(`SKIP  test/${file}`);
    }
    say(`\n*** interop is SKIPPED: ${problem}\n`);
  }
  if (interopFiles.length > 0) await sweep();
  const lanes: Promise<void>[] = [];
  for (let i = 0; i < interop.atOnce; i++) lanes.push(lane(interopFiles, interop.timeoutMs));
  for (let i = 0; i < availableParallelism(); i++) lanes.push(lane(unitFiles, unit.timeoutMs));
  await Promise.all(lanes);
  if (interopFiles.length > 0) await sweep();
}

async function lane(queue: string[], timeoutMs: number): Promise<void> {
  for (let file = queue.shift(); file && !stop.signal.aborted; file = queue.shift()) {
    const {report, durationMs, stderr} = await runFile(join(compiled, `${file}.js`), timeoutMs, stop.signal);
    reports.push(report);
    const word = report.failed > 0 ? 'FAIL' : report.skipped > 0 ? 'skip' : 'ok  ';
    const counts = [`${report.passed} passed`];
    if (report.failed > 0) counts.push(`${report.failed} failed`);
    if (report.skipped > 0) counts.push(`${report.skipped} skipped`);
    say(`${word}  test/${file}  ${counts.join(', ')}  ${(durationMs / 1000).toFixed(1)} s`);
    for (const name of report.skips) say(`      skipped: ${name}`);
    for (const each of report.failures) say(describeFailure(each));
    if (report.failed > 0 && stderr.trim() !== '') {
      say(`    standard error:\n${stderr.trimEnd().replace(/^/gm, '      ')}`);
    }
  }
}

function failed(line: string, report: Report): Report {
  say(`FAIL  ${line}`);
  return report;
}
