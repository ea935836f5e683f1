import type {Terminal} from '../../agent/io/terminal.js';
import type {Cancel} from '../../agent/types.js';

/** Keeps what is said. Not a terminal unless made one. */
export class FakeTerminal implements Terminal {
  stdout = '';
  stderr = '';
  closed = false;
  readonly #interrupts = new Set<() => void>();
  #changed = (): void => {};

  constructor(
    readonly isTerminal = false,
    readonly color = false,
    readonly width = Number.POSITIVE_INFINITY,
    readonly height = Number.POSITIVE_INFINITY,
  ) {}

  get errColor(): boolean {
    return this.color;
  }

  out(text: string): void {
    this.stdout += text;
    this.#changed();
  }

  err(text: string): void {
    this.stderr += text;
  }

  onInterrupt(fn: () => void): Cancel {
    this.#interrupts.add(fn);
    return () => this.#interrupts.delete(fn);
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    for (const fn of this.#interrupts) fn();
  }

  /** Resolves when standard output has this in it. */
  async said(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }
}
