const NONE = Buffer.alloc(0)

/**
 * Bytes that lie in one piece: all that were pushed and not taken. A slice that is pushed when nothing is left is not copied. Otherwise
 * it is appended to a block of our own with room after it, so that each byte is copied twice at most, however small the slices are.
 */
export class ByteWindow {
  /** The bytes, valid until the next push or take. */
  bytes: Buffer = NONE
  /** What they lie in, if there is room after them, and where they end there. */
  #block: Buffer | undefined
  #end = 0

  push(slice: Buffer): void {
    const left = this.bytes.length
    if (left === 0) {
      this.bytes = slice
      this.#block = undefined
      return
    }
    if (this.#block === undefined || this.#end + slice.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(2 * left + slice.length)
      this.#block.set(this.bytes)
      this.#end = left
    }
    this.#block.set(slice, this.#end)
    this.#end += slice.length
    this.bytes = this.#block.subarray(this.#end - left - slice.length, this.#end)
  }

  /** The first `length` bytes, which there are; they leave it, and are not written over. */
  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length)
    this.bytes = this.bytes.subarray(length)
    return taken
  }
}
