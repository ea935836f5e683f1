/**
 * Writes big-endian fields into a buffer that grows by doubling. Lengths are never given by hand: `u16Length`
 * measures what is written inside it. Throws `RangeError` for what does not fit its field.
 */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.#number(value, 1);
  }

  u16(value: number): this {
    return this.#number(value, 2);
  }

  u32(value: number): this {
    return this.#number(value, 4);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** What `write` writes, behind its length in one octet. */
  u8Length(write: () => void): this {
    return this.#counted(1, write);
  }

  /** What `write` writes, behind its length in two octets. */
  u16Length(write: () => void): this {
    return this.#counted(2, write);
  }

  /** Everything written, as a copy of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #counted(size: 1 | 2, write: () => void): this {
    const at = this.#grow(size);
    write();
    this.#put(at, this.#length - at - size, size);
    return this;
  }

  #number(value: number, size: number): this {
    this.#put(this.#grow(size), value, size);
    return this;
  }

  #put(at: number, value: number, size: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
      throw new RangeError(`${value} does not fit into ${size} octets`);
    }
    for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) {
      this.#bytes[at + i] = rest % 256;
    }
  }

  /** Makes room for `count` bytes and says where they begin. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length));
      bytes.set(this.#bytes.subarray(0, at));
      this.#bytes = bytes;
    }
    return at;
  }
}
