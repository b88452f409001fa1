/** The mirror of ByteReader: a buffer that grows as it is written. Integers are unsigned and big-endian. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(expected = 256) {
    this.#bytes = Buffer.allocUnsafe(expected)
  }

  /** Bytes that were written. */
  get length(): number {
    return this.#length
  }

  /** Starts again in the same buffer: what `done` returned is overwritten. */
  reset(): this {
    this.#length = 0
    return this
  }

  u8(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  /** Overwrites two bytes that were written, as a length is known behind what it counts. */
  u16At(at: number, value: number): this {
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  i16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  u24(value: number): this {
    const at = this.#room(3)
    this.#bytes.writeUIntBE(value, at, 3)
    return this
  }

  /** Of 29 bits, in 1 to 4 bytes: see ByteReader. */
  u29(value: number): this {
    if (value > 0x1fffff) {
      return this.u8((value >>> 22) | 0x80)
        .u8((value >>> 15) | 0x80)
        .u8((value >>> 8) | 0x80)
        .u8(value)
    }
    if (value > 0x3fff) this.u8((value >>> 14) | 0x80)
    if (value > 0x7f) this.u8((value >>> 7) | 0x80)
    return this.u8(value & 0x7f)
  }

  u32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  f64(value: number): this {
    const at = this.#room(8)
    this.#bytes.writeDoubleBE(value, at)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** The bytes of `text` in UTF-8, without a length. */
  utf8(text: string): this {
    const length = Buffer.byteLength(text)
    const at = this.#room(length)
    this.#bytes.write(text, at, length, 'utf8')
    return this
  }

  /** What was written, as a view of this writer's own buffer: write no more after it, but for `reset`. */
  done(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #room(length: number): number {
    const at = this.#length
    const end = at + length
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    this.#length = end
    return at
  }
}
