import type {Exec, ExecOptions, ExecResult} from '../../agent/types.js';

/** Runs nothing: knows a few command lines and what comes of them, and throws for every other one. */
export class FakeExec implements Exec {
  readonly calls: {readonly argv: readonly string[]; readonly options: ExecOptions}[] = [];

  constructor(readonly results: Readonly<Record<string, Partial<ExecResult>>>) {}

  async run(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    this.calls.push({argv, options});
    const result = this.results[argv.join(' ')];
    if (!result) throw new Error(`nobody told what "${argv.join(' ')}" does`);
    return {
      outcome: 'exited',
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
      truncated: false,
      reason: 'exit code 0',
      durationMs: 5,
      ...result,
    };
  }
}
