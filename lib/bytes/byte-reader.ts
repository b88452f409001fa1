import { type LayerName, ProtocolError } from '../errors.ts'

/**
 * A bounded cursor over bytes that are all there. Reading past their end is one error, `ERR_RTMP_TRUNCATED`, whatever was
 * being read. Integers are unsigned and big-endian unless the name says otherwise.
 */
export class ByteReader {
  readonly bytes: Buffer
  /** The part of the protocol whose bytes it reads: that of its errors. */
  readonly layer: LayerName
  offset: number

  constructor(bytes: Buffer, layer: LayerName, offset = 0) {
    this.bytes = bytes
    this.layer = layer
    this.offset = offset
  }

  get left(): number {
    return this.bytes.length - this.offset
  }

  u8(): number {
    return this.bytes[this.#take(1)]!
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.#take(2))
  }

  i16(): number {
    return this.bytes.readInt16BE(this.#take(2))
  }

  u24(): number {
    return this.bytes.readUIntBE(this.#take(3), 3)
  }

  /** Seven bits a byte while its highest bit is set, and eight of a fourth (AMF3, 1.3.1). */
  u29(): number {
    let value = 0
    for (let i = 0; i < 3; i++) {
      const byte = this.u8()
      value = (value << 7) | (byte & 0x7f)
      if (byte < 0x80) return value
    }
    return (value << 8) | this.u8()
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }

  f64(): number {
    return this.bytes.readDoubleBE(this.#take(8))
  }

  /** A view of the next `length` bytes, no copy. */
  view(length: number): Buffer {
    const start = this.#take(length)
    return this.bytes.subarray(start, start + length)
  }

  /** Text of `length` bytes. Bytes that are not UTF-8 become U+FFFD: encoders put Latin-1 into metadata, and live. */
  utf8(length: number): string {
    const start = this.#take(length)
    return this.bytes.toString('utf8', start, start + length)
  }

  #take(length: number): number {
    const start = this.offset
    if (length > this.left) {
      const detail = `${length} bytes wanted, ${this.left} left`
      throw new ProtocolError('ERR_RTMP_TRUNCATED', { layer: this.layer, offset: start, detail })
    }
    this.offset = start + length
    return start
  }
}
