import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Bird} from './bird.js';

/** A BIRD that something drives through its control socket. */
export class DrivenBird extends Bird {
  get socket(): string {
    return join(this.folder, 'bird.ctl');
  }

  /** What its bird.conf may include. */
  path(name: string): string {
    return join(this.folder, name);
  }

  signal(name: NodeJS.Signals): void {
    for (const program of this.programs) program.signal(name);
  }

  /** Puts a line behind its bird.conf that it cannot read; the answered function takes it away. */
  async breakConfiguration(): Promise<() => Promise<void>> {
    const file = this.path('bird.conf');
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}\nnonsense;\n`);
    return () => writeFile(file, text);
  }

  /** How many withdrawals it has sent to a neighbor since the session began. */
  async withdrawals(index: number): Promise<number> {
    const text = await this.ask(`show protocols all neighbor${index}`);
    return [...text.matchAll(/Export withdraws:\s+(\d+)\s+--- .* (\d+)$/gm)]
      .map((match) => Number(match[2]))
      .reduce((sum, count) => sum + count, 0);
  }
}
