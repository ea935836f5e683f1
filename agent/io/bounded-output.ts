import type {Readable} from 'node:stream';

/** Reads a stream to its end, keeps its first `maxBytes`, and never makes the writer wait. */
export class BoundedOutput {
  isTruncated = false;
  readonly #chunks: Buffer[] = [];
  #left: number;

  constructor(stream: Readable, maxBytes: number) {
    this.#left = maxBytes;
    stream.on('data', (chunk: Buffer) => {
      if (chunk.length > this.#left) this.isTruncated = true;
      if (this.#left === 0) return;
      this.#chunks.push(chunk.subarray(0, this.#left));
      this.#left -= Math.min(this.#left, chunk.length);
    });
  }

  /** What was kept, as UTF-8. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
