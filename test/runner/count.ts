import {Parser, type Result} from 'tap-parser';

/** What one test file's TAP says. A test is a `t.test` block with assertions of its own. */
export interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Every failed assertion, named with the blocks around it. */
  readonly failures: readonly Failure[];
  readonly skips: readonly string[];
}

export interface Failure {
  readonly name: string;
  /** What tap knows about it: diff, stack, found, wanted … */
  readonly diagnostics: Readonly<Record<string, unknown>>;
}

interface Block {
  readonly name: string;
  readonly assertions: Result[];
  readonly blocks: Block[];
}

/**
 * Reads a stream of TAP. A plan that was not kept, a bail-out, a block without any assertion and a stream
 * without any test are failures too: a test that asserts nothing proves nothing.
 */
export class TapReader {
  readonly #parser = new Parser();
  readonly #root: Block = {name: '', assertions: [], blocks: []};

  constructor() {
    follow(this.#parser, this.#root);
  }

  write(chunk: Buffer): void {
    this.#parser.write(chunk);
  }

  end(): Report {
    this.#parser.end();
    const reports = [...reportsOf(this.#root, [])];
    const bailedOut = this.#parser.bailedOut;
    if (bailedOut) reports.push(failure('bail out', {reason: String(bailedOut)}));
    for (const {tapError} of this.#parser.results?.failures ?? []) {
      // Failed assertions are in the tree; what is left are breaches of the protocol.
      if (tapError) reports.push(failure(tapError));
    }
    if (reports.length === 0) reports.push(failure('this file holds no test'));
    return sum(reports);
  }
}

export function sum(reports: readonly Report[]): Report {
  return {
    passed: reports.reduce((n, r) => n + r.passed, 0),
    failed: reports.reduce((n, r) => n + r.failed, 0),
    skipped: reports.reduce((n, r) => n + r.skipped, 0),
    failures: reports.flatMap((r) => r.failures),
    skips: reports.flatMap((r) => r.skips),
  };
}

/** One failed test that stands for itself. */
export function failure(name: string, diagnostics: Failure['diagnostics'] = {}): Report {
  return {passed: 0, failed: 1, skipped: 0, failures: [{name, diagnostics}], skips: []};
}

export function skip(name: string): Report {
  return {passed: 0, failed: 0, skipped: 1, failures: [], skips: [name]};
}

function follow(parser: Parser, block: Block): void {
  parser.on('child', (child: Parser) => {
    const inner: Block = {name: child.name, assertions: [], blocks: []};
    block.blocks.push(inner);
    follow(child, inner);
  });
  parser.on('assert', (point: Result) => {
    // The point that closes a block says nothing that the block does not say itself.
    if (!point.closingTestPoint) block.assertions.push(point);
  });
}

function* reportsOf(block: Block, path: readonly string[]): Generator<Report> {
  const isFile = path.length === 0;
  const name = path.join(' > ');
  if (isFile) {
    // Assertions and skipped blocks outside any block: each is a test.
    for (const point of block.assertions) yield reportOf(point.name, [point]);
  } else if (block.assertions.length > 0) {
    yield reportOf(name, block.assertions);
  } else if (block.blocks.length === 0) {
    yield failure(`${name}: no assertion was made`);
  }
  for (const inner of block.blocks) yield* reportsOf(inner, [...path, inner.name]);
}

function reportOf(name: string, points: readonly Result[]): Report {
  const failed = points.filter((p) => !p.ok && !p.todo && !p.skip);
  if (failed.length > 0) {
    const failures = failed.map((p) => ({
      name: p.name === name ? name : `${name} > ${p.name}`,
      diagnostics: diagnosticsOf(p),
    }));
    return {passed: 0, failed: 1, skipped: 0, failures, skips: []};
  }
  const [first] = points;
  if (first && points.every((p) => p.skip || p.todo)) {
    const reason = first.skip || first.todo;
    return skip(typeof reason === 'string' && reason ? `${name}: ${reason}` : name);
  }
  return {passed: 1, failed: 0, skipped: 0, failures: [], skips: []};
}

function diagnosticsOf(point: Result): Readonly<Record<string, unknown>> {
  const diag: unknown = point.diag;
  return typeof diag === 'object' && diag !== null ? {...diag} : {};
}
