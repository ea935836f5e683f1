/**
 * Reads big-endian fields from a bounded piece of a message. A read past the end never throws and never sees
 * other bytes: it gives zeros, empties the reader and sets `overrun`, to be asked where a field may be missing.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #at: number;
  #overrun = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#end = Math.min(end, bytes.length);
    this.#start = Math.min(start, this.#end);
    this.#at = this.#start;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Whether some read went past the end. */
  get overrun(): boolean {
    return this.#overrun;
  }

  u8(): number {
    return this.#has(1) ? this.#next() : 0;
  }

  /** The next octet without reading it; undefined at the end. */
  peek(): number | undefined {
    return this.remaining > 0 ? this.#bytes[this.#at] : undefined;
  }

  u16(): number {
    return this.#has(2) ? (this.#next() << 8) | this.#next() : 0;
  }

  u32(): number {
    return this.#has(4)
      ? this.#next() * 0x1000000 + ((this.#next() << 16) | (this.#next() << 8) | this.#next())
      : 0;
  }

  /** The next `count` bytes, as a view. */
  bytes(count: number): Uint8Array {
    const length = this.#has(count) ? count : 0;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A reader of the next `count` bytes alone. */
  sub(count: number): Reader {
    const length = this.#has(count) ? count : 0;
    this.#at += length;
    return new Reader(this.#bytes, this.#at - length, this.#at);
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Everything this reader was made for, read already or not, as a view. */
  whole(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  #has(count: number): boolean {
    if (count <= this.remaining) return true;
    this.#overrun = true;
    this.#at = this.#end;
    return false;
  }

  #next(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
}
