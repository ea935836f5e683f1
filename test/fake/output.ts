import type {Output} from '../../agent/io/output.js';

/** Keeps what is written; takes nothing while `full`. */
export class FakeOutput implements Output {
  full = false;
  text = '';

  constructor(readonly isTerminal = false) {}

  write(text: string): boolean {
    if (!this.full) this.text += text;
    return !this.full;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}
