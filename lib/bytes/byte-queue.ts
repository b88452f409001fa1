/** Slices below this many bytes are copied together, so that a peer that drips bytes costs bytes and not objects. */
const SMALL = 1024

/**
 * Bytes waiting to be enough. `push` keeps the slice as it came; `take(n)` gives a view where the n bytes lie in one slice
 * and copies only over a seam.
 */
export class ByteQueue {
  #slices: Buffer[] = []
  /** Our own block in which the last slice lies, if it has room; else undefined. */
  #block: Buffer | undefined
  #blockUsed = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#length += bytes.length
    if (bytes.length >= SMALL || this.#slices.length === 0) {
      this.#slices.push(bytes)
      this.#block = undefined
      return
    }
    if (this.#block === undefined || this.#blockUsed + bytes.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(4 * SMALL)
      this.#blockUsed = 0
      this.#slices.push(this.#block.subarray(0, 0))
    }
    const start = this.#blockUsed - this.#slices.at(-1)!.length
    this.#block.set(bytes, this.#blockUsed)
    this.#blockUsed += bytes.length
    this.#slices[this.#slices.length - 1] = this.#block.subarray(start, this.#blockUsed)
  }

  /** The byte at `index`, counted from the front; `index` must be below `length`. */
  at(index: number): number {
    let left = index
    for (const slice of this.#slices) {
      if (left < slice.length) return slice[left]!
      left -= slice.length
    }
    throw new RangeError(`index ${index} is out of range: length is ${this.#length}`)
  }

  /** The first `length` bytes, which leave the queue; undefined while there are fewer. */
  take(length: number): Buffer | undefined {
    if (length > this.#length) return undefined
    this.#length -= length
    const first = this.#slices[0]
    if (first === undefined) return Buffer.alloc(0)
    if (length < first.length) {
      this.#slices[0] = first.subarray(length)
      return first.subarray(0, length)
    }
    if (length === first.length) {
      this.#shift(1)
      return first
    }
    return this.#gather(length)
  }

  /** Everything that is left; the queue is empty then. */
  rest(): Buffer {
    return this.take(this.#length)!
  }

  #gather(length: number): Buffer {
    const whole = Buffer.allocUnsafe(length)
    let filled = 0
    let emptied = 0
    for (const slice of this.#slices) {
      const wanted = Math.min(slice.length, length - filled)
      slice.copy(whole, filled, 0, wanted)
      filled += wanted
      if (wanted < slice.length) {
        this.#slices[emptied] = slice.subarray(wanted)
        break
      }
      emptied++
      if (filled === length) break
    }
    this.#shift(emptied)
    return whole
  }

  #shift(count: number): void {
    this.#slices.splice(0, count)
    if (this.#slices.length === 0) this.#block = undefined
  }
}
