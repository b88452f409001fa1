/**
 * Reads bits, the highest first, from bytes that a peer sent. Past their end it returns 0 and `isOver` is true, so the
 * reader of a config throws nothing, and checks once at the end.
 */
export class BitReader {
  readonly #bytes: Uint8Array
  #at: number
  #isOver = false

  /** @param at the byte to begin at */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at * 8
  }

  /** Whether more was read than there is. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Bits that are left. */
  get left(): number {
    return Math.max(0, this.#bytes.length * 8 - this.#at)
  }

  /** An unsigned number of up to 32 bits. */
  bits(count: number): number {
    if (count > this.left) {
      this.#isOver = true
      this.#at = this.#bytes.length * 8
      return 0
    }
    let value = 0
    for (let end = this.#at + count; this.#at < end; this.#at++)
      value = value * 2 + ((this.#bytes[this.#at >> 3]! >> (7 - (this.#at & 7))) & 1)
    return value
  }

  flag(): boolean {
    return this.bits(1) === 1
  }

  skip(count: number): void {
    for (let rest = count; rest > 0; rest -= 32) this.bits(Math.min(rest, 32))
  }

  /** Exp-Golomb (ISO/IEC 14496-10, 9.1; as uvlc in AV1, 4.10.3): up to 2^32 - 2. */
  ue(): number {
    let zeros = 0
    while (!this.flag()) {
      if (this.#isOver || ++zeros > 31) {
        this.#isOver = true
        return 0
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros)
  }

  /** Signed Exp-Golomb (ISO/IEC 14496-10, 9.1.1). */
  se(): number {
    const value = this.ue()
    return value % 2 === 0 ? -value / 2 : (value + 1) / 2
  }
}

/** The payload of a NAL unit from byte `at` on, without the bytes that keep start codes out of it (ISO/IEC 14496-10, 7.4.1). */
export function withoutEmulation(nal: Buffer, at: number): Uint8Array {
  const payload = new Uint8Array(nal.length)
  let length = 0
  let zeros = 0
  for (const byte of nal.subarray(at)) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0
      continue
    }
    zeros = byte === 0 ? zeros + 1 : 0
    payload[length++] = byte
  }
  return payload.subarray(0, length)
}
