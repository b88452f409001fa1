/** Below this many bytes a plain loop beats the view that TypedArray.set needs of its source. */
const SHORT = 24
/** A frame of 10 KB in chunks of 4096 is one buffer so, and not one that is copied into the next. */
const GROWTH = 4
/** From so many bytes on it allocates a buffer of its own. */
const OWN = 4096

/**
 * Collects a known number of bytes as they arrive. It never allocates because a length was announced: its buffer grows with
 * what has come, at most to four times that, so that 16 MB announced cost nothing and chunk size 1 costs no object a byte.
 */
export class ByteCollector {
  #bytes: Buffer | undefined
  readonly length: number
  filled = 0

  constructor(length: number) {
    this.length = length
  }

  /** Bytes of memory it holds now. */
  get held(): number {
    return this.#bytes?.length ?? 0
  }

  /** Takes source[start..end). The rest of `source` counts as arrived: one buffer is made when it holds the whole. */
  add(source: Buffer, start: number, end: number): void {
    const needed = this.filled + end - start
    if (this.#bytes === undefined || needed > this.#bytes.length) this.#grow(needed, source.length - end)
    const bytes = this.#bytes!
    if (end - start <= SHORT) for (let i = start, at = this.filled; i < end; i++, at++) bytes[at] = source[i]!
    else bytes.set(source.subarray(start, end), this.filled)
    this.filled = needed
  }

  /** The bytes collected, whole or not. */
  taken(): Buffer {
    if (this.#bytes?.length === this.filled) return this.#bytes
    return this.#bytes?.subarray(0, this.filled) ?? Buffer.alloc(0)
  }

  #grow(needed: number, arrived: number): void {
    const size = Math.min(this.length, Math.max(GROWTH * needed, needed + arrived))
    // not out of Node's pool, which on Node 24 is a block of 64 KB for up to 32: it may be kept for long
    const larger = size < OWN ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    if (this.#bytes !== undefined) this.#bytes.copy(larger, 0, 0, this.filled)
    this.#bytes = larger
  }
}
